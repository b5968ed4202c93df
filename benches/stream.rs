//! What a token of a stream costs, beside judging its window anew at every token: `cargo bench --bench stream`.
//!
//! A text of 600 words of one token each is pushed word by word through a policy's stream with rules and decoding; beside it, in
//! the same run and turn by turn, the window that ends at each word is judged from its text. The stream's decision is compared
//! with that of the whole text before anything is timed. The pack is `TRUELINE_BENCH_PACK` (default `models/guard-en`).

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use trueline_core::engine::filter::{Filter, FilterOptions, Stream};
use trueline_core::engine::policy::Policy;
use trueline_core::engine::{Config, Engine, GuardOptions, Session};
use trueline_core::model::pack::Pack;

const WORDS: usize = 600;
const ROUNDS: usize = 3;
/// Every how many words the window is judged anew: its cost is that of its length, not of its words.
const STEP: usize = 10;
/// Words that every WordPiece vocabulary holds as one token each.
const COMMON: [&str; 8] = ["time ", "the ", "of ", "people ", "and ", "water ", "in ", "good "];

fn pack_path() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::env::var_os("TRUELINE_BENCH_PACK").map_or_else(|| root.join("models/guard-en"), PathBuf::from)
}

fn policy(pack: &Pack) -> Policy {
    let mut text = "policy = 1\nname = \"bench\"\ndecode = true\n[[category]]\nname = \"contact\"\naction = \"redact\"\n\
                    [[pii]]\ncategory = \"contact\"\nkinds = [\"email\", \"phone\", \"card\", \"key\"]\n"
        .to_owned();
    for label in &pack.manifest().labels {
        writeln!(text, "[[category]]\nname = \"{}\"\naction = \"block\"\nthreshold = 1.0", label.name)
            .expect("a string");
    }
    Policy::parse("bench", &text).expect("a good policy")
}

fn main() {
    let pack = Pack::open(&pack_path()).expect("the pack opens");
    let window = pack.manifest().limits.max_tokens - 2;
    let policy = Arc::new(policy(&pack));
    let engine = Engine::new(&Config::default(), &[&pack]).expect("the pack loads");
    let guard = engine.guard(None).expect("a guard");
    let filter = Arc::new(Filter::new(policy, Some(Arc::clone(guard))).expect("a label for every category"));
    let mut session = Session::new(&engine, None).expect("a session");
    // No two windows alike: the scores of one would be used again for the other.
    let mut state = 1_u32;
    let mut pick = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        COMMON[(state >> 24) as usize % COMMON.len()]
    };
    let words: Vec<&str> = (0..WORDS).map(|_| pick()).collect();
    let text = words.concat();
    let whole = Filter::judge(&filter, text.as_bytes(), &FilterOptions::default());
    let options = GuardOptions { plain: true, ..GuardOptions::default() };

    let (mut streamed, mut anew, mut largest) = (f64::INFINITY, f64::INFINITY, f64::INFINITY);
    let mut runs = 0;
    for _ in 0..ROUNDS {
        let mut stream = Stream::new(Arc::clone(&filter), FilterOptions::default()).expect("a stream");
        let (mut worst, start) = (0.0_f64, Instant::now());
        for word in &words {
            let one = Instant::now();
            stream.push(word.as_bytes()).expect("a good text");
            std::hint::black_box(stream.take());
            worst = worst.max(one.elapsed().as_secs_f64());
        }
        assert_eq!(stream.finish(), &whole, "a stream ends with the decision of the whole text");
        streamed = streamed.min(start.elapsed().as_secs_f64() / WORDS as f64);
        largest = largest.min(worst);
        runs = stream.model_runs();

        let (mut total, mut judged) = (0.0, 0);
        for end in (STEP..=WORDS).step_by(STEP) {
            let part = words[end.saturating_sub(window)..end].concat();
            let one = Instant::now();
            std::hint::black_box(session.guard(part.as_bytes(), &options).expect("a verdict"));
            total += one.elapsed().as_secs_f64();
            judged += 1;
        }
        anew = anew.min(total / f64::from(judged));
    }
    println!(
        "pack {}, {WORDS} tokens, one a push; windows of {window}; the best of {ROUNDS} rounds",
        pack.manifest().name
    );
    println!("stream, a token, with the end:  {:>10.1} us ({runs} model runs)", streamed * 1e6);
    println!("window anew, a token:           {:>10.1} us", anew * 1e6);
    println!("ratio:                          {:>10.4}", streamed / anew);
    println!("the slowest push, in windows:   {:>10.2}", largest / anew);
}
