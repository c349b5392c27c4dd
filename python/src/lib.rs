//! The native half of the Python package `xtream_core`: Python values in, core, Python values out.
//! Nothing is calculated here.

mod arguments;
mod arrow_stream;
mod attended;
mod error;
mod events;
mod frame;
mod model;
mod registry;
mod rows;
mod to_python;
mod train;
mod xgboost;

use pyo3::prelude::*;

/// What xtream_core does, in Rust. Import xtream_core, which has the same names.
#[pymodule]
mod _native {
    use super::*;

    #[pymodule_export]
    use super::model::Model;
    #[pymodule_export]
    use super::registry::Registry;
    #[pymodule_export]
    use super::train::{Run, train};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        error::add_to(module)
    }
}
