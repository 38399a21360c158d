//! Matrices of weights: the prior's six initialisers, and masks.
//!
//! Matrices are `[inputs, outputs]`, row by row; the *output* width stands for the fan-in. A weight costs half a word,
//! the low half of a word first. Not here: what is computed with them (`network`).

#![expect(clippy::excessive_precision, reason = "coefficients stand as they were published")]

use core::f32::consts::SQRT_2;

use crate::functions::{clip, log_from_one, polynomial};
use crate::lanes::LANES;
use crate::philox::Words;
use crate::special::sqrt;
use crate::vector::Path;

/// Distance of the values of a half word without its sign.
const STEP: f32 = 1.0 / (1u32 << 31) as f32;
/// Probability of -2..2 under the standard normal distribution.
const WITHIN_TWO: f32 = 0.954_499_74;
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
    pub fn draw(self, path: Path, inputs: usize, outputs: usize, words: &mut Words, out: &mut [f32]) {
        path.draw_matrix(self, inputs, outputs, words, out);
    }
}

/// Keeps each weight with a probability and divides what is kept by it.
pub fn mask(path: Path, density: f64, words: &mut Words, out: &mut [f32]) {
    path.mask_matrix(density, words, out);
}

#[inline(always)]
pub(crate) fn draw_matrix(initializer: Initializer, inputs: usize, outputs: usize, words: &mut Words, out: &mut [f32]) {
    let kaiming = sqrt(2.0 / outputs as f64);
    let xavier = sqrt(2.0 / (inputs + outputs) as f64);
    match initializer {
        Initializer::KaimingNormal => normal(kaiming, words, out),
        Initializer::XavierNormal => normal(xavier, words, out),
        Initializer::KaimingUniform => uniform(kaiming, words, out),
        Initializer::XavierUniform => uniform(xavier, words, out),
        Initializer::TruncatedNormal => {
            from_halves(words, out, |half, _| {
                let x = WITHIN_TWO * (1.0 - magnitude(half));
                signed(half, clip(SQRT_2 * inverse_erf(x, (1.0 - x) * (1.0 + x)), 0.0, 2.0))
            });
        }
        Initializer::Sparse => {
            normal(SPARSE_DEVIATION, words, out);
            forget(inputs, outputs, words, out);
        }
    }
}

/// Replaces each number by what `make` makes of it and a half word of its own.
#[inline(always)]
fn from_halves(words: &mut Words, out: &mut [f32], make: impl Fn(u32, f32) -> f32) {
    let (mut raw, mut halves, mut made) = ([0; LANES / 2], [0; LANES], [0.0; LANES]);
    for piece in out.chunks_mut(LANES) {
        words.fill(&mut raw[..piece.len().div_ceil(2)]);
        for (pair, word) in halves.as_chunks_mut::<2>().0.iter_mut().zip(raw) {
            *pair = [word as u32, (word >> 32) as u32];
        }
        // Whole arrays become vector instructions, whatever the length of the piece.
        made[..piece.len()].copy_from_slice(piece);
        for (weight, half) in made.iter_mut().zip(halves) {
            *weight = make(half, *weight);
        }
        piece.copy_from_slice(&made[..piece.len()]);
    }
}

/// The lower 31 bits as a number above 0 and at most 1.
#[inline(always)]
fn magnitude(half: u32) -> f32 {
    ((half & 0x7FFF_FFFF) as i32 as f32 + 0.5) * STEP
}

/// A number with the highest bit for its sign.
#[inline(always)]
fn signed(half: u32, number: f32) -> f32 {
    f32::from_bits(number.to_bits() ^ (half & 0x8000_0000))
}

#[inline(always)]
fn uniform(deviation: f64, words: &mut Words, out: &mut [f32]) {
    let bound = (sqrt(3.0) * deviation) as f32;
    from_halves(words, out, |half, _| signed(half, magnitude(half) * bound));
}

#[inline(always)]
fn normal(deviation: f64, words: &mut Words, out: &mut [f32]) {
    let deviation = (sqrt(2.0) * deviation) as f32;
    from_halves(words, out, |half, _| {
        // One minus a small number would lose the tails: the distance to 1 is what is drawn.
        let rest = magnitude(half);
        signed(half, deviation * inverse_erf(1.0 - rest, rest * (2.0 - rest)))
    });
}

/// The inverse of the error function at `x` in 0..1, given `(1 - x) (1 + x)` (Giles, 2010, single precision).
#[inline(always)]
fn inverse_erf(x: f32, product: f32) -> f32 {
    let w = log_from_one(1.0 / product);
    let near = polynomial(&NEAR, w - 2.5);
    let far = polynomial(&FAR, w.sqrt() - 3.0);
    x * if w < 5.0 { near } else { far }
}

const NEAR: [f32; 9] = [
    1.501_409_41,
    0.246_640_727,
    -0.004_177_681_64,
    -0.001_253_725_03,
    0.000_218_580_87,
    -4.391_506_54e-6,
    -3.523_387_7e-6,
    3.432_739_39e-7,
    2.810_226_36e-8,
];
const FAR: [f32; 9] = [
    2.832_976_82,
    1.001_674_06,
    0.009_438_870_47,
    -0.007_622_461_3,
    0.005_739_507_73,
    -0.003_673_428_44,
    0.001_349_343_22,
    0.000_100_950_558,
    -0.000_200_214_257,
];

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

#[inline(always)]
pub(crate) fn mask_matrix(density: f64, words: &mut Words, out: &mut [f32]) {
    /// Half words are compared with this share of all of them.
    const ALL: f64 = (1u64 << 32) as f64;
    if density >= 1.0 {
        return;
    }
    let (bound, divisor) = ((density * ALL) as u32, density as f32);
    from_halves(words, out, |half, weight| if half < bound { weight / divisor } else { 0.0 });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::special::normal_quantile;

    fn drawn(name: &str, inputs: usize, outputs: usize) -> Vec<f32> {
        let mut weights = vec![f32::NAN; inputs * outputs];
        let path = Path::available()[0];
        Initializer::named(name).unwrap().draw(path, inputs, outputs, &mut Words::new([9, 9], 0), &mut weights);
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
    fn all_paths_draw_the_same_bits() {
        for (_, initializer) in Initializer::NAMES {
            let mut drawn = Path::available().into_iter().map(|path| {
                let mut weights = vec![f32::NAN; 33 * 65];
                let mut words = Words::new([9, 9], 0);
                initializer.draw(path, 33, 65, &mut words, &mut weights);
                mask(path, 0.7, &mut words, &mut weights);
                weights.into_iter().map(f32::to_bits).collect::<Vec<_>>()
            });
            let first = drawn.next().unwrap();
            assert!(drawn.all(|bits| bits == first), "{initializer:?}");
        }
    }

    #[test]
    fn normal_weights_are_quantiles_of_what_is_drawn() {
        let mut weights = vec![0.0; 10_000];
        let mut words = Words::new([4, 4], 0);
        normal(1.0, &mut words, &mut weights);
        let mut words = Words::new([4, 4], 0);
        for pair in weights.chunks(2) {
            let word = words.word();
            for (half, weight) in [word as u32, (word >> 32) as u32].into_iter().zip(pair) {
                let tail = (f64::from(half & 0x7FFF_FFFF) + 0.5) / f64::from(1u32 << 31) / 2.0;
                let wanted = if half >> 31 == 1 { normal_quantile(tail) } else { -normal_quantile(tail) };
                assert!((f64::from(*weight) - wanted).abs() < 2e-6 * (1.0 + wanted.abs()), "{weight} {wanted}");
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
        mask(Path::available()[0], 0.4, &mut Words::new([9, 1], 0), &mut weights);
        let kept = weights.iter().filter(|weight| **weight != 0.0).count();
        assert!((39_000..41_000).contains(&kept));
        assert!(weights.iter().all(|weight| *weight == 0.0 || *weight == 1.0 / 0.4));
    }

    #[test]
    fn a_mask_of_density_one_changes_nothing() {
        let mut weights = vec![0.3; 1000];
        mask(Path::available()[0], 1.0, &mut Words::new([9, 1], 0), &mut weights);
        assert!(weights.iter().all(|weight| *weight == 0.3));
    }
}
