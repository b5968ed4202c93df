//! A decoding step makes no heap call once its memory is there.

mod counting;

use std::sync::Arc;

use counting::counted;
use trueline_core::engine::deny::{Bounds, DenyIndex, index};
use trueline_core::engine::provenance::Provenance;
use trueline_core::kernels::Isa;
use trueline_core::scoring::decode::beam::Search;
use trueline_core::scoring::decode::best_of::Calibration;
use trueline_core::scoring::decode::blend::{Adapter, interpolate};
use trueline_core::scoring::decode::cards::{Cards, Due, Options};
use trueline_core::scoring::decode::green::{DEFAULT_KEY, Scheme, Scratch, Watermark};
use trueline_core::scoring::decode::guided::{Rewards, sample, score};
use trueline_core::scoring::decode::heal::{Healing, Masks, Vocabulary, mask};
use trueline_core::scoring::decode::realign::realign_f32;
use trueline_core::scoring::decode::sample::{Sampler, Sampling};
use trueline_core::scoring::decode::{best_of, gumbel};
use trueline_core::scoring::preference::Shift;
use trueline_core::scoring::score::entropy::entropy;

const VOCABULARY: usize = 5000;

fn logits(seed: u32) -> Vec<f32> {
    let number = |i: u32| (i.wrapping_mul(2_654_435_761).wrapping_add(seed * 977) >> 12) as f32 / 65536.0;
    (0..VOCABULARY as u32).map(number).collect()
}

/// Runs a step twice to make its memory, and then counts.
fn none(what: &str, mut step: impl FnMut()) {
    step();
    step();
    let (calls, ()) = counted(&mut step);
    assert_eq!(calls, 0, "{what} makes heap calls");
}

// One test: counts are the whole process's.
#[test]
fn a_step_makes_no_heap_call() {
    let isa = Isa::best();
    let (reference, aligned) = (logits(1), logits(2));
    let mut out = vec![0.0; VOCABULARY];
    none("DeRa", || {
        realign_f32(isa, &reference, &aligned, 1.5, &mut out).expect("a token");
    });
    let mut sampler = Sampler::new(isa, VOCABULARY);
    let (rewards, mut scores) = ([0.5; 40], [0.0; 40]);
    none("ARGS", || {
        let (tokens, _) = sampler.candidates(&reference, 40).expect("candidates");
        score(&reference, tokens, Rewards::Direct(&rewards), 1.5, &mut scores).expect("a token");
    });
    for (top_k, top_p) in [(40, 1.0), (0, 1.0), (0, 0.9), (1000, 0.95)] {
        none("a draw", || {
            sampler.draw(&reference, Sampling { temperature: 0.7, top_k, top_p }, 0.37).expect("a token");
        });
    }
    none("best of n", || assert_eq!(best_of::best(&[0.1, 0.9, 0.3]), Some(1)));
    let mut cards = Cards::new(Options { max_tokens: 4000, ..Options::default() }, 0.0).expect("options");
    none("CARDS", || {
        for _ in 0..200 {
            match cards.due() {
                Due::Model => {
                    cards.entropy(entropy(isa, &reference).expect("an entropy").max(9.0)).expect("due")
                }
                Due::Token => cards.token(7).expect("due"),
                Due::Reward => drop(cards.reward(9.0, Some(0.5)).expect("due")),
                Due::Nothing => panic!("the answer is longer than this"),
            }
        }
    });
    let (mut scratch, context) = (Scratch::new(isa), [5, 6, 7, 8]);
    for scheme in [Scheme::Simple, Scheme::MinHash, Scheme::SelfHash] {
        let watermark = Watermark { n_vocab: VOCABULARY, gamma: 0.25, key: DEFAULT_KEY, scheme };
        none("a green list", || {
            out.copy_from_slice(&reference);
            watermark.bias(&context, 2.0, &mut scratch, &mut out).expect("a list");
        });
    }
    let (mut uniforms, mut keys, mut p) =
        (vec![0.0; VOCABULARY], vec![0.0; VOCABULARY], vec![0.0; VOCABULARY]);
    none("Gumbel's draw", || {
        gumbel::fill(42, &context, &mut uniforms);
        gumbel::select(&reference, 0.7, &uniforms, &mut p, &mut keys).expect("a token");
    });
    let bytes: Vec<Vec<u8>> = (0..VOCABULARY as u32).map(|i| i.to_string().into_bytes()).collect();
    let vocabulary = Vocabulary::new(bytes).expect("a vocabulary");
    let (healing, _) = Healing::start(&vocabulary, &[1, 23], 2).expect("known tokens");
    let mut masks = Masks::default();
    none("a mask", || {
        out.copy_from_slice(&reference);
        assert!(mask(masks.of(&healing, &vocabulary), &mut out));
    });
    none("a draw from scores", || {
        sample(&[1.0, 2.0, 0.5], 0.7, 0.37).expect("a candidate");
    });
    none("CLM", || interpolate(&reference, &aligned, 0.3, &mut out).expect("numbers"));
    let calibration = Calibration::new(vec![0.1, 0.2, 0.3]).expect("numbers");
    none("InfAlign", || assert!(calibration.of(0.25).is_ok()));
    let adapter = Adapter { u: &reference[..8], vt: &aligned[..8], sigma: &[0.5], scale: 1.0 };
    let mut y = [0.0; 4];
    none("Panacea", || adapter.apply(&[0.5, 1.0], &reference[..4], &mut y).expect("sizes"));
    let mut running = Shift::default();
    none("BCO", || running.update(&[0.5, 1.5]).expect("numbers"));
    copies();
    // A search copies the texts that it keeps; its scoring makes no heap call beyond that.
    let mut search = Search::new(1, &[0], 0).expect("one beam");
    let mut next = Vec::new();
    search.step(&reference, VOCABULARY, &mut next).expect("a step");
    assert_eq!(next.len(), 1);
    #[cfg(feature = "tract")]
    drafts();
}

/// Prov-Decode: forty candidates judged, one taken, past a corpus that the text copies at times.
fn copies() {
    let documents = ["the quick brown fox jumps over the lazy dog", "pack my box with five dozen jugs"];
    let bytes = index(documents.into_iter()).expect("words");
    let deny = Arc::new(DenyIndex::from_bytes(&bytes).expect("an index"));
    let words = documents.iter().flat_map(|d| d.split(' ')).map(|word| format!(" {word}").into_bytes());
    let vocabulary = Arc::new(Vocabulary::new(words.collect()).expect("few tokens"));
    let n = vocabulary.len() as u32;
    let bounds = Bounds { tau: 4.0, min_words: 3 };
    let mut text = Provenance::new(deny, vocabulary, bounds).expect("bounds");
    let (candidates, mut risks): (Vec<u32>, _) = ((0..n).collect(), Vec::new());
    let (mut logits, mut vetoed) = (vec![0.0; n as usize], 0);
    none("Prov-Decode", || {
        for token in 0..n {
            vetoed += text.veto(&candidates, None, &mut risks, &mut logits).expect("tokens");
            text.advance(token).expect("a token");
        }
    });
    assert!(vetoed > 0);
}

/// A token of a language model on a plan, between two growths of its caches.
#[cfg(feature = "tract")]
fn drafts() {
    use std::path::Path;

    use trueline_core::engine::write::{Draft, Writer};
    use trueline_core::model::backend::{Kind, Settings};
    use trueline_core::model::control::Control;
    use trueline_core::model::pack::Pack;

    let pack = Pack::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("models/host-lm")).expect("the pack");
    let writer = Writer::load(&pack, &Settings::new(Kind::Plan)).expect("it loads");
    let mut draft = Draft::new(Arc::new(writer));
    let control = Control::unlimited();
    draft.begin("one two three", 1, &control).expect("a text");
    while draft.rows() < 34 {
        draft.step(&[300], &control).expect("a step");
    }
    none("a token of a language model", || draft.step(&[301], &control).expect("a step"));
}
