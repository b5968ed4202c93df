//! The project's own commands. `cargo xtask` lists them.

mod arm;
mod c;
mod command;
mod ctests;
mod demo;
mod header;
mod peers;
mod report;
mod spoil;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask demo     build libtrueline, compile examples/c/guard.c, filter examples/data/prompts.tsv
cargo xtask test [WORD]
                     every check the project has, or those with this word in their names
cargo xtask arm      cross-build for aarch64, run kernel and golden tests under emulated CPUs
cargo xtask header   write include/trueline.h anew from ffi/src
cargo xtask peers    fetch the pinned peers (onnxruntime) into .peers/, for tests and benches beside them
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["demo"] => demo::run(),
        ["test"] => test::run(None),
        ["test", only] => test::run(Some(only)),
        ["arm"] => arm::run(),
        ["header"] => header::write(),
        ["peers"] => peers::run(),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
