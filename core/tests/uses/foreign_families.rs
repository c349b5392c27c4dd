//! A family that only its owner's program can run: compared like any other, and never the one that
//! answers. Frames in memory are a delivery like files.

use std::path::Path;

use ndarray::{Array1, ArrayView2};
use polars::prelude::*;
use xtream_core::dataset::{Frame, Source, Table};
use xtream_core::diamond::Field;
use xtream_core::features::Encoding;
use xtream_core::model::xgboost::Locations;
use xtream_core::model::{Estimator, ModelHeader, Params, Regressor, Samples, StoredModel};
use xtream_core::pipeline::{Recipe, Target};
use xtream_core::progress::Silent;
use xtream_core::registry::Severity;
use xtream_core::training::{Family, Promotes, Training, built_in, choose};
use xtream_core::{Error, Interrupt, Registry};

const FIRST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/first-delivery.csv");

/// A jeweller's rule of thumb: the price follows from the weight alone.
struct RuleOfThumb;

impl Estimator for RuleOfThumb {
    fn fit(
        &self,
        _samples: Samples<'_>,
        _params: &Params,
        _seed: u64,
        _interrupt: &Interrupt,
    ) -> xtream_core::Result<Box<dyn Regressor>> {
        Ok(Box::new(Self))
    }
}

impl Regressor for RuleOfThumb {
    fn n_features(&self) -> usize {
        9
    }

    fn predict(&self, features: ArrayView2<'_, f64>) -> Array1<f64> {
        features.rows().into_iter().map(|row| 5000.0 * row[0] * row[0].sqrt()).collect()
    }

    fn stored(&self) -> StoredModel {
        StoredModel { header: ModelHeader::Foreign { class: "a test".into() }, body: Vec::new() }
    }
}

fn foreign() -> Family {
    let recipe = Recipe::new(Encoding::Categories, Target::Price, RuleOfThumb);
    Family { foreign: Some("a test".into()), ..Family::new("foreign", "a test", recipe) }
}

fn training(source: Source, families: Vec<Family>) -> Training {
    Training { n_trials: 0, ..Training::new(source, families) }
}

fn linear() -> Family {
    choose(built_in(&Locations::default()), &["linear".into()]).unwrap().remove(0)
}

fn run(registry: &Registry, families: Vec<Family>) -> xtream_core::Result<xtream_core::training::Report> {
    let source = Source { data: vec![FIRST.into()], ..Source::default() };
    training(source, families).run(registry, &Silent, &Interrupt::default())
}

#[test]
fn it_is_judged_on_the_same_stones_and_the_best_of_the_others_is_promoted() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::open_or_create(folder.path()).unwrap();
    let report = run(&registry, vec![linear(), foreign()]).unwrap();
    assert_eq!(report.leaderboard.len(), 2);
    let line = report.leaderboard.iter().find(|line| line.family == "foreign").unwrap();
    assert!(line.mae_usd.is_finite() && line.not_served.as_ref().unwrap().contains("a test"));
    assert_eq!(report.champion.unwrap().family, "linear");
    assert_eq!(registry.card(line.version).unwrap().record.not_served, line.not_served);
    for refused in [registry.pipeline(line.version).err(), registry.promote(line.version, "why").err()] {
        assert!(matches!(refused, Some(Error::NotServed { .. })), "{refused:?}");
    }
    let findings = Registry::fsck(folder.path()).unwrap();
    assert!(findings.iter().all(|finding| finding.severity != Severity::Fault), "{findings:?}");
}

#[test]
fn alone_it_changes_nothing_about_who_answers() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::open_or_create(folder.path()).unwrap();
    let report = run(&registry, vec![foreign()]).unwrap();
    assert_eq!((report.decision, report.champion), (None, None));
}

#[test]
fn who_may_become_champion_is_for_the_caller_to_say() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::open_or_create(folder.path()).unwrap();
    let run = |promotes| {
        let source = Source { data: vec![FIRST.into()], ..Source::default() };
        let training = Training { promotes, ..training(source, vec![linear()]) };
        training.run(&registry, &Silent, &Interrupt::default()).unwrap()
    };
    let nothing = run(Promotes::Nothing);
    assert_eq!((nothing.decision, nothing.champion), (None, None));
    assert!(
        nothing.promotion.ends_with("that was not asked for; there is still no champion."),
        "{}",
        nothing.promotion
    );
    let first = run(Promotes::First);
    assert_eq!(first.champion.unwrap().version, 2);
    assert_eq!(first.promotion, first.decision.unwrap().reason);
    let second = run(Promotes::First);
    assert_eq!((second.decision, second.champion.unwrap().version), (None, 2));
    assert!(run(Promotes::Better).decision.is_some());
}

#[test]
fn whoever_asks_to_stop_before_the_models_are_recorded_finds_nothing_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::open_or_create(folder.path()).unwrap();
    let interrupt = Interrupt::default();
    interrupt.raise();
    let source = Source { data: vec![FIRST.into()], ..Source::default() };
    let stopped = training(source, vec![foreign()]).run(&registry, &Silent, &interrupt);
    assert!(matches!(stopped, Err(Error::Interrupted)));
    assert!(registry.cards().unwrap().is_empty());
}

/// The file's rows as a frame of text, which is how they were delivered.
fn frame() -> Frame {
    let mut table = Table::open(Path::new(FIRST), &Default::default()).unwrap();
    let mut rows: Option<DataFrame> = None;
    while let Some(batch) = table.next_batch().unwrap() {
        let part = batch.into_frame().unwrap();
        rows = Some(rows.map_or(part.clone(), |rows| rows.vstack(&part).unwrap()));
    }
    Frame { name: "the frame".into(), rows: rows.unwrap(), extra_columns: vec!["note".into()] }
}

#[test]
fn a_frame_gives_the_rows_and_refusals_of_its_file() {
    let read = |source: &Source| {
        let mut refused = Vec::new();
        let rows = source.read(&mut refused, &Silent, &Interrupt::default()).unwrap();
        (rows.dataset, rows.counts, String::from_utf8(refused).unwrap())
    };
    let file = Source { data: vec![FIRST.into()], ..Source::default() };
    let memory = Source { frames: vec![frame()], ..Source::default() };
    let (left, right) = (read(&file), read(&memory));
    assert_eq!((&left.0, left.1), (&right.0, right.1));
    assert_eq!(left.2.lines().count(), right.2.lines().count());
    assert!(right.2.lines().nth(1).unwrap().starts_with("the frame,77,"), "{}", right.2);
    let both = Source { test_frames: vec![frame()], ..file };
    assert!(both.has_test_rows());
    assert_eq!(read(&both).0.n_train(), 0, "of rows that stand in both, the test keeps them");
}

#[test]
fn validation_tells_every_rows_fate() {
    let source = Source { frames: vec![frame()], ..Source::default() };
    let found = source.validate(&Silent, &Interrupt::default()).unwrap();
    let counts = found.counts;
    assert_eq!(found.kept.len() as u64, counts.n_kept);
    assert_eq!(found.refused.len() as u64, counts.n_rejected);
    let mut all: Vec<u64> = found.kept_rows.iter().chain(&found.duplicate_rows).copied().collect();
    all.extend(found.refused.iter().map(|row| row.row));
    all.sort_unstable();
    assert_eq!(all, (0..counts.n_rows).collect::<Vec<_>>());
    for row in &found.refused {
        assert!(!row.faults.is_empty());
        for fault in row.faults.iter().filter(|fault| !fault.value.is_empty()) {
            let cell = row.cells[fault.field as usize].as_deref().unwrap();
            assert!(
                fault.field.is_grade() || fault.value.parse::<f64>().ok() == cell.parse().ok(),
                "{row:?}"
            );
        }
        assert!(row.cells[Field::Carat as usize].is_some());
    }
}
