//! The main job, end to end: a C program filters real text through libtrueline, and the command line agrees.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::c::{self, Linking};
use crate::command::{command, root, stdout};

const PACK: &str = "models/guard-en";
const PROMPTS: &str = "examples/data/prompts.tsv";

/// How far two printed risks of one text may differ: the C program prints six digits.
const ROUNDING: f64 = 1e-6;

/// What one line of text got.
#[derive(Debug)]
struct Line {
    action: String,
    risk: f64,
    flagged: BTreeMap<String, f64>,
}

/// Builds, runs, prints the table, compares.
pub fn run() -> Result<(), String> {
    let build = c::build()?;
    let source = root().join("examples/c/guard.c");
    let mut printed = Vec::new();
    for linking in [Linking::Static, Linking::Shared] {
        let program = build.program(&source, linking, &["-std=c99"])?;
        printed.push(stdout(command(program).args([PACK, PROMPTS]))?);
    }
    if printed[0] != printed[1] {
        return Err("guard.c gives other answers with libtrueline.so than with libtrueline.a".into());
    }
    let prompts = fs::read_to_string(root().join(PROMPTS)).map_err(|e| format!("{PROMPTS}: {e}"))?;
    let from_c: Vec<Line> = printed[0].lines().map(parse).collect::<Result<_, _>>()?;
    let from_cli = command_line(&build, &prompts)?;
    show(&prompts, &from_c);
    compare(&from_c, &from_cli)?;
    println!(
        "\n{} lines: guard.c linked with libtrueline.a, with libtrueline.so, and `trueline guard` agree",
        from_c.len()
    );
    Ok(())
}

/// A line of guard.c: number, action, risk, then name=score of each flagged category.
fn parse(line: &str) -> Result<Line, String> {
    let bad = || format!("guard.c printed {line:?}");
    let mut words = line.split(' ').skip(1);
    let action = words.next().ok_or_else(bad)?.to_owned();
    let risk = words.next().and_then(|w| w.parse().ok()).ok_or_else(bad)?;
    let flagged = words
        .map(|w| w.split_once('=').and_then(|(n, s)| Some((n.to_owned(), s.parse().ok()?))).ok_or_else(bad))
        .collect::<Result<_, _>>()?;
    Ok(Line { action, risk, flagged })
}

/// The same file through `trueline guard --jsonl`.
fn command_line(build: &c::Build, prompts: &str) -> Result<Vec<Line>, String> {
    let mut trueline = command(build.libraries.join("trueline"));
    trueline.args(["guard", "--jsonl", "--pack", PACK]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = trueline.spawn().map_err(|e| format!("trueline: {e}"))?;
    let input: String = prompts
        .lines()
        .map(|line| {
            let (role, text) = line.split_once('\t').unwrap_or(("user", line));
            format!("{}\n", json!({"role": role, "text": text}))
        })
        .collect();
    child
        .stdin
        .take()
        .ok_or("trueline has no standard input")?
        .write_all(input.as_bytes())
        .map_err(|e| e.to_string())?;
    let done = child.wait_with_output().map_err(|e| e.to_string())?;
    if !done.status.success() {
        return Err(format!("trueline guard: {}", done.status));
    }
    let spans = |v: &Value| {
        let each = v["spans"].as_array().into_iter().flatten();
        each.filter_map(|s| Some((s["category"].as_str()?.to_owned(), s["score"].as_f64()?))).collect()
    };
    String::from_utf8_lossy(&done.stdout)
        .lines()
        .map(|line| {
            let v: Value =
                serde_json::from_str(line).map_err(|e| format!("trueline guard printed {line:?}: {e}"))?;
            let action = v["action"].as_str().ok_or_else(|| format!("no action in {line:?}"))?.to_owned();
            let risk = v["risk"].as_f64().ok_or_else(|| format!("no risk in {line:?}"))?;
            Ok(Line { action, risk, flagged: spans(&v) })
        })
        .collect()
}

fn show(prompts: &str, lines: &[Line]) {
    println!("\n{:<8}{:>7}  {:<10} {:<44} categories", "action", "risk", "role", "text");
    for (prompt, line) in prompts.lines().zip(lines) {
        let (role, text) = prompt.split_once('\t').unwrap_or(("", prompt));
        let short: String = text.chars().take(42).collect();
        let flagged: Vec<String> =
            line.flagged.iter().map(|(name, score)| format!("{name} {score:.2}")).collect();
        println!("{:<8}{:>7.3}  {role:<10} {short:<44} {}", line.action, line.risk, flagged.join(", "));
    }
}

fn compare(a: &[Line], b: &[Line]) -> Result<(), String> {
    if a.len() != b.len() {
        return Err(format!("guard.c answered {} lines, trueline guard {}", a.len(), b.len()));
    }
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        let close = |x: f64, y: f64| (x - y).abs() <= ROUNDING;
        let same = a.action == b.action
            && close(a.risk, b.risk)
            && a.flagged.len() == b.flagged.len()
            && a.flagged.iter().all(|(name, score)| b.flagged.get(name).is_some_and(|s| close(*s, *score)));
        if !same {
            return Err(format!("line {}: guard.c says {a:?}, trueline guard says {b:?}", i + 1));
        }
    }
    Ok(())
}
