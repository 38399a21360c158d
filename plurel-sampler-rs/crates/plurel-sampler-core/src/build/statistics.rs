//! Mean and standard deviation of a column, one value after the other (Welford), so that the way a source cuts its
//! rows into batches changes nothing.

use crate::error::{Error, Result};
use crate::format::Moments;

/// Below this share of the mean a deviation is rounding, and the column counts as constant.
const CONSTANT: f64 = 1e-13;

#[derive(Debug, Clone, Copy, Default)]
pub struct Welford {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Welford {
    pub fn push(&mut self, value: f64) {
        self.count += 1;
        let delta = value - self.mean;
        self.mean += delta / self.count as f64;
        self.squares += delta * (value - self.mean);
    }

    /// Both columns as one (Chan et al.).
    pub fn merge(&mut self, other: &Welford) {
        if other.count == 0 {
            return;
        }
        let count = self.count + other.count;
        let delta = other.mean - self.mean;
        let share = other.count as f64 / count as f64;
        self.squares += other.squares + delta * delta * self.count as f64 * share;
        self.mean += delta * share;
        self.count = count;
    }

    /// Statistics to standardise with (`ddof` 1: sample, 0: population), and whether the column is constant.
    pub fn moments(&self, ddof: u64) -> Result<(Moments, bool)> {
        let std = if self.count > ddof { (self.squares / (self.count - ddof) as f64).sqrt() } else { 0.0 };
        if !std.is_finite() || !self.mean.is_finite() {
            return Err(Error::value("the values spread too far for a standard deviation in f64"));
        }
        let constant = std <= CONSTANT * self.mean.abs();
        let moments = Moments { count: self.count, mean: self.mean, std: if constant { 1.0 } else { std } };
        Ok((moments, constant))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[f64]) -> Welford {
        let mut welford = Welford::default();
        values.iter().for_each(|&value| welford.push(value));
        welford
    }

    proptest! {
        #[test]
        fn it_is_the_two_pass_formula(values in proptest::collection::vec(-1e6f64..1e6, 2..50), cut in 0usize..50) {
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let std = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
            let (left, right) = values.split_at(cut.min(values.len()));
            let mut merged = of(left);
            merged.merge(&of(right));
            for welford in [of(&values), merged] {
                let (moments, _) = welford.moments(1).unwrap();
                prop_assert!((moments.mean - mean).abs() <= 1e-9 * 1e6);
                prop_assert!((moments.std - std).abs() <= 1e-6 * std.max(1.0));
            }
        }
    }

    #[test]
    fn constants_and_nothing_get_deviation_one() {
        assert_eq!(of(&[]).moments(1).unwrap(), (Moments { count: 0, mean: 0.0, std: 1.0 }, true));
        assert_eq!(of(&[5.0]).moments(1).unwrap(), (Moments { count: 1, mean: 5.0, std: 1.0 }, true));
        assert_eq!(of(&[0.1; 3]).moments(1).unwrap().0.std, 1.0);
    }

    #[test]
    fn a_spread_beyond_f64_is_an_error() {
        assert!(of(&[-1.7e308, 1.7e308]).moments(1).is_err());
    }
}
