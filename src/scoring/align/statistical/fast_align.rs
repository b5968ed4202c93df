//! IBM Model 2 with a diagonal prior of one parameter (fast_align).
//!
//! Exponentials and logarithms are the platform's: of two positions as far from the diagonal rounding picks one, and so does
//! it in the original.

use super::{Corpus, Table};
use crate::Error;
use crate::scoring::align::Link;
use crate::scoring::refuse::{all_finite, invalid, open_unit};

/// How a model is trained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// Rounds, of which the last only aligns.
    pub rounds: usize,
    /// Favours the diagonal.
    pub diagonal: bool,
    /// How much, at first.
    pub tension: f64,
    /// Learns how much.
    pub learn_tension: bool,
    /// With the right derivative; the original's has its lengths exchanged and a position off by one.
    pub right_derivative: bool,
    /// Variational Bayes with this Dirichlet parameter, or relative frequencies.
    pub dirichlet: Option<f64>,
    /// The probability of no word, or none is allowed.
    pub null: Option<f64>,
    /// The probability of no word by which that of the diagonal is less, also where none is allowed.
    pub null_share: f64,
}

/// Those of the original without options.
impl Default for Options {
    fn default() -> Self {
        Self {
            rounds: 5,
            diagonal: false,
            tension: 4.0,
            learn_tension: false,
            right_derivative: false,
            dirichlet: None,
            null: Some(0.08),
            null_share: 0.08,
        }
    }
}

/// A trained model, and the links of its corpus.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Probabilities of target words.
    pub table: Table,
    /// How much the diagonal is favoured.
    pub tension: f64,
    /// Of each pair the links, by target.
    pub links: Vec<Vec<Link>>,
    /// Of each pair the logarithm of its probability, its length's among it.
    pub scores: Vec<f64>,
    /// The tension after each round that changed it.
    pub tensions: Vec<f64>,
    /// Of the corpus, the logarithm of its probability in each round.
    pub likelihoods: Vec<f64>,
    /// Mean length of a target sentence over that of its source.
    pub length_ratio: f64,
}

/// Trains on a corpus and aligns it. `progress` is called before each round with its number, and ends the training if it
/// answers false. A pair with an empty side has no links.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if an option is out of its range, or the words that meet are too
/// many; [`Code::Cancelled`](crate::Code::Cancelled) if `progress` ended it.
/// # Cost
/// For each round and two words of a pair a search in a row of the table. 20 bytes for every two words that meet.
/// # Source
/// Dyer, Chahuneau and Smith 2013; golden file `fast_align.json`.
pub fn train(
    corpus: &Corpus,
    options: Options,
    mut progress: impl FnMut(usize) -> bool,
) -> Result<Model, Error> {
    if options.rounds == 0 {
        return Err(invalid("0 rounds; at least 1"));
    }
    open_unit("null share", options.null_share)?;
    if let Some(null) = options.null {
        open_unit("null", null)?;
    }
    all_finite("tension", [options.tension])?;
    if let Some(alpha) = options.dirichlet
        && !(alpha.is_finite() && alpha > 0.0)
    {
        return Err(invalid(format!("Dirichlet parameter {alpha}; above 0")));
    }
    let full = |pair: &(&[u32], &[u32])| !pair.0.is_empty() && !pair.1.is_empty();
    let mut sizes = std::collections::BTreeMap::<(usize, usize), usize>::new();
    let (mut ratio, mut n_tokens, mut n_pairs) = (0.0, 0_usize, 0_usize);
    for (source, target) in corpus.pairs().filter(full) {
        *sizes.entry((target.len(), source.len())).or_default() += 1;
        ratio += target.len() as f64 / source.len() as f64;
        n_tokens += target.len();
        n_pairs += 1;
    }
    let mut model = Model {
        table: Table::new(corpus, 1e-9)?,
        tension: options.tension,
        links: Vec::with_capacity(corpus.len()),
        scores: Vec::with_capacity(corpus.len()),
        tensions: Vec::new(),
        likelihoods: Vec::new(),
        length_ratio: ratio / n_pairs.max(1) as f64,
    };
    let mut counts = vec![0.0_f64; model.table.len()];
    let (mut cells, mut shares) = (Vec::new(), Vec::new());
    for round in 0..options.rounds {
        if !progress(round) {
            return Err(Error::new(crate::Code::Cancelled, format!("ended before round {round}")));
        }
        let last = round + 1 == options.rounds;
        counts.fill(0.0);
        let (mut likelihood, mut observed) = (0.0_f64, 0.0_f64);
        for pair in corpus.pairs() {
            let (source, target) = pair;
            let (n, m) = (source.len(), target.len());
            if last && !full(&pair) {
                model.links.push(Vec::new());
                model.scores.push(0.0);
            }
            if !full(&pair) {
                continue;
            }
            model.table.cells_of(source, target, &mut cells);
            let mut of_pair = 0.0;
            let mut links = Vec::new();
            for (at, cells) in cells.chunks_exact(n + 1).enumerate() {
                let i = at + 1;
                shares_of(at, [n, m], model.tension, &options, |j| model.table.value(cells[j]), &mut shares);
                let sum: f64 = shares.iter().sum();
                of_pair += f64::ln(sum);
                if last {
                    links.extend(best_of(&shares, &options).map(|source| Link::new(source, at)));
                    continue;
                }
                for (j, share) in shares.iter().enumerate() {
                    let share = share / sum;
                    counts[cells[j]] += share;
                    if j > 0 {
                        let place = if options.right_derivative { i } else { at };
                        observed += share * off(place, j, m, n);
                    }
                }
            }
            likelihood += of_pair;
            if last {
                let mean = 0.05 + n as f64 * model.length_ratio;
                let length = m as f64 * f64::ln(mean) - libm::lgamma(m as f64 + 1.0) - mean;
                model.links.push(links);
                model.scores.push(of_pair + length);
            }
        }
        model.likelihoods.push(likelihood);
        if last {
            break;
        }
        if options.diagonal && options.learn_tension && round > 0 && n_tokens > 0 {
            let observed = observed / n_tokens as f64;
            for _ in 0..8 {
                let slope = |((m, n), count): (&(usize, usize), &usize)| {
                    let of = |i| derivative(i, *m, *n, model.tension, options.right_derivative);
                    *count as f64 * (1..=*m).map(of).sum::<f64>()
                };
                let expected = sizes.iter().map(slope).sum::<f64>() / n_tokens as f64;
                model.tension = (model.tension + (observed - expected) * 20.0).clamp(0.1, 14.0);
            }
            model.tensions.push(model.tension);
        }
        match options.dirichlet {
            None => model.table.set_shares(&counts),
            Some(alpha) => model.table.set(&counts, |counts, values| {
                let sum: f64 = counts.iter().map(|count| count + alpha).sum();
                let whole = digamma(sum);
                for (value, count) in values.iter_mut().zip(counts) {
                    *value = f64::exp(digamma(count + alpha) - whole);
                }
            }),
        }
    }
    Ok(model)
}

/// Replaces `links` by those of a pair that need not be of the corpus: for each target word the likeliest source word.
///
/// `lengths` are the words of source and target; `probability` is that of the target word at a position, for the source word at
/// another or for none, as a [`Table`] has it. Of the options, `diagonal`, `null` and `null_share` are used.
///
/// # Cost
/// `O(n m)` calls of `probability`.
/// # Source
/// fast_align's forced alignment; with the table of its training, the links of its corpus.
pub fn align(
    lengths: [usize; 2],
    tension: f64,
    options: &Options,
    probability: impl Fn(Option<usize>, usize) -> f64,
    links: &mut Vec<Link>,
) {
    links.clear();
    let [n, m] = lengths;
    if n == 0 {
        return;
    }
    let mut shares = Vec::with_capacity(n + 1);
    for at in 0..m {
        shares_of(at, lengths, tension, options, |j| probability(j.checked_sub(1), at), &mut shares);
        links.extend(best_of(&shares, options).map(|source| Link::new(source, at)));
    }
    links.sort_unstable();
}

/// What no word and each source word have of the target word at a position: `value` of it, by the prior of the places.
fn shares_of(
    at: usize,
    [n, m]: [usize; 2],
    tension: f64,
    options: &Options,
    value: impl Fn(usize) -> f64,
    shares: &mut Vec<f64>,
) {
    let i = at + 1;
    let even = 1.0 / (n + usize::from(options.null.is_some())) as f64;
    let scale =
        if options.diagonal { normaliser(i, m, n, tension) / (1.0 - options.null_share) } else { 0.0 };
    shares.clear();
    shares.push(options.null.map_or(0.0, |null| value(0) * if options.diagonal { null } else { even }));
    shares.extend((1..=n).map(|j| {
        let prior = if options.diagonal { f64::exp(tension * off(i, j, m, n)) / scale } else { even };
        value(j) * prior
    }));
}

/// The source word with the greatest share, the first of equals; `None` if that is no word.
fn best_of(shares: &[f64], options: &Options) -> Option<usize> {
    let start = if options.null.is_some() { (0, shares[0]) } else { (0, -1.0) };
    let best =
        (1..shares.len()).fold(start, |best, j| if shares[j] > best.1 { (j, shares[j]) } else { best });
    best.0.checked_sub(1)
}

/// How far a cell is off the diagonal, below 0.
fn off(i: usize, j: usize, m: usize, n: usize) -> f64 {
    -(j as f64 / n as f64 - i as f64 / m as f64).abs()
}

/// The sum over `j` of `exp(tension off)`, as two geometric series.
fn normaliser(i: usize, m: usize, n: usize, tension: f64) -> f64 {
    let below = (i as f64 * n as f64 / m as f64) as usize;
    let ratio = f64::exp(-tension / n as f64);
    // The original counts in 32 bits: below 0 is a vast number of terms.
    let series = |count: Option<usize>| (1.0 - count.map_or(0.0, |n| ratio.powf(n as f64))) / (1.0 - ratio);
    let top = n.checked_sub(below);
    let mut sum = 0.0;
    if top != Some(0) {
        sum += f64::exp(tension * off(i, below + 1, m, n)) * series(top);
    }
    if below != 0 {
        sum += f64::exp(tension * off(i, below, m, n)) * series(Some(below));
    }
    sum
}

/// The derivative of the normaliser's logarithm, or what the original has for it.
fn derivative(i: usize, m: usize, n: usize, tension: f64, right: bool) -> f64 {
    let sum = if right { normaliser(i, m, n, tension) } else { normaliser(i, n, m, tension) };
    let below = (i as f64 * n as f64 / m as f64) as usize;
    let ratio = f64::exp(-tension / n as f64);
    let step = -1.0 / n as f64;
    let series = |first: f64, count: usize| {
        let weight = f64::exp(tension * first);
        let after = weight * ratio.powf(count as f64);
        let last = step * (count as f64 - 1.0) + first;
        let less = ratio - 1.0;
        (last * after - first * weight) / less - step * (after - weight * ratio) / (less * less)
    };
    let mut slope = 0.0;
    if n > below {
        slope += series(off(i, below + 1, m, n), n - below);
    }
    if below != 0 {
        slope += series(off(i, below, m, n), below);
    }
    slope / sum
}

/// The digamma function as the original has it.
fn digamma(mut x: f64) -> f64 {
    let mut result = 0.0;
    while x < 7.0 {
        result -= 1.0 / x;
        x += 1.0;
    }
    x -= 0.5;
    let xx = 1.0 / x;
    let xx2 = xx * xx;
    let xx4 = xx2 * xx2;
    result
        + (f64::ln(x) + (1.0 / 24.0) * xx2 - (7.0 / 960.0) * xx4 + (31.0 / 8064.0) * xx4 * xx2
            - (127.0 / 30720.0) * xx4 * xx4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus() -> Corpus {
        let mut corpus = Corpus::default();
        for (source, target) in [([0, 1], [0, 1]), ([0, 2], [0, 2]), ([1, 2], [1, 2])] {
            corpus.push(&source, &target).expect("two words");
        }
        corpus
    }

    #[test]
    fn words_that_always_meet_are_linked() {
        let options =
            Options { diagonal: true, learn_tension: true, dirichlet: Some(0.01), ..Options::default() };
        for right_derivative in [false, true] {
            let model = train(&corpus(), Options { right_derivative, ..options }, |_| true).expect("a model");
            assert!(model.links.iter().all(|links| *links == [Link::new(0, 0), Link::new(1, 1)]));
        }
        // Without a prior that moves, each round makes the corpus likelier.
        let plain = train(&corpus(), Options::default(), |_| true).expect("a model");
        assert!(plain.likelihoods.windows(2).all(|two| two[0] < two[1]), "{:?}", plain.likelihoods);
    }

    #[test]
    fn the_right_derivative_is_that_of_the_sum() {
        for (i, m, n) in [(1, 1, 1), (1, 3, 5), (2, 4, 4), (5, 5, 2), (7, 9, 12)] {
            for tension in [0.1, 1.0, 4.0, 14.0] {
                let plain: f64 = (1..=n).map(|j| f64::exp(tension * off(i, j, m, n))).sum();
                assert!((normaliser(i, m, n, tension) - plain).abs() < 1e-9 * plain);
                let h = 1e-5;
                let ln = |tension| f64::ln(normaliser(i, m, n, tension));
                let wanted = (ln(tension + h) - ln(tension - h)) / (2.0 * h);
                assert!((derivative(i, m, n, tension, true) - wanted).abs() < 1e-5, "{i} {m} {n} {tension}");
            }
        }
    }

    #[test]
    fn bad_options_empty_sides_and_an_end_in_between() {
        let mut corpus = corpus();
        corpus.push(&[], &[1]).expect("an empty side");
        let model = train(&corpus, Options::default(), |_| true).expect("a model");
        assert_eq!((model.links.len(), model.links[3].len()), (4, 0));
        assert!(
            train(&corpus, Options::default(), |round| round < 2)
                .is_err_and(|e| e.code == crate::Code::Cancelled)
        );
        for bad in [
            Options { rounds: 0, ..Options::default() },
            Options { null: Some(1.0), ..Options::default() },
            Options { tension: f64::NAN, ..Options::default() },
            Options { dirichlet: Some(0.0), ..Options::default() },
        ] {
            assert!(train(&corpus, bad, |_| true).is_err());
        }
        let empty = train(&Corpus::default(), Options::default(), |_| true).expect("nothing");
        assert!(empty.links.is_empty() && empty.table.is_empty());
        assert!(corpus.push(&[u32::MAX], &[0]).is_err() && corpus.push(&vec![0; 70_000], &[0]).is_err());
    }
}
