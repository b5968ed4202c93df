//! Files of golden cases, how one case is run, and how the results are counted.

pub mod aligner_squad;
pub mod alignment_metrics;
pub mod aqi;
pub mod awesome_align;
pub mod bertalign;
pub mod best_of_n;
pub mod bhattacharyya;
pub mod binaryalign;
mod bitext;
pub mod calibration;
pub mod cards;
mod compare;
pub mod correction_prompts;
pub mod csls_procrustes;
pub mod dac;
pub mod deal_search;
pub mod dera;
pub mod diffpo_jacobi;
pub mod entmax;
pub mod entropy;
pub mod exact_ged_small;
pub mod fast_align;
pub mod giza_model1_hmm;
pub mod graphedx_distance;
pub mod gumbel_sinkhorn;
mod json;
pub mod leverage_extract;
pub mod margin_mining;
pub mod mask_align;
pub mod ot_solvers;
pub mod otalign;
pub mod portia_split;
pub mod preference;
pub mod preference_vectors;
pub mod reward_guided_step;
pub mod saer;
pub mod simalign_end_to_end;
pub mod simalign_matching;
pub mod simalign_null;
pub mod speech_contributions;
pub mod symmetrize;
pub mod text_normalise;
pub mod token_alignment;
mod tolerance;
pub mod tracealign_bci;
pub mod vecalign;
pub mod watermark_gumbel;
pub mod watermark_kgw;
pub mod windowed_moderation;
pub mod xlm_align_sinkhorn;

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use serde_json::Value;
use trueline_core::Error;

use compare::Comparison;
pub use tolerance::Width;

/// One algorithm: how to run a case, and how its results compare.
pub struct Algorithm {
    /// The word in the file's `algorithm`.
    pub name: &'static str,
    /// Gives the results of a case, in the shape of its `expected`.
    pub run: fn(&Case, Width) -> Result<Value, Stop>,
    /// The widths of numbers that it is run in.
    pub widths: &'static [Width],
    /// Keys under which lists are sets.
    pub sets: &'static [&'static str],
    /// Keys whose values are not compared, and why.
    pub left_out: &'static [(&'static str, &'static str)],
    /// The entry of the file's `tolerance` that a key of `expected` goes by, where they differ in name.
    pub tolerance_of: &'static [(&'static str, &'static str)],
    /// Keys of lists whose `rel` is of their largest number: sums of 32-bit products, where the reference too has an
    /// error of the size of the terms, however small their sum.
    pub rel_of_largest: &'static [&'static str],
}

impl Algorithm {
    /// One that is run in 64 bits and compares as its file says.
    pub const fn new(name: &'static str, run: fn(&Case, Width) -> Result<Value, Stop>) -> Self {
        Self {
            name,
            run,
            widths: &[Width::F64],
            sets: &[],
            left_out: &[],
            tolerance_of: &[],
            rel_of_largest: &[],
        }
    }
}

/// A file of the folder.
pub struct File {
    /// Its `algorithm`.
    pub algorithm: String,
    /// Its `tolerance`.
    pub tolerance: Value,
    /// Its `cases`.
    pub cases: Vec<Case>,
}

/// One case.
pub struct Case(pub Value);

/// Why a case has no result.
pub enum Stop {
    /// The engine refused the input, as it should where the case expects an error.
    Refused(Error),
    /// The harness does not know what the case asks for: always a failure.
    Unknown(String),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl Case {
    /// Its name.
    pub fn name(&self) -> &str {
        self.0["name"].as_str().unwrap_or("(unnamed)")
    }

    /// Its `input`.
    pub fn input(&self, key: &str) -> &Value {
        &self.0["input"][key]
    }

    /// Its `input.op`, or `""`.
    pub fn op(&self) -> &str {
        self.input("op").as_str().unwrap_or_default()
    }

    /// The failure of a case whose `op` the harness does not know.
    pub fn unknown_op(&self) -> Stop {
        Stop::Unknown(format!("unknown op {:?}", self.op()))
    }
}

/// The files of the folder, read once.
pub fn folder() -> &'static [File] {
    static FILES: OnceLock<Vec<File>> = OnceLock::new();
    FILES.get_or_init(|| {
        let path = match std::env::var_os("TRUELINE_GOLDEN") {
            Some(path) => PathBuf::from(path),
            None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden"),
        };
        let entries = std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
        paths.sort_unstable();
        paths.iter().map(read).collect()
    })
}

fn read(path: &PathBuf) -> File {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut file: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let Value::Array(cases) = file["cases"].take() else { panic!("{}: no cases", path.display()) };
    let algorithm = file["algorithm"].as_str().unwrap_or_else(|| panic!("{}: no algorithm", path.display()));
    File {
        algorithm: algorithm.to_owned(),
        tolerance: file["tolerance"].clone(),
        cases: cases.into_iter().map(Case).collect(),
    }
}

/// Prints a line past the test runner's capture, so that counts are seen on every run.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").expect("standard output");
}

impl Algorithm {
    /// Runs every case of every file of this algorithm, in every width, and fails with all that differ.
    pub fn check(&self) {
        let name = self.name;
        let files: Vec<_> = folder().iter().filter(|file| file.algorithm == name).collect();
        if files.is_empty() {
            assert!(std::env::var_os("TRUELINE_GOLDEN").is_some(), "tests/golden has no file of {name}");
            say(&format!("{name}: no file in TRUELINE_GOLDEN"));
            return;
        }
        let mut failures = Vec::new();
        for width in self.widths {
            let (mut n_passed, mut n_cases) = (0, 0);
            for (file, case) in files.iter().flat_map(|file| file.cases.iter().map(move |case| (file, case)))
            {
                let differences = self.differences(file, case, *width);
                n_cases += 1;
                n_passed += usize::from(differences.is_empty());
                failures
                    .extend(differences.iter().map(|found| format!("{width:?} {}: {found}", case.name())));
            }
            let in_width = if self.widths.len() > 1 { format!(" in {width:?}") } else { String::new() };
            say(&format!("{name}: {n_passed} of {n_cases} cases{in_width}"));
            assert!(n_cases > 0, "{name}: a file without cases");
        }
        for (key, why) in self.left_out {
            say(&format!("{name}: {key} not compared ({why})"));
        }
        assert!(failures.is_empty(), "{name}: {} differences\n{}", failures.len(), failures.join("\n"));
    }

    fn differences(&self, file: &File, case: &Case, width: Width) -> Vec<String> {
        let expected = &case.0["expected"];
        let result = (self.run)(case, width);
        match (expected.get("error"), result) {
            (_, Err(Stop::Unknown(what))) => vec![what],
            (Some(_), Err(Stop::Refused(_))) => Vec::new(),
            (Some(error), Ok(got)) => vec![format!("error: got {got}, wanted {error}")],
            (None, Err(Stop::Refused(error))) => vec![format!("got the error {error}, wanted {expected}")],
            (None, Ok(got)) => {
                let mut comparison =
                    Comparison { algorithm: self, file, case, width, largest: 0.0, differences: Vec::new() };
                comparison.object("", expected, &got);
                comparison.differences
            }
        }
    }
}
