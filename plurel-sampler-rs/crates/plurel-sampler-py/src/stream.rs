//! Rows from anything that speaks the Arrow C stream interface.

use std::ffi::CStr;

use arrow_array::RecordBatchReader;
use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use plurel_sampler_core::error::{Error, Result};
use plurel_sampler_core::spec::Source;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

const CAPSULE: &CStr = c"arrow_array_stream";

/// A callable that gives a new object with `__arrow_c_stream__` each time.
pub struct PythonSource(pub Py<PyAny>);

impl Source for PythonSource {
    fn open(&self) -> Result<Box<dyn RecordBatchReader + Send>> {
        let reader = Python::attach(|py| {
            let rows = self.0.bind(py).call0()?;
            let capsule = rows.call_method0("__arrow_c_stream__")?.cast_into::<PyCapsule>()?;
            take(&capsule)
        });
        Ok(Box::new(reader.map_err(Error::caller)?))
    }
}

/// Moves the stream out of a capsule.
///
/// Invariant: the Arrow C stream interface (PyCapsule protocol) promises that a capsule of this name holds a valid
/// `ArrowArrayStream`, which the consumer moves out by copying it and clearing the `release` of the original. That is
/// what `from_raw` does, once: the capsule was just made for us and is dropped here.
#[allow(unsafe_code)]
fn take(capsule: &Bound<'_, PyCapsule>) -> PyResult<RecordBatchStreamReader> {
    let pointer = capsule.pointer_checked(Some(CAPSULE))?.cast::<FFI_ArrowArrayStream>();
    // SAFETY: the name was checked, so by the protocol the pointer is a valid stream that nobody else consumes.
    let reader = unsafe { RecordBatchStreamReader::from_raw(pointer.as_ptr()) };
    reader.map_err(|error| pyo3::exceptions::PyValueError::new_err(error.to_string()))
}
