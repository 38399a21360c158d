//! The instances of what is done to panels, one for each set of instructions, and the choice among them.
//!
//! All instances compile the same bodies (`panel`): each lane is computed by the same IEEE operations in the same order,
//! so they differ in speed alone. This is the only module with `unsafe`: it calls functions that were compiled for
//! instructions beyond the baseline, and one of them uses such an instruction by name.

#![allow(unsafe_code)]

use crate::activation::{Activation, Range};
use crate::aggregation::Aggregation;
use crate::error::Error;
use crate::lanes::{LANES, Lanes};
use crate::matrices::Initializer;
use crate::panel::KNOTS;
use crate::philox::{Key, Words};

/// The environment variable that forces an instance.
pub const VARIABLE: &str = "PLUREL_KERNEL";

/// A set of instructions. A value exists only where the machine has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Plain,
}

impl Path {
    /// The paths that this machine has, the fastest first.
    #[must_use]
    pub fn available() -> Vec<Path> {
        #[cfg(target_arch = "x86_64")]
        use std::arch::is_x86_feature_detected as has;
        #[cfg(target_arch = "x86_64")]
        let avx2 = has!("avx2") && has!("fma") && has!("bmi2");
        let kinds = [
            #[cfg(target_arch = "x86_64")]
            (Kind::Avx512, avx2 && has!("avx512f") && has!("avx512vl") && has!("avx512dq") && has!("avx512bw")),
            #[cfg(target_arch = "x86_64")]
            (Kind::Avx2, avx2),
            #[cfg(target_arch = "aarch64")]
            (Kind::Neon, true),
            (Kind::Plain, true),
        ];
        kinds.into_iter().filter(|(_, present)| *present).map(|(kind, _)| Path(kind)).collect()
    }

    /// Its name, as `PLUREL_KERNEL` takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Kind::Neon => "neon",
            Kind::Plain => "plain",
        }
    }

    /// The path of a name.
    ///
    /// # Errors
    /// Where this machine has no path of that name.
    pub fn named(name: &str) -> Result<Path, Error> {
        let paths = Path::available();
        paths.iter().copied().find(|path| path.name() == name).ok_or_else(|| {
            let known: Vec<_> = paths.iter().map(|path| path.name()).collect();
            Error(format!("{VARIABLE} is {name:?}, but this machine has {}", known.join(", ")))
        })
    }

    /// The path that `PLUREL_KERNEL` names, or the fastest.
    ///
    /// # Errors
    /// Where the variable names a path that this machine does not have.
    pub fn chosen() -> Result<Path, Error> {
        match std::env::var(VARIABLE) {
            Ok(name) if !name.is_empty() => Path::named(&name),
            _ => Ok(Path::available()[0]),
        }
    }
}

/// What AVX-512 has an instruction for that no loop becomes.
#[cfg(target_arch = "x86_64")]
mod permuted {
    use super::{LANES, Lanes};
    use crate::panel::FEW;
    use std::arch::x86_64::{_mm512_loadu_ps, _mm512_loadu_si512, _mm512_permutexvar_ps, _mm512_storeu_ps};

    /// `panel::look_up`, 16 rows an instruction.
    #[target_feature(enable = "avx512f")]
    pub(super) fn look_up(table: &[f32], labels: &[u32; LANES], panel: &mut [Lanes]) {
        // SAFETY: each pointer is that of an array of 16 numbers of 32 bits, which is what is read or written.
        let load = |labels: &[u32; FEW]| unsafe { _mm512_loadu_si512(labels.as_ptr().cast()) };
        let labels: [_; LANES / FEW] = std::array::from_fn(|part| load(&labels.as_chunks().0[part]));
        for (lanes, column) in panel.iter_mut().zip(table.as_chunks::<FEW>().0) {
            // SAFETY: as above.
            let column = unsafe { _mm512_loadu_ps(column.as_ptr()) };
            for (lanes, labels) in lanes.0.as_chunks_mut::<FEW>().0.iter_mut().zip(labels) {
                // SAFETY: as above.
                unsafe { _mm512_storeu_ps(lanes.as_mut_ptr(), _mm512_permutexvar_ps(labels, column)) };
            }
        }
    }
}

/// Declares what is done to panels: its instances, and a method of `Path` that calls the right one.
macro_rules! operations {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $kind:ty),* $(,)?);)*) => {
        #[cfg(target_arch = "x86_64")]
        mod avx512 {
            use super::*;
            mod body {
                pub(super) use crate::matrices::{draw_matrix, mask_matrix};
                pub(super) use crate::quantiles::beta_density;
                pub(super) use crate::panel::*;
                pub(super) use crate::panel::linear_64_by_4 as linear;
                pub(super) use crate::vector::permuted::look_up;
            }
            $(#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,bmi2")]
            pub(super) fn $name($($argument: $kind),*) {
                body::$name($($argument),*);
            })*
        }

        #[cfg(target_arch = "x86_64")]
        mod avx2 {
            use super::*;
            mod body {
                pub(super) use crate::matrices::{draw_matrix, mask_matrix};
                pub(super) use crate::quantiles::beta_density;
                pub(super) use crate::panel::*;
                pub(super) use crate::panel::linear_16_by_4 as linear;
            }
            $(#[target_feature(enable = "avx2,fma,bmi2")]
            pub(super) fn $name($($argument: $kind),*) {
                body::$name($($argument),*);
            })*
        }

        /// The baseline: on 64-bit ARM it has vectors with fused multiply-add, elsewhere the library's `fma`.
        mod plain {
            use super::*;
            mod body {
                pub(super) use crate::matrices::{draw_matrix, mask_matrix};
                pub(super) use crate::quantiles::beta_density;
                pub(super) use crate::panel::*;
                pub(super) use crate::panel::linear_16_by_4 as linear;
            }
            $(pub(super) fn $name($($argument: $kind),*) {
                body::$name($($argument),*);
            })*
        }

        impl Path {
            $($(#[$doc])*
            pub(crate) fn $name(self $(, $argument: $kind)*) {
                match self.0 {
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: a path exists only where the machine was seen to have its instructions.
                    Kind::Avx512 => unsafe { avx512::$name($($argument),*) },
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: as above.
                    Kind::Avx2 => unsafe { avx2::$name($($argument),*) },
                    #[cfg(target_arch = "aarch64")]
                    Kind::Neon => plain::$name($($argument),*),
                    Kind::Plain => plain::$name($($argument),*),
                }
            })*
        }
    };
}

operations! {
    /// The product of a panel with a matrix `[x.len(), y.len()]`.
    fn linear(weights: &[f32], x: &[Lanes], y: &mut [Lanes]);
    /// A hidden layer's function, scale and cut.
    fn activate(activation: &Activation, range: Range, panel: &mut [Lanes]);
    /// Vectors of few labels, from a table by dimension, `[panel.len(), FEW]`.
    fn look_up(table: &[f32], labels: &[u32; LANES], panel: &mut [Lanes]);
    /// One vector for all rows, but NaN where the row's number is.
    fn repeat(vector: &[f32], numbers: &Lanes, panel: &mut [Lanes]);
    /// The rows of a table `[.., panel.len()]`, `absent` where there is none.
    fn gather(table: &[f32], rows: &[i64], absent: f32, panel: &mut [Lanes]);
    /// The first rows of a panel, row by row.
    fn scatter(panel: &[Lanes], out: &mut [f32]);
    /// Joins an encoding to a state.
    fn join(
        aggregation: Aggregation,
        limit: f32,
        first: bool,
        encoding: &[Lanes],
        state: &mut [Lanes],
        total: &mut [Lanes],
    );
    /// What a joined state stands for.
    fn finish(aggregation: Aggregation, state: &mut [Lanes], total: &[Lanes]);
    /// Adds Beta noise to a state.
    fn add_noise(
        knots: &[f32; KNOTS + 1],
        key: Key,
        block: u64,
        place: u64,
        halves: &mut [[u32; LANES]],
        state: &mut [Lanes],
    );
    /// Draws one matrix.
    fn draw_matrix(initializer: Initializer, inputs: usize, outputs: usize, words: &mut Words, out: &mut [f32]);
    /// The exponentials of weighted sums of two logarithms, with the largest of them for 1.
    fn beta_density(weights: [f64; 2], logarithms: [&[f64]; 2], density: &mut [f64]);
    /// Keeps each weight with a probability and divides what is kept by it.
    fn mask_matrix(density: f64, words: &mut Words, out: &mut [f32]);
    /// The label with the largest score.
    fn argmax(scores: &[Lanes], labels: &mut [i64]);
}
