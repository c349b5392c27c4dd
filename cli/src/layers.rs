//! Settings, from lowest to highest: the compiled-in defaults, a file, the environment. Flags come on top.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use toml::{Table, Value};
use xtream_core::registry::S3Settings;

use crate::environment::variable;
use crate::settings::Settings;

/// The defaults, and the manual of all settings.
pub(crate) const DEFAULTS: &str = include_str!("default.toml");
/// The file read when none is named, if it is there.
const FILE: &str = "xtream.toml";
/// Sections whose names are the user's own.
const OPEN: [&str; 2] = ["columns", "grades"];
const PREFIX: &str = "XTREAM_";
/// Variables with a name of their own, and their sections and settings.
const NAMED: [(&str, &str, &str); 3] = [
    ("MONGODB_URI", "serve", "mongodb"),
    ("XTREAM_ADMIN_KEY", "serve", "admin_key"),
    ("XTREAM_LOG", "log", "filter"),
];

/// A setting as a flag gives it: section (empty at the top), setting, value, flag.
pub(crate) type Flag = (&'static str, &'static str, Value, &'static str);
pub(crate) type Flags = Vec<Flag>;

/// All layers of settings on top of each other, and which of them each value came from.
pub(crate) struct Layers {
    table: Table,
    /// By section and setting; what is not in here is a default.
    sources: BTreeMap<(String, String), String>,
}

impl Layers {
    /// Reads all layers: the defaults, the file, the environment, and these flags.
    pub(crate) fn load(file: Option<&Path>, flags: Flags) -> Result<Self> {
        Self::layered(file, variable, flags)
    }

    fn layered(
        file: Option<&Path>,
        environment: impl Fn(&str) -> Option<String>,
        flags: Flags,
    ) -> Result<Self> {
        let mut layers = Self { table: defaults()?, sources: BTreeMap::new() };
        let path = file.unwrap_or(Path::new(FILE));
        if file.is_some() || path.exists() {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let given: Table = text.parse().map_err(|error| unreadable(path, &text, &error))?;
            layers.overlay(given, &path.display().to_string()).with_context(|| path.display().to_string())?;
        }
        layers.overlay_environment(environment)?;
        for (section, name, value, flag) in flags {
            layers.set(section, name, value, flag);
        }
        Ok(layers)
    }

    /// The settings that come of it.
    pub(crate) fn settings(&self) -> Result<Settings> {
        self.table.clone().try_into().map_err(|error| self.impossible(&error))
    }

    /// Which setting has a value that it cannot have, where that comes from and what is allowed; never the value, which
    /// may be a password that stands in the wrong place.
    fn impossible(&self, error: &toml::de::Error) -> anyhow::Error {
        for (section, name, value, source) in self.each() {
            let mut one = Self { table: defaults().unwrap_or_default(), sources: BTreeMap::new() };
            one.set(section, name, value.clone(), source);
            if let Err(error) = one.table.try_into::<Settings>() {
                let name = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
                return anyhow!("{name} ({source}) has a value that it cannot have{}", allowed(&error));
            }
        }
        anyhow!("a setting has a value that it cannot have{}", allowed(error))
    }

    /// Every setting in the order of the defaults: section (empty at the top), name, value, and where
    /// the value comes from.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&str, &str, &Value, &str)> {
        let top = self.table.iter().filter(|(_, value)| !value.is_table());
        let top = top.map(|(name, value)| ("", name.as_str(), value));
        let sections = self.table.iter().filter_map(|(section, value)| Some((section, value.as_table()?)));
        let inside = sections.flat_map(|(section, table)| {
            table.iter().map(move |(name, value)| (section.as_str(), name.as_str(), value))
        });
        top.chain(inside).map(|(section, name, value)| {
            let source = self.sources.get(&(section.to_owned(), name.to_owned()));
            (section, name, value, source.map_or("default", String::as_str))
        })
    }

    fn set(&mut self, section: &str, name: &str, value: Value, source: &str) {
        if OPEN.contains(&section)
            && let Some(table) = self.table.get_mut(section).and_then(Value::as_table_mut)
        {
            table.entry(name).or_insert_with(|| value.clone());
        }
        let slot = match section {
            "" => self.table.get_mut(name),
            _ => self.table.get_mut(section).and_then(|table| table.get_mut(name)),
        };
        if let Some(slot) = slot {
            *slot = value;
            self.sources.insert((section.to_owned(), name.to_owned()), source.to_owned());
        }
    }

    fn overlay(&mut self, given: Table, source: &str) -> Result<()> {
        for (key, value) in given {
            match (self.table.get(&key), value) {
                (Some(Value::Table(known)), Value::Table(given)) => {
                    let is_known = |name: &str| OPEN.contains(&&*key) || known.contains_key(name);
                    if let Some(name) = given.keys().find(|name| !is_known(name)) {
                        bail!("there is no setting {key}.{name}; allowed is {}", listed(known));
                    }
                    for (name, value) in given {
                        self.set(&key, &name, value, source);
                    }
                }
                (Some(Value::Table(_)), _) => bail!("{key} is a section and is written [{key}]"),
                (Some(_), value) => self.set("", &key, value, source),
                (None, _) => bail!("there is no setting {key}; allowed is {}", listed(&self.table)),
            }
        }
        Ok(())
    }

    fn overlay_environment(&mut self, environment: impl Fn(&str) -> Option<String>) -> Result<()> {
        let variable = |section: &str, name: &str| match section {
            "" => format!("{PREFIX}{}", name.to_uppercase()),
            _ => format!("{PREFIX}{}_{}", section.to_uppercase(), name.to_uppercase()),
        };
        let of_s3 = S3Settings::VARIABLES.iter().map(|(variable, name)| (*variable, "s3", *name));
        let named = NAMED
            .iter()
            .copied()
            .chain(of_s3)
            .map(|(variable, section, name)| (section.to_owned(), name.to_owned(), variable.to_owned()));
        let regular = self
            .each()
            .map(|(section, name, ..)| (section.to_owned(), name.to_owned(), variable(section, name)));
        let variables: Vec<_> = named.chain(regular).collect();
        // A file may have written 3 where the setting is 3.0: what kind of value it is, the defaults say.
        let defaults = Self { table: defaults()?, sources: BTreeMap::new() };
        for (section, name, variable) in variables {
            let default = defaults.each().find(|found| (found.0, found.1) == (&section, &name));
            if let Some(((_, _, default, _), text)) = default.zip(environment(&variable)) {
                let value = parsed(default, &text).with_context(|| variable.clone())?;
                self.set(&section, &name, value, &variable);
            }
        }
        Ok(())
    }
}

/// What is wrong with a file, and in which line, without a word of that line: it may be the one with a password.
fn unreadable(path: &Path, text: &str, error: &toml::de::Error) -> anyhow::Error {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    anyhow!("{} is not a settings file: its line {line} is not in the form `name = value`", path.display())
}

/// What a setting may be, of an error that has the value before it.
fn allowed(error: &toml::de::Error) -> String {
    let allowed = error.message().rsplit_once(", expected ").map(|(_, allowed)| allowed.lines().next());
    allowed.flatten().map_or_else(String::new, |allowed| format!("; allowed is {allowed}"))
}

fn defaults() -> Result<Table> {
    DEFAULTS.parse().context("the compiled-in defaults")
}

fn listed(table: &Table) -> String {
    table.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// The text as a value of the same type as the default.
fn parsed(default: &Value, text: &str) -> Result<Value> {
    Ok(match default {
        Value::Integer(_) => Value::Integer(text.parse().ok().context("allowed is a whole number")?),
        Value::Boolean(_) => Value::Boolean(text.parse().ok().context("allowed is true or false")?),
        Value::Float(_) => Value::Float(text.parse().ok().context("allowed is a number")?),
        Value::Array(_) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Value::Array(parts.map(|part| Value::String(part.into())).collect())
        }
        _ => Value::String(text.into()),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use xtream_core::dataset::Source;
    use xtream_core::training::Training;

    use super::*;

    fn nothing(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn the_compiled_in_defaults_are_complete() {
        let layers = Layers::layered(None, nothing, Vec::new()).unwrap();
        let settings = layers.settings().unwrap();
        assert_eq!(settings.train.trials, 100);
        assert_eq!(settings.split.test_share, 0.2);
        assert!(layers.each().all(|(.., source)| source == "default"));
    }

    #[test]
    fn a_training_that_names_nothing_is_that_of_the_compiled_in_defaults() {
        let settings = Layers::layered(None, nothing, Vec::new()).unwrap().settings().unwrap().train;
        let ours = Training::new(Source::default(), Vec::new());
        assert_eq!(
            (ours.n_trials, ours.seed, ours.n_repeats),
            (settings.trials, settings.seed, settings.repeats)
        );
        assert_eq!(
            (ours.preset, ours.sampler, ours.parallel),
            (settings.space, settings.sampler, settings.parallel)
        );
        assert_eq!((ours.max_rejects_percent, ours.ranges), (settings.max_rejects, settings.ranges));
    }

    #[test]
    fn every_setting_has_a_line_that_explains_it() {
        let lines: Vec<_> = DEFAULTS.lines().collect();
        for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.contains(" = ")) {
            // `burst`, `rows_burst` and the split's seed are explained with their neighbour.
            let above: Vec<_> = lines[..at].iter().rev().take(2).collect();
            assert!(above.iter().any(|line| line.starts_with('#')), "{line}");
        }
    }

    #[test]
    fn a_file_overrides_defaults_the_environment_the_file_and_a_flag_all_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.toml");
        std::fs::write(&file, "[train]\ntrials = 7\nseed = 1\n[serve]\nbehind_proxy = true\n").unwrap();
        let environment = |name: &str| match name {
            "XTREAM_TRAIN_SEED" => Some("2".into()),
            "XTREAM_TRAIN_MODELS" => Some("linear, xgboost".into()),
            "MONGODB_URI" => Some("mongodb://a".into()),
            "XTREAM_SERVE_BIND" => Some("127.0.0.1:1".into()),
            "AWS_DEFAULT_REGION" => Some("eu-central-1".into()),
            "AWS_REGION" => Some("eu-west-1".into()),
            _ => None,
        };
        let flags = vec![("serve", "bind", Value::from("127.0.0.1:2"), "--bind")];
        let layers = Layers::layered(Some(&file), environment, flags).unwrap();
        let settings = layers.settings().unwrap();
        assert_eq!((settings.train.trials, settings.train.seed), (7, 2));
        assert_eq!(settings.train.models, ["linear", "xgboost"]);
        assert!(settings.serve.behind_proxy);
        assert_eq!(settings.serve.bind, "127.0.0.1:2");
        let found = |wanted| layers.each().find(|found| (found.0, found.1) == wanted).unwrap();
        let source = |wanted| found(wanted).3;
        assert_eq!(source(("train", "trials")), file.display().to_string());
        assert_eq!(source(("train", "seed")), "XTREAM_TRAIN_SEED");
        assert_eq!(source(("serve", "mongodb")), "MONGODB_URI");
        assert_eq!(source(("serve", "bind")), "--bind");
        let region = found(("s3", "region"));
        assert_eq!((region.2.as_str(), region.3), (Some("eu-west-1"), "AWS_REGION"));
        assert_eq!(source(("serve", "durability")), "default");
    }

    #[test]
    fn a_misspelt_setting_is_an_error_that_names_it_and_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.toml");
        for (text, named) in
            [("[train]\ntrails = 7\n", "train.trails"), ("trian = 1", "trian"), ("train = 1", "[train]")]
        {
            std::fs::write(&file, text).unwrap();
            let error = format!("{:#}", Layers::layered(Some(&file), nothing, Vec::new()).err().unwrap());
            assert!(error.contains("mine.toml") && error.contains(named), "{error}");
        }
        let environment = |name: &str| (name == "XTREAM_TRAIN_SEED").then(|| "x".into());
        let error = Layers::layered(None, environment, Vec::new()).err().unwrap();
        assert!(format!("{error:#}").contains("XTREAM_TRAIN_SEED"), "{error:#}");
    }

    #[test]
    fn a_value_that_cannot_be_is_an_error_that_names_the_setting_and_never_the_value() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("mine.toml");
        let secret = "open, expected sesame";
        for (text, named, allowed) in [
            (format!("[serve]\nburst = {secret:?}\n"), "serve.burst", "u32"),
            (format!("[serve]\ndurability = {secret:?}\n"), "serve.durability", "`fsync`"),
            (format!("[serve]\nallowed_origins = {secret:?}\n"), "serve.allowed_origins", "a sequence"),
            ("[serve]\nmax_in_flight = 0\n".into(), "serve.max_in_flight", "a nonzero"),
            (format!("[log]\nformat = {secret:?}\n"), "log.format", "`text`"),
            (format!("[serve]\n\nadmin_key = \"{secret}\n"), "line 3", "name = value"),
            (format!("[serve]\nadmin_key = {secret}\n"), "line 2", "name = value"),
        ] {
            std::fs::write(&file, &text).unwrap();
            let layers = Layers::layered(Some(&file), nothing, Vec::new());
            let error = layers.and_then(|layers| layers.settings()).err();
            let error = format!("{:#}", error.unwrap_or_else(|| panic!("{text} is taken")));
            assert!(error.contains("mine.toml") && error.contains(named), "{error}");
            assert!(error.contains(allowed) && !error.contains("sesame"), "{error}");
        }
        for name in ["XTREAM_SERVE_BURST", "XTREAM_SERVE_BEHIND_PROXY", "XTREAM_SERVE_KEEP_DAYS"] {
            let environment = |asked: &str| (asked == name).then(|| secret.into());
            let error = format!("{:#}", Layers::layered(None, environment, Vec::new()).err().unwrap());
            assert!(error.contains(name) && !error.contains("sesame"), "{error}");
        }
    }
}
