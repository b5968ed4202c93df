//! How likely a target word is for a source word.

use super::Corpus;
use crate::Error;

/// Probabilities of target words, in rows: row 0 is that of no word, word `e` has row `e + 1`.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    starts: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f64>,
}

impl Table {
    /// A cell for every two words that meet in a pair, all of one value.
    pub(super) fn new(corpus: &Corpus, value: f64) -> Result<Self, Error> {
        let (starts, columns) = corpus.seen()?;
        let values = vec![value; columns.len()];
        Ok(Self { starts, columns, values })
    }

    /// The probability of a target word for a source word, or for none; `None` if they never met.
    pub fn get(&self, source: Option<u32>, target: u32) -> Option<f64> {
        let row = source.map_or(0, |word| word as usize + 1);
        self.cell(row, target).map(|cell| self.values[cell])
    }

    /// All cells: the source word, the target word and its probability.
    pub fn cells(&self) -> impl Iterator<Item = (Option<u32>, u32, f64)> {
        (0..self.n_rows()).flat_map(move |row| {
            let cells = self.starts[row]..self.starts[row + 1];
            cells.map(move |cell| ((row as u32).checked_sub(1), self.columns[cell], self.values[cell]))
        })
    }

    /// The number of cells.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The target words of a row and their probabilities, ascending by word: row 0 is that of no word, word `e` has row `e + 1`.
    pub fn row(&self, row: usize) -> (&[u32], &[f64]) {
        let cells = self.starts[row]..self.starts[row + 1];
        (&self.columns[cells.clone()], &self.values[cells])
    }

    /// The number of rows: one more than there are source words.
    pub fn n_rows(&self) -> usize {
        self.starts.len() - 1
    }

    pub(super) fn cell(&self, row: usize, target: u32) -> Option<usize> {
        let first = *self.starts.get(row)?;
        let columns = self.columns.get(first..*self.starts.get(row + 1)?)?;
        // The row of no word has every word, mostly at its own place.
        if columns.get(target as usize) == Some(&target) {
            return Some(first + target as usize);
        }
        columns.binary_search(&target).ok().map(|at| first + at)
    }

    pub(super) fn value(&self, cell: usize) -> f64 {
        self.values[cell]
    }

    /// Replaces each row by what `of` makes of its counts.
    pub(super) fn set(&mut self, counts: &[f64], mut of: impl FnMut(&[f64], &mut [f64])) {
        for row in 0..self.n_rows() {
            let cells = self.starts[row]..self.starts[row + 1];
            of(&counts[cells.clone()], &mut self.values[cells]);
        }
    }

    /// Replaces each row by its share of the counts; equal shares where there are none.
    pub(super) fn set_shares(&mut self, counts: &[f64]) {
        self.set(counts, |counts, values| {
            let sum: f64 = counts.iter().sum();
            if sum > 0.0 {
                values.iter_mut().zip(counts).for_each(|(value, count)| *value = count / sum);
            } else {
                values.fill(1.0 / values.len().max(1) as f64);
            }
        });
    }

    /// The cells of each target word (inner) with no word and each source word of a sentence.
    pub(super) fn cells_of(&self, source: &[u32], target: &[u32], cells: &mut Vec<usize>) {
        cells.clear();
        for &word in target {
            let rows = std::iter::once(0).chain(source.iter().map(|word| *word as usize + 1));
            // Every two words of a pair have a cell: the table was made of the same corpus.
            cells.extend(rows.map(|row| self.cell(row, word).unwrap_or(0)));
        }
    }
}
