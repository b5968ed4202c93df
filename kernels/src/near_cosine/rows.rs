//! Rows of floats to bytes whose products do not overflow where they are summed.

#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};
use crate::Isa;
use crate::lanes::{LANES, fold, padded};

/// The longest row.
pub const MAX_LEN: usize = 8192;

/// Bytes of a row are a multiple of this.
pub(super) const BLOCK: usize = LANES;
/// Blocks whose products are summed in 16 bits: two of each block in one sum.
pub(super) const CHUNK: usize = 12;

/// 1.5 * 2^23: adding it rounds to an integer, ties to even, and leaves that integer in the low bits.
const ROUND: f32 = 12_582_912.0;

/// How far the bytes of a side reach, and their norm over what is summed in 16 bits.
///
/// With left bytes 128 higher, 2 * 255 * 64 fits; and by Cauchy and Schwarz so does any sum of a chunk, which is at most
/// 256 * 127.
pub(super) struct Limits {
    most: f32,
    norm: f32,
}

impl Limits {
    /// The step and its inverse for a row of this product with itself, largest number, and largest sum of squares that one
    /// 16-bit sum sees.
    #[inline(always)]
    pub(super) fn step(&self, square: f32, most: f32, of_pair: f32) -> Option<(f32, f32)> {
        let by_norm = of_pair.sqrt() * 1.001 / (self.norm - ROUNDED);
        let step = crate::lanes::larger(most / self.most, by_norm);
        let inverse = 1.0 / step;
        let fits = square < f32::INFINITY && step >= f32::MIN_POSITIVE && inverse >= f32::MIN_POSITIVE;
        fits.then_some((step, inverse))
    }
}

const LEFT: Limits = Limits { most: 127.0, norm: 256.0 };
const RIGHT: Limits = Limits { most: 64.0, norm: 127.0 };

/// What rounding adds to the norm of two integers of each block of a chunk, at most, and a little for the rounding of floats.
const ROUNDED: f32 = 2.46;

/// What is known of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Row {
    /// Its product with itself, with the bits of [`dot_f32`](crate::dot_f32()).
    pub square: f32,
    /// What its bytes stand for: 0 if all bytes are 0.
    pub step: f32,
}

/// Bytes that a row of `d` numbers takes.
pub const fn row_len(d: usize) -> usize {
    d.next_multiple_of(BLOCK)
}

/// Whether this instruction set takes left bytes 128 higher, as unsigned ones.
pub(super) fn shifts(isa: Isa) -> bool {
    match isa {
        Isa::Scalar => false,
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2(_) | Isa::AvxVnni(_) | Isa::Avx512(_) | Isa::Avx512Vnni(_) => true,
        #[cfg(target_arch = "aarch64")]
        Isa::Neon(_) | Isa::Dotprod(_) | Isa::I8mm(_) => false,
    }
}

/// The rows of one side, as bytes of -127..=127.
#[derive(Debug)]
pub struct Left<'a> {
    pub(super) bytes: &'a [i8],
    pub(super) rows: &'a [Row],
    pub(super) len: usize,
    pub(super) shifted: bool,
}

/// The rows of the other side, as bytes of -64..=64.
#[derive(Debug)]
pub struct Right<'a> {
    pub(super) bytes: &'a [i8],
    pub(super) rows: &'a [Row],
    pub(super) len: usize,
}

impl<'a> Left<'a> {
    /// Quantises each row of `x` by a step of its own: a byte is `round(x / step)`, ties to even, so that no number is off by more
    /// than 0.501 steps.
    ///
    /// A row with a number that is not finite, or whose step would be no normal number, gets step 0 and bytes 0; its square tells.
    ///
    /// Class: same bits.
    ///
    /// # Shapes
    /// `x`: `[m, d]`; `bytes`: `[m, row_len(d)]`; `rows`: `[m]`, which says what `m` is.
    /// # Panics
    /// If a length does not fit its shape, or `d` exceeds [`MAX_LEN`].
    /// # Cost
    /// One pass over memory, a second while the row is near.
    pub fn quantise(isa: Isa, x: &[f32], d: usize, bytes: &'a mut [i8], rows: &'a mut [Row]) -> Self {
        let shifted = shifts(isa);
        quantise(isa, x, d, LEFT, if shifted { 0x80 } else { 0 }, bytes, rows);
        Self { bytes, rows, len: row_len(d), shifted }
    }

    /// What is known of each row.
    pub fn rows(&self) -> &'a [Row] {
        self.rows
    }
}

impl<'a> Right<'a> {
    /// As [`Left::quantise`].
    pub fn quantise(isa: Isa, x: &[f32], d: usize, bytes: &'a mut [i8], rows: &'a mut [Row]) -> Self {
        quantise(isa, x, d, RIGHT, 0, bytes, rows);
        Self { bytes, rows, len: row_len(d) }
    }

    /// What is known of each row.
    pub fn rows(&self) -> &'a [Row] {
        self.rows
    }
}

fn quantise(isa: Isa, x: &[f32], d: usize, limits: Limits, shift: u8, bytes: &mut [i8], rows: &mut [Row]) {
    let m = rows.len();
    assert!(d <= MAX_LEN, "near_cosine: a row of more than {MAX_LEN}");
    assert_eq!(Some(x.len()), m.checked_mul(d), "near_cosine: x is not [m, d]");
    assert_eq!(Some(bytes.len()), m.checked_mul(row_len(d)), "near_cosine: bytes are not [m, row_len(d)]");
    // On x86 the compiler takes the lanes of a chunk apart, five to ten times as slow.
    per_isa!(
        isa,
        { scalar: body, avx2: avx2::quantise, avx512: avx512::quantise, neon: body },
        (x: &[f32], d: usize, limits: Limits, shift: u8, bytes: &mut [i8], rows: &mut [Row])
    )
}

#[inline(always)]
fn body(x: &[f32], d: usize, limits: Limits, shift: u8, bytes: &mut [i8], rows: &mut [Row]) {
    let len = row_len(d);
    for (i, row) in rows.iter_mut().enumerate() {
        *row = quantise_row(&x[i * d..][..d], &limits, shift, &mut bytes[i * len..][..len]);
    }
}

#[inline(always)]
fn quantise_row(x: &[f32], limits: &Limits, shift: u8, bytes: &mut [i8]) -> Row {
    let (blocks, tail) = x.as_chunks::<LANES>();
    let last = padded(tail, 0.0);
    // Squares lane by lane as in `dot_f32`, the most that a chunk adds to two lanes, and the largest number.
    let (mut sums, mut most, mut of_pair) = ([0.0_f32; LANES], [0.0_f32; LANES], 0.0_f32);
    for chunk in blocks.chunks(CHUNK) {
        let before = sums;
        for block in chunk {
            see(block, &mut sums, &mut most);
        }
        of_pair = crate::lanes::larger(of_pair, most_added(&before, &sums));
    }
    if !tail.is_empty() {
        let before = sums;
        see(&last, &mut sums, &mut most);
        // It may belong to the last chunk or be one of its own: counted as both.
        of_pair += most_added(&before, &sums);
    }
    let square = fold(sums, |x, y| x + y);
    let most = fold(most, crate::lanes::larger);
    let Some((step, inverse)) = limits.step(square, most, of_pair) else {
        bytes.fill(shift as i8);
        return Row { square, step: 0.0 };
    };
    let (out, _) = bytes.as_chunks_mut::<LANES>();
    for (block, out) in blocks.iter().zip(out.iter_mut()) {
        *out = rounded(block, inverse, shift);
    }
    if let Some(out) = out.get_mut(blocks.len()) {
        *out = rounded(&last, inverse, shift);
    }
    Row { square, step }
}

/// The most that was added to two lanes whose bytes are multiplied into one sum.
#[inline(always)]
fn most_added(before: &[f32; LANES], after: &[f32; LANES]) -> f32 {
    let mut added = [0.0; LANES];
    for l in 0..LANES {
        added[l] = after[l] - before[l];
    }
    let mut most = 0.0_f32;
    for l in 0..LANES / 2 {
        most = crate::lanes::larger(most, added[2 * l] + added[2 * l + 1]);
    }
    most
}

#[inline(always)]
fn see(block: &[f32; LANES], sums: &mut [f32; LANES], most: &mut [f32; LANES]) {
    for l in 0..LANES {
        sums[l] += block[l] * block[l];
        most[l] = crate::lanes::larger(most[l], block[l].abs());
    }
}

#[inline(always)]
fn rounded(block: &[f32; LANES], inverse: f32, shift: u8) -> [i8; LANES] {
    let mut bytes = [0; LANES];
    for l in 0..LANES {
        // The low byte of ROUND is 0, so that of the sum is the integer's.
        bytes[l] = ((block[l] * inverse + ROUND).to_bits() as u8 ^ shift) as i8;
    }
    bytes
}
