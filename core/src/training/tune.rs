//! The search for one family's parameters.

use serde_json::json;

use super::objective::Objective;
use super::sender::Sender;
use super::{FOLDS, Family, Plan, Preset};
use crate::diamond::PricedDiamond;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::model::Params;
use crate::progress::{Event, Progress};
use crate::registry::{BlobKind, Digest, Registry, SearchCard};
use crate::tuning::{Job, Outcome, Parallel, SamplerKind, Search, Study, StudyHeader, Trial};

/// A search to run.
pub(super) struct Tuning<'a> {
    pub(super) family: &'a Family,
    pub(super) plan: Plan,
    pub(super) preset: Preset,
    pub(super) sampler: SamplerKind,
    pub(super) n_trials: usize,
    pub(super) parallel: Parallel,
    pub(super) n_workers: usize,
    pub(super) seed: u64,
    /// The data set that `train` comes from.
    pub(super) dataset: &'a Digest,
    pub(super) train: &'a [PricedDiamond],
    /// Who carries trials out; this process where there is none.
    pub(super) sender: Option<&'a Sender<'a>>,
}

impl Tuning<'_> {
    /// Runs the search, or what an earlier run left of it.
    pub(super) fn run(
        &self,
        registry: &Registry,
        progress: &dyn Progress,
        interrupt: &Interrupt,
    ) -> Result<(Params, SearchCard)> {
        let objective =
            Objective { family: self.family, plan: &self.plan, seed: self.seed, train: self.train };
        let folds = objective.folds()?;
        let header = self.header(objective.n_folds())?;
        match self.sender {
            None => objective.prepared(&folds, self.n_workers, interrupt, |measure| {
                let measure = |job: Job| measure(job, interrupt);
                self.search(&header, self.n_workers, &measure, registry, progress, interrupt)
            }),
            Some(sender) => {
                // A thread for each trial under way, to wait for it.
                let measure =
                    |job: Job| sender.trial(self.family, self.seed, self.preset, &self.plan.fixed, job);
                self.search(&header, self.parallel.get(), &measure, registry, progress, interrupt)
            }
        }
    }

    fn search(
        &self,
        header: &StudyHeader,
        n_workers: usize,
        measure: &(dyn Fn(Job) -> Result<Trial> + Sync),
        registry: &Registry,
        progress: &dyn Progress,
        interrupt: &Interrupt,
    ) -> Result<(Params, SearchCard)> {
        let header_json = serde_json::to_vec(header).unwrap_or_default();
        let name = format!("{}-{}.jsonl", self.family.name, &Digest::of(&header_json).hex()[..16]);
        let mut study = Study::open(&registry.study_path(&name)?, header)?;
        let n_kept = study.trials().iter().filter(|trial| trial.number < self.n_trials).count();
        let (family, n_trials) = (&*self.family.name, self.n_trials);
        let kept = study.trials();
        progress.report(&Event::SearchStarted { family, n_trials, n_kept, kept });
        let after_trial = |trial: &Trial, n_finished: usize, best_mae_usd: Option<f64>| {
            progress.report(&Event::TrialFinished { family, n_finished, n_trials, best_mae_usd, trial });
        };
        let search = Search {
            n_trials,
            patience: self.preset.patience(),
            parallel: self.parallel,
            n_workers,
            n_rounds: self.plan.early_stopping.map_or(0, |stop| stop.most),
            measure,
            after_trial: &after_trial,
            interrupt,
        };
        let mut sampler = self.sampler.sampler(&self.plan.space, self.seed)?;
        let searched = search.run(&mut study, &mut *sampler);
        if let Err(error) = registry.keep_study(&name) {
            tracing::warn!(%error, "the trials are kept on this machine alone");
        }
        let trials = searched?;
        let n_run = trials.len();
        let gained_nothing = (n_run < n_trials).then_some(self.preset.patience());
        progress.report(&Event::SearchFinished { family, n_trials: n_run, gained_nothing });
        let (best, value, refit) = best(&trials)?;
        let card = SearchCard {
            study: registry.put_blob(BlobKind::Study, study.sorted(n_run)?)?,
            n_trials: n_run,
            gained_nothing,
            n_pruned: trials.iter().filter(|trial| matches!(trial.outcome, Outcome::Pruned { .. })).count(),
            best_trial: best,
            best_mae_usd: value,
            space: self.preset.name().into(),
            sampler: self.sampler,
        };
        Ok((refit, card))
    }

    fn header(&self, n_folds: usize) -> Result<StudyHeader> {
        let library = self.family.library_version.as_ref().map(|version| version()).transpose()?;
        Ok(StudyHeader {
            format: 1,
            objective: json!({
                "family": self.family.name,
                "library": library,
                "dataset": self.dataset,
                "folds": [n_folds, FOLDS],
                "fixed": self.plan.fixed,
                "early_stopping": self.plan.early_stopping,
            }),
            space: self.plan.space.clone(),
            sampler: self.sampler,
            seed: self.seed,
            parallel: self.parallel,
        })
    }
}

fn best(trials: &[Trial]) -> Result<(usize, f64, Params)> {
    let complete = trials.iter().filter_map(|trial| match &trial.outcome {
        Outcome::Complete { value, refit } => Some((trial.number, *value, refit.clone())),
        Outcome::Pruned { .. } | Outcome::Failed { .. } => None,
    });
    let failure = trials.iter().find_map(|trial| match &trial.outcome {
        Outcome::Failed { reason } => Some(format!("; trial {} failed: {reason}", trial.number)),
        _ => None,
    });
    complete.min_by(|a, b| a.1.total_cmp(&b.1)).ok_or_else(|| Error::Fit {
        model: "search",
        reason: format!("no trial ran to its end{}", failure.unwrap_or_default()),
    })
}
