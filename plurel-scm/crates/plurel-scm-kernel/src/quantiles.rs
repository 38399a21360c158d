//! Quantiles of Beta distributions, as a table that is fast to make.
//!
//! Not here: draws from the table.

use std::sync::OnceLock;

use crate::special::{cos, exp_below_zero, log, sin};
use crate::vector::Path;

/// Cells of a table of quantiles, and of the angles that it is made of.
pub const CELLS: usize = 4096;

const WIDTH: f64 = core::f64::consts::FRAC_PI_2 / CELLS as f64;

struct Angles {
    sines: Vec<f64>,
    cosines: Vec<f64>,
    log_sines: Vec<f64>,
    log_cosines: Vec<f64>,
}

/// Sines and cosines at the cells' edges, their logarithms at the cells' centres.
fn angles() -> &'static Angles {
    static ANGLES: OnceLock<Angles> = OnceLock::new();
    ANGLES.get_or_init(|| {
        let at_edges = |function: fn(f64) -> f64| (0..=CELLS).map(|cell| function(cell as f64 * WIDTH)).collect();
        let at_centres =
            |function: fn(f64) -> f64| (0..CELLS).map(|cell| log(function((cell as f64 + 0.5) * WIDTH))).collect();
        Angles {
            sines: at_edges(sin),
            cosines: at_edges(cos),
            log_sines: at_centres(sin),
            log_cosines: at_centres(cos),
        }
    })
}

/// Quantiles of the Beta distribution at 0, 1/4096, ..., 1, for parameters from 1/2 on.
///
/// With `x = sin(t)^2` the density over `t` is proportional to `sin(t)^(2 alpha - 1) cos(t)^(2 beta - 1)`, bounded from
/// 1/2 on, so its cumulated cells can be inverted.
#[must_use]
pub fn beta_quantiles(path: Path, alpha: f64, beta: f64) -> Vec<f64> {
    let Angles { sines, cosines, log_sines, log_cosines } = angles();
    let (first, second) = (2.0 * alpha - 1.0, 2.0 * beta - 1.0);
    let mut density = vec![0.0; CELLS];
    path.beta_density([first, second], [log_sines, log_cosines], &mut density);
    let step = density.iter().sum::<f64>() / CELLS as f64;
    let mut quantiles = Vec::with_capacity(CELLS + 1);
    quantiles.push(0.0);
    let (mut cell, mut below) = (0, 0.0);
    for knot in 1..CELLS {
        let level = knot as f64 * step;
        while cell + 1 < CELLS && below + density[cell] < level {
            below += density[cell];
            cell += 1;
        }
        let offset = (level - below) / density[cell] * WIDTH;
        let square = offset * offset;
        let (sine, cosine) = (offset - offset * square / 6.0, 1.0 - square / 2.0);
        let root = (sines[cell] * cosine + cosines[cell] * sine).clamp(0.0, 1.0);
        quantiles.push(root * root);
    }
    quantiles.push(1.0);
    quantiles
}

/// The exponentials of weighted sums of two logarithms, with the largest of them for 1.
#[inline(always)]
pub(crate) fn beta_density(weights: [f64; 2], logarithms: [&[f64]; 2], density: &mut [f64]) {
    const WIDTH: usize = 8;
    let mut peaks = [f64::NEG_INFINITY; WIDTH];
    let terms = logarithms[0].as_chunks::<WIDTH>().0.iter().zip(logarithms[1].as_chunks::<WIDTH>().0);
    for (density, (first, second)) in density.as_chunks_mut::<WIDTH>().0.iter_mut().zip(terms) {
        for lane in 0..WIDTH {
            let sum = weights[0] * first[lane] + weights[1] * second[lane];
            peaks[lane] = if sum > peaks[lane] { sum } else { peaks[lane] };
            density[lane] = sum;
        }
    }
    let peak = peaks.into_iter().fold(f64::NEG_INFINITY, f64::max);
    for density in density {
        *density = exp_below_zero(*density - peak);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_paths_make_the_same_table() {
        let mut tables = Path::available().into_iter().map(|path| beta_quantiles(path, 0.7, 3.1));
        let first = tables.next().unwrap();
        assert!(tables.all(|table| table == first));
    }

    #[test]
    fn quantiles_ascend() {
        for (alpha, beta) in [(0.5, 0.5), (5.0, 0.5), (2.0, 3.5), (60.0, 80.0)] {
            assert!(beta_quantiles(Path::available()[0], alpha, beta).is_sorted(), "{alpha} {beta}");
        }
    }

    #[test]
    fn the_uniform_distribution_has_its_levels_for_quantiles() {
        for (knot, quantile) in beta_quantiles(Path::available()[0], 1.0, 1.0).iter().enumerate() {
            assert!((quantile - knot as f64 / CELLS as f64).abs() < 1e-7, "{knot}: {quantile}");
        }
    }
}
