//! The `trueline` command line: the engine of libtrueline for trying packs, batch work and boards.

mod align;
mod args;
mod audit;
mod bench;
mod calibrate;
mod correct;
mod deny;
mod eval;
mod explain;
mod guard;
mod inspect;
mod labelled;
mod lookup;
mod output;
mod pack;
mod packs;
mod progress;
mod steps;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command, Watermark};
use output::Stop;

fn main() -> ExitCode {
    // Panics are caught where they can be had: in readers of hostile files, in a text's judgement. Each becomes a
    // sentence there, and standard error is for sentences.
    std::panic::set_hook(Box::new(|_| {}));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version end here too. A stream that nobody reads changes nothing about the status.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(output::USAGE));
        }
    };
    ExitCode::from(match run(&cli) {
        Ok(status) => status,
        Err(Stop::Closed) => output::DONE,
        Err(Stop::Usage(message)) => {
            output::complain(&message);
            output::USAGE
        }
        Err(Stop::Failed(message)) => {
            output::complain(&message);
            output::FAILED
        }
    })
}

/// The exit status of what was asked for.
fn run(cli: &Cli) -> Result<u8, Stop> {
    if let Some(name) = cli.command.not_built() {
        return Err(Stop::Usage(format!("{name}: not built yet")));
    }
    cli.common.check()?;
    if cli.common.policy.is_some() && !cli.command.takes_policy() {
        return Err(Stop::Usage("--policy: only guard and calibrate take one".into()));
    }
    if cli.common.cascade.is_some() && !cli.command.takes_cascade() {
        return Err(Stop::Usage("--cascade: only guard, calibrate, audit and correct take one".into()));
    }
    match &cli.command {
        Command::Guard(args) => guard::run(args, &cli.common),
        Command::Packs(args) => packs::run(args, &cli.common),
        Command::Explain(args) => explain::run(args, &cli.common),
        Command::Bench(args) => bench::run(args, &cli.common),
        Command::Pack(args) => pack::run(args, &cli.common),
        Command::Decode(_) => steps::run(steps::decode::answer),
        Command::Watermark(Watermark::Detect(_)) => steps::run(steps::watermark::answer),
        Command::Align(what) => align::run(what, &cli.common),
        Command::Inspect(args) => inspect::run(args, &cli.common),
        Command::Correct(args) => correct::run(args, &cli.common),
        Command::Deny(args) => deny::run(args, &cli.common),
        Command::Calibrate(args) => calibrate::run(args, &cli.common),
        Command::Audit(args) => audit::run(args, &cli.common),
        Command::Eval(what) => eval::run(what),
        // Answered above.
        _ => Ok(output::USAGE),
    }
}
