//! `xtream watch`: trains again whenever the data files of a folder change.
//!
//! A file that is still being copied changes from one look to the next, so only files that stayed
//! the same are read. Whether anything is new is decided by the rows, not by names or dates: the
//! registry knows the digest of every data set that was ever trained on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use xtream_core::dataset::{Delivery, expand};
use xtream_core::progress::Silent;
use xtream_core::training::Training;
use xtream_core::{Error, Interrupt, Registry};

use super::train::{afterwards, leaderboard, training};
use super::{note, print, registry_folder};
use crate::args::WatchArgs;
use crate::progress::Shown;
use crate::settings::Settings;

/// What tells that a file changed.
type Stamp = (u64, Option<SystemTime>);

pub(crate) fn run(args: &WatchArgs, settings: &Settings, interrupt: &Interrupt) -> Result<()> {
    if !args.folder.is_dir() {
        return Err(
            Error::NoData { path: args.folder.clone(), reason: "there is no such folder".into() }.into()
        );
    }
    let seconds = args.interval.unwrap_or(settings.watch.interval);
    let interval = Duration::try_from_secs_f64(seconds).map_err(|_| Error::Usage {
        reason: format!("an interval of {seconds} seconds"),
        allowed: "a positive number".into(),
    })?;
    let registry = Registry::open_or_create(registry_folder(&args.options.registry, settings))?;
    note(&format!("Watching {}; Ctrl-C ends it.", args.folder.display()));
    let mut watch = Watch { bad: BTreeMap::new(), before: BTreeMap::new(), trained: BTreeMap::new() };
    while !interrupt.is_raised() {
        if let Some(files) = watch.look(&args.folder) {
            let training = |data: &[PathBuf]| training(data, &[], &args.options, settings);
            match watch.train(&files, training, &registry, interrupt) {
                Ok(()) => {}
                Err(error) if matches!(error.downcast_ref(), Some(Error::Interrupted)) => {
                    note(&format!("{error}"));
                    break;
                }
                // Reported and survived: the next delivery may be sound.
                Err(error) => note(&format!("error: {error:#}")),
            }
        }
        wait(interval, interrupt);
    }
    Ok(())
}

struct Watch {
    /// Files as they were at the look before.
    before: BTreeMap<PathBuf, Stamp>,
    /// Files as they were when they were last trained on, or tried.
    trained: BTreeMap<PathBuf, Stamp>,
    /// Files that cannot be used, as they were when that was found.
    bad: BTreeMap<PathBuf, Stamp>,
}

impl Watch {
    /// The files at rest, when they are not the ones that were handled last.
    fn look(&mut self, folder: &Path) -> Option<BTreeMap<PathBuf, Stamp>> {
        let now = stamps(folder);
        let at_rest: BTreeMap<_, _> = now
            .iter()
            .filter(|(path, stamp)| self.before.get(*path) == Some(stamp))
            .map(|(p, s)| (p.clone(), *s))
            .collect();
        let is_copying = at_rest.len() < now.len();
        self.before = now;
        (!is_copying && !at_rest.is_empty() && at_rest != self.trained).then_some(at_rest)
    }

    fn train(
        &mut self,
        files: &BTreeMap<PathBuf, Stamp>,
        training: impl Fn(&[PathBuf]) -> Result<Training>,
        registry: &Registry,
        interrupt: &Interrupt,
    ) -> Result<()> {
        self.trained = files.clone();
        self.bad.retain(|path, stamp| files.get(path) == Some(stamp));
        let mut sound = Vec::new();
        for (path, stamp) in files {
            if self.bad.contains_key(path) {
                continue;
            }
            match check(path, &training(std::slice::from_ref(path))?, registry, interrupt) {
                Ok(()) => sound.push(path.clone()),
                Err(Error::Interrupted) => return Err(Error::Interrupted.into()),
                Err(error) => {
                    note(&format!("skipped: {error}"));
                    self.bad.insert(path.clone(), *stamp);
                }
            }
        }
        if sound.is_empty() {
            return Ok(());
        }
        let training = training(&sound)?;
        let shown = Shown::new();
        let (dataset, data) = training.read(registry, &shown, interrupt)?;
        if registry.cards()?.iter().any(|card| card.details.data.digest == data.digest) {
            note("These rows were trained on before; nothing to do.");
            return Ok(());
        }
        let report = training.run_on(&dataset, data, registry, &shown, interrupt)?;
        print(&leaderboard(&report))?;
        note(&afterwards(&report, registry));
        Ok(())
    }
}

/// Whether one file can be used by itself, so that a bad one does not spoil the rest.
fn check(path: &Path, training: &Training, registry: &Registry, interrupt: &Interrupt) -> Result<(), Error> {
    let delivery = Delivery { data: vec![path.into()], ..training.delivery.clone() };
    let mut refused = Vec::new();
    let rows = delivery.read(&mut refused, &Silent, interrupt)?;
    let list = registry.folder().join("refused-rows.csv");
    let place = format!("{} (of {})", list.display(), path.display());
    let checked = rows.counts.check_rejects(training.max_rejects_percent, &place);
    if checked.is_err() {
        std::fs::write(&list, refused).map_err(|source| Error::File {
            action: "cannot write",
            path: list,
            source,
        })?;
    }
    checked
}

fn stamps(folder: &Path) -> BTreeMap<PathBuf, Stamp> {
    // An empty folder is no error here: the first delivery is what is being waited for.
    let files = expand(&[folder.into()]).unwrap_or_default();
    let stamp = |path: PathBuf| {
        let meta = std::fs::metadata(&path).ok()?;
        Some((path, (meta.len(), meta.modified().ok())))
    };
    files.into_iter().filter_map(stamp).collect()
}

fn wait(interval: Duration, interrupt: &Interrupt) {
    const STEP: Duration = Duration::from_millis(100);
    let until = Instant::now() + interval;
    while !interrupt.is_raised() && Instant::now() < until {
        std::thread::sleep(STEP.min(until.saturating_duration_since(Instant::now())));
    }
}
