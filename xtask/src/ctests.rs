//! The C and C++ tests: header, ABI, main job, misuse, threads, wrapper; plain, under sanitizers, under Valgrind.

use std::fs;
use std::path::{Path, PathBuf};

use crate::c::{self, Build, Linking};
use crate::command::{command, exists, root, run as execute, stdout};
use crate::report::Report;
use crate::{header, slim, spoil};

/// The pack that most tests use: small, so that Valgrind ends soon.
const PACK: &str = "models/guard-test-f32";
/// The aligner of that kind.
const ALIGNER: &str = "models/aligner-test";
/// A guard, and one that looks first for it.
const CASCADE: [&str; 2] = ["models/guard-test-int8", "models/guard-test-tiny"];
/// A corrector, and an inspector that has its model file.
const CORRECTOR: &str = "models/corrector-test";
const INSPECTOR: &str = "models/inspector-test";
/// A small language model.
const LANGUAGE_MODEL: &str = "models/host-lm";
/// A policy that ships.
const POLICY: &str = "examples/policies/chat-app.toml";
/// The pack that ships.
const REAL_PACK: &str = "models/guard-en";

/// Runs every C and C++ check.
pub fn run(report: &mut Report) {
    let Some(build) = report.setup("libtrueline builds", c::build) else { return };
    slim::run(report, &build);
    report.step("header alone in C99, twice in C++11, wrapper in C++17", || headers(&build));
    report.step("exported symbols", || c::check_symbols(&build));
    report.step("no executable stack", || c::check_stack(&build));
    report.step("every function is called by a C test", c::check_exercised);
    report.step("examples in the header and the README", || examples(&build));
    report.step("C examples of filters and aligners", || programs_of_users(&build));
    let Some(inputs) = report.setup("spoilt packs are made", || Inputs::make(&build)) else { return };
    for linking in [Linking::Static, Linking::Shared] {
        let name = format!("C and C++ tests, {linking:?} library").to_lowercase();
        report.step(&name, || programs(&build, linking, &[], &inputs, &[]));
    }
    report.step("C tests on the pack that ships", || {
        let tar = tar(&build, REAL_PACK)?;
        let program = build.program(&source("smoke.c"), Linking::Static, &["-std=c99"])?;
        execute(command(program).arg(REAL_PACK).arg(tar))
    });
    report.step("C tests under AddressSanitizer and UndefinedBehaviorSanitizer", || {
        let flags = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
        programs(&build, Linking::Static, &flags, &inputs, &[])
    });
    if exists("valgrind") {
        report.step("C tests under Valgrind", || {
            let suppressions = format!("--suppressions={}", source("valgrind.supp").display());
            let valgrind = [
                "valgrind",
                "--quiet",
                "--leak-check=full",
                "--show-leak-kinds=definite",
                "--errors-for-leak-kinds=definite",
                "--error-exitcode=9",
                &suppressions,
            ];
            programs(&build, Linking::Static, &[], &inputs, &valgrind)
        });
    } else {
        report.skip("C tests under Valgrind", "valgrind is not installed");
    }
}

/// What the tests are run on.
struct Inputs {
    tar: PathBuf,
    spoilt: PathBuf,
}

impl Inputs {
    fn make(build: &Build) -> Result<Self, String> {
        let spoilt = build.programs.join("spoilt");
        spoil::make(&root().join(PACK), &spoilt)?;
        Ok(Self { tar: tar(build, PACK)?, spoilt })
    }
}

fn tar(build: &Build, pack: &str) -> Result<PathBuf, String> {
    let path = build
        .programs
        .join(format!("{}.tar", Path::new(pack).file_name().unwrap_or_default().to_string_lossy()));
    execute(command("tar").arg("-cf").arg(&path).arg("-C").arg(pack).arg("."))?;
    Ok(path)
}

fn source(name: &str) -> PathBuf {
    root().join("ffi/tests/c").join(name)
}

fn headers(build: &Build) -> Result<(), String> {
    build.compiles(&source("header_alone.c"), &["-std=c99"])?;
    build.compiles(&source("header_alone.c"), &["-std=c11"])?;
    build.compiles(&source("header_twice.cpp"), &["-std=c++11"])?;
    build.compiles(&source("header_twice.cpp"), &["-std=c++20"])?;
    build.compiles(&source("wrapper.cpp"), &["-std=c++17"])?;
    build.compiles(&source("wrapper_steps.cpp"), &["-std=c++20"])
}

/// Compiles and runs every program; `under` is what runs it.
fn programs(
    build: &Build,
    linking: Linking,
    flags: &[&str],
    inputs: &Inputs,
    under: &[&str],
) -> Result<(), String> {
    let (pack, aligner, policy) = (PathBuf::from(PACK), PathBuf::from(ALIGNER), PathBuf::from(POLICY));
    let (corrector, inspector) = (PathBuf::from(CORRECTOR), PathBuf::from(INSPECTOR));
    let (large, small) = CASCADE.map(PathBuf::from).into();
    let model = PathBuf::from(LANGUAGE_MODEL);
    let table: [(&str, &str, Vec<&Path>); 13] = [
        ("abi.c", "-std=c99", vec![]),
        ("smoke.c", "-std=c99", vec![&pack, &inputs.tar]),
        ("misuse.c", "-std=c99", vec![&pack, &inputs.spoilt]),
        ("filter.c", "-std=c99", vec![&pack, &policy]),
        ("align.c", "-std=c99", vec![&aligner, &pack]),
        ("aligners.c", "-std=c99", vec![]),
        ("correct.c", "-std=c99", vec![&corrector, &inspector, &large, &small]),
        ("pipeline.c", "-std=c99", vec![&model, &corrector, &inspector]),
        ("decode.c", "-std=c99", vec![]),
        ("choose.c", "-std=c99", vec![]),
        ("threads.c", "-std=gnu99", vec![&pack]),
        ("wrapper.cpp", "-std=c++17", vec![&pack, &aligner]),
        ("wrapper_steps.cpp", "-std=c++17", vec![&model, &corrector, &inspector]),
    ];
    for (name, standard, arguments) in table {
        let all: Vec<&str> = [standard].into_iter().chain(flags.iter().copied()).collect();
        let program = build.program(&source(name), linking, &all)?;
        let mut words = under.iter().map(std::ffi::OsStr::new).chain([program.as_os_str()]);
        let mut test = command(words.next().unwrap_or_default());
        execute(test.args(words).args(arguments))?;
    }
    Ok(())
}

/// The usage example at the header's top compiles, and the README's program compiles and runs.
fn examples(build: &Build) -> Result<(), String> {
    let write = |name: &str, text: String| {
        let path = build.programs.join(name);
        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display())).map(|()| path)
    };
    let usage = header::usage_example()?;
    let wrapped = format!(
        "#include <stdio.h>\n#include \"trueline.h\"\nint usage(const char *text, size_t text_size);\n\
         int usage(const char *text, size_t text_size) {{\nint allowed;\n{usage}\nreturn allowed;\n}}\n"
    );
    build.compiles(&write("usage.c", wrapped)?, &["-std=c99"])?;
    let readme = fs::read_to_string(root().join("README.md")).map_err(|e| format!("README.md: {e}"))?;
    let program = readme.split("```c\n").nth(1).and_then(|rest| rest.split("```").next());
    let program = program.ok_or("README.md has no C program")?;
    if program.lines().count() > 30 {
        return Err(format!("the README's program has {} lines; 30 is the most", program.lines().count()));
    }
    let program = build.program(&write("readme.c", program.to_owned())?, Linking::Static, &["-std=c99"])?;
    execute(&mut command(program))
}

/// The examples that show filters and aligners give what they promise.
fn programs_of_users(build: &Build) -> Result<(), String> {
    let said = |name: &str, arguments: &[&str]| -> Result<String, String> {
        let source = root().join("examples/c").join(name);
        let program = build.program(&source, Linking::Shared, &["-std=c99"])?;
        stdout(command(program).args(arguments).stdin(std::process::Stdio::null()))
    };
    let redacted = said("redact.c", &[POLICY, "Write to anna@example.org today."])?;
    if redacted.trim_end() != "Write to [removed] today." {
        return Err(format!("redact.c printed {redacted:?}"));
    }
    let links = said("align_words.c", &[ALIGNER, "abc xyz", "xyz abc"])?;
    if !links.starts_with("abc\tabc\t") {
        return Err(format!("align_words.c printed {links:?}"));
    }
    let corrected = said("correct_answer.c", &[CORRECTOR, INSPECTOR, "why?", "what a lovely day"])?;
    if corrected.trim_end() != "what a lovely day" {
        return Err(format!("correct_answer.c printed {corrected:?}"));
    }
    let shown = said("guard_stream.c", &[POLICY])?;
    if !shown.is_empty() {
        return Err(format!("guard_stream.c printed {shown:?} for no text"));
    }
    // Two tokens after one prompt, in six ways.
    let table = said("host_lm.c", &["models", "2", "1"])?;
    if table.lines().count() != 7 {
        return Err(format!("host_lm.c printed {table:?}"));
    }
    Ok(())
}
