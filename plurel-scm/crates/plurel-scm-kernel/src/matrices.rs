//! Matrices of weights: the prior's six initialisers, and masks.
//!
//! Matrices are `[inputs, outputs]`, row by row; the *output* width stands for the fan-in. A weight costs half a word,
//! the low half of a word first. Not here: what is computed with them (`network`).

use crate::philox::Words;
use crate::special::{CENTRAL, central_quantile, sqrt, tail_quantile};

/// Numbers that are worked on together.
const PIECE: usize = 64;
/// Distance of the values of a half word.
const HALF_STEP: f64 = 1.0 / (1u64 << 32) as f64;
/// Probability of -2..2 under the standard normal distribution.
const WITHIN_TWO: f64 = 0.954_499_736_103_641_6;
const SPARSE_DEVIATION: f64 = 0.01;

/// How the weights of a matrix are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initializer {
    /// Normal, standard deviation `sqrt(2 / outputs)` (He et al., 2015).
    KaimingNormal,
    /// Uniform, standard deviation `sqrt(2 / outputs)` (He et al., 2015).
    KaimingUniform,
    /// Normal, standard deviation `sqrt(2 / (inputs + outputs))` (Glorot and Bengio, 2010).
    XavierNormal,
    /// Uniform, standard deviation `sqrt(2 / (inputs + outputs))` (Glorot and Bengio, 2010).
    XavierUniform,
    /// Standard normal cut at +-2.
    TruncatedNormal,
    /// Normal of standard deviation 0.01 with `ceil(inputs / 2)` random zeros a column (Martens, 2010).
    Sparse,
}

impl Initializer {
    /// All of them with their names.
    pub const NAMES: [(&str, Initializer); 6] = [
        ("kaiming_normal", Initializer::KaimingNormal),
        ("kaiming_uniform", Initializer::KaimingUniform),
        ("xavier_normal", Initializer::XavierNormal),
        ("xavier_uniform", Initializer::XavierUniform),
        ("truncated_normal", Initializer::TruncatedNormal),
        ("sparse", Initializer::Sparse),
    ];

    /// The one of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Initializer> {
        Initializer::NAMES.iter().find(|(known, _)| *known == name).map(|(_, initializer)| *initializer)
    }

    /// Draws one matrix.
    pub fn draw(self, inputs: usize, outputs: usize, words: &mut Words, out: &mut [f32]) {
        let kaiming = sqrt(2.0 / outputs as f64);
        let xavier = sqrt(2.0 / (inputs + outputs) as f64);
        match self {
            Initializer::KaimingNormal => normal(kaiming, words, out),
            Initializer::XavierNormal => normal(xavier, words, out),
            Initializer::KaimingUniform => uniform(kaiming, words, out),
            Initializer::XavierUniform => uniform(xavier, words, out),
            Initializer::TruncatedNormal => inverted(WITHIN_TWO, 1.0, words, out),
            Initializer::Sparse => {
                normal(SPARSE_DEVIATION, words, out);
                forget(inputs, outputs, words, out);
            }
        }
    }
}

/// Calls `make` with pieces of `out` and as many numbers between -1/2 and 1/2.
#[inline(always)]
fn centred(words: &mut Words, out: &mut [f32], mut make: impl FnMut(&[f64; PIECE], &mut [f32])) {
    let (mut raw, mut numbers) = ([0; PIECE / 2], [0.0; PIECE]);
    for piece in out.chunks_mut(PIECE) {
        words.fill(&mut raw[..piece.len().div_ceil(2)]);
        for (pair, word) in numbers.chunks_exact_mut(2).zip(raw) {
            pair[0] = (f64::from(word as u32) + 0.5) * HALF_STEP - 0.5;
            pair[1] = (f64::from((word >> 32) as u32) + 0.5) * HALF_STEP - 0.5;
        }
        make(&numbers, piece);
    }
}

fn uniform(deviation: f64, words: &mut Words, out: &mut [f32]) {
    let width = 2.0 * sqrt(3.0) * deviation;
    centred(words, out, |numbers, piece| {
        for (weight, number) in piece.iter_mut().zip(numbers) {
            *weight = (number * width) as f32;
        }
    });
}

fn normal(deviation: f64, words: &mut Words, out: &mut [f32]) {
    inverted(1.0, deviation, words, out);
}

/// Normal numbers of the middle part of the distribution that has a probability.
fn inverted(probability: f64, deviation: f64, words: &mut Words, out: &mut [f32]) {
    centred(words, out, |numbers, piece| {
        let mut quantiles = [0.0; PIECE];
        for (quantile, number) in quantiles.iter_mut().zip(numbers) {
            *quantile = central_quantile(number * probability);
        }
        for (quantile, number) in quantiles.iter_mut().zip(numbers) {
            let number = number * probability;
            if number.abs() > CENTRAL {
                *quantile = tail_quantile(0.5 + number, number);
            }
        }
        for (weight, quantile) in piece.iter_mut().zip(quantiles) {
            *weight = (quantile * deviation) as f32;
        }
    });
}

/// Sets `ceil(inputs / 2)` random weights of every column to zero.
fn forget(inputs: usize, outputs: usize, words: &mut Words, out: &mut [f32]) {
    let mut rows: Vec<usize> = (0..inputs).collect();
    for column in 0..outputs {
        for place in 0..inputs.div_ceil(2) {
            let other = place + words.below((inputs - place) as u64) as usize;
            rows.swap(place, other);
            out[rows[place] * outputs + column] = 0.0;
        }
    }
}

/// Keeps each weight with a probability and divides what is kept by it.
pub fn mask(density: f64, words: &mut Words, out: &mut [f32]) {
    let (bound, divisor) = ((density / HALF_STEP) as u64, density as f32);
    let mut raw = [0; PIECE / 2];
    for piece in out.chunks_mut(PIECE) {
        words.fill(&mut raw[..piece.len().div_ceil(2)]);
        for (pair, word) in piece.chunks_mut(2).zip(raw) {
            for (weight, half) in pair.iter_mut().zip([u64::from(word as u32), word >> 32]) {
                *weight = if half < bound { *weight / divisor } else { 0.0 };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(name: &str, inputs: usize, outputs: usize) -> Vec<f32> {
        let mut weights = vec![f32::NAN; inputs * outputs];
        Initializer::named(name).unwrap().draw(inputs, outputs, &mut Words::new([9, 9], 0), &mut weights);
        weights
    }

    #[test]
    fn every_weight_is_drawn() {
        for (name, _) in Initializer::NAMES {
            for (inputs, outputs) in [(1, 1), (33, 7), (32, 32)] {
                assert!(drawn(name, inputs, outputs).iter().all(|weight| weight.is_finite()));
            }
        }
    }

    #[test]
    fn truncated_weights_lie_within_two() {
        let largest = drawn("truncated_normal", 300, 300).iter().fold(0.0, |most: f32, weight| most.max(weight.abs()));
        assert!((1.99..=2.0).contains(&largest), "{largest}");
    }

    #[test]
    fn half_of_a_sparse_column_is_zero() {
        let weights = drawn("sparse", 9, 50);
        for column in 0..50 {
            assert_eq!(weights.iter().skip(column).step_by(50).filter(|weight| **weight == 0.0).count(), 5);
        }
    }

    #[test]
    fn a_mask_keeps_its_share_and_the_mean() {
        let mut weights = vec![1.0; 100_000];
        mask(0.4, &mut Words::new([9, 1], 0), &mut weights);
        let kept = weights.iter().filter(|weight| **weight != 0.0).count();
        assert!((39_000..41_000).contains(&kept));
        assert!(weights.iter().all(|weight| *weight == 0.0 || *weight == 1.0 / 0.4));
    }

    #[test]
    fn a_mask_of_density_one_changes_nothing() {
        let mut weights = vec![0.3; 1000];
        mask(1.0, &mut Words::new([9, 1], 0), &mut weights);
        assert!(weights.iter().all(|weight| *weight == 0.3));
    }
}
