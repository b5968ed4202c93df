//! A text checked and corrected by packs that share a model, beside the same packs each on its own, in the same run:
//! `cargo bench --bench correct -- models/guard-en models/corrector-en [models/inspector-en]`; with packs that were packed before
//! (`trueline pack --all-outputs`) also with `--no-default-features`.
//!
//! Texts of 30 words, no two calls with the same one: what was read is remembered. Medians of rounds that take everything in turn.
//! Memory is that of a process of its own, for each way, after a first text.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use trueline_core::engine::correct::{CorrectOptions, Corrector, Inspector, Reason};
use trueline_core::engine::{Config, Engine, Guard, GuardOptions, Member, Session};
use trueline_core::kernels::Isa;
use trueline_core::model::backend::{Kind, Settings};
use trueline_core::model::pack::Pack;

const ROUNDS: usize = 25;
/// Calls of each kind in a round.
const CALLS: usize = 12;

fn calm(number: usize) -> String {
    format!(
        "I read your long report {number} on the new bridge this morning and I must say that the part on the cars that cross \
         it on quiet days is good"
    )
}

fn rude(number: usize) -> String {
    format!(
        "I read your long report {number} on the new bridge this morning and I must say that you are a stupid idiot who \
         did not count the cars on it"
    )
}

/// The packs of an engine, with one model where they share one, or each with its own.
fn engine(paths: &[String], shared: bool) -> Engine {
    let packs: Vec<Pack> = paths.iter().map(|path| Pack::open(Path::new(path)).expect("a pack")).collect();
    if shared {
        return Engine::new(&Config::default(), &packs.iter().collect::<Vec<_>>()).expect("an engine");
    }
    let settings = Settings::new(Kind::Default);
    let member = |pack: &Pack| match pack.manifest().family.as_str() {
        "edit-tagger" => Member::Corrector(Arc::new(Corrector::load(pack, &settings).expect("a corrector"))),
        "answer-inspector" => {
            Member::Inspector(Arc::new(Inspector::load(pack, &settings).expect("an inspector")))
        }
        _ => Member::Guard(Arc::new(Guard::load(pack, &settings).expect("a guard"))),
    };
    Engine::from_members(Isa::best(), packs.iter().map(member).collect()).expect("members")
}

struct Host {
    session: Session,
    guard: String,
    corrector: String,
}

impl Host {
    fn new(paths: &[String], shared: bool) -> Self {
        let engine = engine(paths, shared);
        let name = |place: usize| engine.members()[place].manifest().name.clone();
        let session = Session::new(&engine, None).expect("a session");
        Self { session, guard: name(0), corrector: name(1) }
    }

    fn check(&mut self, text: &str) {
        self.session.select(Some(&self.guard)).expect("the guard");
        self.session.guard(text.as_bytes(), &GuardOptions::default()).expect("a verdict");
    }

    fn correct(&mut self, text: &str) -> Reason {
        self.session.select(Some(&self.corrector)).expect("the corrector");
        self.session.correct("", text, &CorrectOptions::default()).expect("a result").reason
    }
}

fn resident(word: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix(word)?.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
    line.unwrap_or(f64::NAN) / 1024.0
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if let [how, paths @ ..] = &words[..]
        && let Some(shared) = ["alone", "shared"].iter().position(|word| word == how)
    {
        let mut host = Host::new(paths, shared == 1);
        host.check(&rude(1));
        host.correct(&rude(1));
        println!("{:.1} {:.1}", resident("VmRSS:"), resident("VmHWM:"));
        return;
    }
    if words.len() < 2 {
        eprintln!("usage: correct GUARD CORRECTOR [INSPECTOR]");
        std::process::exit(2);
    }
    let mut hosts = [Host::new(&words, false), Host::new(&words, true)];
    let mut number = 0;
    let mut next = || {
        number += 1;
        number
    };
    println!("one check is a call of the guard alone; texts of 30 words\n");
    for host in &mut hosts {
        let (before, text) = (host.session.passes(), rude(next()));
        host.check(&text);
        let reason = host.correct(&text);
        assert!(matches!(reason, Reason::Judged(_)), "the text is not corrected: {}", reason.name());
        let (made, remembered) = host.session.passes();
        let (made, remembered) = (made - before.0, remembered - before.1);
        println!(
            "check and correction: {made} shared passes made, {remembered} remembered ({})",
            reason.name()
        );
    }
    let kinds = ["check", "check and correct, none needed", "check and correct", "correct alone"];
    let mut times = vec![Vec::new(); 2 * kinds.len()];
    for _ in 0..ROUNDS {
        for (h, host) in hosts.iter_mut().enumerate() {
            for kind in 0..kinds.len() {
                let texts: Vec<String> =
                    (0..CALLS).map(|_| if kind == 1 { calm(next()) } else { rude(next()) }).collect();
                let start = Instant::now();
                for text in &texts {
                    if kind != 3 {
                        host.check(text);
                    }
                    if kind != 0 {
                        host.correct(text);
                    }
                }
                times[h * kinds.len() + kind].push(start.elapsed().as_secs_f64() * 1e3 / CALLS as f64);
            }
        }
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let medians: Vec<f64> = times.iter_mut().map(median).collect();
    println!("\n| ms, and times one check | each on its own | one model |\n| --- | --- | --- |");
    for (kind, name) in kinds.iter().enumerate() {
        let [alone, shared] = [medians[kind], medians[kinds.len() + kind]];
        println!(
            "| {name} | {alone:.2} ({:.2}) | {shared:.2} ({:.2}) |",
            alone / medians[0],
            shared / medians[0]
        );
    }
    let own = std::env::current_exe().expect("this program");
    let mut memory = Vec::new();
    for how in ["alone", "shared"] {
        let out = Command::new(&own).arg(how).args(&words).output().expect("it runs");
        memory.push(String::from_utf8_lossy(&out.stdout).trim().replace(' ', ", at its peak "));
    }
    println!("| MiB of the process | {} | {} |", memory[0], memory[1]);
}
