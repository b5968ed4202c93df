//! The permutation that published watermarks draw by MT19937 (Matsumoto and Nishimura 1998).

use trueline_kernels::Isa;
use trueline_kernels::mersenne_u32::{DRAWS, mersenne_u32};

/// The draws of a shuffle of `0..n`: in step `i` place `i` changes with a later one.
struct Draws {
    isa: Isa,
    state: [u32; DRAWS],
    /// By how much each place is passed.
    far: [u32; DRAWS],
}

impl Draws {
    /// By the standard 32-bit initialisation, with the low half of `seed`.
    fn new(isa: Isa, seed: u64) -> Self {
        let mut state = [seed as u32; DRAWS];
        for i in 1..DRAWS {
            let before = state[i - 1];
            state[i] = 1_812_433_253_u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(i as u32);
        }
        Self { isa, state, far: [0; DRAWS] }
    }

    /// The next draws, when `left` places are left.
    fn next(&mut self, left: usize) -> &[u32; DRAWS] {
        mersenne_u32(self.isa, &mut self.state, left as u32, &mut self.far);
        &self.far
    }
}

/// What stands in a place that was changed; 0: the place's own number still does.
trait Cell: Copy + Default {
    fn holding(number: u32) -> Self;
    fn number(self) -> Option<u32>;
}

macro_rules! cell {
    ($type:ty) => {
        impl Cell for $type {
            fn holding(number: u32) -> Self {
                number as $type + 1
            }
            fn number(self) -> Option<u32> {
                (self != 0).then(|| u32::from(self).wrapping_sub(1))
            }
        }
    };
}
cell!(u16);
cell!(u32);

/// Memory for permutations.
#[derive(Clone, Debug)]
pub(super) struct Shuffle {
    isa: Isa,
    narrow: Vec<u16>,
    wide: Vec<u32>,
}

impl Shuffle {
    pub(super) fn new(isa: Isa) -> Self {
        Self { isa, narrow: Vec::new(), wide: Vec::new() }
    }

    /// The first `count` entries of the permutation of `0..n` that the low 32 bits of `seed` give. `n` is at most 2^31.
    ///
    /// # Cost
    /// Two or four bytes cleared for each of `n`, and one draw for each of `count`. No allocation once there is room.
    pub(super) fn first(&mut self, seed: u64, n: usize, count: usize, into: &mut Vec<u32>) {
        let draws = Draws::new(self.isa, seed);
        into.clear();
        // What moves comes from the first `count` places, and only there: in half the memory if that is few.
        if count < usize::from(u16::MAX) {
            shuffle(draws, n, count, &mut self.narrow, into);
        } else {
            shuffle(draws, n, count, &mut self.wide, into);
        }
    }

    /// Whether `token` is among the first `count` entries of that permutation. It is followed through the draws.
    ///
    /// # Cost
    /// One draw for each of `count` at the most; no memory.
    pub(super) fn is_among_first(&self, seed: u64, n: usize, count: usize, token: u32) -> bool {
        let count = count.min(n);
        if count == n {
            return (token as usize) < n;
        }
        let (mut draws, mut place) = (Draws::new(self.isa, seed), token as usize);
        for start in (0..count).step_by(DRAWS) {
            let block = &draws.next(n - start)[..DRAWS.min(count - start)];
            let mut from = 0;
            loop {
                let own = place.checked_sub(start).filter(|own| *own < block.len());
                let until = own.unwrap_or(block.len());
                if meets(&block[from..until], start + from, place) {
                    return true;
                }
                let Some(own) = own else { break };
                // Its own turn: it changes with a later place, or stays where it is for good.
                if block[own] == 0 {
                    return true;
                }
                place += block[own] as usize;
                from = own + 1;
            }
        }
        false
    }
}

/// Whether one of these draws, the first of which is that of step `start`, reaches `place`. All are looked at, many at a time.
fn meets(far: &[u32], start: usize, place: usize) -> bool {
    let wanted = (place as u32).wrapping_sub(start as u32);
    far.iter().zip(0_u32..).fold(false, |met, (&far, i)| met | (far == wanted.wrapping_sub(i)))
}

fn shuffle<C: Cell>(mut draws: Draws, n: usize, count: usize, cells: &mut Vec<C>, into: &mut Vec<u32>) {
    cells.clear();
    cells.resize(n, C::default());
    let count = count.min(n);
    for start in (0..count).step_by(DRAWS) {
        let far = draws.next(n - start);
        into.extend((start..count).zip(far).map(|(place, &far)| {
            let other = place + far as usize;
            let (moved, taken) = (cells[place], cells[other]);
            // Its own place is behind us: nothing looks there again.
            cells[other] = C::holding(moved.number().unwrap_or(place as u32));
            taken.number().unwrap_or(other as u32)
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the original does it, in whole numbers.
    fn wanted(seed: u64, n: usize) -> Vec<u32> {
        let mut draws = Draws::new(Isa::Scalar, seed);
        let mut all: Vec<u32> = (0..n as u32).collect();
        for start in (0..n).step_by(DRAWS) {
            let far = *draws.next(n - start);
            for (i, far) in (start..n).zip(far) {
                all.swap(i, i + far as usize);
            }
        }
        all
    }

    #[test]
    fn a_permutation_begins_as_one_by_swaps_of_all() {
        for isa in Isa::available() {
            let (mut shuffle, mut found) = (Shuffle::new(isa), Vec::new());
            for (seed, n) in [(1_u64, 1_usize), (2, 2), (3, 623), (4, 624), (5, 1250), (u64::MAX, 100_003)] {
                let wanted = wanted(seed, n);
                for count in [0, 1, n / 4, n / 2, n - 1, n] {
                    shuffle.first(seed, n, count, &mut found);
                    assert_eq!(found, wanted[..count], "{count} of {n}");
                }
            }
        }
    }

    #[test]
    fn the_one_that_is_followed_is_where_the_list_has_it() {
        let (mut shuffle, mut found) = (Shuffle::new(Isa::best()), Vec::new());
        for (seed, n, count) in [(7, 40, 10), (8, 40, 0), (9, 40, 40), (10, 1250, 1249), (11, 5000, 1250)] {
            shuffle.first(seed, n, count, &mut found);
            let mut green = vec![false; n];
            found.iter().for_each(|&token| green[token as usize] = true);
            for token in 0..n as u32 {
                let among = shuffle.is_among_first(seed, n, count, token);
                assert_eq!(among, green[token as usize], "{token} of {n}, {count}");
            }
        }
    }

    #[test]
    fn the_table_of_the_hash_begins_as_published() {
        let (mut shuffle, mut found) = (Shuffle::new(Isa::best()), Vec::new());
        shuffle.first(2_971_215_073, 1_000_003, 5, &mut found);
        assert_eq!(found, [250_534, 296_009, 268_311, 356_494, 845_733]);
        shuffle.first(1, 0, 5, &mut found);
        assert!(found.is_empty());
    }
}
