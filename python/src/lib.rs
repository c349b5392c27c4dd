//! The native half of the Python package `xtream_core`: Python values in, core, Python values out.
//! Nothing is calculated here.

mod appraisals;
mod arguments;
mod arrow_stream;
mod custom_estimator;
mod detached;
mod error;
mod events;
mod executor;
mod faults;
mod file;
mod fitted;
mod fork;
mod frame;
mod interruptible;
mod loaded;
mod log;
mod model;
mod place;
mod plot_data;
mod registry;
mod rows;
mod run_models;
mod similar;
mod sources;
mod to_python;
mod train;
mod validate;
mod xgboost;

use pyo3::prelude::*;

/// Pricing a frame takes megabytes for a few milliseconds again and again, which this one keeps at hand where the system's
/// gives them back each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What xtream_core does, in Rust. Import xtream_core, which has the same names.
#[pymodule]
mod _native {
    use super::*;

    #[pymodule_export]
    use super::detached::join_detached;
    #[pymodule_export]
    use super::executor::run_job;
    #[pymodule_export]
    use super::file::inspect;
    #[pymodule_export]
    use super::fitted::{Fitted, fit_numbers, fit_stones, restore_fitted};
    #[pymodule_export]
    use super::frame::is_column;
    #[pymodule_export]
    use super::model::{Model, restore_model};
    #[pymodule_export]
    use super::plot_data::{compare, errors_by_carat, metrics, minutes, parameter_importance};
    #[pymodule_export]
    use super::registry::Registry;
    #[pymodule_export]
    use super::rows::count_rows;
    #[pymodule_export]
    use super::run_models::RunModels;
    #[pymodule_export]
    use super::similar::similar;
    #[pymodule_export]
    use super::train::train;
    #[pymodule_export]
    use super::validate::validate;
    #[pymodule_export]
    use super::xgboost::library_path;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        log::install();
        crate::fork::remember_process();
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("_GRADES", grades(module.py())?)?;
        error::add_to(module)
    }

    /// Each grade's labels, worst to best: a rank is a place in such a list.
    fn grades(py: Python<'_>) -> PyResult<Bound<'_, pyo3::types::PyDict>> {
        let all = pyo3::types::PyDict::new(py);
        for field in xtream_core::diamond::Field::GRADES {
            all.set_item(field.name(), xtream_core::diamond::labels(field))?;
        }
        Ok(all)
    }
}
