//! `xtream watch`: trains again whenever the data files of a folder change.
//!
//! A file that is still being copied changes from one look to the next, so only files that stayed
//! the same are read; the others are waited for, but not for ever. Whether anything is new is decided by the
//! rows, not by names or dates: the registry knows the digest of every data set that was ever trained on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use xtream_core::dataset::{Source, expand, passed_over};
use xtream_core::progress::Silent;
use xtream_core::training::Training;
use xtream_core::{Error, Interrupt, Registry};

use super::train::{afterwards, leaderboard, training};
use super::{note, print};
use crate::args::WatchArgs;
use crate::progress::Shown;
use crate::settings::Settings;

/// What tells that a file changed.
type Stamp = (u64, Option<SystemTime>);
type Files = BTreeMap<PathBuf, Stamp>;

/// Looks for which files at rest wait for those that are still being copied. Whoever copies several files wants
/// one run on all of them; a file that never rests must not keep the others waiting for ever.
const PATIENCE: u32 = 10;
/// Files that are no data and are named one by one.
const MOST_PASSED_OVER: usize = 1_000;

pub(crate) fn run(args: &WatchArgs, settings: &Settings, interrupt: &Interrupt) -> Result<()> {
    if !args.folder.is_dir() {
        return Err(
            Error::NoData { path: args.folder.clone(), reason: "there is no such folder".into() }.into()
        );
    }
    let seconds = settings.watch.interval;
    let interval = Duration::try_from_secs_f64(seconds).map_err(|_| Error::Usage {
        reason: format!("an interval of {seconds} seconds"),
        allowed: "a positive number".into(),
    })?;
    let registry = Registry::open_or_create(settings.location()?)?;
    note(&format!("Watching {}; Ctrl-C ends it.", args.folder.display()));
    let mut watch = Watch::default();
    while !interrupt.is_raised() {
        if let Some(files) = watch.look(&args.folder) {
            let training = training(&[], &[], &args.options, settings);
            match training.and_then(|training| watch.train(files, training, &registry, interrupt)) {
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

#[derive(Default)]
struct Watch {
    /// Files as they were at the look before.
    before: Files,
    /// Looks since something new was at rest and had to wait.
    n_waited: u32,
    /// Files as they were when they were last trained on, or tried.
    trained: Files,
    /// Files that can be used, as they were when that was found.
    sound: Files,
    /// Files that cannot.
    bad: Files,
    /// Files that are no data by their names, and were named.
    passed_over: BTreeSet<PathBuf>,
}

impl Watch {
    /// The files at rest, when there is something to do about them.
    fn look(&mut self, folder: &Path) -> Option<Files> {
        for path in passed_over(folder) {
            if self.passed_over.len() < MOST_PASSED_OVER && self.passed_over.insert(path.clone()) {
                note(&format!("passed over, because its name is none of a data file: {}", path.display()));
            }
        }
        self.take(stamps(folder))
    }

    fn take(&mut self, now: Files) -> Option<Files> {
        let at_rest: Files = now
            .iter()
            .filter(|(path, stamp)| self.before.get(*path) == Some(stamp))
            .map(|(path, stamp)| (path.clone(), *stamp))
            .collect();
        let are_copied = now.len() - at_rest.len();
        self.before = now;
        // Without those that are being copied, only what was never seen is worth a run: one that grows again
        // is not gone.
        let is_new = match are_copied {
            0 => !at_rest.is_empty() && at_rest != self.trained,
            _ => at_rest.iter().any(|(path, stamp)| self.trained.get(path) != Some(stamp)),
        };
        self.n_waited = if is_new && are_copied > 0 { self.n_waited + 1 } else { 0 };
        if !is_new || (1..PATIENCE).contains(&self.n_waited) {
            return None;
        }
        if self.n_waited > 0 {
            note(&format!("{are_copied} files still change and are left aside until they rest."));
            self.n_waited = 0;
        }
        Some(at_rest)
    }

    /// Trains on those of the files that can be used.
    fn train(
        &mut self,
        files: Files,
        mut training: Training,
        registry: &Registry,
        interrupt: &Interrupt,
    ) -> Result<()> {
        for known in [&mut self.sound, &mut self.bad] {
            known.retain(|path, stamp| files.get(path) == Some(stamp));
        }
        for (path, stamp) in &files {
            if self.sound.contains_key(path) || self.bad.contains_key(path) {
                continue;
            }
            match check(path, &training, registry, interrupt) {
                Ok(()) => self.sound.insert(path.clone(), *stamp),
                Err(Error::Interrupted) => return Err(Error::Interrupted.into()),
                Err(error) => {
                    note(&format!("skipped: {error}"));
                    self.bad.insert(path.clone(), *stamp)
                }
            };
        }
        self.trained = files;
        if self.sound.is_empty() {
            return Ok(());
        }
        let shown = Shown::new();
        let (dataset, data) = loop {
            training.source.data = self.sound.keys().cloned().collect();
            match training.read(registry, &shown, interrupt) {
                // It was sound a moment ago and was written to since; the others need not wait for it.
                Err(Error::Malformed { path, .. }) if self.sound.contains_key(&path) => {
                    note(&format!("left aside because it changed: {}", path.display()));
                    self.bad.extend(self.sound.remove_entry(&path));
                }
                read => break read?,
            }
            if self.sound.is_empty() {
                return Ok(());
            }
        };
        if registry.cards()?.iter().any(|card| card.record.data.digest == data.digest) {
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
    let source = Source { data: vec![path.into()], ..training.source.clone() };
    let mut refused = Vec::new();
    let rows = source.read(&mut refused, &Silent, interrupt)?;
    let list = registry.refused_rows();
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Files by name, each with its length.
    fn files(of: &[(&str, u64)]) -> Files {
        of.iter().map(|(name, n_bytes)| (PathBuf::from(name), (*n_bytes, None))).collect()
    }

    /// The names of the files that a run is made with.
    fn names(taken: Option<&Files>) -> Vec<&str> {
        taken.into_iter().flat_map(Files::keys).filter_map(|path| path.to_str()).collect()
    }

    #[test]
    fn files_at_rest_wait_a_while_for_those_that_are_copied_and_then_no_longer() {
        let mut watch = Watch::default();
        let mut runs = Vec::new();
        for look in 0..40 {
            let taken = watch.take(files(&[("a", 1), ("b", 1), ("growing", look)]));
            if let Some(taken) = taken {
                assert_eq!(names(Some(&taken)), ["a", "b"]);
                runs.push(look);
                watch.trained = taken;
            }
        }
        assert_eq!(runs, [u64::from(PATIENCE)], "once, because there is nothing new afterwards");
        // It rests at last.
        watch.take(files(&[("a", 1), ("b", 1), ("growing", 50)]));
        let taken = watch.take(files(&[("a", 1), ("b", 1), ("growing", 50)]));
        assert_eq!(names(taken.as_ref()), ["a", "b", "growing"]);
    }

    #[test]
    fn a_file_that_grows_again_is_not_taken_out_of_what_was_learned_from() {
        let mut watch = Watch { trained: files(&[("a", 1), ("b", 1)]), ..Watch::default() };
        for look in 0..40 {
            assert_eq!(watch.take(files(&[("a", 1), ("b", look)])), None);
        }
    }

    #[test]
    fn copies_that_end_soon_are_waited_for_and_a_removed_file_is_noticed() {
        let mut watch = Watch::default();
        for look in 0..3 {
            assert_eq!(watch.take(files(&[("a", 1), ("b", look)])), None);
        }
        let taken = watch.take(files(&[("a", 1), ("b", 2)]));
        assert_eq!(names(taken.as_ref()), ["a", "b"]);
        watch.trained = taken.unwrap();
        watch.take(files(&[("a", 1)]));
        assert_eq!(names(watch.take(files(&[("a", 1)])).as_ref()), ["a"]);
    }
}
