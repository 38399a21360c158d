//! Rows from anything that speaks the Arrow C stream interface.

use std::ffi::CStr;

use arrow_array::RecordBatchReader;
use arrow_array::ffi_stream::{FFI_ArrowArrayStream, RecordBatchStreamReader};
use plurel_sampler_core::error::{Error, Result};
use plurel_sampler_core::spec::Source;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

const METHOD: &str = "__arrow_c_stream__";
const CAPSULE: &CStr = c"arrow_array_stream";

/// A callable that gives a new object with `__arrow_c_stream__` each time.
pub struct PythonSource(pub Py<PyAny>);

impl Source for PythonSource {
    fn open(&self) -> Result<Box<dyn RecordBatchReader + Send>> {
        Python::attach(|py| {
            let rows = self.0.bind(py).call0().map_err(Error::caller)?;
            if !rows.hasattr(METHOD).map_err(Error::caller)? {
                return Err(Error::build(format!("its rows are {}, which has no {METHOD}", rows.get_type())));
            }
            let capsule = rows.call_method0(METHOD).map_err(Error::caller)?;
            let capsule = capsule.cast_into::<PyCapsule>().map_err(|error| Error::caller(PyErr::from(error)))?;
            Ok(Box::new(take(&capsule)?) as Box<_>)
        })
    }
}

/// Moves the stream out of a capsule.
///
/// Invariant: the Arrow C stream interface (PyCapsule protocol) promises that a capsule of this name holds a valid
/// `ArrowArrayStream`, which the consumer moves out by copying it and clearing the `release` of the original. That is
/// what `from_raw` does, once: the capsule was just made for us and is dropped here.
#[allow(unsafe_code)]
fn take(capsule: &Bound<'_, PyCapsule>) -> Result<RecordBatchStreamReader> {
    let pointer = capsule.pointer_checked(Some(CAPSULE)).map_err(Error::caller)?.cast::<FFI_ArrowArrayStream>();
    // SAFETY: the name was checked, so by the protocol the pointer is a valid stream that nobody else consumes.
    let reader = unsafe { RecordBatchStreamReader::from_raw(pointer.as_ptr()) };
    reader.map_err(|error| Error::build(format!("its rows are no stream of record batches: {error}")))
}
