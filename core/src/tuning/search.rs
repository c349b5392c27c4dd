//! The loop: propose, measure in parallel, learn.
//!
//! A proposal never depends on how many workers there are or which of them is faster. The proposal
//! for trial `i` knows the results of the trials up to `i - n`, no more and no less, where `n` is [`Parallel`]; so up to
//! `n` trials run side by side without a barrier, and one worker or `n` propose the same.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use super::{FoldRacing, Job, LearningCurvePruner, Outcome, Parallel, Sampler, Study, Trial};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::parallel::pool;

/// A search to run.
pub struct Search<'a> {
    /// Trials there may be, those of the study included.
    pub n_trials: usize,
    /// It is over when so many trials, one after the other, were no better than one before them. Like a proposal, this
    /// depends on no number of workers: trial `i` is not begun for what is known of those up to `i - parallel`.
    pub patience: usize,
    /// How far proposals lag behind results, and so the most workers that can be busy.
    pub parallel: Parallel,
    /// Threads that carry trials out, or wait for whoever does.
    pub n_workers: usize,
    /// Rounds that a trial may have, where it has rounds.
    pub n_rounds: usize,
    /// Carries a trial out.
    #[allow(clippy::type_complexity)]
    pub measure: &'a (dyn Fn(Job) -> Result<Trial> + Sync),
    /// Hears of each trial that ends now (not of those found in the study): the trial, trials ended
    /// so far, and the best value so far.
    #[allow(clippy::type_complexity)]
    pub after_trial: &'a (dyn Fn(&Trial, usize, Option<f64>) + Sync),
    /// Obeyed before each trial, and by whoever carries it out.
    pub interrupt: &'a Interrupt,
}

impl Search<'_> {
    /// Runs the trials that `study` lacks and returns all of them by number: [`Search::n_trials`], or fewer when
    /// there was nothing more to gain.
    ///
    /// # Errors
    /// The first error of a trial, after those at work have ended, or [`Error::Interrupted`];
    /// finished trials are in the study.
    pub fn run(&self, study: &mut Study, sampler: &mut dyn Sampler) -> Result<Vec<Trial>> {
        let (results, finished) = mpsc::channel();
        let has_failed = AtomicBool::new(false);
        pool(self.n_workers.clamp(1, self.parallel.get()))?.in_place_scope_fifo(|scope| {
            let has_failed = &has_failed;
            let begin = |job: Job| {
                let results = results.clone();
                scope.spawn_fifo(move |_| {
                    if has_failed.load(Ordering::SeqCst) {
                        return;
                    }
                    let measured = catch_unwind(AssertUnwindSafe(|| {
                        self.interrupt.check()?;
                        (self.measure)(job)
                    }));
                    has_failed.fetch_or(!matches!(measured, Ok(Ok(_))), Ordering::SeqCst);
                    // Somebody listens until the last of these is dropped.
                    let (result, panic) = match measured {
                        Ok(result) => (result, None),
                        Err(panic) => (Err(Error::Interrupted), Some(panic)),
                    };
                    drop(results.send(result));
                    if let Some(panic) = panic {
                        // The scope passes it on.
                        resume_unwind(panic);
                    }
                });
            };
            let conducted = self.conduct(study, sampler, &begin, &finished);
            has_failed.fetch_or(conducted.is_err(), Ordering::SeqCst);
            drop(results);
            // After an error: what other workers still finish is kept all the same.
            finished.iter().flatten().try_for_each(|trial| study.add(trial))?;
            conducted
        })
    }

    fn conduct(
        &self,
        study: &mut Study,
        sampler: &mut dyn Sampler,
        begin: &dyn Fn(Job),
        finished: &mpsc::Receiver<Result<Trial>>,
    ) -> Result<Vec<Trial>> {
        let mut known: BTreeMap<usize, Trial> =
            study.trials().iter().map(|trial| (trial.number, trial.clone())).collect();
        let mut told: Vec<Trial> = Vec::new();
        let (mut next, mut n_running) = (0, 0);
        let mut ended: BTreeMap<usize, Trial> = BTreeMap::new();
        let mut n_trials = self.n_trials;
        while ended.len() < n_trials {
            while next < n_trials {
                let needed = (next + 1).saturating_sub(self.parallel.get());
                while told.len() < needed
                    && let Some(trial) = ended.get(&told.len())
                {
                    sampler.tell(&trial.params, trial.comparable())?;
                    told.push(trial.clone());
                }
                if told.len() < needed {
                    break;
                }
                if n_since_best(&told) >= self.patience {
                    n_trials = next;
                    break;
                }
                let params = sampler.ask(next)?;
                match known.remove(&next) {
                    Some(trial) if trial.params == params => {
                        ended.insert(next, trial);
                    }
                    Some(_) => return Err(self.foreign(study, next)),
                    None => {
                        let racing = FoldRacing::new(told.iter());
                        let pruner = LearningCurvePruner::new(next, self.n_rounds, told.iter(), &racing);
                        let job = Job { number: next, params, pruner, racing };
                        begin(job);
                        n_running += 1;
                    }
                }
                next += 1;
            }
            if n_running == 0 {
                continue;
            }
            let trial = finished.recv().map_err(|_| Error::Interrupted)??;
            n_running -= 1;
            study.add(trial.clone())?;
            ended.insert(trial.number, trial.clone());
            (self.after_trial)(&trial, ended.len(), best(ended.values()));
        }
        Ok(ended.into_values().collect())
    }

    fn foreign(&self, study: &Study, number: usize) -> Error {
        tracing::warn!(number, n_known = study.trials().len(), "the study's proposals differ from ours");
        Error::Fit {
            model: "search",
            reason: format!("trial {number} of the study was not proposed by this search"),
        }
    }
}

/// Trials since the best one of those that ran to their end, or since the first if none did.
fn n_since_best(told: &[Trial]) -> usize {
    let complete = told.iter().filter(|trial| matches!(trial.outcome, Outcome::Complete { .. }));
    let best = complete.min_by(|a, b| a.outcome.value().total_cmp(&b.outcome.value()));
    told.len() - best.map_or(0, |best| best.number + 1)
}

fn best<'a>(trials: impl Iterator<Item = &'a Trial>) -> Option<f64> {
    let complete = trials.filter(|trial| matches!(trial.outcome, Outcome::Complete { .. }));
    complete.map(|trial| trial.outcome.value()).min_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::sync::atomic::AtomicUsize;

    use super::super::{Domain, Measured, Milestone, OnMilestone, SamplerKind, Space, StudyHeader};
    use super::*;
    use crate::model::Params;

    /// More than there are trials: of those that end of themselves there is a test of its own.
    const PATIENCE: usize = 1000;

    fn header() -> StudyHeader {
        let space = Space(vec![("x".into(), Domain::Uniform { low: 0.0, high: 1.0 })]);
        let (sampler, parallel) = (SamplerKind::Tpe, Parallel::default());
        StudyHeader { format: 1, objective: "valley".into(), space, sampler, seed: 5, parallel }
    }

    /// A valley at 0.3 whose trials report three checkpoints.
    fn valley(params: &Params, report: OnMilestone<'_>) -> Result<Option<Measured>> {
        let value = (params.get("x").unwrap() - 0.3).abs();
        for step in [20, 40, 80] {
            if report(Milestone::Rounds(step), value + 1.0 / step as f64).is_break() {
                return Ok(None);
            }
        }
        for n_folds in 1..4 {
            if report(Milestone::Folds(n_folds), value).is_break() {
                return Ok(None);
            }
        }
        Ok(Some(Measured { value, refit: params.clone() }))
    }

    fn run(
        path: &std::path::Path,
        n_trials: usize,
        n_workers: usize,
        interrupt: &Interrupt,
        stop_after: usize,
    ) -> Result<Vec<u8>> {
        run_of(header(), path, n_trials, n_workers, interrupt, stop_after)
    }

    fn run_of(
        header: StudyHeader,
        path: &std::path::Path,
        n_trials: usize,
        n_workers: usize,
        interrupt: &Interrupt,
        stop_after: usize,
    ) -> Result<Vec<u8>> {
        let mut study = Study::open(path, &header)?;
        let mut sampler = header.sampler.sampler(&header.space, header.seed)?;
        let n_run = AtomicUsize::new(0);
        let objective = |params: &Params, report: OnMilestone<'_>| {
            if n_run.fetch_add(1, Ordering::SeqCst) == stop_after {
                interrupt.raise();
            }
            interrupt.check()?;
            // Workers finish in any order.
            std::thread::sleep(std::time::Duration::from_micros((params.get("x").unwrap() * 2000.0) as u64));
            valley(params, report)
        };
        let search = Search {
            n_trials,
            patience: PATIENCE,
            parallel: header.parallel,
            n_workers,
            n_rounds: 100,
            measure: &|job| job.run(&objective, false),
            after_trial: &|_, _, _| {},
            interrupt,
        };
        search.run(&mut study, &mut *sampler)?;
        study.sorted(n_trials)
    }

    #[test]
    fn one_worker_and_eight_leave_the_same_study() {
        let folder = tempfile::tempdir().unwrap();
        let study = |name: &str, n_workers| {
            run(&folder.path().join(name), 60, n_workers, &Interrupt::default(), usize::MAX).unwrap()
        };
        let alone = study("one", 1);
        assert_eq!(alone, study("two", 2));
        assert_eq!(alone, study("eight", 8));
        assert!(String::from_utf8(alone).unwrap().contains("\"state\":\"pruned\""), "the pruner took part");
    }

    #[test]
    fn how_many_may_run_side_by_side_decides_what_is_tried_and_the_number_of_workers_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let study = |parallel, n_workers| {
            let header = StudyHeader { parallel: Parallel::new(parallel).unwrap(), ..header() };
            let path = folder.path().join(format!("{parallel}-{n_workers}"));
            run_of(header, &path, 40, n_workers, &Interrupt::default(), usize::MAX).unwrap()
        };
        let of_each = [1, 3, 8, 32].map(|parallel| study(parallel, 1));
        for (parallel, expected) in [1, 3, 8, 32].into_iter().zip(&of_each) {
            for n_workers in [2, 16] {
                assert_eq!(study(parallel, n_workers), *expected, "{parallel} by {n_workers}");
            }
        }
        // The trials differ, and not only what the first line says.
        let trials =
            of_each.map(|study| String::from_utf8(study).unwrap().split_once('\n').unwrap().1.to_owned());
        assert!((0..4).all(|a| (0..a).all(|b| trials[a] != trials[b])));
    }

    #[test]
    fn a_study_that_does_not_say_how_many_ran_side_by_side_is_one_of_eight() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study");
        run(&path, 3, 1, &Interrupt::default(), usize::MAX).unwrap();
        let first = std::fs::read_to_string(&path).unwrap().lines().next().unwrap().to_owned();
        assert_eq!(
            first,
            r#"{"format":1,"objective":"valley","space":[["x",{"uniform":{"low":0.0,"high":1.0}}]],"sampler":"tpe","seed":5}"#
        );
        let other = StudyHeader { parallel: Parallel::new(9).unwrap(), ..header() };
        assert!(Study::open(&path, &other).err().unwrap().to_string().contains("another search"));
    }

    #[test]
    fn an_interrupted_search_continues_to_the_same_end() {
        let folder = tempfile::tempdir().unwrap();
        let whole = run(&folder.path().join("whole"), 40, 2, &Interrupt::default(), usize::MAX).unwrap();
        let path = folder.path().join("interrupted");
        let mut n_stops = 0;
        let resumed = loop {
            match run(&path, 40, 3, &Interrupt::default(), 7) {
                Ok(study) => break study,
                Err(Error::Interrupted) => n_stops += 1,
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(resumed, whole);
        assert!(n_stops >= 4, "{n_stops}");
    }

    /// Runs a search that is over when 12 trials gain nothing, of 200 at most; trial 4 is the best that there is, and
    /// nothing is worth more than a worker's turn. How many trials it ran, and its study.
    fn run_until_nothing_is_gained(
        path: &std::path::Path,
        n_workers: usize,
        stop_after: usize,
    ) -> Result<(usize, Vec<u8>)> {
        let mut study = Study::open(path, &header())?;
        let mut sampler = SamplerKind::Random.sampler(&header().space, header().seed)?;
        let best = (0..5).map(|number| sampler.ask(number).unwrap()).next_back().unwrap();
        let mut sampler = SamplerKind::Random.sampler(&header().space, header().seed)?;
        let (interrupt, n_run) = (Interrupt::default(), AtomicUsize::new(0));
        let objective = |params: &Params, _: OnMilestone<'_>| {
            if n_run.fetch_add(1, Ordering::SeqCst) == stop_after {
                interrupt.raise();
            }
            interrupt.check()?;
            let x = params.get("x").unwrap();
            std::thread::sleep(std::time::Duration::from_micros((x * 3000.0) as u64));
            let value = if *params == best { 0.0 } else { 1.0 + x };
            Ok(Some(Measured { value, refit: params.clone() }))
        };
        let search = Search {
            n_trials: 200,
            patience: 12,
            parallel: header().parallel,
            n_workers,
            n_rounds: 100,
            measure: &|job| job.run(&objective, false),
            after_trial: &|_, _, _| {},
            interrupt: &interrupt,
        };
        let n_trials = search.run(&mut study, &mut *sampler)?.len();
        Ok((n_trials, study.sorted(n_trials)?))
    }

    #[test]
    fn a_search_is_over_when_the_last_trials_gained_nothing_however_many_workers_there_are() {
        let folder = tempfile::tempdir().unwrap();
        let run = |name: &str, n_workers| {
            run_until_nothing_is_gained(&folder.path().join(name), n_workers, usize::MAX).unwrap()
        };
        let (n_trials, alone) = run("one", 1);
        // Trial 4 and twelve that were no better; by then as many more as may run at once have begun.
        assert_eq!(n_trials, 4 + 1 + 12 + Parallel::default().get() - 1);
        assert_eq!((n_trials, alone.clone()), run("two", 2));
        assert_eq!((n_trials, alone), run("eight", 8));
    }

    #[test]
    fn an_interrupted_search_stops_where_it_would_have_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let whole = run_until_nothing_is_gained(&folder.path().join("whole"), 2, usize::MAX).unwrap();
        let path = folder.path().join("interrupted");
        let mut n_stops = 0;
        let resumed = loop {
            match run_until_nothing_is_gained(&path, 3, 5) {
                Ok(resumed) => break resumed,
                Err(Error::Interrupted) => n_stops += 1,
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(resumed, whole);
        assert!(n_stops >= 2, "{n_stops}");
        // Asked for once more, it has nothing left to do.
        assert_eq!(run_until_nothing_is_gained(&path, 2, 0).unwrap(), whole);
    }

    #[test]
    fn a_line_torn_by_a_kill_costs_only_its_trial() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study");
        let whole = run(&path, 20, 2, &Interrupt::default(), usize::MAX).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for cut in [3, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            assert_eq!(run(&path, 20, 2, &Interrupt::default(), usize::MAX).unwrap(), whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_fit_that_fails_ends_its_trial_and_the_search_only_if_that_is_wanted() {
        let objective = |params: &Params, report: OnMilestone<'_>| match params.get("x").unwrap() {
            x if x > 0.6 => Err(Error::Fit { model: "a test", reason: format!("{x} is too much") }),
            _ => valley(params, report),
        };
        let folder = tempfile::tempdir().unwrap();
        let run = |name: &str, keeps_failures| {
            let interrupt = Interrupt::default();
            let mut study = Study::open(&folder.path().join(name), &header()).unwrap();
            let mut sampler = header().sampler.sampler(&header().space, header().seed).unwrap();
            let (measure, after_trial) =
                (&|job: Job| job.run(&objective, keeps_failures), &|_: &Trial, _, _| {});
            let (n_trials, patience, n_workers, n_rounds, interrupt) = (30, 30, 2, 100, &interrupt);
            let search = Search {
                n_trials,
                patience,
                parallel: Parallel::default(),
                n_workers,
                n_rounds,
                measure,
                after_trial,
                interrupt,
            };
            search.run(&mut study, &mut *sampler)
        };
        let trials = run("kept", true).unwrap();
        let has_failed = |trial: &Trial| matches!(&trial.outcome, Outcome::Failed { reason } if reason.ends_with("is too much"));
        assert_eq!(trials.len(), 30);
        assert!(trials.iter().all(|trial| has_failed(trial) == (trial.params.get("x").unwrap() > 0.6)));
        assert!(
            trials.iter().any(has_failed) && trials.iter().filter(|trial| has_failed(trial)).count() < 15
        );
        assert!(matches!(run("not kept", false), Err(Error::Fit { .. })));
    }

    #[test]
    fn another_search_or_a_damaged_line_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study");
        run(&path, 3, 1, &Interrupt::default(), usize::MAX).unwrap();
        let other = StudyHeader { seed: 6, ..header() };
        assert!(matches!(Study::open(&path, &other), Err(Error::Study { .. })));
        let text = std::fs::read_to_string(&path).unwrap().replacen("\"number\":1", "\"nimber\":1", 1);
        std::fs::write(&path, text).unwrap();
        let error = Study::open(&path, &header()).err().unwrap().to_string();
        assert!(error.contains("damaged"), "{error}");
    }

    #[test]
    fn a_study_in_use_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("study");
        let _held = Study::open(&path, &header()).unwrap();
        assert!(Study::open(&path, &header()).err().unwrap().to_string().contains("another run"));
    }
}
