//! Every check the project has, in one run, and at its end what ran and what was skipped.

use std::env;

use crate::c;
use crate::command::{cargo, command, run as execute, target};
use crate::report::Report;
use crate::{arm, ctests, demo, header, peers};

/// Runs every check, or those whose names contain `only`.
pub fn run(only: Option<&str>) -> Result<(), String> {
    let mut report = Report::new(only);
    report.step("format", || execute(&mut cargo(&["fmt", "--all", "--check"])));
    report.step("lints", || {
        execute(cargo(&["clippy"]).args(ALL).args(["--all-targets", "--", "-D", "warnings"]))?;
        execute(&mut cargo(&["clippy", "-p", "xtask", "--", "-D", "warnings"]))
    });
    report.step("Rust tests: unit, property, layers, packs, engine, tokenizer, command line", || {
        let mut test = cargo(&["test"]);
        test.args(ALL).args(["--", "--format", "terse"]);
        // They take minutes, and have a step of their own below, where what they found is shown.
        test.args(BACKENDS.iter().flat_map(|name| ["--skip", name]));
        execute(&mut test)
    });
    report.step("golden", || {
        let mut test = cargo(&["test"]);
        test.args(ALL).args(["--test", "golden", "--", "--nocapture", "--test-threads", "1"]);
        execute(test.env("TRUELINE_GOLDEN_STRICT", "1"))
    });
    backends(&mut report);
    let name = "tokenizer fixtures come from the reference library";
    match peers::no_tokenizers() {
        None => report.step(name, peers::check_tokenizer_fixtures),
        Some(why) => report.skip(name, &why),
    }
    report.step("fuzz", || {
        execute(cargo(&["build"]).args(ALL).args(["--bin", "trueline_fuzz"]))?;
        execute(command(target().join("debug/trueline_fuzz")).arg("20000"))
    });
    report.step("documentation", || {
        execute(cargo(&["doc", "--no-deps"]).args(ALL).env("RUSTDOCFLAGS", "-D warnings"))
    });
    report.step("header drift", header::check);
    ctests::run(&mut report);
    report.step("link line", c::check_link_line);
    report.step("demo", demo::run);
    match arm::missing() {
        None => report.step("aarch64 under emulation", arm::run),
        Some(why) => report.skip("aarch64 under emulation", &why),
    }
    report.finish()
}

/// One choice of packages and features for every development build, so that each crate is compiled once: `ort` switches
/// on a feature of a crate that tract uses, too, and xtask's own dependencies would as well.
pub const ALL: [&str; 5] = ["--workspace", "--exclude", "xtask", "--features", "trueline_core/ort"];

/// The tests of `tests/backends.rs`.
const BACKENDS: [&str; 3] = ["f32_logits_agree", "f32_verdicts_agree", "int8_verdicts_agree"];

fn backends(report: &mut Report) {
    let name = "tract and ONNX Runtime agree";
    let given = env::var_os("TRUELINE_ORT_LIBRARY").map(std::path::PathBuf::from);
    match given.or_else(peers::onnxruntime) {
        Some(library) => report.step(name, || {
            let mut test = cargo(&["test"]);
            test.args(ALL).args(["--test", "backends", "--", "--nocapture", "--test-threads", "1"]);
            execute(test.env("TRUELINE_ORT_LIBRARY", library))
        }),
        None => report.skip(name, "libonnxruntime is absent (cargo xtask peers fetches it)"),
    }
}
