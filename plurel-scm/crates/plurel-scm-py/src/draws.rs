//! Draws as numpy arrays.

use numpy::{IntoPyArray, PyArray1};
use plurel_scm_kernel::philox::Words;
use pyo3::prelude::*;

fn start(key: u128, block: u64) -> Words {
    Words::new([key as u64, (key >> 64) as u64], block)
}

fn filled<'py, T: numpy::Element + Send>(
    py: Python<'py>,
    count: usize,
    draw: impl FnMut() -> T + Send,
) -> Bound<'py, PyArray1<T>> {
    let values: Vec<T> = py.detach(|| std::iter::repeat_with(draw).take(count).collect());
    values.into_pyarray(py)
}

/// The first words of a block of a stream.
#[pyfunction]
pub fn words(py: Python<'_>, key: u128, block: u64, count: usize) -> Bound<'_, PyArray1<u64>> {
    let mut words = start(key, block);
    filled(py, count, move || words.word())
}

/// Uniform numbers in 0..1.
#[pyfunction]
pub fn uniform(py: Python<'_>, key: u128, block: u64, count: usize) -> Bound<'_, PyArray1<f64>> {
    let mut words = start(key, block);
    filled(py, count, move || words.uniform())
}

/// Standard normal numbers.
#[pyfunction]
pub fn normal(py: Python<'_>, key: u128, block: u64, count: usize) -> Bound<'_, PyArray1<f64>> {
    let mut words = start(key, block);
    filled(py, count, move || words.normal())
}
