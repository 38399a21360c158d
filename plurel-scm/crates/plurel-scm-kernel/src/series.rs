//! Series along the rows of a table: the mean of a trend, a cycle and autocorrelated noise.
//!
//! A block of rows is made without the blocks before it: the noise restarts from as many of the earlier innovations as
//! double precision remembers. Not here: how a series' parameters are drawn.

use crate::philox::{Key, Words};
use crate::special::{log, pow, sin};

/// Relative size below which an innovation no longer shows in the state.
const FORGOTTEN: f64 = 1.0 / (1u64 << 53) as f64;

/// One series of numbers.
#[derive(Clone, Debug)]
pub struct Series {
    /// Rows of the whole table.
    pub rows: u64,
    /// Lower bound; the trend starts there.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// Height of the trend at the table's end.
    pub trend_scale: f64,
    /// Exponent of the trend.
    pub trend_alpha: f64,
    /// Amplitude of the cycle.
    pub cycle_scale: f64,
    /// Rows of half a period.
    pub cycle_rows: u64,
    /// Standard deviation of an innovation.
    pub noise_scale: f64,
    /// Autocorrelation of the noise, above -1 and below 1.
    pub rho: f64,
}

/// Number of rows after which an innovation of an autoregressive process is forgotten below double precision.
#[must_use]
pub fn memory(rho: f64) -> u64 {
    if rho == 0.0 { 0 } else { (log(FORGOTTEN) / log(rho.abs())).ceil() as u64 }
}

fn cut(x: f64, low: f64, high: f64) -> f64 {
    x.max(low).min(high)
}

impl Series {
    /// Fills a slice with the rows of a block.
    ///
    /// `key` is that of the innovations: one word a row, in blocks of `block_rows` rows.
    pub fn block(&self, key: Key, index: u64, block_rows: u64, out: &mut [f32]) {
        let start = index * block_rows;
        let mut noise = self.state_before(key, start, block_rows);
        let mut innovations = Words::new(key, index);
        for (row, value) in (start..).zip(out) {
            let place = row as f64;
            let trend = self.trend_scale * pow(place / self.rows as f64, self.trend_alpha) + self.low;
            let angle = core::f64::consts::PI * place / self.cycle_rows as f64;
            let cycle = cut(self.cycle_scale * sin(angle), self.low, self.high);
            noise = self.rho * noise + self.noise_scale * innovations.normal();
            *value = ((trend.min(self.high) + cycle + cut(noise, self.low, self.high)) / 3.0) as f32;
        }
    }

    /// The noise's state before a row, as far as it is remembered.
    fn state_before(&self, key: Key, row: u64, block_rows: u64) -> f64 {
        let mut state = 0.0;
        let mut place = row - memory(self.rho).min(row);
        while place < row {
            let block = place / block_rows;
            let stop = ((block + 1) * block_rows).min(row);
            let mut innovations = Words::starting_at(key, block, place % block_rows);
            for _ in place..stop {
                state = self.rho * state + self.noise_scale * innovations.normal();
            }
            place = stop;
        }
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERIES: Series = Series {
        rows: 500,
        low: -3.0,
        high: 3.0,
        trend_scale: 1.0,
        trend_alpha: 1.5,
        cycle_scale: -1.0,
        cycle_rows: 70,
        noise_scale: 0.3,
        rho: 0.7,
    };

    #[test]
    fn blocks_join_to_the_series_that_one_run_makes() {
        let states: Vec<f64> = (0..5).map(|block| SERIES.state_before([1, 2], block * 100, 100)).collect();
        let mut state = 0.0;
        for block in 0..5 {
            assert!((states[block as usize] - state).abs() < 1e-14);
            let mut innovations = Words::new([1, 2], block);
            (0..100).for_each(|_| state = 0.7 * state + 0.3 * innovations.normal());
        }
    }

    #[test]
    fn a_series_stays_within_its_bounds() {
        let mut values = vec![f32::NAN; 500];
        SERIES.block([1, 2], 0, 500, &mut values);
        assert!(values.iter().all(|value| (-3.0..=3.0).contains(value)));
    }
}
