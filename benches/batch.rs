//! Batches of texts of unlike lengths against the same texts one by one: `cargo bench --bench batch`.
//!
//! Both in turn, in an order that changes, for many rounds; the table has medians and their ratio. Every verdict of a
//! batch is compared with that of its text alone. `TRUELINE_BENCH_PACK` names another pack than guard-en.

use std::path::{Path, PathBuf};
use std::time::Instant;

use trueline_core::engine::{Config, Engine, GuardOptions, Session, Verdict};
use trueline_core::model::pack::Pack;

const ROUNDS: usize = 41;
const TEXTS: usize = 32;
/// Words that every WordPiece vocabulary of English has as one token each.
const WORDS: [&str; 16] = [
    "time", "people", "water", "house", "green", "small", "light", "world", "music", "paper", "river",
    "table", "great", "young", "night", "story",
];

struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path =
        std::env::var_os("TRUELINE_BENCH_PACK").map_or_else(|| root.join("models/guard-en"), PathBuf::from);
    let pack = Pack::open(&path).expect("the pack opens");
    let engine = Engine::new(&Config::default(), &[&pack]).expect("the pack loads");
    let mut session = Session::new(&engine, None).expect("a session");
    println!("{} texts of {}, one thread, median of {ROUNDS} rounds\n", TEXTS, pack.manifest().name);
    println!("| tokens of a text | one by one, ms | as a batch, ms | times as fast |");
    println!("| --- | ---: | ---: | ---: |");
    let mut random = Random(1);
    for (least, most) in [(1, 4), (1, 8), (4, 16), (1, 32), (1, 64), (1, 128), (64, 128)] {
        let texts: Vec<String> = (0..TEXTS).map(|_| text(&mut random, least, most)).collect();
        let texts: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
        let [alone, batch] = compare(&mut session, &texts);
        println!("| {least} to {most} | {:.2} | {:.2} | {:.2} |", alone * 1e3, batch * 1e3, alone / batch);
    }
}

fn text(random: &mut Random, least: usize, most: usize) -> String {
    let n = least + random.below(most - least + 1);
    let words: Vec<&str> = (0..n).map(|_| WORDS[random.below(WORDS.len())]).collect();
    words.join(" ")
}

/// Medians of the seconds for all texts, one by one and as a batch.
fn compare(session: &mut Session, texts: &[&[u8]]) -> [f64; 2] {
    let options = GuardOptions::default();
    let mut samples = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        let mut found: [Vec<Verdict>; 2] = [Vec::new(), Vec::new()];
        for turn in 0..2 {
            let which = (round + turn) % 2;
            let start = Instant::now();
            let verdicts: Vec<_> = if which == 0 {
                texts.iter().map(|text| session.guard(text, &options)).collect()
            } else {
                session.guard_batch(texts, &options)
            };
            samples[which].push(start.elapsed().as_secs_f64());
            found[which] = verdicts.into_iter().map(|verdict| verdict.expect("a verdict")).collect();
        }
        assert!(found[0] == found[1], "a batch has the verdicts of its texts");
    }
    samples.map(|mut samples| {
        samples.sort_by(f64::total_cmp);
        samples[samples.len() / 2]
    })
}
