//! Links that are taken back because neither word prefers anything: the null handling of SimAlign.

use super::{Link, Matrix};
use crate::Error;
use crate::scoring::refuse::invalid;

/// How undecided every position is: the entropy of its similarities as shares of their sum, 0 for one partner and 1 for all
/// alike.
#[derive(Clone, Debug, Default)]
pub struct Entropies {
    of_source: Vec<f64>,
    of_target: Vec<f64>,
}

impl Entropies {
    /// Computes the entropies of all rows and columns; a row of zeroes has 0.
    ///
    /// # Errors
    /// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for a similarity below 0, which is no share.
    /// # Cost
    /// Two passes, a logarithm for each similarity in each. No allocation once the lists have room.
    /// # Source
    /// Jalili Sabet et al. 2020, SimAlign, the script for files; golden file `simalign_null.json`.
    pub fn assign(&mut self, similarity: Matrix) -> Result<(), Error> {
        let (m, n) = (similarity.n_source(), similarity.n_target());
        if let Some(at) = similarity.values().iter().position(|&s| s < 0.0) {
            let (i, j, s) = (at / n, at % n, similarity.values()[at]);
            return Err(invalid(format!("similarity {s} of {i} and {j}; entropies are of numbers from 0")));
        }
        self.of_source.clear();
        self.of_source.extend((0..m).map(|i| entropy(similarity.row(i).iter().copied(), n)));
        self.of_target.clear();
        self.of_target.extend((0..n).map(|j| entropy((0..m).map(|i| similarity.row(i)[j]), m)));
        Ok(())
    }

    /// That of the more decided word of a pair.
    ///
    /// # Panics
    /// If a position is none of the matrix.
    pub fn of(&self, link: Link) -> f64 {
        self.of_source[link.source].min(self.of_target[link.target])
    }

    /// Keeps the links of which at least one word's entropy is at most `highest`. Where a side has fewer than three
    /// positions all stay.
    ///
    /// # Panics
    /// If a link is none of the matrix.
    pub fn retain(&self, highest: f64, links: &mut Vec<Link>) {
        if self.of_source.len().min(self.of_target.len()) > 2 {
            links.retain(|&link| self.of(link) <= highest);
        }
    }
}

/// The threshold at the `share` of all links of a corpus that are to stay: the value at that place in ascending order.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) if there are no values, one is NaN, or `share` is not in
/// `0..1`.
pub fn threshold(values: &mut [f64], share: f64) -> Result<f64, Error> {
    if !(0.0..1.0).contains(&share) {
        return Err(invalid(format!("share {share}; it lies in 0..1, 1 excluded")));
    }
    if values.is_empty() || values.iter().any(|value| value.is_nan()) {
        return Err(invalid(format!("{} entropies, or one that is NaN; at least one number", values.len())));
    }
    values.sort_unstable_by(f64::total_cmp);
    Ok(values[(share * values.len() as f64) as usize])
}

fn entropy(values: impl Iterator<Item = f64> + Clone, n: usize) -> f64 {
    let sum: f64 = values.clone().sum();
    if sum == 0.0 || n < 2 {
        return 0.0;
    }
    let terms = values.map(|value| value / sum).filter(|&p| p > 0.0).map(|p| p * libm::log(p));
    -terms.sum::<f64>() / libm::log(n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undecided_words_lose_their_links() {
        let values = [1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0];
        let mut entropies = Entropies::default();
        entropies.assign(Matrix::new(&values, 3, 3).expect("nine")).expect("none below 0");
        let mut links = vec![Link::new(0, 0), Link::new(1, 1)];
        entropies.retain(0.5, &mut links);
        assert_eq!(links, [Link::new(1, 1)]);
        assert!(entropies.assign(Matrix::new(&[-0.1], 1, 1).expect("one")).is_err());
        assert_eq!(threshold(&mut [0.3, 0.1, 0.2], 0.5), Ok(0.2));
        assert!(threshold(&mut [], 0.5).is_err() && threshold(&mut [0.1], 1.0).is_err());
    }
}
