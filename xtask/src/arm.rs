//! The tests on Arm, under emulation: three CPUs, so that each instruction set runs, and so does what stands in for it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, root};

pub const TARGET: &str = "aarch64-unknown-linux-gnu";
/// Apart from the native folder, because another compiler writes here.
const TARGET_DIR: &str = "target/arm";
/// Debian's compiler: it comes with a standard library for Arm.
const RUSTC: &str = "/usr/bin/rustc";
const LINKER: &str = "/usr/bin/aarch64-linux-gnu-gcc";
/// Without `-L`: the loader of the cross compiler's C library finds the other one of `libc6:arm64` first, and a program
/// that mixes the two hangs when it starts a thread.
pub const EMULATOR: &str = "/usr/bin/qemu-aarch64-static";
const INSTALL: &str = "dpkg --add-architecture arm64 && apt-get update && apt-get install -y";

/// What must be there, and the Debian package that brings it.
const TOOLS: [(&str, &str); 6] = [
    (RUSTC, "rustc-web"),
    ("/usr/lib/rustlib/aarch64-unknown-linux-gnu/lib", "libstd-rust-web-dev:arm64"),
    (LINKER, "gcc-aarch64-linux-gnu"),
    ("/usr/aarch64-linux-gnu/lib/libc.so.6", "libc6-dev-arm64-cross"),
    ("/lib/ld-linux-aarch64.so.1", "libc6:arm64"),
    (EMULATOR, "qemu-user-static"),
];

/// Each emulated CPU, and the instruction sets that must be found on it.
const CPUS: [(&str, &str); 3] = [
    ("cortex-a72", "neon,scalar"),
    ("cortex-a76", "dotprod,neon,scalar"),
    ("max", "i8mm,dotprod,neon,scalar"),
];

/// Each test command, in the words of cargo. No doc tests: rustup's rustdoc does not know Debian's standard library.
const SUITES: [&[&str]; 2] = [
    &["-p", "trueline_kernels", "--lib", "--tests"],
    &["-p", "trueline_core", "--no-default-features", "--test", "golden", "--test", "packed_plans"],
];
/// Where the packed plans are that the native run made, with what they gave.
const PLANS: &str = "target/arm/plans";

/// Why the tests cannot run here, if they cannot: what is not installed and how to install it.
pub fn missing() -> Option<String> {
    let missing: Vec<&str> =
        TOOLS.iter().filter(|(path, _)| !Path::new(path).exists()).map(|(_, package)| *package).collect();
    let packages = missing.join(" ");
    (!missing.is_empty())
        .then(|| format!("the Arm tests need the Debian packages {packages}; run: {INSTALL} {packages}"))
}

/// Builds the kernels' tests, the golden tests and those of whole plans for Arm, and runs them on each emulated CPU. The
/// plans are compiled and run here first; their outputs on Arm must have the same bits.
///
/// # Errors
/// A sentence: what is not installed, or which command failed on which CPU.
pub fn run() -> Result<(), String> {
    if let Some(why) = missing() {
        return Err(why);
    }
    let mut native = command::cargo(&["test"]);
    native.args(crate::test::ALL).args(["--test", "packed_plans", "--", "--nocapture"]);
    command::run(native.env("TRUELINE_PLANS_TO", plans()))?;
    for (cpu, isas) in CPUS {
        for suite in SUITES {
            test(cpu, isas, suite)?;
        }
    }
    for line in what_ran() {
        println!("{line}");
    }
    Ok(())
}

/// One line for each emulated CPU and suite, in the order in which [`run`] takes them.
pub fn what_ran() -> Vec<String> {
    let line = |(cpu, isas), suite: &[&str]| format!("arm {cpu} ({isas}): cargo test {}", suite.join(" "));
    CPUS.iter().flat_map(|&cpu| SUITES.iter().map(move |suite| line(cpu, suite))).collect()
}

fn plans() -> PathBuf {
    root().join(PLANS)
}

/// Builds the kernels' tests for Arm and gives the program's path.
///
/// # Errors
/// Which command failed, or that it built no program.
pub fn build_kernels() -> Result<String, String> {
    let mut cargo = cross("test");
    cargo.args(["-p", "trueline_kernels", "--lib", "--no-run", "--message-format=json"]);
    let messages = command::stdout(&mut cargo)?;
    let path = messages.lines().find_map(|line| line.split_once("\"executable\":\"")?.1.split('"').next());
    path.map(str::to_owned).ok_or_else(|| "cargo built no program for Arm".into())
}

/// Cargo for Arm. Optimised, because emulated floating point is slow enough.
fn cross(word: &str) -> Command {
    cross_to(word, TARGET_DIR)
}

/// As [`cross`], into another folder.
pub fn cross_to(word: &str, folder: &str) -> Command {
    let mut cargo = command::cargo(&[word, "--release", "--target", TARGET, "--target-dir", folder]);
    cargo.env("RUSTC", RUSTC).env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER);
    cargo
}

fn test(cpu: &str, isas: &str, suite: &[&str]) -> Result<(), String> {
    let words = suite.join(" ");
    println!("== {cpu}: cargo test {words}");
    let status = cross("test")
        .args(suite)
        .env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", format!("{EMULATOR} -cpu {cpu}"))
        .env("TRUELINE_EXPECT_ISAS", isas)
        .env("TRUELINE_PLANS_FROM", plans())
        .status()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("on an emulated {cpu}, `cargo test {words}` failed: {status}"))
    }
}
