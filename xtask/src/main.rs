//! The project's own commands. `cargo xtask` lists them.

mod arm;
mod c;
mod command;
mod compare;
mod ctests;
mod demo;
mod header;
mod idle;
mod kit;
mod llama;
mod mca;
mod models;
mod peers;
mod report;
mod size;
mod slim;
mod spoil;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask demo     build libtrueline, compile examples/c/guard.c, filter examples/data/prompts.tsv
cargo xtask test [WORD]
                     every check the project has, or those with this word in their names
cargo xtask arm      cross-build for aarch64, run kernel and golden tests and whole plans under emulated CPUs
cargo xtask mca      static throughput of the int8 inner loops on Arm cores, to benches/results/arm-static.csv
cargo xtask header   write include/trueline.h anew from ffi/src
cargo xtask peers    fetch the pinned peers (onnxruntime) into .peers/, for tests and benches beside them
cargo xtask bench-kit [aarch64|x86_64]
                     a static benchmark and a packed pack in one archive, for a board (default: aarch64)
cargo xtask llama    build the llama.cpp of a Python source package (minutes), run examples/cpp/llama_sampler.cpp on a tiny model
cargo xtask models   make the packs that are too large for the repository, in target/models: the aligner of all languages
cargo xtask idle     CPU time of an engine's threads over 60 idle seconds, to benches/results/idle.md
cargo xtask size     build both shared libraries as they ship, write whose code they are to benches/results/size.md
cargo xtask compare [--rounds N] [--runs N] [--cold N] [--only WORD,WORD]
                     ours, ONNX Runtime, stock tract and RTen on the same weights: one run, one table
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["demo"] => demo::run(),
        ["test"] => test::run(None),
        ["test", only] => test::run(Some(only)),
        ["arm"] => arm::run(),
        ["mca"] => mca::run(),
        ["header"] => header::write(),
        ["peers"] => peers::run(),
        ["size"] => size::run(),
        ["bench-kit"] => kit::run("aarch64"),
        ["bench-kit", architecture] => kit::run(architecture),
        ["llama"] => llama::run_example(),
        ["models"] => models::run_all(),
        ["idle"] => idle::run(60),
        ["compare", rest @ ..] => compare::run(rest),
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
