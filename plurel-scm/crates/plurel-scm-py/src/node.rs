//! Nodes and the encoders of parent rows as Python objects: made of arrays, pickled as the same arrays.

use numpy::{
    IntoPyArray, PyArray1, PyArray2, PyArrayDescrMethods, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2,
    PyUntypedArray, PyUntypedArrayMethods, dtype,
};
use plurel_scm_kernel::description::Description;
use plurel_scm_kernel::encoders::{Column, Encoders as KernelEncoders};
use plurel_scm_kernel::error::Error;
use plurel_scm_kernel::node::{Block, Node as KernelNode, ParentRows, Values};
use plurel_scm_kernel::vector::Path;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::draws::room;

fn refused(error: Error) -> PyErr {
    PyValueError::new_err(error.0)
}

fn contiguous<'a, T: numpy::Element>(array: &'a PyReadonlyArray1<'_, T>) -> PyResult<&'a [T]> {
    array.as_slice().map_err(|_| PyValueError::new_err("arrays must be contiguous"))
}

/// The arrays that a node is made of.
struct Arrays {
    words: Py<PyArray1<u32>>,
    scalars: Py<PyArray1<f32>>,
    weights: Py<PyArray1<f32>>,
    embeddings: Py<PyArray1<f32>>,
    quantiles: Py<PyArray1<f32>>,
}

type Words<'py> = Bound<'py, PyArray1<u32>>;
type Numbers<'py> = Bound<'py, PyArray1<f32>>;
type NewArguments<'py> = (Words<'py>, Numbers<'py>, Numbers<'py>, Numbers<'py>, Numbers<'py>);

/// Makes something of a description, detached from the interpreter.
fn made<T: Send>(
    py: Python<'_>,
    words: &Words<'_>,
    [scalars, weights, embeddings]: [&Numbers<'_>; 3],
    make: impl FnOnce(Path, Description<'_>) -> Result<T, Error> + Send,
) -> PyResult<T> {
    let (words, scalars) = (words.try_readonly()?, scalars.try_readonly()?);
    let (weights, embeddings) = (weights.try_readonly()?, embeddings.try_readonly()?);
    let description = Description {
        words: contiguous(&words)?,
        scalars: contiguous(&scalars)?,
        weights: contiguous(&weights)?,
        embeddings: contiguous(&embeddings)?,
    };
    py.detach(|| make(Path::chosen()?, description)).map_err(refused)
}

/// The names of the sets of instructions that this machine has, the fastest first.
#[pyfunction]
pub fn paths() -> Vec<&'static str> {
    Path::available().into_iter().map(Path::name).collect()
}

/// The values of an input as they came from Python.
enum Input<'py> {
    Numbers(PyReadonlyArray1<'py, f32>),
    Labels(PyReadonlyArray1<'py, i64>),
}

impl<'py> FromPyObject<'_, 'py> for Input<'py> {
    type Error = PyErr;

    /// Looks at the type of the numbers first: a cast that fails words its error, which takes longer than the rest.
    fn extract(values: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let numbers = values.cast::<PyUntypedArray>()?.dtype().is_equiv_to(&dtype::<f32>(values.py()));
        Ok(if numbers { Input::Numbers(values.extract()?) } else { Input::Labels(values.extract()?) })
    }
}

impl Input<'_> {
    fn column(&self) -> PyResult<Column<'_>> {
        match self {
            Input::Numbers(values) => contiguous(values).map(Column::Numbers),
            Input::Labels(values) => contiguous(values).map(Column::Labels),
        }
    }
}

/// One causal node.
#[pyclass(frozen, module = "plurel_scm._kernel")]
pub struct Node {
    node: KernelNode,
    arrays: Arrays,
}

#[pymethods]
impl Node {
    #[new]
    fn new(
        py: Python<'_>,
        words: Words<'_>,
        scalars: Numbers<'_>,
        weights: Numbers<'_>,
        embeddings: Numbers<'_>,
        quantiles: Numbers<'_>,
    ) -> PyResult<Node> {
        let read = quantiles.try_readonly()?;
        let knots = contiguous(&read)?;
        let make = |path, description: Description<'_>| KernelNode::new(path, description, knots);
        let node = made(py, &words, [&scalars, &weights, &embeddings], make)?;
        let arrays = Arrays {
            words: words.unbind(),
            scalars: scalars.unbind(),
            weights: weights.unbind(),
            embeddings: embeddings.unbind(),
            quantiles: quantiles.clone().unbind(),
        };
        Ok(Node { node, arrays })
    }

    fn __getnewargs__<'py>(&self, py: Python<'py>) -> NewArguments<'py> {
        let Arrays { words, scalars, weights, embeddings, quantiles } = &self.arrays;
        (
            words.bind(py).clone(),
            scalars.bind(py).clone(),
            weights.bind(py).clone(),
            embeddings.bind(py).clone(),
            quantiles.bind(py).clone(),
        )
    }

    /// The values of a block of rows.
    fn compute<'py>(
        &self,
        py: Python<'py>,
        rows: usize,
        inputs: Vec<Input<'py>>,
        parents: Vec<(PyReadonlyArray2<'py, f32>, PyReadonlyArray1<'py, i64>)>,
        key: u128,
        block: u64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let columns = inputs.iter().map(Input::column).collect::<PyResult<Vec<_>>>()?;
        let parents = parents
            .iter()
            .map(|(table, rows)| {
                let table = table.as_slice().map_err(|_| PyValueError::new_err("arrays must be contiguous"))?;
                Ok(ParentRows { table, rows: contiguous(rows)? })
            })
            .collect::<PyResult<Vec<_>>>()?;
        let key = [key as u64, (key >> 64) as u64];
        let block = Block { rows, inputs: &columns, parents: &parents, key, number: block };
        if self.node.is_category() {
            let mut values = room(&[rows])?;
            py.detach(|| self.node.compute(Path::chosen()?, &block, Values::Labels(&mut values))).map_err(refused)?;
            return Ok(values.into_pyarray(py).into_any());
        }
        let mut values = room(&[rows])?;
        py.detach(|| self.node.compute(Path::chosen()?, &block, Values::Numbers(&mut values))).map_err(refused)?;
        Ok(values.into_pyarray(py).into_any())
    }
}

/// The encoders of a parent's columns, and what joins their vectors.
#[pyclass(frozen, module = "plurel_scm._kernel")]
pub struct Encoders {
    encoders: KernelEncoders,
}

#[pymethods]
impl Encoders {
    #[new]
    fn new(
        py: Python<'_>,
        words: Words<'_>,
        scalars: Numbers<'_>,
        weights: Numbers<'_>,
        embeddings: Numbers<'_>,
    ) -> PyResult<Encoders> {
        let read = |path, mut description: Description<'_>| KernelEncoders::read(path, &mut description);
        Ok(Encoders { encoders: made(py, &words, [&scalars, &weights, &embeddings], read)? })
    }

    /// The joined vectors of all rows.
    fn table<'py>(
        &self,
        py: Python<'py>,
        rows: usize,
        columns: Vec<Input<'py>>,
    ) -> PyResult<Bound<'py, PyArray2<f32>>> {
        let columns = columns.iter().map(Input::column).collect::<PyResult<Vec<_>>>()?;
        let table = py.detach(|| self.encoders.table(Path::chosen()?, &columns, rows)).map_err(refused)?;
        table.into_pyarray(py).reshape([rows, self.encoders.dim()])
    }
}
