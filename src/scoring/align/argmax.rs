//! Links between positions that prefer each other.

use super::{Link, Matrix};

/// The best partner of every position, on both sides; keep one and reuse it, and its memory is reused.
#[derive(Clone, Debug, Default)]
pub struct Preferences {
    pub(super) of_source: Vec<usize>,
    pub(super) of_target: Vec<usize>,
    best_of_target: Vec<f64>,
}

impl Preferences {
    /// Finds the best partner of every position of `similarity`; of equals the lower index.
    ///
    /// # Cost
    /// One pass; no allocation once the lists have room.
    pub fn assign(&mut self, similarity: Matrix) {
        self.assign_weighted(similarity, |_, _| 1.0);
    }

    /// [`Preferences::assign`], with every similarity multiplied by a weight.
    pub(super) fn assign_weighted(&mut self, similarity: Matrix, weight: impl Fn(usize, usize) -> f64) {
        self.of_source.clear();
        self.of_target.clear();
        self.best_of_target.clear();
        if similarity.values().is_empty() {
            return;
        }
        self.of_target.resize(similarity.n_target(), 0);
        self.best_of_target.resize(similarity.n_target(), f64::NEG_INFINITY);
        for (source, row) in similarity.rows().enumerate() {
            let mut best = (0, f64::NEG_INFINITY);
            let columns = self.of_target.iter_mut().zip(&mut self.best_of_target);
            for (target, (value, (partner, best_of_target))) in row.iter().zip(columns).enumerate() {
                let value = value * weight(source, target);
                if value > best.1 {
                    best = (target, value);
                }
                if value > *best_of_target {
                    (*partner, *best_of_target) = (source, value);
                }
            }
            self.of_source.push(best.0);
        }
    }

    /// Pushes the link of every source position to the target position it prefers, in source order.
    ///
    /// # Source
    /// "fwd" of SimAlign; golden file `simalign_matching.json`.
    pub fn forward(&self, links: &mut Vec<Link>) {
        links.extend(self.of_source.iter().enumerate().map(|(source, target)| Link::new(source, *target)));
    }

    /// Pushes the link of every target position to the source position it prefers, in target order.
    ///
    /// # Source
    /// "rev" of SimAlign; golden file `simalign_matching.json`.
    pub fn reverse(&self, links: &mut Vec<Link>) {
        links.extend(self.of_target.iter().enumerate().map(|(target, source)| Link::new(*source, target)));
    }

    /// Pushes the links that are in both directions, in source order.
    ///
    /// # Source
    /// "Argmax" of Jalili Sabet et al. 2020, SimAlign (`inter`); golden file `simalign_matching.json`.
    pub fn mutual(&self, links: &mut Vec<Link>) {
        links.extend(self.pairs());
    }

    /// The pairs that prefer each other. A position whose preference is not known has one beyond all others.
    pub(super) fn pairs(&self) -> impl Iterator<Item = Link> {
        let both = |(source, target): &(usize, &usize)| self.of_target.get(**target) == Some(source);
        self.of_source.iter().enumerate().filter(both).map(|(source, target)| Link::new(source, *target))
    }
}

/// Pushes a link for every pair that prefers each other, in source order; see [`Preferences`] for reuse.
///
/// # Shapes
/// `similarity`: `[n_source, n_target]`. Ties go to the lower index. An empty side gives no links.
/// # Cost
/// One pass; allocates `n_source + 2 * n_target` words.
/// # Source
/// "Argmax" of Jalili Sabet et al. 2020, SimAlign; golden file `simalign_matching.json`.
pub fn mutual_argmax(similarity: Matrix, links: &mut Vec<Link>) {
    let mut preferences = Preferences::default();
    preferences.assign(similarity);
    preferences.mutual(links);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_lower_index() {
        let mut links = Vec::new();
        mutual_argmax(Matrix::new(&[0.5; 6], 2, 3).expect("six values"), &mut links);
        assert_eq!(links, [Link::new(0, 0)]);
    }

    #[test]
    fn an_empty_side_links_nothing() {
        for (n_source, n_target) in [(0, 0), (0, 3), (3, 0)] {
            let mut links = Vec::new();
            let mut preferences = Preferences::default();
            preferences.assign(Matrix::new(&[], n_source, n_target).expect("no values"));
            preferences.forward(&mut links);
            preferences.reverse(&mut links);
            preferences.mutual(&mut links);
            assert!(links.is_empty());
        }
        assert!(Matrix::new(&[f64::NAN], 1, 1).is_err());
        assert!(Matrix::new(&[0.0; 3], 2, 2).is_err());
        assert!(Matrix::new(&[], usize::MAX, 2).is_err());
    }
}
