//! `xtream serve --train`: a first model within seconds, and the full training while it answers.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use xtream_core::dataset::{Dataset, expand};
use xtream_core::registry::{DataCard, Location};
use xtream_core::training::Training;
use xtream_core::{Error, Interrupt, Registry};

use super::train::{afterwards, families, leaderboard, training};
use super::{note, print};
use crate::args::TrainOptions;
use crate::progress::Shown;
use crate::settings::Settings;

/// The family of the first model: it has nothing to search, and is the nearest of those.
const FIRST: &str = "linear-derived";

/// Time that the training has to end in order once the server has ended. What is on disk is whole at any moment.
const PATIENCE: Duration = Duration::from_millis(700);

/// A registry whose champion is a first model, and the training that is to find a better one.
pub(super) struct Bootstrap {
    /// What goes on, for whoever looks on.
    said: String,
    full: Training,
    dataset: Dataset,
    data: DataCard,
    registry: Registry,
}

impl Bootstrap {
    /// Reads the data and makes sure of a first model. `None` where a champion of another origin answers: it is left
    /// alone.
    pub(super) fn prepare(
        data: &[PathBuf],
        location: &Location,
        settings: &Settings,
        interrupt: &Interrupt,
    ) -> Result<Option<Self>> {
        expand(data)?;
        let full = training(data, &[], &TrainOptions::default(), settings)?;
        let registry = Registry::open_or_create(location)?;
        let has_champion = registry.champion()?.is_some();
        if has_champion && !is_first_alone(&registry, None)? {
            return Ok(None);
        }
        let shown = Shown::new();
        let (dataset, data_card) = full.read(&registry, &shown, interrupt)?;
        let n_families = full.families.len();
        let first = if has_champion {
            // A full training of the same rows was not finished; of other rows none was asked for.
            if !is_first_alone(&registry, Some(&data_card))? {
                return Ok(None);
            }
            "The first model answers; its full training, which was not finished, goes on meanwhile."
        } else {
            let families = families(&[FIRST.into()], settings)?;
            let options = TrainOptions::default();
            let first =
                Training { families, n_trials: 0, n_repeats: 1, ..training(data, &[], &options, settings)? };
            first.run_on(&dataset, data_card.clone(), &registry, &shown, interrupt)?;
            "A first model answers now; the full training goes on meanwhile."
        };
        let said = format!(
            "{first} It tries {n_families} families, which takes minutes, and the best model takes over by itself."
        );
        Ok(Some(Self { said, full, dataset, data: data_card, registry }))
    }

    /// Begins the full training on a thread of its own, which tells by lines how it goes.
    pub(super) fn start(self) -> std::io::Result<Running> {
        note(&self.said);
        let interrupt = Interrupt::default();
        let (told, ended) = channel();
        let raised = interrupt.clone();
        thread::Builder::new().name("full-training".into()).spawn(move || {
            self.run(&raised);
            // Nobody waits any more when the process ends first.
            let _ = told.send(());
        })?;
        Ok(Running { interrupt, ended })
    }

    fn run(self, interrupt: &Interrupt) {
        let Self { full, dataset, data, registry, .. } = self;
        match full.run_on(&dataset, data, &registry, &Shown::by_lines(), interrupt) {
            Ok(report) => {
                if let Err(error) = print(&leaderboard(&report)) {
                    note(&format!("error: {error}"));
                }
                note(&afterwards(&report, &registry));
            }
            Err(Error::Interrupted) => {
                note("The full training was stopped; the next start with --train goes on from its trials.");
            }
            Err(error) => {
                note(&format!("error: the full training failed, and the first model stays: {error}"))
            }
        }
    }
}

/// Whether the registry holds nothing but a first model, of these rows where they are given.
fn is_first_alone(registry: &Registry, data: Option<&DataCard>) -> Result<bool, Error> {
    Ok(match &registry.cards()?[..] {
        [card] => {
            let card = &card.record;
            card.family == FIRST && data.is_none_or(|data| data.digest == card.data.digest)
        }
        _ => false,
    })
}

/// A full training under way.
pub(super) struct Running {
    interrupt: Interrupt,
    ended: Receiver<()>,
}

impl Running {
    /// Stops it, if it still goes on.
    pub(super) fn stop(self) {
        self.interrupt.raise();
        // Whether it ended in time or not, the process ends now.
        let _ = self.ended.recv_timeout(PATIENCE);
    }
}
