//! Settings, from lowest to highest: the compiled-in defaults, a file, the environment. Flags come
//! on top where they are parsed. Nothing else in the program reads the environment.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use toml::{Table, Value};

/// The defaults, and the manual of all settings.
pub(crate) const DEFAULTS: &str = include_str!("default.toml");
/// The file read when none is named, if it is there.
const FILE: &str = "xtream.toml";
const PREFIX: &str = "XTREAM_";
/// Variables with a name of their own, and their settings in [serve].
const NAMED: [(&str, &str); 2] = [("MONGODB_URI", "mongodb"), ("XTREAM_ADMIN_KEY", "admin_key")];

/// Not `Debug`: it holds a secret.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    pub(crate) registry: PathBuf,
    pub(crate) xgboost_lib: PathBuf,
    pub(crate) train: Train,
    pub(crate) split: Split,
    pub(crate) serve: Serve,
    pub(crate) watch: Watch,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Train {
    pub(crate) models: Vec<String>,
    pub(crate) trials: usize,
    pub(crate) space: xtream_core::training::Preset,
    pub(crate) sampler: xtream_core::tuning::SamplerKind,
    pub(crate) seed: u64,
    pub(crate) jobs: usize,
    pub(crate) repeats: u64,
    pub(crate) suspect: xtream_core::dataset::Suspect,
    pub(crate) duplicates: xtream_core::dataset::Duplicates,
    pub(crate) max_rejects: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Split {
    pub(crate) test_share: f64,
    pub(crate) seed: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Serve {
    pub(crate) bind: String,
    pub(crate) mongodb: String,
    pub(crate) exchange_log: PathBuf,
    pub(crate) durability: xtream_server::exchange_log::Durability,
    pub(crate) mongodb_ttl_days: f64,
    pub(crate) keep_days: f64,
    pub(crate) keep_megabytes: u64,
    pub(crate) admin_key: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Watch {
    pub(crate) interval: f64,
}

impl Settings {
    /// Reads all layers below the flags.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self> {
        Self::layered(file, |name| std::env::var(name).ok())
    }

    fn layered(file: Option<&Path>, environment: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let mut table: Table = DEFAULTS.parse().context("the compiled-in defaults")?;
        let path = file.unwrap_or(Path::new(FILE));
        if file.is_some() || path.exists() {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let given: Table =
                text.parse().with_context(|| format!("{} is not a settings file", path.display()))?;
            overlay(&mut table, given, "").with_context(|| path.display().to_string())?;
        }
        if let Some(Value::Table(serve)) = table.get_mut("serve") {
            for (name, key) in NAMED {
                if let Some(text) = environment(name) {
                    serve.insert(key.into(), Value::String(text));
                }
            }
        }
        from_environment(&mut table, PREFIX, &environment)?;
        table.try_into().context("a setting has a value that it cannot have")
    }
}

fn overlay(table: &mut Table, given: Table, section: &str) -> Result<()> {
    for (key, value) in given {
        match (table.get_mut(&key), value) {
            (None, _) => {
                let known = table.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                bail!("there is no setting {section}{key}; allowed is {known}");
            }
            (Some(Value::Table(inner)), Value::Table(given)) => overlay(inner, given, &format!("{key}."))?,
            (Some(slot), value) => *slot = value,
        }
    }
    Ok(())
}

fn from_environment(
    table: &mut Table,
    prefix: &str,
    environment: &impl Fn(&str) -> Option<String>,
) -> Result<()> {
    for (key, slot) in table.iter_mut() {
        let name = format!("{prefix}{}", key.to_uppercase());
        if let Value::Table(inner) = slot {
            from_environment(inner, &format!("{name}_"), environment)?;
        } else if let Some(text) = environment(&name) {
            *slot = parsed(slot, &text).with_context(|| format!("{name} = {text:?}"))?;
        }
    }
    Ok(())
}

/// The text as a value of the same type as the default.
fn parsed(default: &Value, text: &str) -> Result<Value> {
    Ok(match default {
        Value::Integer(_) => Value::Integer(text.parse().context("allowed is a whole number")?),
        Value::Float(_) => Value::Float(text.parse().context("allowed is a number")?),
        Value::Array(_) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Value::Array(parts.map(|part| Value::String(part.into())).collect())
        }
        _ => Value::String(text.into()),
    })
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_compiled_in_defaults_are_complete() {
        let settings = Settings::layered(None, |_| None).unwrap();
        assert_eq!(settings.train.trials, 100);
        assert_eq!(settings.split.test_share, 0.2);
    }

    #[test]
    fn a_file_overrides_defaults_and_the_environment_overrides_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.toml");
        std::fs::write(&file, "[train]\ntrials = 7\nseed = 1\n").unwrap();
        let settings = Settings::layered(Some(&file), |name| match name {
            "XTREAM_TRAIN_SEED" => Some("2".into()),
            "XTREAM_TRAIN_MODELS" => Some("linear, xgboost".into()),
            _ => None,
        })
        .unwrap();
        assert_eq!((settings.train.trials, settings.train.seed), (7, 2));
        assert_eq!(settings.train.models, ["linear", "xgboost"]);
    }

    #[test]
    fn a_misspelt_setting_is_an_error_that_names_it_and_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.toml");
        std::fs::write(&file, "[train]\ntrails = 7\n").unwrap();
        let error = format!("{:#}", Settings::layered(Some(&file), |_| None).err().unwrap());
        assert!(error.contains("mine.toml") && error.contains("train.trails"), "{error}");
        let error =
            Settings::layered(None, |name| (name == "XTREAM_TRAIN_SEED").then(|| "x".into())).err().unwrap();
        assert!(format!("{error:#}").contains("XTREAM_TRAIN_SEED"), "{error:#}");
    }
}
