//! `plurel_scm._kernel`: the binding of `plurel-scm-kernel`, and nothing else.
//!
//! Arguments and results are numpy arrays and plain numbers; every call that works for long detaches from the
//! interpreter. What is wrong with an argument is a `ValueError`; no panic is meant to cross this line.

#![deny(unsafe_code)]

mod draws;

use pyo3::prelude::*;

#[pymodule]
mod _kernel {
    #[pymodule_export]
    use crate::draws::{normal, uniform, words};
}
