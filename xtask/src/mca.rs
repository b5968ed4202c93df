//! Static throughput of the int8 products on Arm: llvm-mca over the inner loops of the built code, beside what each core's
//! multipliers could do.
//!
//! An estimate, not a measurement: every load hits the first-level cache, and a model of the core may be that of a relative.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use crate::arm;
use crate::command::{self, command, exists, root};

/// Newest first: older ones lack models. Debian's packages `llvm-19`, `llvm-16`, `llvm`.
const ANALYSERS: [&str; 5] = ["llvm-mca-21", "llvm-mca-20", "llvm-mca-19", "llvm-mca-16", "llvm-mca"];
/// Comes with the cross compiler.
const DISASSEMBLER: &str = "aarch64-linux-gnu-objdump";
const RESULTS: &str = "benches/results/arm-static.csv";
const ITERATIONS: u32 = 1000;

/// A kernel: its instruction set, the instructions that multiply bytes, and the multiply-adds of one of them.
struct Kernel {
    isa: &'static str,
    products: &'static [&'static str],
    each: u32,
}

const KERNELS: [Kernel; 3] = [
    Kernel { isa: "neon", products: &["smull", "smull2"], each: 8 },
    Kernel { isa: "dotprod", products: &["sdot"], each: 16 },
    Kernel { isa: "i8mm", products: &["usmmla"], each: 32 },
];

/// A core: the model that stands for it, and how many multiplying instructions of each kernel it starts in a cycle at the
/// most (0 if it lacks them), from Arm's software optimisation guides.
struct Core {
    name: &'static str,
    model: &'static str,
    starts: [u32; 3],
}

/// The Cortex-A76 has the pipelines of the Neoverse-N1. For the Cortex-A72, LLVM takes the model of the A57. The Neoverse-N2
/// is here because the others have no i8mm.
const CORES: [Core; 5] = [
    Core { name: "cortex-a55", model: "cortex-a55", starts: [1, 1, 0] },
    Core { name: "cortex-a72", model: "cortex-a72", starts: [1, 0, 0] },
    Core { name: "cortex-a76", model: "neoverse-n1", starts: [1, 2, 0] },
    Core { name: "neoverse-n1", model: "neoverse-n1", starts: [1, 2, 0] },
    Core { name: "neoverse-n2", model: "neoverse-n2", starts: [2, 2, 2] },
];

/// An inner loop of a kernel.
struct Loop {
    rows: usize,
    products: u32,
    text: String,
    instructions: usize,
}

/// Prints and writes the table.
///
/// # Errors
/// A sentence: which command failed, or what the disassembly lacks. What is not installed is a reason to skip, not an error.
pub fn run() -> Result<(), String> {
    let analyser = ANALYSERS.into_iter().find(|name| exists(name));
    let Some(analyser) = analyser else {
        println!("skipped: llvm-mca is not there; run: apt-get install -y llvm-19");
        return Ok(());
    };
    if let Some(why) = arm::missing() {
        println!("skipped: {why}");
        return Ok(());
    }
    let program = arm::build_kernels()?;
    let assembly =
        command::stdout(command(DISASSEMBLER).args(["-d", "-C", "--no-show-raw-insn"]).arg(program))?;
    let version = version(analyser)?;
    println!("{analyser} ({version}); multiply-adds a cycle, loads in the first-level cache");
    println!(
        "{:<12} {:<8} {:>4} {:>12} {:>9} {:>9} {:>6} {:>6}",
        "core", "isa", "rows", "instructions", "cycles", "MAC/cycle", "peak", "share"
    );
    let mut csv =
        String::from("llvm,core,model,isa,rows,instructions,products,cycles,macs_per_cycle,peak,share\n");
    for (place, kernel) in KERNELS.iter().enumerate() {
        let loops = inner_loops(&assembly, kernel)?;
        for core in CORES.iter().filter(|core| core.starts[place] > 0) {
            for inner in &loops {
                let cycles = cycles(analyser, core.model, &inner.text)?;
                let rate = f64::from(inner.products * kernel.each) / cycles;
                let peak = core.starts[place] * kernel.each;
                let share = rate / f64::from(peak);
                let (name, isa, rows, count) = (core.name, kernel.isa, inner.rows, inner.instructions);
                println!(
                    "{name:<12} {isa:<8} {rows:>4} {count:>12} {cycles:>9.2} {rate:>9.2} {peak:>6} {:>5.0}%",
                    100.0 * share
                );
                let products = inner.products;
                writeln!(
                    csv,
                    "{version},{name},{},{isa},{rows},{count},{products},{cycles:.2},{rate:.2},{peak},{share:.2}",
                    core.model
                )
                .expect("a String takes every write");
            }
        }
    }
    let path = root().join(RESULTS);
    fs::write(&path, csv).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("written to {RESULTS}");
    Ok(())
}

/// The version's number, as in `19.1.7`.
fn version(analyser: &str) -> Result<String, String> {
    let text = command::stdout(command(analyser).arg("--version"))?;
    let number = text.split_whitespace().skip_while(|word| *word != "version").nth(1);
    number.map(str::to_owned).ok_or_else(|| format!("{analyser} --version names no version"))
}

/// The loops of a kernel that hold no other loop and multiply; for each number of rows the one with the most products.
fn inner_loops(assembly: &str, kernel: &Kernel) -> Result<Vec<Loop>, String> {
    let module = format!("linear_i8::{}::", kernel.isa);
    let mut best: Vec<Loop> = Vec::new();
    for function in assembly.split("\n\n") {
        let Some((head, body)) = function.trim_start().split_once('\n') else { continue };
        if !head.contains(&module) || head.contains("::finish>") {
            continue;
        }
        let lines: Vec<(u64, &str)> = body.lines().filter_map(instruction).collect();
        for found in loops(&lines) {
            let found = read_loop(&lines[found.0..=found.1], kernel);
            match best.iter_mut().find(|other| other.rows == found.rows) {
                // A loop over what is left of a row has few products.
                _ if found.products == 0 => {}
                Some(other) if other.products >= found.products => {}
                Some(other) => *other = found,
                None => best.push(found),
            }
        }
    }
    best.sort_by_key(|inner| inner.rows);
    if best.is_empty() {
        return Err(format!("the disassembly has no loop of {module} with {}", kernel.products.join(" or ")));
    }
    Ok(best)
}

/// Address and text of an instruction's line.
fn instruction(line: &str) -> Option<(u64, &str)> {
    let (address, text) = line.split_once(":\t")?;
    let text = text.split("//").next().unwrap_or(text).trim();
    u64::from_str_radix(address.trim(), 16).ok().map(|address| (address, text))
}

/// First and last line of each loop without a loop inside: what a conditional branch backwards spans.
fn loops(lines: &[(u64, &str)]) -> Vec<(usize, usize)> {
    let spans = lines.iter().enumerate().filter_map(|(end, (_, text))| {
        let target = branch_target(text)?;
        let start = lines[..=end].iter().position(|(address, _)| *address == target)?;
        Some((start, end))
    });
    let spans: Vec<(usize, usize)> = spans.collect();
    let holds_another =
        |(a, b): (usize, usize)| spans.iter().any(|&(c, d)| a <= c && d <= b && (a, b) != (c, d));
    spans.iter().copied().filter(|&span| !holds_another(span)).collect()
}

/// Where a conditional branch goes: `b.ne 1cea4 <name>`, `cbnz x8, 1cea4 <name>`.
fn branch_target(text: &str) -> Option<u64> {
    let conditional = ["b.", "cbz", "cbnz", "tbz", "tbnz"].iter().any(|start| text.starts_with(start));
    let before_name = text.split(" <").next().filter(|_| conditional)?;
    u64::from_str_radix(before_name.rsplit(['\t', ' ']).next()?, 16).ok()
}

fn read_loop(lines: &[(u64, &str)], kernel: &Kernel) -> Loop {
    let mut text = String::from("turn:\n");
    let mut products = 0;
    let mut registers = BTreeSet::new();
    let mut broadcasts = 0;
    for (_, line) in lines {
        let (name, operands) = line.split_once('\t').unwrap_or((line, ""));
        if kernel.products.contains(&name) {
            products += 1;
            // The rows are the last operand of SDOT, its group in brackets, and the second of USMMLA, two at a time.
            let operand = operands.split(", ").nth(if kernel.isa == "i8mm" { 1 } else { 2 });
            registers.extend(operand.map(|name| name.split('[').next().unwrap_or(name)));
        }
        broadcasts += usize::from(name == "ld1r");
        match branch_target(line) {
            Some(_) => {
                let (before, _) =
                    line.split(" <").next().unwrap_or(line).rsplit_once(['\t', ' ']).unwrap_or((line, ""));
                writeln!(text, "{before} turn").expect("a String takes every write");
            }
            None => writeln!(text, "{line}").expect("a String takes every write"),
        }
    }
    let rows = match kernel.isa {
        "neon" => broadcasts,
        "i8mm" => 2 * registers.len(),
        _ => registers.len(),
    };
    Loop { rows, products, text, instructions: lines.len() }
}

/// Cycles of one turn of a loop, over many.
fn cycles(analyser: &str, model: &str, text: &str) -> Result<f64, String> {
    let mut child = command(analyser)
        .args(["-mtriple=aarch64", &format!("-mcpu={model}"), "-mattr=+dotprod,+i8mm"])
        .arg(format!("-iterations={ITERATIONS}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{analyser}: {error}"))?;
    // The loop is shorter than a pipe's buffer, and the program reads all of it before it writes.
    let mut input = child.stdin.take().ok_or_else(|| format!("{analyser} takes no input"))?;
    input.write_all(text.as_bytes()).map_err(|error| format!("{analyser}: {error}"))?;
    drop(input);
    let done = child.wait_with_output().map_err(|error| format!("{analyser}: {error}"))?;
    let report = String::from_utf8_lossy(&done.stdout);
    let total =
        report.lines().find_map(|line| line.strip_prefix("Total Cycles:")?.trim().parse::<f64>().ok());
    match total {
        Some(total) if done.status.success() => Ok(total / f64::from(ITERATIONS)),
        _ => Err(format!("{analyser} -mcpu={model}: {}; the loop was\n{text}", done.status)),
    }
}
