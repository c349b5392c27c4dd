//! A training run: every family on the same rows, each searched, fitted and judged, all recorded,
//! and the best of them held against the champion.

mod calibration;
mod compare;
mod executor;
mod families;
mod folds;
mod message;
mod objective;
mod plan;
mod report;
mod sender;
mod tune;
mod worker;

use std::fs::File;
use std::io::{BufWriter, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;

pub use self::calibration::Calibration;
pub use self::compare::{compare_versions, known_stones};
pub use self::executor::{Executor, Reply};
pub use self::families::{Family, built_in, choose};
pub use self::plan::{EarlyStopping, FOLDS, Plan, Preset, Slower};
pub use self::report::{Champion, DataSummary, LeaderboardRow, Report};
pub use self::worker::Worker;

use self::compare::Contender;
use self::objective::not_finite;
use self::sender::{Sender, SentFits};
use self::tune::Tuning;
use crate::dataset::{Dataset, Rows, Source, store};
use crate::diamond::PricedDiamond;
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::metrics::{Metrics, mean_absolute_error};
use crate::model::Params;
use crate::pipeline::{FORMAT_VERSION, MONOTONE, Pipeline};
use crate::progress::{Event, Progress};
use crate::promotion::Decision;
use crate::registry::{BlobKind, Card, DataCard, ModelRecord, Registry, SplitCard};
use crate::tuning::{Parallel, SamplerKind};
use crate::valuation::background;

/// A run to make.
pub struct Training {
    /// What to learn from.
    pub source: Source,
    /// Percentage of refused rows above which the delivery is not believed.
    pub max_rejects_percent: f64,
    /// Where refused rows are listed, besides the registry.
    pub rejects: Option<PathBuf>,
    /// What to train.
    pub families: Vec<Family>,
    /// Trials of each family's search; 0 trains with default parameters.
    pub n_trials: usize,
    /// What is searched.
    pub preset: Preset,
    /// How it is searched.
    pub sampler: SamplerKind,
    /// How many trials of a search may run side by side, which is a part of what the search is.
    pub parallel: Parallel,
    /// Threads; the result does not depend on it.
    pub n_workers: usize,
    /// Who carries out trials and fits; this process where there is none. The result does not depend on it.
    pub executor: Option<Arc<dyn Executor>>,
    /// Seed of search and fit.
    pub seed: u64,
    /// How often each family is trained, with `seed`, `seed + 1` and so on.
    pub n_repeats: u64,
    /// Whether the best model may become the champion.
    pub promotes: Promotes,
    /// Whether prices never fall with a better cut, color or clarity or more weight, by those families that can promise it.
    pub is_monotone: bool,
    /// Whether models learn how sure their prices are, which takes five more fits of each. Without it a price has
    /// no range, and whoever asks for one is told why.
    pub ranges: bool,
}

/// When the best model of a run that can be served becomes the champion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Promotes {
    /// When it is better than the champion by more than chance explains, or there is none.
    #[default]
    Better,
    /// Only when there is no champion yet.
    First,
    /// Never.
    Nothing,
}

impl Training {
    /// A run with what `xtream` does by itself, the defaults of `cli/src/default.toml`; whoever wants it otherwise names
    /// what differs: `Training { n_trials: 0, ..Training::new(source, families) }`.
    pub fn new(source: Source, families: Vec<Family>) -> Self {
        Self {
            source,
            max_rejects_percent: 1.0,
            rejects: None,
            families,
            n_trials: 100,
            preset: Preset::default(),
            sampler: SamplerKind::default(),
            parallel: Parallel::default(),
            n_workers: std::thread::available_parallelism().map_or(1, usize::from),
            executor: None,
            seed: 42,
            n_repeats: 1,
            promotes: Promotes::default(),
            is_monotone: true,
            ranges: true,
        }
    }

    /// Runs it.
    ///
    /// # Errors
    /// Input that cannot be believed, a family that cannot be trained, or an interruption; whatever
    /// happens, the registry holds either all models of the run or none of them.
    pub fn run(&self, registry: &Registry, progress: &dyn Progress, interrupt: &Interrupt) -> Result<Report> {
        let (dataset, data) = self.read(registry, progress, interrupt)?;
        self.run_on(&dataset, data, registry, progress, interrupt)
    }

    /// The part of [`Training::run`] that comes after [`Training::read`].
    ///
    /// # Errors
    /// As [`Training::run`].
    pub fn run_on(
        &self,
        dataset: &Dataset,
        data: DataCard,
        registry: &Registry,
        progress: &dyn Progress,
        interrupt: &Interrupt,
    ) -> Result<Report> {
        let (train, test) = (dataset.train(), dataset.test());
        if train.is_empty() || test.is_empty() {
            return Err(Error::TooFewRows {
                reason: format!(
                    "{} training and {} test rows: there must be some of both",
                    train.len(),
                    test.len()
                ),
            });
        }
        let sender = self.executor.as_deref();
        let sender = sender.map(|executor| Sender::new(executor, registry, &data.digest, interrupt));
        let mut models = Vec::new();
        for family in &self.families {
            for repeat in 0..self.n_repeats {
                let seed = self.seed.wrapping_add(repeat);
                models.push(self.train(
                    family,
                    seed,
                    &train,
                    &test,
                    &data,
                    sender.as_ref(),
                    registry,
                    progress,
                    interrupt,
                )?);
            }
        }
        // From here on the run is carried through, so that nobody is told that nothing was recorded
        // while something was.
        let _closed = interrupt.close()?;
        let mut cards = registry.register(&models)?;
        cards.sort_by(|a, b| a.record.metrics.mae_usd.total_cmp(&b.record.metrics.mae_usd));
        let decision = match cards.iter().find(|card| card.record.not_served.is_none()) {
            Some(best) => decide(registry, best, &test, self.promotes)?,
            None => None,
        };
        if let Some(decision) = &decision {
            progress.report(&Event::Decided(decision));
        }
        let champion = match registry.champion()? {
            Some(version) => Some(Champion { version, family: registry.card(version)?.record.family }),
            None => None,
        };
        let promotion = report::promotion(decision.as_ref(), champion.as_ref(), &cards);
        let data = DataSummary {
            digest: data.digest,
            n_rows: data.counts.n_rows,
            n_rejected: data.counts.n_rejected,
            n_duplicates: data.counts.n_duplicates,
            n_in_both: data.counts.n_in_both,
            n_in_both_kept: data.counts.n_in_both_kept,
            n_train: data.n_train,
            n_test: data.n_test,
            rejects: data.rejects,
        };
        let leaderboard = cards.iter().map(LeaderboardRow::from).collect();
        Ok(Report { leaderboard, champion, decision, promotion, data })
    }

    /// Reads the delivery and stores what was kept and what was refused. The digest of what was kept
    /// tells whether anything is new.
    ///
    /// # Errors
    /// Input that cannot be read or believed.
    pub fn read(
        &self,
        registry: &Registry,
        progress: &dyn Progress,
        interrupt: &Interrupt,
    ) -> Result<(Dataset, DataCard)> {
        if let Some(path) = &self.rejects {
            self.source.spares(path)?;
        }
        // Without a name until it is known what it is for: a run that is killed leaves nothing.
        let workplace = registry.workplace()?;
        let failed = |source| Error::write(&workplace, source);
        let mut list = tempfile::tempfile_in(&workplace).map_err(failed)?;
        let rows = self.source.read(&mut BufWriter::new(&list), progress, interrupt)?;
        let mut copy_to = |path: &Path| {
            let copied = list.rewind().and_then(|()| std::io::copy(&mut list, &mut File::create(path)?));
            copied.map_err(|source| Error::write(path, source))
        };
        // Where the user wants it; or where a delivery that is refused for it can be looked at.
        let place = self.rejects.clone().unwrap_or_else(|| registry.refused_rows());
        let checked = rows.counts.check_rejects(self.max_rejects_percent, &place.display().to_string());
        if self.rejects.is_some() || checked.is_err() {
            copy_to(&place)?;
        }
        checked?;
        interrupt.check()?;
        let mut refused = Vec::new();
        list.rewind().and_then(|()| list.read_to_end(&mut refused)).map_err(failed)?;
        self.store(rows, refused, registry)
    }

    fn store(&self, rows: Rows, refused: Vec<u8>, registry: &Registry) -> Result<(Dataset, DataCard)> {
        let split = if self.source.has_test_rows() {
            SplitCard::Explicit
        } else {
            SplitCard::Stable(self.source.split)
        };
        let data = DataCard {
            digest: registry.put_blob(BlobKind::Dataset, store::to_parquet(&rows.dataset)?)?,
            counts: rows.counts,
            n_train: rows.dataset.n_train(),
            n_test: rows.dataset.n_test(),
            split,
            policy: self.source.policy,
            rejects: registry.put_blob(BlobKind::Rejects, refused)?,
            files: rows.files,
        };
        Ok((rows.dataset, data))
    }

    /// Searches, fits and judges one model; its file is stored, its registration is left to the run.
    #[allow(clippy::too_many_arguments, reason = "the parts of one run, each used once")]
    fn train(
        &self,
        family: &Family,
        seed: u64,
        train: &[PricedDiamond],
        test: &[PricedDiamond],
        data: &DataCard,
        sender: Option<&Sender<'_>>,
        registry: &Registry,
        progress: &dyn Progress,
        interrupt: &Interrupt,
    ) -> Result<ModelRecord> {
        let plan = family.plan.as_ref().map(|plan| plan(self.preset));
        let mut fixed = plan.as_ref().map_or_else(Params::default, |plan| plan.fixed.clone());
        if self.is_monotone && family.recipe.monotone.is_some() {
            fixed.set(MONOTONE, 1.0);
        }
        let started = Instant::now();
        let (params, search) = match plan {
            Some(plan) if self.n_trials > 0 => {
                let tuning = Tuning {
                    family,
                    plan: Plan { fixed, ..plan },
                    preset: self.preset,
                    sampler: self.sampler,
                    n_trials: self.n_trials,
                    parallel: self.parallel,
                    n_workers: self.n_workers,
                    seed,
                    dataset: &data.digest,
                    train,
                    sender,
                };
                let (params, card) = tuning.run(registry, progress, interrupt)?;
                (params, Some(card))
            }
            _ => (fixed, None),
        };
        let search_s = started.elapsed().as_secs_f64();
        progress.report(&Event::Fitting { family: &family.name });
        let started = Instant::now();
        let fitted = |params: &Params| match sender {
            // What a program of its owner's has fitted stays in its process.
            Some(sender) if family.foreign.is_none() => sender.pipeline(family, seed, params),
            _ => family.recipe.fit(&family.name, train, params, seed, interrupt),
        };
        // A model that runs as its owner's program cannot answer, and has nothing to stand behind.
        let pipeline = match family.foreign {
            Some(_) => fitted(&params)?,
            None if !self.ranges => fitted(&params)?.calibrated(None, background(train)),
            None => self.calibrated(family, &params, seed, train, sender, interrupt)?,
        };
        let fit_s = started.elapsed().as_secs_f64();
        let pipeline = Arc::new(pipeline);
        let actual: Vec<_> = test.iter().map(PricedDiamond::price_usd).collect();
        let prices = pipeline.predict(test.iter().map(PricedDiamond::diamond));
        let metrics = Metrics::of(&actual, &prices);
        if !metrics.is_finite() {
            return Err(Error::Fit { model: "the test rows", reason: not_finite(&family.name, &prices) });
        }
        progress.report(&Event::Tested {
            family: &family.name,
            mae_usd: metrics.mae_usd,
            pipeline: &pipeline,
            prices: &prices,
        });
        let free_prices = pipeline.predict_free(test.iter().map(PricedDiamond::diamond));
        let free_mae_usd = free_prices.map(|prices| mean_absolute_error(&actual, &prices));
        Ok(ModelRecord {
            family: family.name.to_string(),
            created_at: Utc::now(),
            model: registry.put_blob(BlobKind::Model, pipeline.to_bytes()?)?,
            params,
            seed,
            metrics,
            data: data.clone(),
            search,
            search_s,
            fit_s,
            code_version: env!("CARGO_PKG_VERSION").into(),
            format_version: FORMAT_VERSION,
            xgboost_version: match (&family.foreign, &family.library_version) {
                (None, Some(version)) => Some(version()?),
                _ => None,
            },
            not_served: family.foreign.as_deref().map(crate::model::not_served),
            free_mae_usd,
            range_width_usd: pipeline.mean_range_width(test),
        })
    }

    /// A model with its range.
    fn calibrated(
        &self,
        family: &Family,
        params: &Params,
        seed: u64,
        stones: &[PricedDiamond],
        sender: Option<&Sender<'_>>,
        interrupt: &Interrupt,
    ) -> Result<Pipeline> {
        let recipe = &family.recipe;
        let n_workers = self.n_workers;
        let calibration = Calibration { recipe, stones, params, seed, n_workers, interrupt };
        let Some(sender) = sender else { return calibration.fit(&family.name) };
        let folds = calibration.folds();
        // A thread for each fit, to wait for it.
        let calibration = Calibration { n_workers: usize::MAX, ..calibration };
        calibration.fit_by(&SentFits { sender, family, seed, params, folds })
    }
}

/// Holds the best new model against the champion, if it is to be held, and writes the decision down; when
/// somebody else promotes a model meanwhile, the comparison is made again with that one.
fn decide(
    registry: &Registry,
    best: &Card,
    test: &[PricedDiamond],
    promotes: Promotes,
) -> Result<Option<Decision>> {
    // Its rows and itself are loaded once, however often it is compared.
    let candidate = Contender::new(registry, best.clone());
    loop {
        let decision = match registry.champion()? {
            _ if promotes == Promotes::Nothing => return Ok(None),
            Some(_) if promotes == Promotes::First => return Ok(None),
            None => Decision::first(best.version),
            Some(version) => candidate.decide(&Contender::new(registry, registry.card(version)?), test)?,
        };
        match registry.decide(&decision) {
            Ok(()) => return Ok(Some(decision)),
            Err(Error::ChampionChanged { expected, found }) => {
                tracing::info!(expected, found, "the champion changed; comparing again");
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::diamond::{Cell, Field, RawDiamond};
    use crate::model::xgboost::Locations;
    use crate::progress::Silent;
    use crate::valuation::{Options, value};

    #[test]
    fn a_model_trained_without_ranges_has_the_same_prices_and_says_that_it_has_no_ranges() {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::open_or_create(folder.path()).unwrap();
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/first-delivery.csv");
        let trained = |ranges| {
            let source = Source { data: vec![data.clone()], ..Source::default() };
            let families = choose(built_in(&Locations::default()), &["linear".into()]).unwrap();
            let training = Training { n_trials: 0, ranges, ..Training::new(source, families) };
            let report = training.run(&registry, &Silent, &Interrupt::default()).unwrap();
            (registry.pipeline(report.leaderboard[0].version).unwrap(), report)
        };
        let ((ranged, _), (bare, report)) = (trained(true), trained(false));
        assert!(ranged.intervals().is_some() && bare.intervals().is_none());
        // Held against its twin with ranges as any other model is: the promotion does not look at them.
        let decision = report.decision.unwrap();
        assert!(!decision.promoted && decision.comparison.unwrap().difference_usd == 0.0);
        let raw = RawDiamond::from_cells(|field| match field {
            Field::Carat => Cell::Number(0.5),
            Field::Cut => Cell::Text("Ideal"),
            Field::Color => Cell::Text("E"),
            Field::Clarity => Cell::Text("VS1"),
            _ => Cell::Missing,
        });
        let asked = Options { reasons: true, ..Options::default() };
        let ask = |pipeline: &crate::Pipeline| value(pipeline, &raw, &asked, None).unwrap();
        let (ranged, bare) = (ask(&ranged), ask(&bare));
        assert_eq!(ranged.price_usd.to_bits(), bare.price_usd.to_bits());
        assert_eq!(ranged.reasons, bare.reasons);
        assert!(ranged.range.is_some() && ranged.warnings.is_empty());
        assert_eq!(bare.range, None);
        assert!(bare.warnings[0].to_string().contains("trained without ranges"), "{:?}", bare.warnings);
    }
}
