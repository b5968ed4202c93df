//! The self-labelling aligner of XLM-Align (Chi et al. 2021): a few rounds of Sinkhorn on raw dot products.

use super::{Link, Matrix};

/// What [`SelfLabel::assign`] computes; keep one and reuse it, and its memory is reused.
#[derive(Clone, Debug, Default)]
pub struct SelfLabel {
    rows: Vec<f64>,
    columns: Vec<f64>,
    sums: Vec<f64>,
    n_target: usize,
}

/// Dot products below this count as this, where they are clamped.
const LEAST: f64 = 1e-6;

impl SelfLabel {
    /// Divides each column by its sum, then each row, `rounds` times.
    ///
    /// `clamp` is what the paper says, dot products of at least 1e-6; the program meant to and does not, so that negative
    /// ones flow through, and sums near 0 let values grow without bound.
    ///
    /// # Shapes
    /// `similarity`: `[n_source, n_target]` of sub-words.
    /// # Cost
    /// Two passes a round; no allocation once there is room.
    /// # Source
    /// Golden file `xlm_align_sinkhorn.json`.
    pub fn assign(&mut self, similarity: Matrix, rounds: usize, clamp: bool) {
        self.n_target = similarity.n_target();
        self.rows.clear();
        self.rows.extend(similarity.values().iter().map(|&s| if clamp { s.max(LEAST) } else { s }));
        self.columns.clone_from(&self.rows);
        let n = self.n_target.max(1);
        for _ in 0..rounds {
            self.sums.clear();
            self.sums.resize(self.n_target, 0.0);
            for row in self.rows.chunks_exact(n) {
                self.sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
            }
            self.columns.clone_from(&self.rows);
            for row in self.columns.chunks_exact_mut(n) {
                row.iter_mut().zip(&self.sums).for_each(|(value, sum)| *value /= sum);
            }
            self.rows.clone_from(&self.columns);
            for row in self.rows.chunks_exact_mut(n) {
                let sum: f64 = row.iter().sum();
                row.iter_mut().for_each(|value| *value /= sum);
            }
        }
    }

    /// The plan after the last division of rows, `[n_source, n_target]`.
    pub fn plan(&self) -> &[f64] {
        &self.rows
    }

    /// The plan before it, whose columns sum to 1.
    pub fn columns(&self) -> &[f64] {
        &self.columns
    }

    /// Pushes the links of which the target is the source's best in [`SelfLabel::plan`] and the source is the target's in
    /// [`SelfLabel::columns`]; of equals the lower index, and NaN is never best.
    pub fn links(&self, links: &mut Vec<Link>) {
        let n = self.n_target.max(1);
        let mut best = vec![(0, f64::NEG_INFINITY); self.n_target];
        for (source, row) in self.columns.chunks_exact(n).enumerate() {
            for (best, &value) in best.iter_mut().zip(row) {
                if value > best.1 {
                    *best = (source, value);
                }
            }
        }
        for (source, row) in self.rows.chunks_exact(n).enumerate() {
            let mut own = (0, f64::NEG_INFINITY);
            for (target, &value) in row.iter().enumerate() {
                if value > own.1 {
                    own = (target, value);
                }
            }
            if own.1 > f64::NEG_INFINITY && best[own.0].1 > f64::NEG_INFINITY && best[own.0].0 == source {
                links.push(Link::new(source, own.0));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clamped_products_stay_shares() {
        let mut label = SelfLabel::default();
        label.assign(Matrix::new(&[2.0, -1.0, -1.0, 3.0], 2, 2).expect("four"), 2, true);
        assert!(label.plan().iter().all(|p| (0.0..=1.0).contains(p)));
        let mut links = Vec::new();
        label.links(&mut links);
        assert_eq!(links, [Link::new(0, 0), Link::new(1, 1)]);
        label.assign(Matrix::new(&[], 0, 3).expect("none"), 2, true);
        links.clear();
        label.links(&mut links);
        assert!(links.is_empty() && label.plan().is_empty());
    }
}
