//! `plurel_sampler._native`: the binding of `plurel-sampler-core`, and nothing else.
//!
//! Arguments come from the records of the Python package, results are numpy arrays; every call that works for long
//! detaches from the interpreter. No panic is meant to cross this line: the core returns errors.

#![deny(unsafe_code)]

mod embedder;
mod errors;
mod records;
mod sampler;
mod store;
mod stream;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use crate::embedder::HashedEmbedder;
    #[pymodule_export]
    use crate::sampler::{Sampler, plan_attention};
    #[pymodule_export]
    use crate::store::{Store, build_store, verify_store};
}
