//! Running something again and again, and what that took.

use std::time::{Duration, Instant};

use crate::output::Stop;

/// The fewest runs that are timed, however long they take.
const FEWEST: usize = 5;
/// The most runs that are timed, however short they are.
const MOST: usize = 100_000;

/// What a run took, in microseconds.
pub struct Times {
    /// Half of the runs took at most this.
    pub median: f64,
    /// All but one in a hundred took at most this.
    pub p99: f64,
    /// How many were timed.
    pub runs: usize,
}

impl Times {
    /// The times of one of `n` equal parts of a run.
    pub fn per(self, n: usize) -> Self {
        Self { median: self.median / n as f64, p99: self.p99 / n as f64, runs: self.runs }
    }
}

/// Runs something once for the caches, then again and again for about `seconds`.
pub fn time(seconds: f64, mut run: impl FnMut() -> Result<(), Stop>) -> Result<Times, Stop> {
    run()?;
    let budget = Duration::from_secs_f64(seconds);
    let start = Instant::now();
    let mut taken = Vec::new();
    while taken.len() < FEWEST || (taken.len() < MOST && start.elapsed() < budget) {
        let before = Instant::now();
        run()?;
        taken.push(before.elapsed().as_secs_f64() * 1e6);
    }
    taken.sort_by(f64::total_cmp);
    Ok(Times { median: rank(&taken, 0.5), p99: rank(&taken, 0.99), runs: taken.len() })
}

/// The nearest-rank quantile of sorted numbers.
fn rank(sorted: &[f64], q: f64) -> f64 {
    let place = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(place.max(1) - 1).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::rank;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!((rank(&sorted, 0.5), rank(&sorted, 0.99)), (50.0, 99.0));
        assert_eq!((rank(&[7.0], 0.5), rank(&[7.0], 0.99)), (7.0, 7.0));
        assert!(rank(&[], 0.5).is_nan());
    }
}
