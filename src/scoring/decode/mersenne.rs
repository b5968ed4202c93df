//! MT19937 (Matsumoto and Nishimura 1998), and the permutation that published watermarks draw with it.

const N: usize = 624;
const M: usize = 397;

/// The generator, seeded by the standard 32-bit initialisation.
struct Mersenne {
    state: [u32; N],
    at: usize,
}

impl Mersenne {
    fn new(seed: u32) -> Self {
        let mut state = [seed; N];
        for i in 1..N {
            let before = state[i - 1];
            state[i] = 1_812_433_253_u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(i as u32);
        }
        Self { state, at: N }
    }

    fn next(&mut self) -> u32 {
        if self.at == N {
            for i in 0..N {
                let mixed = self.state[i] & 0x8000_0000 | self.state[(i + 1) % N] & 0x7fff_ffff;
                let odd = if mixed & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + M) % N] ^ (mixed >> 1) ^ odd;
            }
            self.at = 0;
        }
        let mut x = self.state[self.at];
        self.at += 1;
        x ^= x >> 11;
        x ^= (x << 7) & 0x9d2c_5680;
        x ^= (x << 15) & 0xefc6_0000;
        x ^ (x >> 18)
    }
}

/// The first `count` entries of the permutation of `0..n` that the low 32 bits of `seed` give, in `all[..count]`; the rest
/// of `all` is what is left.
///
/// # Cost
/// `O(n)` to fill, and one draw for each of `count`. No allocation once `all` has room.
pub(super) fn permute(seed: u64, n: usize, count: usize, all: &mut Vec<u32>) {
    all.clear();
    all.extend((0..n).map(|i| i as u32));
    let mut random = Mersenne::new(seed as u32);
    for i in 0..count.min(n.saturating_sub(1)) {
        let z = random.next() as usize % (n - i);
        all.swap(i, i + z);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_what_the_standard_says() {
        // The standard's check: the 10,000th number of the default seed.
        let mut random = Mersenne::new(5489);
        let last = (0..10_000).map(|_| random.next()).last();
        assert_eq!(last, Some(4_123_659_995));
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
