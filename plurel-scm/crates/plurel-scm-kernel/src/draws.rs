//! Draws from the words of a stream: the same values on every machine.
//!
//! A uniform number is the upper 53 bits of a word, as in numpy; what is not uniform goes through the functions of
//! `special`, by inversion where that is possible, so that a value costs one word and stands at a known place. Not here:
//! matrices of weights (`matrices`).

use crate::philox::Words;
use crate::special::{exp, log, log1p, normal_quantile, sqrt, tan};

/// Distance of neighbouring uniform numbers.
const STEP: f64 = 1.0 / (1u64 << 53) as f64;

impl Words {
    /// Uniform in 0..1, 1 left out.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        (self.word() >> 11) as f64 * STEP
    }

    /// Uniform in 0..1, both ends left out.
    #[inline]
    pub fn open_uniform(&mut self) -> f64 {
        ((self.word() >> 12) as f64 + 0.5) * (2.0 * STEP)
    }

    /// Standard normal, by inversion.
    #[inline]
    pub fn normal(&mut self) -> f64 {
        normal_quantile(self.open_uniform())
    }

    /// Standard Cauchy, by inversion.
    #[inline]
    pub fn cauchy(&mut self) -> f64 {
        tan(core::f64::consts::PI * (self.open_uniform() - 0.5))
    }

    /// Exponential of mean 1, by inversion.
    #[inline]
    pub fn exponential(&mut self) -> f64 {
        -log(self.open_uniform())
    }

    /// An integer below a bound above 0, all equally likely (Lemire, 2019).
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        loop {
            let product = u128::from(self.word()) * u128::from(bound);
            // A low half below `2^64 mod bound` would make some integers likelier than others.
            if product as u64 >= bound || product as u64 >= bound.wrapping_neg() % bound {
                return (product >> 64) as u64;
            }
        }
    }

    /// The logarithm of a Gamma variate of scale 1 (Marsaglia and Tsang, 2000); finite for the smallest of shapes.
    pub fn log_gamma_variate(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            return self.log_gamma_variate(shape + 1.0) + log(self.open_uniform()) / shape;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / sqrt(9.0 * d);
        loop {
            let x = self.normal();
            let root = 1.0 + c * x;
            let uniform = self.open_uniform();
            if root > 0.0 {
                let cube = root * root * root;
                if log(uniform) < 0.5 * x * x + d - d * cube + d * log(cube) {
                    return log(d * cube);
                }
            }
        }
    }

    /// A Beta variate, from the logarithms of two Gamma variates.
    pub fn beta(&mut self, alpha: f64, beta: f64) -> f64 {
        let (x, y) = (self.log_gamma_variate(alpha), self.log_gamma_variate(beta));
        1.0 / (1.0 + exp(y - x))
    }

    /// A sine of the prior's: amplitude normal, frequency log-uniform in 0.1..10, phase uniform in a turn.
    pub fn sine(&mut self) -> [f32; 3] {
        let amplitude = self.normal();
        let frequency = exp(core::f64::consts::LN_10 * (2.0 * self.uniform() - 1.0));
        let phase = core::f64::consts::TAU * self.uniform();
        [amplitude as f32, frequency as f32, phase as f32]
    }

    /// Puts a slice into random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            values.swap(last, self.below(last as u64 + 1) as usize);
        }
    }

    /// Shares that sum to 1, all such equally likely: Dirichlet with all parameters 1.
    pub fn shares(&mut self, shares: &mut [f64]) {
        shares.fill_with(|| self.exponential());
        let total: f64 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= total);
    }
}

/// `sign(x) log(1 + |x|)`.
#[inline]
pub fn signed_log(x: f64) -> f64 {
    log1p(x.abs()).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(mut draw: impl FnMut() -> f64) -> (f64, f64) {
        let draws: Vec<f64> = (0..100_000).map(|_| draw()).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        (mean, variance)
    }

    #[test]
    fn beta_variates_have_the_moments_of_their_distribution() {
        for (alpha, beta) in [(0.5, 5.0), (1.0, 1.0), (3.0, 0.7), (0.05, 0.05)] {
            let mut words = Words::new([alpha as u64, 5], 0);
            let (mean, variance) = moments(|| words.beta(alpha, beta));
            let total: f64 = alpha + beta;
            assert!((mean - alpha / total).abs() < 0.01, "{alpha} {beta}: mean {mean}");
            let wanted = alpha * beta / (total * total * (total + 1.0));
            assert!((variance / wanted - 1.0).abs() < 0.03, "{alpha} {beta}: variance {variance}");
        }
    }

    #[test]
    fn bounded_integers_are_all_there_equally_often() {
        let mut words = Words::new([1, 1], 0);
        let mut seen = [0; 7];
        (0..70_000).for_each(|_| seen[words.below(7) as usize] += 1);
        assert!(seen.iter().all(|count| (9_500..10_500).contains(count)), "{seen:?}");
    }

    #[test]
    fn shares_sum_to_one() {
        let mut shares = [0.0; 9];
        Words::new([3, 1], 0).shares(&mut shares);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-15 && shares.iter().all(|share| *share > 0.0));
    }

    #[test]
    fn shuffling_keeps_everything() {
        let mut values: Vec<usize> = (0..100).collect();
        Words::new([3, 2], 0).shuffle(&mut values);
        assert!(values.iter().enumerate().any(|(place, value)| place != *value));
        values.sort_unstable();
        assert_eq!(values, (0..100).collect::<Vec<_>>());
    }
}
