//! Random inputs, and answers by trying everything.

use std::io::Write as _;

use trueline_core::scoring::align::{Link, Matrix};

/// A xorshift generator: small, seeded, and the same everywhere.
pub struct Random(u64);

impl Random {
    /// Whole numbers below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((u128::from(self.0) * bound as u128) >> 64) as usize
    }

    /// Numbers in [0, 1).
    pub fn unit(&mut self) -> f64 {
        self.below(1 << 53) as f64 / (1_u64 << 53) as f64
    }
}

/// Runs `check` on `n_cases` generators, each seeded from the printed seed; a failure names its case.
pub fn each_case(n_cases: u64, mut check: impl FnMut(&mut Random)) {
    let seed = match std::env::var("TRUELINE_SEED") {
        Ok(text) => text.parse().expect("TRUELINE_SEED is a whole number"),
        Err(_) => 20_240_611_u64,
    };
    let test = std::thread::current().name().unwrap_or("properties").to_owned();
    writeln!(std::io::stdout().lock(), "{test}: seed {seed}, {n_cases} cases").expect("standard output");
    for case in 0..n_cases {
        // Spreads neighbouring seeds over all bits; xorshift must not start at 0.
        let mixed = (seed.wrapping_add(case)).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut random = Random(mixed);
        for _ in 0..4 {
            random.below(2);
        }
        let _named = Named { test: &test, case, seed };
        check(&mut random);
    }
}

/// Says which case was running, if it panics.
struct Named<'a> {
    test: &'a str,
    case: u64,
    seed: u64,
}

impl Drop for Named<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { test, case, seed } = self;
            let _ = writeln!(std::io::stdout().lock(), "{test}: fails at case {case} of seed {seed}");
        }
    }
}

/// Ranges that text is drawn from: letters, marks, Hangul, all that is deleted or becomes a space, and punctuation.
const RANGES: [(u32, u32); 27] = [
    (0x00, 0x7e),
    (0x61, 0x7a),
    (0x7f, 0xff),
    (0x300, 0x36f),
    (0x340, 0x345),
    (0x34f, 0x34f),
    (0x600, 0x6ff),
    (0x8e0, 0x957),
    (0x1100, 0x11ff),
    (0x1680, 0x180f),
    (0x1e00, 0x1eff),
    (0x2000, 0x206f),
    (0x2028, 0x2029),
    (0x2100, 0x214f),
    (0x3000, 0x30ff),
    (0xac00, 0xac40),
    (0xf900, 0xfaff),
    (0xfb00, 0xfdff),
    (0xfe00, 0xfe6f),
    (0xfeff, 0xfeff),
    (0xff00, 0xffef),
    (0xfff0, 0xffff),
    (0x110b0, 0x110cf),
    (0x13430, 0x1345f),
    (0x1d150, 0x1d4ff),
    (0x1f100, 0x1f9ff),
    (0xe0000, 0xe01ff),
];

/// What mixes with them often: what spacing rules look at, and letters with marks that compose.
const PIECES: [&str; 14] = [
    " ", "\n", " ,", " )", "\r\n", "\t", "e", "o", "\u{301}", "\u{323}", "\u{200b}", "\u{200d}", "=",
    "\u{338}",
];

/// Up to 24 pieces: one in three any character at all, the others from where the rules are.
pub fn random_text(random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..random.below(25) {
        let (low, high) = match random.below(3) {
            0 => {
                text.push_str(PIECES[random.below(PIECES.len())]);
                continue;
            }
            1 => RANGES[random.below(RANGES.len())],
            _ if random.below(8) == 0 => (0, 0x10_ffff),
            _ => (0x300, 0x345),
        };
        text.extend(char::from_u32(low + random.below((high - low + 1) as usize) as u32));
    }
    text
}

/// The ranges of step 2 of the canonical form, as its specification lists them.
pub fn is_deleted(character: char) -> bool {
    matches!(u32::from(character),
        0xad | 0x34f | 0x180e | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x2064 | 0x2066..=0x2069 | 0xfeff
        | 0xfe00..=0xfe0f)
}

/// A matrix of up to `at_most` rows and columns, and its shape.
pub fn random_matrix(random: &mut Random, at_most: usize) -> (Vec<f64>, usize, usize) {
    let (n_source, n_target) = (random.below(at_most + 1), random.below(at_most + 1));
    // Few distinct values make ties; zeros are absent edges.
    let levels = if random.below(2) == 0 { 4 } else { 1_000_000 };
    let value = |_| random.below(2 * levels) as f64 / levels as f64 - 0.5 * (random.below(3) / 2) as f64;
    ((0..n_source * n_target).map(value).collect(), n_source, n_target)
}

/// Links come sorted, each once, and lie within the matrix.
pub fn check_links(links: &[Link], n_source: usize, n_target: usize) {
    assert!(links.is_sorted(), "{links:?}");
    assert!(links.windows(2).all(|pair| pair[0] != pair[1]), "{links:?}");
    assert!(links.iter().all(|link| link.source < n_source && link.target < n_target), "{links:?}");
}

/// The cardinality and weight of the best matching, by trying every one.
pub fn brute_force(matrix: Matrix) -> (usize, f64) {
    fn best(matrix: Matrix, source: usize, taken: &mut [bool]) -> (usize, f64) {
        if source == matrix.n_source() {
            return (0, 0.0);
        }
        let mut found = best(matrix, source + 1, taken);
        for target in 0..taken.len() {
            let weight = matrix.row(source)[target];
            if taken[target] || weight == 0.0 {
                continue;
            }
            taken[target] = true;
            let (cardinality, rest) = best(matrix, source + 1, taken);
            taken[target] = false;
            if (cardinality + 1, weight + rest) > found {
                found = (cardinality + 1, weight + rest);
            }
        }
        found
    }
    best(matrix, 0, &mut vec![false; matrix.n_target()])
}
