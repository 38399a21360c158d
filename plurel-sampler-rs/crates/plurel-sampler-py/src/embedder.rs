//! Embedders written in Python, for the core; the core's hashed embedder, for Python.

use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray2, PyUntypedArrayMethods};
use plurel_sampler_core::embed;
use plurel_sampler_core::error::{Error, Result};
use plurel_sampler_core::spec::Embedder;
use pyo3::prelude::*;

use crate::errors::to_python;

/// An object with `name`, `width`, `fingerprint` and `embed(list of str) -> [n, width] f32`.
pub struct PythonEmbedder {
    name: String,
    width: usize,
    fingerprint: String,
    object: Py<PyAny>,
}

impl PythonEmbedder {
    pub fn new(object: Bound<'_, PyAny>) -> PyResult<Self> {
        let py = object.py();
        Self::read(&object).map_err(|error| {
            let message = format!(
                "embedder of {}: {error}; expected a name, a width, a fingerprint and embed(texts)",
                object.get_type()
            );
            to_python(py, Error::build(message))
        })
    }

    fn read(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        object.getattr("embed")?;
        Ok(PythonEmbedder {
            name: object.getattr("name")?.extract()?,
            width: object.getattr("width")?.extract()?,
            fingerprint: object.getattr("fingerprint")?.extract()?,
            object: object.clone().unbind(),
        })
    }
}

/// `[n, width]` f32 values, row after row, and their shape.
fn matrix(vectors: &Bound<'_, PyAny>) -> PyResult<(Vec<f32>, [usize; 2])> {
    let vectors = vectors.py().import("numpy")?.call_method1("ascontiguousarray", (vectors, "float32"))?;
    let vectors: PyReadonlyArray2<'_, f32> = vectors.extract()?;
    Ok((vectors.as_slice()?.to_vec(), [vectors.shape()[0], vectors.shape()[1]]))
}

impl Embedder for PythonEmbedder {
    fn name(&self) -> &str {
        &self.name
    }

    fn width(&self) -> usize {
        self.width
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<f32>> {
        let expected = [texts.len(), self.width];
        let wrong =
            |what: String| Error::build(format!("embedder {} gave {what} where {expected:?} was expected", self.name));
        Python::attach(|py| {
            let vectors = self.object.bind(py).call_method1("embed", (texts,)).map_err(Error::caller)?;
            let (values, shape) = matrix(&vectors).map_err(|_| wrong(vectors.get_type().to_string()))?;
            if shape == expected { Ok(values) } else { Err(wrong(format!("{shape:?}"))) }
        })
    }
}

#[pyclass(frozen, module = "plurel_sampler._native")]
pub struct HashedEmbedder(embed::HashedEmbedder);

#[pymethods]
impl HashedEmbedder {
    #[new]
    fn new(py: Python<'_>, width: usize) -> PyResult<Self> {
        embed::HashedEmbedder::new(width).map(Self).map_err(|error| to_python(py, error))
    }

    #[getter]
    fn fingerprint(&self) -> &str {
        self.0.fingerprint()
    }

    fn embed<'py>(&self, py: Python<'py>, texts: Vec<String>) -> PyResult<Bound<'py, PyAny>> {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let values = py.detach(|| self.0.embed(&texts)).map_err(|error| to_python(py, error))?;
        Ok(PyArray1::from_vec(py, values).reshape([texts.len(), self.0.width()])?.into_any())
    }
}
