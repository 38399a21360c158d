//! From the core's error to the exception class of `plurel_sampler.errors` that stands for its kind.

use plurel_sampler_core::error::{Error, Kind};
use pyo3::prelude::*;
use pyo3::types::PyDict;

fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Build => "BuildError",
        Kind::UnresolvedKey => "UnresolvedKeyError",
        Kind::Value => "CellValueError",
        Kind::Limit => "LimitError",
        Kind::Exists => "StoreExistsError",
        Kind::Busy => "StoreBusyError",
        Kind::Missing => "StoreMissingError",
        Kind::Format => "StoreFormatError",
        Kind::Context => "ContextError",
        Kind::Io => "StoreIOError",
        Kind::Caller => "SamplerError",
    }
}

/// The exception for an error; one that Python code raised comes back as it was.
pub fn to_python(py: Python<'_>, error: Error) -> PyErr {
    if let Some(cause) = error.cause.as_ref().and_then(|cause| cause.downcast_ref::<PyErr>()) {
        return cause.clone_ref(py);
    }
    exception(py, &error).unwrap_or_else(|failed| failed)
}

fn exception(py: Python<'_>, error: &Error) -> PyResult<PyErr> {
    let place = PyDict::new(py);
    place.set_item("file", error.place.file.as_ref().map(|file| file.display().to_string()))?;
    place.set_item("table", &error.place.table)?;
    place.set_item("column", &error.place.column)?;
    place.set_item("row", error.place.row)?;
    place.set_item("offset", error.place.offset)?;
    let class = py.import("plurel_sampler.errors")?.getattr(class(error.kind))?;
    Ok(PyErr::from_value(class.call((error.to_string(),), Some(&place))?))
}

/// Runs work of the core away from the interpreter and raises its error as an exception.
pub fn detached<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> plurel_sampler_core::error::Result<T> + Send,
) -> PyResult<T> {
    py.detach(work).map_err(|error| to_python(py, error))
}
