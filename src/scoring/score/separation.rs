//! How well classes of vectors separate: cluster indices, and the alignment quality made of them.

use crate::Error;
use crate::scoring::align::entmax::sparsemax;
use crate::scoring::refuse::{all_finite, invalid, same_length};
use crate::scoring::score::softmax::softmax;

/// The most points whose pairs are compared; take a [`subsample`] of more.
pub const MAX_POINTS: usize = 4096;

/// The raw indices. Report them with any composite: `calinski_harabasz / (1 + it)` is nearly 1 for most data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Indices {
    /// Mean over classes of the worst ratio of spread to distance; less is better.
    pub davies_bouldin: f64,
    /// Least distance between classes over the greatest diameter; zero distances are ignored.
    pub dunn: f64,
    /// Spread between classes over spread within, each by its degrees of freedom; 1 without spread within.
    pub calinski_harabasz: f64,
    /// Mean of how much nearer each point lies to its own class than to the next; in `[-1, 1]`.
    pub silhouette: f64,
    /// Spread within over the least squared distance of centroids; infinite if two coincide. Less is better.
    pub xie_beni: f64,
}

/// The indices brought to `[0, 1]`, where more is better, and their combinations.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// `1 / (1 + davies_bouldin)`.
    pub dbs_norm: f64,
    /// `dunn / (1 + dunn)`.
    pub di_norm: f64,
    /// `(silhouette + 1) / 2`.
    pub ss_norm: f64,
    /// `calinski_harabasz / (1 + calinski_harabasz)`.
    pub chi_norm: f64,
    /// `1 / (1 + xie_beni)`; 0 for infinity.
    pub xb_norm: f64,
    /// `gamma * dbs_norm + (1 - gamma) * di_norm`.
    pub aqi_dbs_di: f64,
    /// `gamma * ss_norm + (1 - gamma) * chi_norm`.
    pub aqi_ss_chi: f64,
    /// `gamma * ss_norm + (1 - gamma) * xb_norm`.
    pub aqi_ss_xb: f64,
}

/// One group's share in [`percentile_quality`], each from 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupQuality {
    /// Its Calinski-Harabasz index among the groups'.
    pub chi_norm: f64,
    /// Its Xie-Beni index among the groups', where less is more.
    pub xb_norm: f64,
    /// Both together.
    pub aqi: f64,
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    squared(a, b).sqrt()
}

fn squared(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// The points of each class, and what follows from them.
struct Classes<'a> {
    points: Vec<&'a [f64]>,
    /// For each point, its class from 0.
    class: Vec<usize>,
    sizes: Vec<usize>,
    centroids: Vec<Vec<f64>>,
}

/// Indices of labelled points.
///
/// # Shapes
/// `points`: `[n, dim]`, row-major; `labels`: `[n]`.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for shapes that do not fit, a number that is not finite, fewer than
/// two classes, or more than [`MAX_POINTS`] points.
/// # Cost
/// `O(n^2 dim)` for the Dunn index and the silhouette.
/// # Source
/// Borah et al. 2025, Alignment Quality Index, on the vectors themselves and not on t-SNE; Davies-Bouldin and the silhouette as
/// in scikit-learn; golden file `aqi.json`, `indices`.
pub fn indices(points: &[f64], dim: usize, labels: &[i64]) -> Result<Indices, Error> {
    let classes = Classes::new(points, dim, labels)?;
    Ok(Indices {
        davies_bouldin: classes.davies_bouldin(),
        dunn: classes.dunn(),
        calinski_harabasz: classes.calinski_harabasz(),
        silhouette: classes.silhouette(),
        xie_beni: classes.xie_beni(),
    })
}

impl<'a> Classes<'a> {
    fn new(points: &'a [f64], dim: usize, labels: &[i64]) -> Result<Self, Error> {
        if dim == 0 || !points.len().is_multiple_of(dim) {
            let n = points.len();
            return Err(invalid(format!("{n} numbers do not fill points of {dim} dimensions")));
        }
        let points: Vec<&[f64]> = points.chunks_exact(dim).collect();
        same_length(("points", points.len()), ("labels", labels.len()))?;
        if points.len() > MAX_POINTS {
            let n = points.len();
            return Err(invalid(format!("{n} points; at most {MAX_POINTS} are compared: take a subsample")));
        }
        all_finite("coordinate", points.iter().flat_map(|p| p.iter().copied()))?;
        let mut names = labels.to_vec();
        names.sort_unstable();
        names.dedup();
        if names.len() < 2 {
            return Err(invalid(format!("{} classes; separation takes at least two", names.len())));
        }
        let class: Vec<usize> =
            labels.iter().map(|label| names.partition_point(|name| name < label)).collect();
        let mut sizes = vec![0; names.len()];
        let mut centroids = vec![vec![0.0; dim]; names.len()];
        for (point, &class) in points.iter().zip(&class) {
            sizes[class] += 1;
            centroids[class].iter_mut().zip(*point).for_each(|(sum, x)| *sum += x);
        }
        for (centroid, &size) in centroids.iter_mut().zip(&sizes) {
            centroid.iter_mut().for_each(|sum| *sum /= size as f64);
        }
        Ok(Self { points, class, sizes, centroids })
    }

    fn own(&self, point: usize) -> &[f64] {
        &self.centroids[self.class[point]]
    }

    fn davies_bouldin(&self) -> f64 {
        let k = self.sizes.len();
        let mut spread = vec![0.0; k];
        for (place, point) in self.points.iter().enumerate() {
            let class = self.class[place];
            spread[class] += distance(point, self.own(place)) / self.sizes[class] as f64;
        }
        let apart = |i: usize, j: usize| distance(&self.centroids[i], &self.centroids[j]);
        let near_zero = |x: f64| x.abs() <= 1e-8;
        let pairs = || (0..k).flat_map(|i| (0..k).map(move |j| (i, j)));
        if spread.iter().all(|s| near_zero(*s)) || pairs().all(|(i, j)| near_zero(apart(i, j))) {
            return 0.0;
        }
        let worst = |i: usize| {
            let ratio = |j: usize| match apart(i, j) {
                0.0 => 0.0,
                distance => (spread[i] + spread[j]) / distance,
            };
            (0..k).map(ratio).fold(0.0, f64::max)
        };
        (0..k).map(worst).sum::<f64>() / k as f64
    }

    fn dunn(&self) -> f64 {
        let (mut diameter, mut between) = (0.0_f64, f64::INFINITY);
        for (i, a) in self.points.iter().enumerate() {
            for (j, b) in self.points.iter().enumerate().skip(i + 1) {
                let d = distance(a, b);
                if self.class[i] == self.class[j] {
                    diameter = diameter.max(d);
                } else if d > 0.0 {
                    between = between.min(d);
                }
            }
        }
        if diameter == 0.0 || between.is_infinite() { 0.001 } else { between / diameter }
    }

    fn calinski_harabasz(&self) -> f64 {
        let (n, k) = (self.points.len() as f64, self.sizes.len() as f64);
        let dim = self.centroids[0].len();
        let mut mean = vec![0.0; dim];
        for point in &self.points {
            mean.iter_mut().zip(*point).for_each(|(sum, x)| *sum += x / n);
        }
        let between: f64 =
            self.centroids.iter().zip(&self.sizes).map(|(c, size)| *size as f64 * squared(c, &mean)).sum();
        let within = self.within();
        if within == 0.0 { 1.0 } else { between * (n - k) / (within * (k - 1.0)) }
    }

    fn within(&self) -> f64 {
        self.points.iter().enumerate().map(|(place, point)| squared(point, self.own(place))).sum()
    }

    fn silhouette(&self) -> f64 {
        let mut sum = 0.0;
        let mut to_class = vec![0.0; self.sizes.len()];
        for (i, a) in self.points.iter().enumerate() {
            to_class.fill(0.0);
            for (j, b) in self.points.iter().enumerate() {
                to_class[self.class[j]] += distance(a, b);
            }
            let own = self.class[i];
            if self.sizes[own] == 1 {
                continue;
            }
            let inner = to_class[own] / (self.sizes[own] - 1) as f64;
            let others = (0..self.sizes.len()).filter(|class| *class != own);
            let outer =
                others.map(|class| to_class[class] / self.sizes[class] as f64).fold(f64::INFINITY, f64::min);
            let most = inner.max(outer);
            if most > 0.0 {
                sum += (outer - inner) / most;
            }
        }
        sum / self.points.len() as f64
    }

    fn xie_beni(&self) -> f64 {
        let mut least = f64::INFINITY;
        for (i, a) in self.centroids.iter().enumerate() {
            for b in &self.centroids[i + 1..] {
                least = least.min(squared(a, b));
            }
        }
        if least <= 1e-12 { f64::INFINITY } else { self.within() / (self.points.len() as f64 * least) }
    }
}

/// The indices brought to one scale, and combined.
///
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) unless `gamma` lies in `[0, 1]`.
pub fn quality(indices: &Indices, gamma: f64) -> Result<Quality, Error> {
    check_gamma(gamma)?;
    let dbs_norm = 1.0 / (1.0 + indices.davies_bouldin);
    let di_norm = indices.dunn / (1.0 + indices.dunn);
    let ss_norm = (indices.silhouette + 1.0) / 2.0;
    let chi_norm = match indices.calinski_harabasz {
        f64::INFINITY => 1.0,
        chi => chi / (1.0 + chi),
    };
    let xb_norm = 1.0 / (1.0 + indices.xie_beni);
    let both = |first: f64, second: f64| gamma * first + (1.0 - gamma) * second;
    Ok(Quality {
        dbs_norm,
        di_norm,
        ss_norm,
        chi_norm,
        xb_norm,
        aqi_dbs_di: both(dbs_norm, di_norm),
        aqi_ss_chi: both(ss_norm, chi_norm),
        aqi_ss_xb: both(ss_norm, xb_norm),
    })
}

/// The quality of each group among all groups: by its place between the 5th and the 95th percentile. Not comparable across
/// runs.
///
/// # Shapes
/// `chi` and `xb`: `[groups]`, the Calinski-Harabasz and Xie-Beni indices.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for lengths that differ, no group, a number that is not finite, or a
/// `gamma` outside `[0, 1]`.
/// # Source
/// Golden file `aqi.json`, `percentile_aqi`.
pub fn percentile_quality(chi: &[f64], xb: &[f64], gamma: f64) -> Result<Vec<GroupQuality>, Error> {
    check_gamma(gamma)?;
    same_length(("chi", chi.len()), ("xb", xb.len()))?;
    all_finite("index", chi.iter().chain(xb).copied())?;
    if chi.is_empty() {
        return Err(invalid("no group; a percentile takes at least one"));
    }
    let scaled = |values: &[f64], rising: bool| -> Vec<f64> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let (low, high) = (percentile(&sorted, 0.05), percentile(&sorted, 0.95));
        let place = |value: &f64| match high - low {
            range if range < 1e-9 => 50.0,
            range => {
                let share = (value - low) / range;
                100.0 * if rising { share } else { 1.0 - share }.clamp(0.0, 1.0)
            }
        };
        values.iter().map(place).collect()
    };
    let (chi, xb) = (scaled(chi, true), scaled(xb, false));
    let group = |(chi_norm, xb_norm): (f64, f64)| GroupQuality {
        chi_norm,
        xb_norm,
        aqi: gamma * chi_norm + (1.0 - gamma) * xb_norm,
    };
    Ok(chi.into_iter().zip(xb).map(group).collect())
}

/// The value at the share `q` of a sorted list, between its neighbours in proportion.
fn percentile(sorted: &[f64], q: f64) -> f64 {
    let place = q * (sorted.len() - 1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * (place - place.floor())
}

fn check_gamma(gamma: f64) -> Result<(), Error> {
    if (0.0..=1.0).contains(&gamma) {
        Ok(())
    } else {
        Err(invalid(format!("gamma is {gamma}; it lies in [0, 1]")))
    }
}

/// At most `most` of the places below `n`, ascending, the same for the same seed.
pub fn subsample(n: usize, most: usize, seed: u64) -> Vec<usize> {
    let mut state = seed;
    let mut number = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    // Selection sampling: each place is taken with the share that is still wanted of those that are left.
    let mut wanted = most.min(n) as u64;
    let mut taken = Vec::with_capacity(most.min(n));
    for place in 0..n {
        let left = (n - place) as u64;
        if number() % left < wanted {
            taken.push(place);
            wanted -= 1;
        }
    }
    taken
}

/// How the layers of a model are weighed when their vectors are pooled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerWeights {
    /// All alike.
    Mean,
    /// Softmax of learned logits.
    Softmax,
    /// Sparsemax of learned logits: some layers get nothing.
    Sparsemax,
}

/// One vector from those of all layers; gives the weights, too.
///
/// # Shapes
/// `hidden`: `[layers, dim]`, row-major; `logits`: `[layers]`.
/// # Errors
/// [`Code::InvalidArgument`](crate::Code::InvalidArgument) for shapes that do not fit, or a number that is not finite.
/// # Source
/// Golden file `aqi.json`, `layer_pool`.
pub fn pool_layers(hidden: &[f64], logits: &[f64], how: LayerWeights) -> Result<(Vec<f64>, Vec<f64>), Error> {
    let n = logits.len();
    if n == 0 || !hidden.len().is_multiple_of(n) {
        return Err(invalid(format!("{} numbers are no vectors of {n} layers", hidden.len())));
    }
    all_finite("logit", logits.iter().copied())?;
    all_finite("coordinate", hidden.iter().copied())?;
    let weights = match how {
        LayerWeights::Mean => vec![1.0 / n as f64; n],
        LayerWeights::Softmax => {
            let mut weights = vec![0.0; n];
            softmax(logits, &mut weights)?;
            weights
        }
        LayerWeights::Sparsemax => {
            let mut weights = vec![0.0; n];
            sparsemax(logits, &mut weights, &mut Vec::new())?;
            weights
        }
    };
    let dim = hidden.len() / n;
    let mut pooled = vec![0.0; dim];
    for (layer, weight) in hidden.chunks_exact(dim.max(1)).zip(&weights) {
        pooled.iter_mut().zip(layer).for_each(|(sum, x)| *sum += weight * x);
    }
    Ok((weights, pooled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_separate_is_refused() {
        assert!(indices(&[0.0, 1.0], 1, &[3, 3]).is_err());
        assert!(indices(&[0.0, 1.0], 1, &[3]).is_err());
        assert!(indices(&[0.0, f64::NAN], 1, &[1, 2]).is_err());
        assert!(indices(&[0.0, 1.0, 2.0], 2, &[1, 2]).is_err());
        assert!(indices(&[], 0, &[]).is_err());
        let many = vec![0.0; MAX_POINTS + 1];
        assert!(indices(&many, 1, &vec![0; MAX_POINTS + 1]).is_err());
        assert!(
            percentile_quality(&[], &[], 0.5).is_err() && percentile_quality(&[1.0], &[1.0], 2.0).is_err()
        );
        assert!(pool_layers(&[1.0], &[], LayerWeights::Mean).is_err());
    }

    #[test]
    fn a_subsample_is_seeded_ascending_and_of_the_size_asked_for() {
        let taken = subsample(10_000, 4096, 5);
        assert_eq!(taken.len(), 4096);
        assert!(
            taken.is_sorted() && taken == subsample(10_000, 4096, 5) && taken != subsample(10_000, 4096, 6)
        );
        assert_eq!(subsample(3, 4096, 5), [0, 1, 2]);
        assert_eq!(subsample(0, 4, 5), [0_usize; 0]);
    }
}
