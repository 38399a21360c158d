//! What is done to panels of lanes, as bodies that every instance of `vector` compiles for its instructions.
//!
//! Sums run over inputs in index order, one fused multiply-add each, and never across lanes. Not here: the choice of
//! the instance, and what a node is made of (`node`).

pub(crate) use crate::activation::activate;
use crate::aggregation::Aggregation;
use crate::functions::{clip, exp, log_from_one};
use crate::lanes::{LANES, Lanes};
use crate::philox::{Key, words_at};

/// Numbers that one vector of 16 holds: as many labels are looked up by a permutation where the machine has one.
pub const FEW: usize = 16;

/// Cells of the table of quantiles.
pub const KNOTS: usize = 1 << 12;
const FRACTION_BITS: u32 = 20;
const FRACTION: f32 = 1.0 / (1 << FRACTION_BITS) as f32;

/// One tile of a product: `OUT` outputs of `WIDE` rows, their sums in registers.
#[inline(always)]
fn tile<const WIDE: usize, const OUT: usize>(
    weights: &[f32],
    x: &[Lanes],
    y: &mut [Lanes],
    first: usize,
    start: usize,
) {
    let outputs = y.len();
    let mut sums = [[0.0f32; WIDE]; OUT];
    for (row, lanes) in weights.chunks_exact(outputs).zip(x) {
        let row: &[f32; OUT] = row[first..first + OUT].try_into().expect("a slice of this length");
        let lanes: &[f32; WIDE] = lanes.0[start..start + WIDE].try_into().expect("a slice of this length");
        for out in 0..OUT {
            for lane in 0..WIDE {
                sums[out][lane] = row[out].mul_add(lanes[lane], sums[out][lane]);
            }
        }
    }
    for (lanes, sums) in y[first..first + OUT].iter_mut().zip(&sums) {
        lanes.0[start..start + WIDE].copy_from_slice(sums);
    }
}

/// The product of a panel with a matrix `[x.len(), y.len()]`, in tiles of `OUT` outputs by `WIDE` rows.
#[inline(always)]
fn linear<const WIDE: usize, const OUT: usize>(weights: &[f32], x: &[Lanes], y: &mut [Lanes]) {
    let outputs = y.len();
    assert_eq!(weights.len(), x.len() * outputs, "a matrix of inputs by outputs");
    let whole = outputs - outputs % OUT;
    for start in (0..LANES).step_by(WIDE) {
        for first in (0..whole).step_by(OUT) {
            tile::<WIDE, OUT>(weights, x, y, first, start);
        }
        for first in whole..outputs {
            tile::<WIDE, 1>(weights, x, y, first, start);
        }
    }
}

/// The product in tiles for vectors of 16 numbers.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn linear_64_by_4(weights: &[f32], x: &[Lanes], y: &mut [Lanes]) {
    linear::<64, 4>(weights, x, y);
}

/// The product in tiles for vectors of 4 or 8 numbers.
#[inline(always)]
pub(crate) fn linear_16_by_4(weights: &[f32], x: &[Lanes], y: &mut [Lanes]) {
    linear::<16, 4>(weights, x, y);
}

/// Vectors of few labels, from a table by dimension, `[panel.len(), FEW]`.
#[inline(always)]
pub(crate) fn look_up(table: &[f32], labels: &[u32; LANES], panel: &mut [Lanes]) {
    for (lanes, column) in panel.iter_mut().zip(table.as_chunks::<FEW>().0) {
        for (lane, label) in lanes.0.iter_mut().zip(labels) {
            *lane = column[*label as usize % FEW];
        }
    }
}

/// One vector for all rows, but NaN where the row's number is.
#[inline(always)]
pub(crate) fn repeat(vector: &[f32], numbers: &Lanes, panel: &mut [Lanes]) {
    for (lanes, constant) in panel.iter_mut().zip(vector) {
        for (lane, number) in lanes.0.iter_mut().zip(numbers.0) {
            *lane = if number.is_nan() { number } else { *constant };
        }
    }
}

/// The rows of a table `[.., panel.len()]`, or `absent` where there is no row (-1).
#[inline(always)]
pub(crate) fn gather(table: &[f32], rows: &[i64], absent: f32, panel: &mut [Lanes]) {
    let dim = panel.len();
    for (lane, row) in rows.iter().enumerate() {
        if let Ok(row) = usize::try_from(*row) {
            for (lanes, value) in panel.iter_mut().zip(&table[row * dim..][..dim]) {
                lanes.0[lane] = *value;
            }
        } else {
            panel.iter_mut().for_each(|lanes| lanes.0[lane] = absent);
        }
    }
}

/// Writes the first rows of a panel, row by row, `out.len() / panel.len()` of them.
#[inline(always)]
pub(crate) fn scatter(panel: &[Lanes], out: &mut [f32]) {
    for (lane, row) in out.chunks_exact_mut(panel.len()).enumerate() {
        for (value, lanes) in row.iter_mut().zip(panel) {
            *value = lanes.0[lane];
        }
    }
}

/// Joins a further encoding, cut to +-`limit`, to a state; `first` where the state is empty.
///
/// A state of log-sum-exp is the largest so far, and in `total` the sum of exponentials relative to it.
#[inline(always)]
pub(crate) fn join(
    aggregation: Aggregation,
    limit: f32,
    first: bool,
    encoding: &[Lanes],
    state: &mut [Lanes],
    total: &mut [Lanes],
) {
    let cut = |x: f32| clip(x, -limit, limit);
    if first {
        for (state, x) in state.iter_mut().zip(encoding) {
            for lane in 0..LANES {
                state.0[lane] = cut(x.0[lane]);
            }
        }
        total.iter_mut().for_each(|total| *total = Lanes([1.0; LANES]));
        return;
    }
    match aggregation {
        Aggregation::Sum => fold(state, encoding, |state, x| state + cut(x)),
        Aggregation::Product => fold(state, encoding, |state, x| state * cut(x)),
        Aggregation::Max => fold(state, encoding, |state, x| {
            let x = cut(x);
            let larger = if state > x { state } else { x };
            if state.is_nan() { f32::NAN } else { larger }
        }),
        Aggregation::LogSumExp => {
            for ((state, total), x) in state.iter_mut().zip(total).zip(encoding) {
                for lane in 0..LANES {
                    let (largest, x) = (state.0[lane], cut(x.0[lane]));
                    let above = x - largest;
                    let ratio = exp(-above.abs());
                    let sum = total.0[lane];
                    total.0[lane] = if above > 0.0 { sum.mul_add(ratio, 1.0) } else { sum + ratio };
                    state.0[lane] = if x > largest { x } else { largest };
                }
            }
        }
    }
}

#[inline(always)]
fn fold(state: &mut [Lanes], encoding: &[Lanes], function: impl Fn(f32, f32) -> f32) {
    for (state, x) in state.iter_mut().zip(encoding) {
        for lane in 0..LANES {
            state.0[lane] = function(state.0[lane], x.0[lane]);
        }
    }
}

/// What a state of log-sum-exp stands for; the states of the others are their values.
#[inline(always)]
pub(crate) fn finish(aggregation: Aggregation, state: &mut [Lanes], total: &[Lanes]) {
    if aggregation == Aggregation::LogSumExp {
        fold(state, total, |largest, total| largest + log_from_one(total));
    }
}

/// The half words of a micro-block, by dimension and then by row, as a stream hands them out by row.
///
/// `place` is where in the stream's block the first four words stand.
#[inline(always)]
fn draw_halves(key: Key, block: u64, place: u64, halves: &mut [[u32; LANES]]) {
    let mut place = place;
    let mut eight = || {
        let words = words_at(key, [place, 0, 0, block]);
        place += 1;
        words.map(|word| [word as u32, (word >> 32) as u32])
    };
    let dim = halves.len();
    if dim.is_multiple_of(8) {
        for lane in 0..LANES {
            for dimensions in halves.as_chunks_mut::<8>().0 {
                for (halves, half) in dimensions.iter_mut().zip(eight().as_flattened()) {
                    halves[lane] = *half;
                }
            }
        }
        return;
    }
    let (mut lane, mut dimension) = (0, 0);
    for _ in 0..LANES * dim / 8 {
        for half in eight().as_flattened() {
            halves[dimension][lane] = *half;
            dimension += 1;
            if dimension == dim {
                (dimension, lane) = (0, lane + 1);
            }
        }
    }
}

/// Adds Beta noise to a state.
///
/// A draw is one half word: its upper 12 bits choose one of the cells between the knots, the others a place in it.
/// `place` is where in the stream's block the first four words stand; `halves` is room for as many as the state has.
#[inline(always)]
pub(crate) fn add_noise(
    knots: &[f32; KNOTS + 1],
    key: Key,
    block: u64,
    place: u64,
    halves: &mut [[u32; LANES]],
    state: &mut [Lanes],
) {
    draw_halves(key, block, place, halves);
    for (halves, state) in halves.iter().zip(state) {
        let mut ends = [[0.0f32; 2]; LANES];
        for (ends, half) in ends.iter_mut().zip(halves) {
            let cell = (half >> FRACTION_BITS) as usize;
            ends.copy_from_slice(&knots[cell..cell + 2]);
        }
        for lane in 0..LANES {
            let fraction = (halves[lane] & ((1 << FRACTION_BITS) - 1)) as i32 as f32 * FRACTION;
            let [low, high] = ends[lane];
            state.0[lane] += fraction.mul_add(high - low, low);
        }
    }
}

/// The label whose score is the largest, the first of them in a tie; NaN counts as the largest.
#[inline(always)]
pub(crate) fn argmax(scores: &[Lanes], labels: &mut [i64]) {
    let mut best = scores[0];
    let mut found = [0i32; LANES];
    for (label, scores) in (0..).zip(scores).skip(1) {
        for ((best, found), score) in best.0.iter_mut().zip(&mut found).zip(scores.0) {
            let better = (score > *best || score.is_nan()) && !best.is_nan();
            *best = if better { score } else { *best };
            *found = if better { label } else { *found };
        }
    }
    for (label, found) in labels.iter_mut().zip(found) {
        *label = i64::from(found);
    }
}
