//! Where the XGBoost library lies: where the user says, else in the package that this very Python
//! would import.

use std::path::PathBuf;

use pyo3::prelude::*;

const VARIABLE: &str = "XTREAM_XGBOOST_LIB";

/// Files to try, best first. The package is looked up but not imported, which would take a second
/// and start its threads.
pub(crate) fn candidates(py: Python<'_>) -> PyResult<Vec<PathBuf>> {
    if let Some(named) = std::env::var_os(VARIABLE).filter(|named| !named.is_empty()) {
        return Ok(vec![named.into()]);
    }
    let package = py.import("importlib.util")?.call_method1("find_spec", ("xgboost",))?;
    if package.is_none() {
        return Ok(Vec::new());
    }
    let folders = package.getattr("submodule_search_locations")?;
    let folders: Vec<PathBuf> = if folders.is_none() {
        Vec::new()
    } else {
        folders.try_iter()?.map(|folder| folder?.extract()).collect::<PyResult<_>>()?
    };
    let file = format!("{}xgboost{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    Ok(folders.into_iter().map(|folder| folder.join("lib").join(&file)).collect())
}

/// The file of the XGBoost library that training would load, or None when there is none.
#[pyfunction(name = "_xgboost_library")]
pub(crate) fn library_path(py: Python<'_>) -> PyResult<Option<PathBuf>> {
    Ok(candidates(py)?.into_iter().find(|file| file.exists()))
}
