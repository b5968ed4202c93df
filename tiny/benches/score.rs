//! One text through the n-gram table that ships: `cargo bench -p trueline_tiny`.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use trueline_tiny::{MAX_LABELS, Model};

/// Thirty words.
const TEXT: &str = "The committee will meet on Thursday in the small room on the second floor, and whoever wants to speak \
                    should write a short note to the office before noon on Wednesday, please.";

fn score(c: &mut Criterion) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/guard-tiny/model.bin");
    let file = std::fs::read(path).expect("the pack guard-tiny");
    let model = Model::new(&file).expect("a model");
    let mut logits = [0.0; MAX_LABELS];
    let logits = &mut logits[..model.labels()];
    c.bench_function("guard-tiny/30 words", |b| b.iter(|| model.score(black_box(TEXT), logits)));
}

criterion_group!(benches, score);
criterion_main!(benches);
