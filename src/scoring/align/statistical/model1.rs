//! IBM Model 1, as GIZA++ trains it.

use super::{Corpus, Table};
use crate::Error;
use crate::scoring::refuse::{all_finite, invalid, same_length};

/// The least that a probability is read as.
pub const FLOOR: f64 = 1e-7;

/// The least count that is added.
pub(super) const LEAST_COUNT: f64 = 1e-7;

/// Evidence for the cells of a table, added after each round; rows are then made to sum to 1 (EE-GIZA++).
pub type Evidence<'a> = Option<&'a [f64]>;

/// A trained table, and the alignments of the last round.
#[derive(Clone, Debug, PartialEq)]
pub struct Model1 {
    /// Probabilities of target words.
    pub table: Table,
    /// Of each pair and target word the source position, from 1; 0 is none.
    pub alignments: Vec<Vec<u32>>,
}

/// Trains for some rounds. The alignments are those of the table in force during the last one, of equals the lowest.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if there are no rounds, the words that meet are too many, or
/// there is not one number of evidence for each cell.
/// # Cost
/// For each round and two words of a pair a search in a row of the table. 20 bytes for every two words that meet.
/// # Source
/// Brown et al. 1993; Och and Ney 2003; golden file `giza_model1_hmm.json`.
pub fn train(corpus: &Corpus, rounds: usize, evidence: Evidence) -> Result<Model1, Error> {
    if rounds == 0 {
        return Err(invalid("0 rounds; at least 1"));
    }
    let mut table = Table::new(corpus, 0.0)?;
    check_evidence(&table, evidence)?;
    let mut counts = vec![0.0_f64; table.len()];
    let mut cells = Vec::new();
    let mut alignments: Vec<Vec<u32>> = corpus.pairs().map(|(_, target)| vec![0; target.len()]).collect();
    for round in 0..rounds {
        counts.fill(0.0);
        for ((source, target), alignment) in corpus.pairs().zip(&mut alignments) {
            table.cells_of(source, target, &mut cells);
            for (cells, best) in cells.chunks_exact(source.len() + 1).zip(alignment) {
                if round == 0 {
                    cells.iter().for_each(|cell| counts[*cell] += 1.0 / cells.len() as f64);
                    continue;
                }
                let of = |cell: usize| table.value(cell).max(FLOOR);
                let sum: f64 = cells.iter().map(|cell| of(*cell)).sum();
                *best = (1..cells.len())
                    .fold(0, |best, at| if of(cells[at]) > of(cells[best]) { at } else { best })
                    as u32;
                for &cell in cells {
                    let count = of(cell) / sum;
                    counts[cell] += if count >= LEAST_COUNT { count } else { 0.0 };
                }
            }
        }
        table.set_shares(&counts);
        add_evidence(&mut table, evidence);
    }
    Ok(Model1 { table, alignments })
}

pub(super) fn check_evidence(table: &Table, evidence: Evidence) -> Result<(), Error> {
    let Some(evidence) = evidence else { return Ok(()) };
    same_length(("numbers of evidence", evidence.len()), ("cells", table.len()))?;
    all_finite("evidence", evidence.iter().copied())
}

pub(super) fn add_evidence(table: &mut Table, evidence: Evidence) {
    let Some(evidence) = evidence else { return };
    let sums: Vec<f64> = table.cells().zip(evidence).map(|((.., value), more)| value + more).collect();
    table.set_shares(&sums);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_always_meet_are_found_and_evidence_moves_them() {
        let mut corpus = Corpus::default();
        for (source, target) in [([0, 1], [0, 1]), ([0, 2], [0, 2]), ([1, 2], [1, 2])] {
            corpus.push(&source, &target).expect("two words");
        }
        let plain = train(&corpus, 5, None).expect("a model");
        let of = |model: &Model1| model.table.get(Some(1), 1).expect("a cell");
        assert!(plain.alignments.iter().all(|alignment| *alignment == [1, 2]) && of(&plain) > 0.5);
        assert_eq!(train(&corpus, 1, None).expect("a model").alignments, vec![vec![0, 0]; 3]);
        let evidence: Vec<f64> =
            plain.table.cells().map(|(e, f, _)| if e == Some(1) && f == 1 { 9.0 } else { 0.0 }).collect();
        assert!(of(&train(&corpus, 5, Some(&evidence)).expect("a model")) > of(&plain));
        assert!(train(&corpus, 5, Some(&[1.0])).is_err() && train(&corpus, 0, None).is_err());
        assert_eq!(plain.table.get(Some(7), 0), None);
        assert_eq!(plain.table.get(None, 99), None);
    }
}
