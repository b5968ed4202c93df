//! What holds for every input: seeded, and the seed is printed, so that a failure can be run again.
//!
//! `TRUELINE_SEED` sets the seed.

mod properties_support;

use properties_support::{brute_force, check_links, each_case, random_matrix, random_text};
use trueline_core::scoring::align::argmax::Preferences;
use trueline_core::scoring::align::itermax::{self, itermax};
use trueline_core::scoring::align::matching::{self, matching};
use trueline_core::scoring::align::{Matrix, awesome, entmax};
use trueline_core::scoring::guard::canonical::Canonical;
use trueline_core::scoring::guard::threshold::{Risk, risk_control_miss, split_conformal, threshold_at_fpr};
use trueline_core::scoring::guard::window::{Category, aggregate, layout};
use trueline_core::scoring::score::entropy::uncertainty;
use trueline_core::scoring::score::softmax::softmax;
use unicode_normalization::is_nfkc;

#[test]
fn canonical_text_is_idempotent_and_has_no_form_left_to_dodge_with() {
    let (mut once, mut twice) = (Canonical::default(), Canonical::default());
    each_case(4000, |random| {
        let original = random_text(random);
        once.assign(&original).expect("a short text");
        twice.assign(once.text()).expect("a short text");
        let text = once.text();
        assert_eq!(twice.text(), text, "of {original:?}");
        assert!(is_nfkc(text), "{text:?} of {original:?}");
        let dodges =
            ["  ", " \n", "\n ", "\n\n\n", " ,", " .", " ;", " :", " !", " ?", " %", " )", " ]", " }"];
        assert!(!dodges.iter().any(|dodge| text.contains(dodge)), "{text:?} of {original:?}");
        assert_eq!(text.trim_matches([' ', '\n']), text, "of {original:?}");
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?} of {original:?}");
        assert!(!text.contains(properties_support::is_deleted), "{text:?} of {original:?}");
        assert!(
            !text.chars().any(|c| c.is_whitespace() && !matches!(c, ' ' | '\n')),
            "{text:?} of {original:?}"
        );
    });
}

#[test]
fn origins_are_in_bounds_on_boundaries_and_in_order() {
    each_case(4000, |random| {
        let original = random_text(random);
        let canonical = Canonical::new(&original).expect("a short text");
        let span = |start, end| canonical.original_span(start..end).expect("in bounds");
        let mut before = 0..0;
        for (at, character) in canonical.text().char_indices() {
            let end = at + character.len_utf8();
            let origin = span(at, end);
            assert!(
                original.get(origin.clone()).is_some_and(|part| !part.is_empty()),
                "{origin:?} of {original:?}"
            );
            assert!(
                origin == before || origin.start >= before.end,
                "{origin:?} after {before:?} of {original:?}"
            );
            assert_eq!(span(at, at).start, origin.start, "of {original:?}");
            // The origin alone gives the character back, unless spaces or a cut letter hide it.
            if character.is_alphanumeric() {
                let again = Canonical::new(&original[origin]).expect("a short text");
                assert!(again.text().contains(character), "{character:?} of {original:?}");
            }
            before = span(at, end);
        }
        let (a, b) = (random.below(canonical.text().len() + 1), random.below(canonical.text().len() + 1));
        let (start, end) = (a.min(b), a.max(b));
        let (part, whole) = (span(start, end), span(0, canonical.text().len()));
        assert!(original.get(part.clone()).is_some());
        assert!(
            start == end || (part.start >= whole.start && part.end <= whole.end),
            "{part:?} of {original:?}"
        );
    });
}

#[test]
fn links_are_unique_and_in_range() {
    each_case(2000, |random| {
        let (values, n_source, n_target) = random_matrix(random, 9);
        let matrix = Matrix::new(&values, n_source, n_target).expect("finite");
        let mut preferences = Preferences::default();
        preferences.assign(matrix);
        let (mut forward, mut reverse, mut mutual) = (Vec::new(), Vec::new(), Vec::new());
        preferences.forward(&mut forward);
        preferences.reverse(&mut reverse);
        preferences.mutual(&mut mutual);
        check_links(&forward, n_source, n_target);
        check_links(&mutual, n_source, n_target);
        assert!(mutual.iter().all(|link| forward.contains(link) && reverse.contains(link)));
        let common = forward.iter().filter(|link| reverse.contains(link)).count();
        assert_eq!(common, mutual.len());
        let (mut links, mut scratch) = (Vec::new(), itermax::Scratch::default());
        let mut rounds = 0;
        for max_count in 0..5 {
            let options = itermax::Options { max_count, alpha: 0.9 };
            itermax(matrix, options, &mut scratch, &mut links).expect("finite");
            check_links(&links, n_source, n_target);
            assert!(links.len() >= rounds && mutual.iter().all(|link| links.contains(link)));
            rounds = links.len();
        }
        let mut scratch = awesome::Scratch::default();
        let mut fewer = usize::MAX;
        for threshold in [0.0, 0.001, 0.2, 0.6] {
            awesome::softmax_links(matrix, threshold, &mut scratch, &mut links).expect("in range");
            check_links(&links, n_source, n_target);
            assert!(links.len() <= fewer);
            fewer = links.len();
        }
        awesome::entmax15_links(matrix, &mut scratch, &mut links);
        check_links(&links, n_source, n_target);
    });
}

#[test]
fn matching_equals_brute_force() {
    let (mut links, mut scratch) = (Vec::new(), matching::Scratch::default());
    each_case(3000, |random| {
        let (values, n_source, n_target) = random_matrix(random, 6);
        let matrix = Matrix::new(&values, n_source, n_target).expect("finite");
        matching(matrix, &mut scratch, &mut links);
        check_links(&links, n_source, n_target);
        let weight: f64 = links.iter().map(|link| matrix.row(link.source)[link.target]).sum();
        let mut targets: Vec<_> = links.iter().map(|link| link.target).collect();
        targets.sort_unstable();
        assert!(targets.windows(2).all(|pair| pair[0] != pair[1]), "a target twice: {links:?}");
        assert!(links.windows(2).all(|pair| pair[0].source != pair[1].source), "a source twice: {links:?}");
        let (cardinality, best) = brute_force(matrix);
        assert_eq!(links.len(), cardinality, "{values:?}, {n_source} rows");
        assert!((weight - best).abs() < 1e-9, "{weight} for {best}: {values:?}, {n_source} rows");
    });
}

#[test]
fn distributions_sum_to_one() {
    each_case(2000, |random| {
        let scale = [0.01, 1.0, 30.0, 1e30][random.below(4)];
        let values: Vec<f64> = (0..1 + random.below(40)).map(|_| (random.unit() - 0.5) * scale).collect();
        let (mut out, mut scratch) = (vec![0.0; values.len()], Vec::new());
        let check = |out: &[f64], name: &str| {
            assert!((out.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{name} of {values:?}: {out:?}");
            assert!(
                out.iter().all(|value| (0.0..=1.0 + 1e-12).contains(value)),
                "{name} of {values:?}: {out:?}"
            );
        };
        entmax::entmax15(&values, &mut out, &mut scratch).expect("finite");
        check(&out, "entmax15");
        entmax::sparsemax(&values, &mut out, &mut scratch).expect("finite");
        check(&out, "sparsemax");
        softmax(&values, &mut out).expect("a candidate");
        check(&out, "softmax");
        let found = uncertainty(&values).expect("a candidate");
        let direct: f64 = out.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum();
        assert!((found.entropy - direct).abs() < 1e-9, "{} for {direct}", found.entropy);
        assert!((found.max_prob - out.iter().copied().fold(0.0, f64::max)).abs() < 1e-12);
    });
}

#[test]
fn windows_cover_every_token() {
    each_case(4000, |random| {
        let (n_tokens, window) = (random.below(2000), 1 + random.below(300));
        let stride = 1 + random.below(window);
        let mut covered = 0;
        for range in layout(n_tokens, window, stride).expect("no zero") {
            assert!(range.start <= covered && range.end > covered && range.len() == window.min(n_tokens));
            covered = range.end;
        }
        assert_eq!(covered, n_tokens, "window {window}, stride {stride}");
    });
}

#[test]
fn a_verdict_blocks_whenever_it_should() {
    each_case(2000, |random| {
        let (n_windows, n_categories) = (random.below(6), 1 + random.below(5));
        let score = |_| {
            if random.below(20) == 0 { f64::NAN } else { random.unit() }
        };
        let scores: Vec<f64> = (0..n_windows * n_categories).map(score).collect();
        let (mut categories, mut invalid) = (vec![Category::default(); n_categories], Vec::new());
        let verdict =
            aggregate(&scores, &vec![0.7; n_categories], &mut categories, &mut invalid).expect("in range");
        let should = scores.iter().any(|score| score.is_nan() || *score >= 0.7);
        assert_eq!(verdict.block, should, "{scores:?}");
        for found in categories.iter().filter_map(|category| category.statistics) {
            assert!(
                found.mean <= found.max + 1e-12
                    && found.max <= found.noisy_or + 1e-12
                    && found.noisy_or <= 1.0
            );
        }
    });
}

#[test]
fn thresholds_keep_what_they_promise() {
    each_case(2000, |random| {
        let n = 1 + random.below(60);
        let scores: Vec<f64> = (0..n).map(|_| random.below(20) as f64 / 20.0).collect();
        let mut labels: Vec<bool> = (0..n).map(|_| random.below(2) == 0).collect();
        labels[0] = false;
        let target = random.below(11) as f64 / 10.0;
        let found = threshold_at_fpr(&scores, &labels, target).expect("one harmless item");
        let n_negative = labels.iter().filter(|label| !**label).count() as f64;
        let rate = |threshold: f64| {
            let flagged =
                scores.iter().zip(&labels).filter(|(score, label)| !**label && **score >= threshold);
            flagged.count() as f64 / n_negative
        };
        assert_eq!(found.fpr, rate(found.threshold));
        assert!(found.fpr <= target);
        let lower = scores.iter().copied().filter(|score| *score < found.threshold).fold(-1.0, f64::max);
        assert!(lower < 0.0 || rate(lower) > target, "{lower} would do as well as {}", found.threshold);

        let alpha = (1.0 + random.below(98) as f64) / 100.0;
        let conformal = split_conformal(&scores, alpha).expect("in range");
        let within = scores.iter().filter(|score| **score <= conformal.quantile).count();
        assert!(within >= conformal.k.min(n) && (conformal.k <= n) == conformal.quantile.is_finite());
        assert!(conformal.k as f64 >= (n as f64 + 1.0) * (1.0 - alpha) - 1e-9);

        let grid: Vec<f64> = (0..=10).map(|step| f64::from(step) / 10.0).collect();
        let mut risks = vec![Risk::default(); grid.len()];
        let choice = risk_control_miss(&scores, &labels, &grid, alpha, 1.0, &mut risks).expect("in range");
        assert!(risks.windows(2).all(|pair| pair[0].risk >= pair[1].risk));
        let first = risks.iter().position(|risk| risk.adjusted <= alpha);
        assert_eq!(choice.map(|choice| choice.index), first);
    });
}
