//! How large the shared library is, and whose code that is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{cargo, command, root, run as execute, stdout, target};

/// A library that ships.
struct Profile {
    name: &'static str,
    what: &'static str,
    features: &'static [&'static str],
    /// The most bytes it may have, stripped.
    most: u64,
}

const PROFILES: [Profile; 2] = [
    Profile {
        name: "slim",
        what: "compiled plans only",
        features: &["--no-default-features"],
        most: 3_000_000,
    },
    Profile { name: "full", what: "any ONNX file, by tract", features: &[], most: 14_000_000 },
];

/// Functions with the same instructions become one, which takes the LLD that comes with Rust for x86-64 Linux. Rust gives
/// no promise that functions have different addresses, so none can miss it.
const ONE_OF_A_KIND: &str = "link-arg=-Wl,--icf=all";

/// Crates with less code than this are counted together.
const LEAST: u64 = 10_000;

/// Builds both libraries as they ship, writes whose code they are to `benches/results/size.md`, and fails if one is too
/// large.
pub fn run() -> Result<(), String> {
    let mut report = String::from(
        "# What libtrueline.so weighs\n\n`cargo xtask size`: profile `dist`, x86-64 Linux, stripped. Code is what lies \
         in functions, by the crate that wrote them (a generic function counts for the first crate in its name that is \
         not the standard library); constants, relocations and unwind tables are not to be told apart.\n",
    );
    let mut too_large = Vec::new();
    for profile in &PROFILES {
        let library = build(profile)?;
        let stripped = library.with_extension("stripped");
        execute(command("strip").arg("-o").arg(&stripped).arg(&library))?;
        let bytes = fs::metadata(&stripped).map_err(|e| format!("{}: {e}", stripped.display()))?.len();
        println!("{}: {bytes} bytes of {}", profile.name, profile.most);
        report += &section(profile, &library, bytes)?;
        if bytes > profile.most {
            too_large
                .push(format!("{} has {bytes} bytes; at most {} are wanted", profile.name, profile.most));
        }
    }
    let path = root().join("benches/results/size.md");
    fs::write(&path, report).map_err(|e| format!("{}: {e}", path.display()))?;
    if too_large.is_empty() { Ok(()) } else { Err(too_large.join("; ")) }
}

/// The library with its symbols, in a folder of its own.
fn build(profile: &Profile) -> Result<PathBuf, String> {
    let folder = target().join("size").join(profile.name);
    let words = ["rustc", "--profile", "dist", "-p", "trueline_ffi", "--lib", "--crate-type", "cdylib"];
    let mut build = cargo(&words);
    build.args(["--config", "profile.dist.strip=\"none\""]).args(profile.features);
    build.arg("--target-dir").arg(&folder);
    execute(build.args(["--", "-C", ONE_OF_A_KIND]))?;
    Ok(folder.join("dist/libtrueline.so"))
}

fn section(profile: &Profile, library: &Path, bytes: u64) -> Result<String, String> {
    let mut code: Vec<(String, u64)> = by_crate(library, profile)?.into_iter().collect();
    code.sort_by_key(|(name, size)| (std::cmp::Reverse(*size), name.clone()));
    let all: u64 = code.iter().map(|(_, size)| size).sum();
    let mut text = format!(
        "\n## {}: {}\n\n{} bytes ({:.2} MB; at most {} MB), of which {} kB are code.\n\n| crate | kB | share of code |\n\
         | --- | ---: | ---: |\n",
        profile.name,
        profile.what,
        bytes,
        bytes as f64 / 1e6,
        profile.most / 1_000_000,
        all / 1000
    );
    let row = |name: &str, size: u64| {
        format!("| {name} | {} | {:.1} % |\n", size / 1000, size as f64 * 100.0 / all.max(1) as f64)
    };
    let (large, small): (Vec<_>, Vec<_>) = code.iter().partition(|(_, size)| *size >= LEAST);
    large.iter().for_each(|(name, size)| text += &row(name, *size));
    text += &row(&format!("{} others", small.len()), small.iter().map(|(_, size)| size).sum());
    Ok(text)
}

/// Bytes of functions by crate.
fn by_crate(library: &Path, profile: &Profile) -> Result<BTreeMap<String, u64>, String> {
    let tree = stdout(
        cargo(&["tree", "-p", "trueline_ffi", "-e", "normal", "--prefix", "none", "--format", "{lib}"])
            .args(profile.features),
    )?;
    let mut known: Vec<&str> = tree.lines().map(|line| line.split(' ').next().unwrap_or(line)).collect();
    known.sort_unstable();
    known.dedup();
    let mut found = BTreeMap::new();
    let symbols = stdout(command("nm").args(["-S", "-C", "--defined-only"]).arg(library))?;
    for line in symbols.lines() {
        let mut words = line.splitn(4, ' ');
        let (_, Some(size), Some(kind), Some(name)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        if let (Ok(size), "t" | "T") = (u64::from_str_radix(size, 16), kind) {
            *found.entry(owner(name, &known).to_owned()).or_insert(0) += size;
        }
    }
    Ok(found)
}

/// The crate whose function this is.
fn owner<'a>(name: &str, known: &[&'a str]) -> &'a str {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.match_indices("::")
        .filter_map(|(at, _)| {
            let head = name[..at].rsplit(|c| !word(c)).next()?;
            // `a::b::` names the crate `a` alone.
            let before = &name[..at - head.len()];
            let found = known.binary_search(&head).ok()?;
            (!before.ends_with(':')).then_some(known[found])
        })
        .next()
        .unwrap_or(if name.contains("::") { "std" } else { "C and assembly" })
}
