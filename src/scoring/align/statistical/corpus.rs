//! Sentence pairs as word ids.

use crate::Error;
use crate::scoring::refuse::invalid;

/// The most cells of a table: 12 bytes each, with their counts 20.
const MOST_CELLS: usize = 1 << 28;

/// Sentence pairs, one after the other, in two flat lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Corpus {
    words: [Vec<u32>; 2],
    ends: [Vec<usize>; 2],
    n_words: [usize; 2],
}

impl Corpus {
    /// Adds a pair. Word ids of either side count from 0 without large gaps: a table has a row for each.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if an id is `u32::MAX` or a sentence has more than 65,535
    /// words.
    pub fn push(&mut self, source: &[u32], target: &[u32]) -> Result<(), Error> {
        for words in [source, target] {
            if words.len() > usize::from(u16::MAX) {
                return Err(invalid(format!("a sentence of {} words; at most {}", words.len(), u16::MAX)));
            }
            if words.contains(&u32::MAX) {
                return Err(invalid(format!("word id {}; below that", u32::MAX)));
            }
        }
        for (side, words) in [source, target].into_iter().enumerate() {
            self.words[side].extend_from_slice(words);
            self.ends[side].push(self.words[side].len());
            let most = words.iter().map(|word| *word as usize + 1).max().unwrap_or(0);
            self.n_words[side] = self.n_words[side].max(most);
        }
        Ok(())
    }

    /// The same pairs, the other way round.
    pub fn reversed(mut self) -> Self {
        self.words.reverse();
        self.ends.reverse();
        self.n_words.reverse();
        self
    }

    /// The number of pairs.
    pub fn len(&self) -> usize {
        self.ends[0].len()
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One more than the largest id of the source, and of the target.
    pub fn n_words(&self) -> [usize; 2] {
        self.n_words
    }

    /// The words of a pair.
    ///
    /// # Panics
    /// If `at` is not below [`Corpus::len`].
    pub fn pair(&self, at: usize) -> (&[u32], &[u32]) {
        let side = |side: usize| {
            let first = if at == 0 { 0 } else { self.ends[side][at - 1] };
            &self.words[side][first..self.ends[side][at]]
        };
        (side(0), side(1))
    }

    /// All pairs, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&[u32], &[u32])> {
        (0..self.len()).map(|at| self.pair(at))
    }

    /// The target words that each source word was seen with, sorted, row after row, and where rows start. Row 0 is that of
    /// no word, and has all target words; word `e` has row `e + 1`.
    pub(super) fn seen(&self) -> Result<(Vec<usize>, Vec<u32>), Error> {
        let [n_source, n_target] = self.n_words;
        let mut everywhere = vec![false; n_target];
        self.words[1].iter().for_each(|word| everywhere[*word as usize] = true);
        let mut columns: Vec<u32> = (0..n_target as u32).filter(|word| everywhere[*word as usize]).collect();
        let mut starts = vec![0, columns.len()];
        // The pairs that each source word is in, so that a row is made at once.
        let mut of_word = vec![0_usize; n_source + 1];
        for word in &self.words[0] {
            of_word[*word as usize + 1] += 1;
        }
        for word in 0..n_source {
            of_word[word + 1] += of_word[word];
        }
        let mut places = of_word.clone();
        let mut pairs = vec![0_u32; self.words[0].len()];
        for (at, (source, _)) in self.pairs().enumerate() {
            for word in source {
                let place = &mut places[*word as usize];
                pairs[*place] = at as u32;
                *place += 1;
            }
        }
        let mut marks = vec![usize::MAX; n_target];
        for word in 0..n_source {
            let first = columns.len();
            let mut before = u32::MAX;
            for &pair in &pairs[of_word[word]..of_word[word + 1]] {
                if pair == before {
                    continue;
                }
                before = pair;
                for &target in self.pair(pair as usize).1 {
                    if marks[target as usize] != word {
                        marks[target as usize] = word;
                        columns.push(target);
                    }
                }
                if columns.len() > MOST_CELLS {
                    return Err(invalid(format!("more than {MOST_CELLS} pairs of words; split the bitext")));
                }
            }
            columns[first..].sort_unstable();
            starts.push(columns.len());
        }
        Ok((starts, columns))
    }
}
