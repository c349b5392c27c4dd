//! What the environment of the program says; nothing else in it reads that.

use std::path::{Path, PathBuf};

use xtream_core::registry::S3Settings;

/// The value of a variable.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Where this user's programs keep what they may lose.
pub(crate) fn cache_folder() -> PathBuf {
    S3Settings::cache_folder(variable).unwrap_or_else(|| std::env::temp_dir().join("xtream"))
}

/// Where the XGBoost library may lie, best first: where the user says, beside the program, in the
/// active Python environment.
pub(crate) fn xgboost_candidates(named: &Path) -> Vec<PathBuf> {
    if !named.as_os_str().is_empty() {
        return vec![named.into()];
    }
    let file = format!("{}xgboost{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let beside = std::env::current_exe().ok().and_then(|program| Some(program.parent()?.join(&file)));
    let in_package = |packages: PathBuf| packages.join("xgboost").join("lib").join(&file);
    beside.into_iter().chain(python_packages().into_iter().map(in_package)).collect()
}

/// The folders of installed packages of the Python that would run now.
fn python_packages() -> Vec<PathBuf> {
    let environment = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().find_map(std::env::var_os);
    let python = match environment {
        Some(folder) => PathBuf::from(folder).join("bin").join("python3"),
        None => PathBuf::from("python3"),
    };
    let code = "import sysconfig; print(sysconfig.get_path('purelib')); print(sysconfig.get_path('platlib'))";
    let Ok(output) = std::process::Command::new(python).args(["-c", code]).output() else {
        return Vec::new();
    };
    let mut folders: Vec<_> = String::from_utf8_lossy(&output.stdout).lines().map(PathBuf::from).collect();
    folders.dedup();
    folders
}
