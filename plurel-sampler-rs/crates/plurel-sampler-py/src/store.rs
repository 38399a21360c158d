//! Stores for Python: building, opening, and whole columns as numpy arrays.

use std::path::PathBuf;
use std::sync::Arc;

use numpy::PyArray1;
use plurel_sampler_core::build;
use plurel_sampler_core::error::Error;
use plurel_sampler_core::format::MANIFEST;
use plurel_sampler_core::spec::{BuildOptions, Embedder};
use plurel_sampler_core::store::{Store as CoreStore, Verify, verify};
use pyo3::prelude::*;

use crate::embedder::PythonEmbedder;
use crate::errors::{detached, to_python};
use crate::records::{Table, Task, choice};

#[pyclass(frozen, module = "plurel_sampler._native")]
pub struct Store(pub Arc<CoreStore>);

/// Builds a store and opens it. `provenance` is JSON; `progress` is called with a text and a share of 1.
#[pyfunction]
#[pyo3(signature = (out, tables, tasks, *, val_timestamp, test_timestamp, embedder, on_unresolved, provenance, progress, overwrite))]
#[allow(clippy::too_many_arguments)]
pub fn build_store(
    py: Python<'_>,
    out: PathBuf,
    tables: Vec<Table>,
    tasks: Vec<Task>,
    val_timestamp: Option<i64>,
    test_timestamp: Option<i64>,
    embedder: Option<Bound<'_, PyAny>>,
    on_unresolved: &str,
    provenance: &str,
    progress: Option<Py<PyAny>>,
    overwrite: bool,
) -> PyResult<Store> {
    let raised = |error: Error| to_python(py, error);
    let tables = tables.into_iter().map(Table::into_spec).collect::<Result<Vec<_>, _>>().map_err(raised)?;
    let tasks = tasks.into_iter().map(Task::into_spec).collect::<Result<Vec<_>, _>>().map_err(raised)?;
    let embedder = embedder.map(PythonEmbedder::new).transpose()?;
    let provenance = serde_json::from_str(provenance)
        .map_err(|error| raised(Error::build(format!("the provenance is no JSON: {error}"))))?;
    let options = BuildOptions {
        val_timestamp,
        test_timestamp,
        on_unresolved: choice(Error::build, "on_unresolved", on_unresolved).map_err(raised)?,
        provenance,
        overwrite,
    };
    let store = detached(py, || {
        let mut tell = |what: &str, share: f64| {
            Python::attach(|py| {
                py.check_signals()?;
                progress.as_ref().map_or(Ok(()), |progress| progress.call1(py, (what, share)).map(|_| ()))
            })
            .map_err(Error::caller)
        };
        let embedder = embedder.as_ref().map(|embedder| embedder as &dyn Embedder);
        build::build_store(&out, &tables, &tasks, &options, embedder, &mut tell)
    })?;
    Ok(Store(Arc::new(store)))
}

/// Everything that is wrong with a store, as exceptions that are given and not raised.
#[pyfunction]
pub fn verify_store(py: Python<'_>, path: PathBuf) -> PyResult<Vec<Py<PyAny>>> {
    let found = detached(py, || verify(&path))?;
    Ok(found.into_iter().map(|error| to_python(py, error).into_value(py).into_any()).collect())
}

impl Store {
    fn table(&self, py: Python<'_>, name: &str) -> PyResult<usize> {
        let manifest = self.0.manifest();
        manifest.table(name).ok_or_else(|| {
            let known: Vec<&str> = manifest.tables.iter().map(|table| table.name.as_str()).collect();
            let message = format!("there is no table {name:?}; there are: {}", known.join(", "));
            to_python(py, Error::context(message).in_file(self.0.path()))
        })
    }

    fn unknown(&self, py: Python<'_>, table: usize, what: &str, name: &str) -> PyErr {
        let error = Error::context(format!("there is no {what} {name:?}"));
        to_python(py, error.in_file(self.0.path()).in_table(&self.0.manifest().tables[table].name))
    }
}

#[pymethods]
impl Store {
    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf, checksums: bool) -> PyResult<Self> {
        let verify = if checksums { Verify::Checksums } else { Verify::Lengths };
        Ok(Store(Arc::new(detached(py, || CoreStore::open(&path, verify))?)))
    }

    /// The description, as JSON.
    fn description(&self, py: Python<'_>) -> PyResult<String> {
        self.0.manifest().to_json().map_err(|error| to_python(py, error.in_file(self.0.path().join(MANIFEST))))
    }

    fn with_embeddings(&self, py: Python<'_>, embedder: Bound<'_, PyAny>) -> PyResult<Self> {
        let embedder = PythonEmbedder::new(embedder)?;
        Ok(Store(Arc::new(detached(py, || self.0.add_embeddings(&embedder))?)))
    }

    /// The words of a column: f32 bits or string ids.
    fn column_words<'py>(&self, py: Python<'py>, table: &str, column: &str) -> PyResult<Bound<'py, PyArray1<u32>>> {
        let table = self.table(py, table)?;
        let meta = &self.0.manifest().tables[table];
        let column = meta.column(column).ok_or_else(|| self.unknown(py, table, "column", column))?;
        let words = || (0..meta.rows as usize).map(|row| self.0.cells(table, row)[column]).collect();
        Ok(PyArray1::from_vec(py, py.detach(words)))
    }

    /// Row numbers in the parent table, -1 for none.
    fn parent_rows<'py>(&self, py: Python<'py>, table: &str, column: &str) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let table = self.table(py, table)?;
        let meta = &self.0.manifest().tables[table];
        let key = meta.foreign_keys.iter().position(|key| key.column == column);
        let key = key.ok_or_else(|| self.unknown(py, table, "foreign key", column))?;
        let rows = detached(py, || {
            (0..meta.rows as usize)
                .map(|row| match self.0.parent(table, row, key)? {
                    None => Ok(-1),
                    Some(node) => Ok(self.0.locate(node)?.1 as i64),
                })
                .collect::<Result<Vec<i64>, Error>>()
        })?;
        Ok(PyArray1::from_vec(py, rows))
    }

    /// The moment from which each row shows itself.
    fn known_times<'py>(&self, py: Python<'py>, table: &str) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let table = self.table(py, table)?;
        Ok(PyArray1::from_slice(py, self.0.known_of_table(table)))
    }

    /// A further time that the store keeps exactly.
    fn column_times<'py>(&self, py: Python<'py>, table: &str, column: &str) -> PyResult<Bound<'py, PyArray1<i64>>> {
        let table = self.table(py, table)?;
        let number = self.0.manifest().tables[table].time(column);
        let number = number.ok_or_else(|| self.unknown(py, table, "exact time", column))?;
        Ok(PyArray1::from_slice(py, self.0.times(table, number)))
    }
}
