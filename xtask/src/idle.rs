//! What an engine's threads cost while nothing is asked of them.

use std::fs;

use crate::command::{cargo, root, stdout};
use crate::test::ALL;

const RESULT: &str = "benches/results/idle.md";

/// Runs the test of idle threads for so many seconds, and writes what it found to `benches/results/idle.md`.
///
/// # Errors
/// A sentence: that threads used CPU time, or what could not be run.
pub fn run(seconds: u64) -> Result<(), String> {
    let mut test = cargo(&["test"]);
    test.args(ALL).args(["--test", "idle", "--", "--nocapture"]);
    let printed = stdout(test.env("TRUELINE_IDLE_SECONDS", seconds.to_string()))?;
    let found = printed.lines().find_map(|line| line.find("idle ").map(|at| &line[at..]));
    let found = found.filter(|line| line.contains(" ns on ")).ok_or("the test printed no figure")?;
    let text = format!(
        "# CPU time of idle threads\n\n`cargo xtask idle`: an engine with a pool of 4 threads judges five texts of 128 tokens \
         with guard-en; then nothing is asked of it. CPU time of all threads but the one that looks \
         (`/proc/self/task/*/schedstat`), and clock ticks of the whole process (`/proc/self/stat`):\n\n    {found}\n"
    );
    let path = root().join(RESULT);
    fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    println!("{found}\nwritten to {RESULT}");
    Ok(())
}
