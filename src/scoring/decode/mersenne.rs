//! MT19937 (Matsumoto and Nishimura 1998), and the permutation that published watermarks draw with it.

const N: usize = 624;
const M: usize = 397;

/// The generator, seeded by the standard 32-bit initialisation.
struct Mersenne {
    state: [u32; N],
}

impl Mersenne {
    fn new(seed: u32) -> Self {
        let mut state = [seed; N];
        for i in 1..N {
            let before = state[i - 1];
            state[i] = 1_812_433_253_u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(i as u32);
        }
        Self { state }
    }

    /// The next [`N`] numbers.
    fn next(&mut self, out: &mut [u32; N]) {
        let state = &mut self.state;
        let twist = |this: u32, next: u32, far: u32| {
            let mixed = this & 0x8000_0000 | next & 0x7fff_ffff;
            far ^ (mixed >> 1) ^ ((mixed & 1).wrapping_neg() & 0x9908_b0df)
        };
        // In three parts, so that no index wraps and many numbers are made at a time.
        for i in 0..N - M {
            state[i] = twist(state[i], state[i + 1], state[i + M]);
        }
        for i in N - M..N - 1 {
            state[i] = twist(state[i], state[i + 1], state[i + M - N]);
        }
        state[N - 1] = twist(state[N - 1], state[0], state[M - 1]);
        for (out, &x) in out.iter_mut().zip(&*state) {
            let mut x = x;
            x ^= x >> 11;
            x ^= (x << 7) & 0x9d2c_5680;
            x ^= (x << 15) & 0xefc6_0000;
            *out = x ^ (x >> 18);
        }
    }
}

/// The first `count` entries of the permutation of `0..n` that the low 32 bits of `seed` give, in `all[..count]`; the rest
/// of `all` is what is left. `n` is at most 2^31.
///
/// # Cost
/// `O(n)` to fill, and one draw for each of `count`. No allocation once `all` has room.
pub(super) fn permute(seed: u64, n: usize, count: usize, all: &mut Vec<u32>) {
    all.clear();
    all.extend(0..n as u32);
    let mut random = Mersenne::new(seed as u32);
    let mut drawn = [0; N];
    let mut far = [0_u32; N];
    let count = count.min(n.saturating_sub(1));
    for start in (0..count).step_by(N) {
        random.next(&mut drawn);
        // The remainder of a division by `n - i`, through doubles: a quotient of 32-bit numbers that is no whole number is
        // further from one than a double's rounding, so the whole part is exact. Many at a time, unlike integers.
        for (i, (far, &drawn)) in far.iter_mut().zip(&drawn).enumerate() {
            let left = (n - start).saturating_sub(i).max(1) as u32;
            let whole = (f64::from(drawn) / f64::from(left)) as u32;
            *far = drawn.wrapping_sub(whole.wrapping_mul(left));
        }
        for (i, &z) in (start..count.min(start + N)).zip(&far) {
            all.swap(i, i + z as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_what_the_standard_says() {
        // The standard's check: the 10,000th number of the default seed.
        let mut random = Mersenne::new(5489);
        let mut drawn = [0; N];
        for _ in 0..10_000 / N + 1 {
            random.next(&mut drawn);
        }
        assert_eq!(drawn[9_999 % N], 4_123_659_995);
    }

    #[test]
    fn a_permutation_is_that_of_whole_numbers() {
        for (seed, n) in [(1_u64, 1_usize), (2, 2), (3, 623), (4, 624), (5, 1250), (u64::MAX, 100_003)] {
            let (mut random, mut drawn) = (Mersenne::new(seed as u32), [0; N]);
            let mut wanted: Vec<u32> = (0..n as u32).collect();
            for i in 0..n - 1 {
                if i % N == 0 {
                    random.next(&mut drawn);
                }
                wanted.swap(i, i + drawn[i % N] as usize % (n - i));
            }
            let mut all = Vec::new();
            permute(seed, n, n, &mut all);
            assert_eq!(all, wanted, "{n}");
        }
    }

    #[test]
    fn the_table_of_the_hash_begins_as_published() {
        let mut all = Vec::new();
        permute(2_971_215_073, 1_000_003, 5, &mut all);
        assert_eq!(all[..5], [250_534, 296_009, 268_311, 356_494, 845_733]);
        permute(1, 0, 5, &mut all);
        assert!(all.is_empty());
    }
}
