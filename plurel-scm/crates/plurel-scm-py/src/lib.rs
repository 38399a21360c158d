//! `plurel_scm._kernel`: the binding of `plurel-scm-kernel`, and nothing else.
//!
//! Arguments and results are numpy arrays and plain numbers; every call that works for long detaches from the
//! interpreter. What is wrong with an argument is a `ValueError`; no panic is meant to cross this line.

#![deny(unsafe_code)]

mod draws;
mod node;

use pyo3::prelude::*;

#[pymodule]
mod _kernel {
    #[pymodule_export]
    use crate::draws::{
        below, beta, beta_quantiles, cauchy, draw_matrices, exp, normal, permutation, series, shares, signed_log,
        sines, uniform, weights, words,
    };
    #[pymodule_export]
    use crate::node::{Encoders, Node, paths};
    use plurel_scm_kernel::activation::Activation;
    use plurel_scm_kernel::aggregation::Aggregation;
    use plurel_scm_kernel::matrices::Initializer;
    use pyo3::prelude::*;
    use pyo3::types::PyTuple;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let names = Initializer::NAMES.map(|(name, _)| name);
        module.add("INITIALIZERS", PyTuple::new(module.py(), names)?)?;
        module.add("ACTIVATIONS", PyTuple::new(module.py(), Activation::NAMES)?)?;
        module.add("AGGREGATIONS", PyTuple::new(module.py(), Aggregation::NAMES)?)
    }
}
