//! The draws of a shuffle by MT19937.

use crate::Isa;

/// Numbers that the generator makes at a time: the words of its state.
pub const DRAWS: usize = 624;
/// How far ahead the recurrence looks.
const FAR: usize = 397;
/// Words before the one whose far word is new already.
const OLD: usize = DRAWS - FAR;
/// The least divisor for which single precision finds the quotient, but for one.
const LEAST: u32 = 4096;

/// The next [`DRAWS`] numbers of the MT19937 whose state this is, the `i`-th as what a division by `left - i`, or by 1 if
/// that is less, leaves of it: the draws that a shuffle makes when `left` places are left.
///
/// Class: exact.
///
/// # Cost
/// Some forty operations on vectors of 32-bit numbers a vector of draws; one division of single precision each, of double
/// precision where `left` is below about 5,000 or is 2^31 or more.
pub fn mersenne_u32(isa: Isa, state: &mut [u32; DRAWS], left: u32, draws: &mut [u32; DRAWS]) {
    per_isa!(isa, body, (state: &mut [u32; DRAWS], left: u32, draws: &mut [u32; DRAWS]));
}

#[inline(always)]
fn body(state: &mut [u32; DRAWS], left: u32, draws: &mut [u32; DRAWS]) {
    twist(state, draws);
    let narrow = (LEAST + DRAWS as u32..1 << 31).contains(&left);
    if narrow {
        for i in 0..DRAWS {
            draws[i] = narrow_remainder(tempered(state[i]), left - i as u32);
        }
    } else {
        for i in 0..DRAWS {
            draws[i] = wide_remainder(tempered(state[i]), left.saturating_sub(i as u32).max(1));
        }
    }
}

/// The next state. `mixed` is room: what does not hang on new words is done for all of them first, so that no loop reads
/// what it has just written and every one takes many words at a time.
#[inline(always)]
fn twist(state: &mut [u32; DRAWS], mixed: &mut [u32; DRAWS]) {
    let mix = |this: u32, next: u32| {
        let joined = this & 0x8000_0000 | next & 0x7fff_ffff;
        (joined >> 1) ^ ((next & 1).wrapping_neg() & 0x9908_b0df)
    };
    for i in 0..DRAWS - 1 {
        mixed[i] = mix(state[i], state[i + 1]);
    }
    let (first, far) = state.split_at_mut(FAR);
    for i in 0..OLD {
        first[i] = far[i] ^ mixed[i];
    }
    let last = mix(far[OLD - 1], first[0]);
    let (new, rest) = state.split_at_mut(OLD);
    for i in 0..OLD {
        rest[i] = new[i] ^ mixed[OLD + i];
    }
    let (new, rest) = rest.split_at_mut(OLD);
    for i in 0..DRAWS - 2 * OLD - 1 {
        rest[i] = new[i] ^ mixed[2 * OLD + i];
    }
    state[DRAWS - 1] = state[FAR - 1] ^ last;
}

#[inline(always)]
fn tempered(mut x: u32) -> u32 {
    x ^= x >> 11;
    x ^= (x << 7) & 0x9d2c_5680;
    x ^= (x << 15) & 0xefc6_0000;
    x ^ (x >> 18)
}

/// `x % by`, for `by` from [`LEAST`] to 2^31 - 1.
///
/// The quotient is below 2^20. What it is taken from is off by less than 256 of `x`, a sixteenth of the quotient's unit; two
/// roundings of single precision make an eighth at the most, and the rounding to a whole number a half: less than one
/// together, so what is left lies between `-by` and `by`.
#[inline(always)]
fn narrow_remainder(x: u32, by: u32) -> u32 {
    // 2^23 more, and the last bits of the number are the whole part: no conversion, which instruction sets do unlike.
    const WHOLE: f32 = 8_388_608.0;
    let quotient = (x >> 8) as i32 as f32 * 256.0 / (by as i32 as f32);
    let whole = (quotient + WHOLE).to_bits() & 0x007f_ffff;
    let left = x.wrapping_sub(whole.wrapping_mul(by)) as i32;
    (left + (left >> 31 & by as i32)) as u32
}

/// `x % by`, through doubles: a quotient of 32-bit numbers that is no whole number is further from one than a double's
/// rounding, so the whole part is exact.
#[inline(always)]
fn wide_remainder(x: u32, by: u32) -> u32 {
    let whole = (f64::from(x) / f64::from(by)) as u32;
    x.wrapping_sub(whole.wrapping_mul(by))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    fn seeded(seed: u32) -> [u32; DRAWS] {
        let mut state = [seed; DRAWS];
        for i in 1..DRAWS {
            let before = state[i - 1];
            state[i] = 1_812_433_253_u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(i as u32);
        }
        state
    }

    /// As the paper has it: one word after the other, whole numbers.
    fn reference(state: &mut [u32; DRAWS], left: u32) -> [u32; DRAWS] {
        for i in 0..DRAWS {
            let joined = state[i] & 0x8000_0000 | state[(i + 1) % DRAWS] & 0x7fff_ffff;
            let odd = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            state[i] = state[(i + FAR) % DRAWS] ^ (joined >> 1) ^ odd;
        }
        core::array::from_fn(|i| tempered(state[i]) % left.saturating_sub(i as u32).max(1))
    }

    #[test]
    fn draws_what_the_standard_says() {
        // The standard's check: the 10,000th number of the default seed.
        let (mut state, mut draws) = (seeded(5489), [0; DRAWS]);
        for _ in 0..10_000 / DRAWS + 1 {
            mersenne_u32(Isa::Scalar, &mut state, u32::MAX, &mut draws);
        }
        assert_eq!(tempered(state[9_999 % DRAWS]), 4_123_659_995);
    }

    #[test]
    fn every_isa_draws_as_whole_numbers_do() {
        let edge = LEAST + DRAWS as u32;
        let mut lefts =
            std::vec![0, 1, 2, 623, 624, 625, edge - 1, edge, edge + 1, 32_000, 128_000, 1_000_003];
        lefts.extend([(1 << 24) + 1, (1 << 31) - 1, 1 << 31, (1 << 31) + 1, u32::MAX - 1, u32::MAX]);
        let mut random = Random(5);
        lefts.extend((0..200).map(|i| (random.next() as u32) >> (i % 20)));
        for isa in Isa::available() {
            for (seed, &left) in lefts.iter().enumerate() {
                let (mut state, mut draws) = (seeded(seed as u32), [0; DRAWS]);
                let mut wanted = state;
                for _ in 0..3 {
                    mersenne_u32(isa, &mut state, left, &mut draws);
                    assert_eq!(draws, reference(&mut wanted, left), "{} left {left}", isa.name());
                }
                assert_eq!(state, wanted);
            }
        }
    }

    #[test]
    fn what_lies_beside_a_multiple_leaves_what_it_should() {
        let mut random = Random(9);
        for round in 0..200_000_u32 {
            let by = ((random.next() as u32 >> 1) >> (round % 19)).max(LEAST);
            let multiple = random.next() as u32 / by * by;
            for x in [multiple.wrapping_sub(1), multiple, multiple + 1, u32::MAX] {
                assert_eq!(narrow_remainder(x, by), x % by, "{x} by {by}");
                assert_eq!(wide_remainder(x, by), x % by, "{x} by {by}");
            }
        }
    }
}
