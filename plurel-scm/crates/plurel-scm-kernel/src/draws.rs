//! Draws from the words of a stream: the same values on every machine.
//!
//! A uniform number is the upper 53 bits of a word, as in numpy; what is not uniform goes through functions of
//! `special`. Not here: which parameters something is drawn with.

use crate::philox::Words;
use crate::special::normal_quantile;

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
}
