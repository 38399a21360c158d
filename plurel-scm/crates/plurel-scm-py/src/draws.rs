//! Draws as numpy arrays: the arguments are a stream's key, the number of a block, and how many.

use numpy::{IntoPyArray, PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadwriteArray1};
use plurel_scm_kernel::matrices::{Initializer, mask};
use plurel_scm_kernel::philox::{Key, Words};
use plurel_scm_kernel::series::Series;
use plurel_scm_kernel::vector::Path;
use plurel_scm_kernel::{draws, quantiles, special};
use pyo3::exceptions::{PyMemoryError, PyValueError};
use pyo3::prelude::*;

fn halves(key: u128) -> Key {
    [key as u64, (key >> 64) as u64]
}

/// Room for the product of some sizes; what memory does not hold is an error of Python's, and no abort.
pub(crate) fn room<T: Clone + Default>(sizes: &[usize]) -> PyResult<Vec<T>> {
    let wanted = sizes.iter().try_fold(1usize, |product, size| product.checked_mul(*size));
    let mut values = Vec::new();
    match wanted {
        Some(count) if values.try_reserve_exact(count).is_ok() => values.resize(count, T::default()),
        _ => return Err(PyMemoryError::new_err(format!("there is no room for {sizes:?} numbers"))),
    }
    Ok(values)
}

fn filled<'py, T: numpy::Element + Clone + Default + Send>(
    py: Python<'py>,
    key: u128,
    block: u64,
    count: usize,
    mut draw: impl FnMut(&mut Words) -> T + Send,
) -> PyResult<Bound<'py, PyArray1<T>>> {
    let mut values = room(&[count])?;
    py.detach(|| {
        let mut words = Words::new(halves(key), block);
        values.fill_with(|| draw(&mut words));
    });
    Ok(values.into_pyarray(py))
}

/// Refuses parameters of a Beta distribution below the least, and what is no number.
fn check_beta(least: f64, parameters: [f64; 2]) -> PyResult<()> {
    if parameters.iter().all(|parameter| parameter.is_finite() && *parameter >= least) {
        return Ok(());
    }
    let words = if least < 0.5 { "above 0" } else { "from 1/2 on" };
    Err(PyValueError::new_err(format!("a Beta distribution has finite parameters {words}, got {parameters:?}")))
}

/// The first words of a block of a stream.
#[pyfunction]
pub fn words(py: Python<'_>, key: u128, block: u64, count: usize) -> PyResult<Bound<'_, PyArray1<u64>>> {
    let mut values = room(&[count])?;
    py.detach(|| Words::new(halves(key), block).fill(&mut values));
    Ok(values.into_pyarray(py))
}

/// Uniform numbers in 0..1.
#[pyfunction]
pub fn uniform(py: Python<'_>, key: u128, block: u64, count: usize) -> PyResult<Bound<'_, PyArray1<f64>>> {
    filled(py, key, block, count, Words::uniform)
}

/// Standard normal numbers.
#[pyfunction]
pub fn normal(py: Python<'_>, key: u128, block: u64, count: usize) -> PyResult<Bound<'_, PyArray1<f64>>> {
    filled(py, key, block, count, Words::normal)
}

/// Standard Cauchy numbers.
#[pyfunction]
pub fn cauchy(py: Python<'_>, key: u128, block: u64, count: usize) -> PyResult<Bound<'_, PyArray1<f64>>> {
    filled(py, key, block, count, Words::cauchy)
}

/// Beta numbers, for parameters above 0.
#[pyfunction]
pub fn beta(
    py: Python<'_>,
    key: u128,
    block: u64,
    count: usize,
    alpha: f64,
    beta: f64,
) -> PyResult<Bound<'_, PyArray1<f64>>> {
    check_beta(f64::from_bits(1), [alpha, beta])?;
    filled(py, key, block, count, move |words| words.beta(alpha, beta))
}

/// Integers below a bound.
#[pyfunction]
pub fn below(py: Python<'_>, key: u128, block: u64, count: usize, bound: u64) -> PyResult<Bound<'_, PyArray1<i64>>> {
    if bound == 0 || bound > i64::MAX as u64 {
        return Err(PyValueError::new_err(format!("integers are drawn below 1 to 2**63 - 1, got {bound}")));
    }
    filled(py, key, block, count, move |words| words.below(bound) as i64)
}

/// The integers from 0 in random order.
#[pyfunction]
pub fn permutation(py: Python<'_>, key: u128, block: u64, count: usize) -> PyResult<Bound<'_, PyArray1<i64>>> {
    let mut values = room(&[count])?;
    py.detach(|| {
        values.iter_mut().zip(0..).for_each(|(value, place)| *value = place);
        Words::new(halves(key), block).shuffle(&mut values);
    });
    Ok(values.into_pyarray(py))
}

/// Shares that sum to 1, all such equally likely.
#[pyfunction]
pub fn shares(py: Python<'_>, key: u128, block: u64, count: usize) -> PyResult<Bound<'_, PyArray1<f64>>> {
    let mut values = room(&[count])?;
    py.detach(|| Words::new(halves(key), block).shares(&mut values));
    Ok(values.into_pyarray(py))
}

/// Amplitude, frequency and phase of sines, a row each.
#[pyfunction]
pub fn sines(py: Python<'_>, key: u128, block: u64, count: usize) -> PyResult<Bound<'_, PyArray2<f32>>> {
    let mut values = room(&[count, 3])?;
    py.detach(|| {
        let mut words = Words::new(halves(key), block);
        values.as_chunks_mut::<3>().0.fill_with(|| words.sine());
    });
    values.into_pyarray(py).reshape([count, 3])
}

/// Exponentials.
#[pyfunction]
pub fn exp<'py>(py: Python<'py>, values: PyReadonlyArray1<'py, f64>) -> Bound<'py, PyArray1<f64>> {
    values.as_array().mapv(special::exp).into_pyarray(py)
}

/// Signed logarithms, `sign(x) log(1 + |x|)`.
#[pyfunction]
pub fn signed_log<'py>(py: Python<'py>, values: PyReadonlyArray1<'py, f64>) -> Bound<'py, PyArray1<f64>> {
    values.as_array().mapv(draws::signed_log).into_pyarray(py)
}

/// Quantiles of a Beta distribution at 0, 1/4096, ..., 1, for parameters from 1/2 on.
#[pyfunction]
pub fn beta_quantiles(py: Python<'_>, alpha: f64, beta: f64) -> PyResult<Bound<'_, PyArray1<f64>>> {
    check_beta(0.5, [alpha, beta])?;
    let path = chosen()?;
    Ok(py.detach(|| quantiles::beta_quantiles(path, alpha, beta)).into_pyarray(py))
}

fn chosen() -> PyResult<Path> {
    Path::chosen().map_err(|error| PyValueError::new_err(error.0))
}

fn known(initializer: usize) -> PyResult<Initializer> {
    let (_, known) = Initializer::NAMES
        .get(initializer)
        .ok_or_else(|| PyValueError::new_err(format!("there is no initialiser number {initializer}")))?;
    Ok(*known)
}

/// A stack of matrices drawn one after the other.
#[pyfunction]
pub fn weights(
    py: Python<'_>,
    key: u128,
    initializer: usize,
    count: usize,
    inputs: usize,
    outputs: usize,
) -> PyResult<Bound<'_, PyArray1<f32>>> {
    let (initializer, path) = (known(initializer)?, chosen()?);
    let mut values = room(&[count, inputs, outputs])?;
    py.detach(|| {
        let mut words = Words::new(halves(key), 0);
        for matrix in values.chunks_mut((inputs * outputs).max(1)) {
            initializer.draw(path, inputs, outputs, &mut words, matrix);
        }
    });
    Ok(values.into_pyarray(py))
}

/// Fills `out` with matrices of the given shapes, one behind the other.
///
/// Matrix number m is drawn from block m of `key` by its initialiser; where that is None it is left as it is. With
/// densities it is masked by the words of block m of `mask_key`.
#[pyfunction]
#[pyo3(signature = (out, shapes, initializers, key, densities=None, mask_key=0))]
pub fn draw_matrices(
    py: Python<'_>,
    mut out: PyReadwriteArray1<'_, f32>,
    shapes: Vec<(usize, usize)>,
    initializers: Vec<Option<usize>>,
    key: u128,
    densities: Option<Vec<f64>>,
    mask_key: u128,
) -> PyResult<()> {
    let initializers: Vec<Option<Initializer>> =
        initializers.into_iter().map(|number| number.map(known).transpose()).collect::<PyResult<_>>()?;
    let counts = [initializers.len(), densities.as_ref().map_or(shapes.len(), Vec::len)];
    if counts != [shapes.len(); 2] {
        return Err(PyValueError::new_err(format!(
            "{} matrices need as many initialisers and densities, got {counts:?}",
            shapes.len()
        )));
    }
    let path = chosen()?;
    let mut rest = out.as_slice_mut()?;
    let add = |sum: usize, (inputs, outputs): &(usize, usize)| sum.checked_add(inputs.checked_mul(*outputs)?);
    let size = shapes.iter().try_fold(0, add);
    if size != Some(rest.len()) {
        let size = size.map_or("too many".into(), |size| size.to_string());
        return Err(PyValueError::new_err(format!("these matrices have {size} weights, `out` has {}", rest.len())));
    }
    py.detach(|| {
        for (place, (inputs, outputs)) in shapes.into_iter().enumerate() {
            let (matrix, others) = core::mem::take(&mut rest).split_at_mut(inputs * outputs);
            rest = others;
            if let Some(initializer) = initializers[place] {
                let mut words = Words::new(halves(key), place as u64);
                initializer.draw(path, inputs, outputs, &mut words, matrix);
            }
            if let Some(densities) = &densities {
                mask(path, densities[place], &mut Words::new(halves(mask_key), place as u64), matrix);
            }
        }
    });
    Ok(())
}

/// A block of a series along the rows of a table.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "a series has as many parameters")]
pub fn series(
    py: Python<'_>,
    key: u128,
    block: u64,
    count: usize,
    block_rows: u64,
    rows: u64,
    low: f64,
    high: f64,
    trend_scale: f64,
    trend_alpha: f64,
    cycle_scale: f64,
    cycle_rows: u64,
    noise_scale: f64,
    rho: f64,
) -> PyResult<Bound<'_, PyArray1<f32>>> {
    if block_rows == 0 || !(rho > -1.0 && rho < 1.0) {
        return Err(PyValueError::new_err(format!(
            "a series has blocks of at least one row and an autocorrelation between -1 and 1, got {block_rows} and {rho}"
        )));
    }
    let series = Series { rows, low, high, trend_scale, trend_alpha, cycle_scale, cycle_rows, noise_scale, rho };
    let mut values = room(&[count])?;
    py.detach(|| series.block(halves(key), block, block_rows, &mut values));
    Ok(values.into_pyarray(py))
}
