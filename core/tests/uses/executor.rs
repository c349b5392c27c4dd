//! A run whose trials and fits are carried out elsewhere comes to the same bytes, whatever happens on the way.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use tempfile::NamedTempFile;
use xtream_core::dataset::Source;
use xtream_core::progress::Silent;
use xtream_core::registry::{ModelRecord, Registry};
use xtream_core::training::{Executor, Promotes, Reply, Training, Worker, choose};
use xtream_core::tuning::Parallel;
use xtream_core::{Error, Interrupt, Result};

use crate::helpers::{data, families};

/// A file of few stones.
static FEW: LazyLock<NamedTempFile> = LazyLock::new(|| {
    let text = std::fs::read_to_string(data("first-delivery.csv")).unwrap();
    let few: Vec<_> = text.lines().take(801).collect();
    let file = tempfile::Builder::new().suffix(".csv").tempfile().unwrap();
    std::fs::write(&file, few.join("\n")).unwrap();
    file
});

fn training(names: &[&str], executor: Option<Arc<dyn Executor>>) -> Training {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let source = Source { data: vec![FEW.path().into()], ..Source::default() };
    let families = choose(families(), &names).unwrap();
    Training {
        n_trials: 12,
        executor,
        promotes: Promotes::Nothing,
        is_monotone: false,
        ..Training::new(source, families)
    }
}

/// The run's models, without what depends on a clock.
fn run(training: &Training, folder: &Path) -> Result<Vec<ModelRecord>> {
    let registry = Registry::open_or_create(folder).unwrap();
    training.run(&registry, &Silent, &Interrupt::default())?;
    let cards = registry.cards().unwrap();
    let timeless = |record: ModelRecord| ModelRecord {
        created_at: Default::default(),
        search_s: 0.0,
        fit_s: 0.0,
        ..record
    };
    Ok(cards.into_iter().map(|card| timeless(card.record)).collect())
}

/// Workers in this process, of which one or the other dies.
struct Mortals {
    workers: Vec<Mutex<Arc<Worker>>>,
    chance: Mutex<Pcg64>,
    /// How many jobs in a hundred kill their worker.
    percent: u32,
    n_killed: AtomicUsize,
    n_rows_sent: AtomicUsize,
}

impl Mortals {
    fn new(n_workers: usize, percent: u32) -> Arc<Self> {
        let worker = |_| Mutex::new(Arc::new(Worker::new(families())));
        Arc::new(Self {
            workers: (0..n_workers).map(worker).collect(),
            chance: Mutex::new(Pcg64::seed_from_u64(7)),
            percent,
            n_killed: AtomicUsize::new(0),
            n_rows_sent: AtomicUsize::new(0),
        })
    }
}

impl Executor for Mortals {
    fn run(&self, job: &[u8], rows: Option<&[u8]>, _family: &str, interrupt: &Interrupt) -> Result<Reply> {
        self.n_rows_sent.fetch_add(usize::from(rows.is_some()), Ordering::SeqCst);
        let (number, fate) = {
            let mut chance = self.chance.lock().unwrap();
            (chance.random_range(0..self.workers.len()), chance.random_range(0..100))
        };
        let worker = Arc::clone(&self.workers[number].lock().unwrap());
        let answer = worker.run(job, rows, None, interrupt)?;
        if fate < self.percent {
            // It had done its part and died before it could say so; the one in its place knows nothing.
            *self.workers[number].lock().unwrap() = Arc::new(Worker::new(families()));
            self.n_killed.fetch_add(1, Ordering::SeqCst);
            return Ok(Reply::Lost("it died".into()));
        }
        Ok(Reply::Answered(answer))
    }
}

#[test]
fn models_and_studies_do_not_depend_on_who_carried_them_out_or_died_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["linear", "xgboost", "xgboost-derived"];
    let here = run(&training(&names, None), &folder.path().join("here")).unwrap();
    assert!(here.iter().any(|record| record.search.as_ref().is_some_and(|search| search.n_pruned > 0)));
    for percent in [0, 30] {
        let workers = Mortals::new(2, percent);
        let there =
            run(&training(&names, Some(workers.clone())), &folder.path().join(format!("{percent}"))).unwrap();
        assert_eq!(there, here, "{percent} % died");
        let n_killed = workers.n_killed.load(Ordering::SeqCst);
        assert_eq!(n_killed > 3, percent > 0, "{n_killed}");
        if percent == 0 {
            // Once a worker; two threads may have asked one at the same time.
            assert!((2..=16).contains(&workers.n_rows_sent.load(Ordering::SeqCst)));
        }
    }
}

#[test]
fn neither_do_models_without_ranges_nor_the_price_of_a_promise() {
    let folder = tempfile::tempdir().unwrap();
    let bare = |executor| Training { ranges: false, n_trials: 2, ..training(&["xgboost"], executor) };
    let promised =
        |executor| Training { n_trials: 0, is_monotone: true, ..training(&["xgboost-derived"], executor) };
    for (number, training) in [&bare as &dyn Fn(_) -> Training, &promised].into_iter().enumerate() {
        let workers: Arc<dyn Executor> = Mortals::new(2, 0);
        let place = |name: &str| folder.path().join(format!("{number}-{name}"));
        let (here, there) =
            (run(&training(None), &place("here")), run(&training(Some(workers)), &place("there")));
        assert_eq!(there.unwrap(), here.unwrap());
    }
}

/// Hands over a job and its rows after `change` had its way with them.
struct Changed<F>(Worker, F);

impl<F: Fn(&mut Vec<u8>, &mut Vec<u8>) + Send + Sync> Executor for Changed<F> {
    fn run(&self, job: &[u8], rows: Option<&[u8]>, _family: &str, interrupt: &Interrupt) -> Result<Reply> {
        let (mut job, mut sent) = (job.to_vec(), rows.unwrap_or_default().to_vec());
        self.1(&mut job, &mut sent);
        let answer = self.0.run(&job, rows.map(|_| &*sent), None, interrupt)?;
        Ok(Reply::Answered(answer))
    }
}

/// A message with another word in its line of JSON.
fn replaced(message: &[u8], word: &str, other: &str) -> Vec<u8> {
    let (line, rest) = message.split_at(message.iter().position(|byte| *byte == b'\n').unwrap());
    let line = std::str::from_utf8(line).unwrap().replacen(word, other, 1);
    [line.as_bytes(), rest].concat()
}

fn refused(change: impl Fn(&mut Vec<u8>, &mut Vec<u8>) + Send + Sync + 'static) -> String {
    let folder = tempfile::tempdir().unwrap();
    let executor = Arc::new(Changed(Worker::new(families()), change));
    let training = Training { n_trials: 2, ..training(&["xgboost"], Some(executor)) };
    let error = run(&training, folder.path()).unwrap_err();
    assert!(matches!(error, Error::Worker { .. }), "{error:?}");
    assert!(Registry::open(folder.path()).unwrap().cards().unwrap().is_empty());
    error.to_string()
}

#[test]
fn rows_that_are_not_those_of_the_run_teach_nobody() {
    // A price of another data set: as sound a file as the right one.
    let other = tempfile::tempdir().unwrap();
    run(&training(&["linear"], None), other.path()).unwrap();
    let registry = Registry::open(other.path()).unwrap();
    let smaller = xtream_core::dataset::Dataset::explicit(
        registry.dataset(1).unwrap().train().into_iter().skip(1).collect(),
        registry.dataset(1).unwrap().test(),
    );
    let smaller = xtream_core::dataset::store::to_parquet(&smaller).unwrap();
    let said = refused(move |_, rows| {
        if !rows.is_empty() {
            rows.clone_from(&smaller);
        }
    });
    assert!(said.contains("the rows that were sent to it are sha256:"), "{said}");
}

#[test]
fn a_worker_with_another_program_or_another_xgboost_does_nothing() {
    let replace = |what: &'static str, other: &'static str| {
        move |job: &mut Vec<u8>, _: &mut Vec<u8>| {
            let changed = replaced(job, what, other);
            assert_ne!(*job, changed);
            *job = changed;
        }
    };
    let ours = env!("CARGO_PKG_VERSION");
    let said = refused(replace("\"code_version\":\"", "\"code_version\":\"7"));
    assert!(said.contains(&format!("it has xtream {ours}, and the run was started with 7{ours}")), "{said}");
    let said = refused(replace("\"library\":\"", "\"library\":\"1"));
    assert!(said.contains("its XGBoost library has the version"), "{said}");
}

#[test]
fn an_answer_to_another_question_is_not_taken_for_an_answer() {
    /// Says of each trial that it was the next one.
    struct Confused(Worker);

    impl Executor for Confused {
        fn run(&self, job: &[u8], rows: Option<&[u8]>, _: &str, interrupt: &Interrupt) -> Result<Reply> {
            let answer = self.0.run(job, rows, None, interrupt)?;
            Ok(Reply::Answered(replaced(&answer, "\"number\":1,", "\"number\":2,")))
        }
    }

    let folder = tempfile::tempdir().unwrap();
    let executor = Arc::new(Confused(Worker::new(families())));
    let training = Training { n_trials: 2, ..training(&["xgboost"], Some(executor)) };
    let said = run(&training, folder.path()).unwrap_err().to_string();
    assert!(said.contains("it answered with another trial, which was not asked of it"), "{said}");
}

/// Loses every job after the first so many.
struct Losing {
    worker: Worker,
    n_before: usize,
    n_run: AtomicUsize,
    n_lost: AtomicUsize,
}

impl Executor for Losing {
    fn run(&self, job: &[u8], rows: Option<&[u8]>, _family: &str, interrupt: &Interrupt) -> Result<Reply> {
        if self.n_run.fetch_add(1, Ordering::SeqCst) >= self.n_before {
            assert!(self.n_lost.fetch_add(1, Ordering::SeqCst) < 50, "given out without an end");
            return Ok(Reply::Lost("nobody is there".into()));
        }
        Ok(Reply::Answered(self.worker.run(job, rows, None, interrupt)?))
    }
}

#[test]
fn a_job_that_is_always_lost_ends_the_run_after_ten_times_and_finished_trials_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let losing = |n_before| {
        let (n_run, n_lost) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Losing { worker: Worker::new(families()), n_before, n_run, n_lost })
    };
    let alone =
        |executor| Training { parallel: Parallel::new(1).unwrap(), ..training(&["xgboost"], executor) };
    // The first job is asked for twice, because its rows are not there yet.
    let executor = losing(1 + 5);
    let error = run(&alone(Some(executor.clone())), folder.path()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a worker could not do its part: a job was given out 10 times and lost each time: nobody is there"
    );
    assert_eq!(executor.n_lost.load(Ordering::SeqCst), 10);
    // Seven trials were left, and twelve fits.
    let executor = losing(usize::MAX);
    let resumed = run(&alone(Some(executor.clone())), folder.path()).unwrap();
    assert_eq!(executor.n_run.load(Ordering::SeqCst), 1 + 7 + 12);
    let whole = tempfile::tempdir().unwrap();
    assert_eq!(resumed, run(&alone(None), whole.path()).unwrap());
}
