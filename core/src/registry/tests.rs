//! What the registry promises, on a folder and on a store whose answers come late.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::{DateTime, Utc};

use super::test_store::TestStore;
use super::*;
use crate::dataset::{Counts, Policy, Split};
use crate::diamond::{Cell, Field, PricedDiamond, RawDiamond};
use crate::metrics::Metrics;
use crate::model::Params;
use crate::pipeline::FORMAT_VERSION;

/// A real, small model over a handful of stones, as a training run would hand it over.
pub(super) fn record(registry: &Registry, factor: f64) -> ModelRecord {
    let stones: Vec<_> = (0..40).map(|i| stone(f64::from(i), factor)).collect();
    let locations = crate::model::xgboost::Locations::default();
    let families = crate::training::built_in(&locations);
    let recipe = &families[0].recipe;
    let pipeline =
        recipe.fit("linear", &stones, &Params::default(), 0, &crate::Interrupt::default()).unwrap();
    let prices = pipeline.predict(stones.iter().map(PricedDiamond::diamond));
    let actual: Vec<_> = stones.iter().map(PricedDiamond::price_usd).collect();
    let dataset = Dataset::explicit(stones.clone(), stones);
    ModelRecord {
        family: "linear".into(),
        created_at: DateTime::<Utc>::UNIX_EPOCH,
        model: registry.put_blob(BlobKind::Model, pipeline.to_bytes().unwrap()).unwrap(),
        params: Params::default(),
        seed: 0,
        metrics: Metrics::of(&actual, &prices),
        data: DataCard {
            digest: registry.put_blob(BlobKind::Dataset, store::to_parquet(&dataset).unwrap()).unwrap(),
            counts: Counts::default(),
            n_train: 40,
            n_test: 40,
            split: SplitCard::Stable(Split::default()),
            policy: Policy::default(),
            rejects: registry.put_blob(BlobKind::Rejects, b"none".to_vec()).unwrap(),
            files: Vec::new(),
        },
        search: None,
        search_s: 0.0,
        fit_s: 0.0,
        code_version: "test".into(),
        format_version: FORMAT_VERSION,
        xgboost_version: None,
        not_served: None,
        free_mae_usd: None,
        range_width_usd: None,
    }
}

fn stone(i: f64, factor: f64) -> PricedDiamond {
    let text = |list: &'static [&'static str]| Cell::Text(list[i as usize % list.len()]);
    RawDiamond::from_cells(|field| match field {
        Field::Cut => text(&["Ideal", "Good", "Fair"]),
        Field::Color => text(&["D", "E", "F", "G"]),
        Field::Clarity => text(&["IF", "SI1", "VS1", "VS2", "I1"]),
        Field::Carat => Cell::Number(0.3 + i / 40.0 + (i * 7.0) % 3.0 / 10.0),
        _ => Cell::Number(5.0 + (i * i) % 11.0),
    })
    .parse_priced(Cell::Number(factor * (500.0 + 40.0 * i)))
    .unwrap()
}

pub(super) fn fresh() -> (tempfile::TempDir, Registry) {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::open_or_create(folder.path()).unwrap();
    (folder, registry)
}

pub(super) fn faults(folder: &std::path::Path) -> Vec<Finding> {
    let findings = Registry::fsck(folder).unwrap();
    findings.into_iter().filter(|finding| finding.severity == Severity::Fault).collect()
}

#[test]
fn a_model_registered_is_there_for_whoever_opens_the_registry_next() {
    let (folder, registry) = fresh();
    let models = [record(&registry, 1.0), record(&registry, 2.0)];
    let cards = registry.register(&models).unwrap();
    assert_eq!(cards.iter().map(|card| card.version).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(registry.champion().unwrap(), None);
    registry.decide(&Decision::first(2)).unwrap();

    let other = Registry::open(folder.path()).unwrap();
    assert_eq!(other.cards().unwrap(), cards);
    assert_eq!(other.champion().unwrap(), Some(2));
    assert_eq!(other.dataset(1).unwrap().n_train(), 40);
    let probe = stone(3.0, 1.0);
    let price = |registry: &Registry| registry.pipeline(2).unwrap().predict([probe.diamond()].into_iter());
    assert_eq!(price(&other), price(&registry));
    assert_eq!(faults(folder.path()), []);
}

#[test]
fn rollback_goes_back_one_promotion_at_a_time_and_then_says_so() {
    let (_folder, registry) = fresh();
    registry.register(&[1.0, 2.0, 3.0].map(|factor| record(&registry, factor))).unwrap();
    for version in [1, 2, 3] {
        registry.promote(version, "better").unwrap();
    }
    assert_eq!(registry.rollback("worse after all").unwrap(), 2);
    assert_eq!(registry.rollback("worse after all").unwrap(), 1);
    assert!(matches!(registry.rollback("again"), Err(Error::NoFormerChampion)));
    assert_eq!(registry.champion().unwrap(), Some(1));
    registry.promote(3, "second thoughts").unwrap();
    assert_eq!(registry.rollback("no").unwrap(), 1);
}

#[test]
fn a_decision_against_a_champion_of_the_past_is_refused() {
    let (folder, registry) = fresh();
    registry.register(&[1.0, 2.0].map(|factor| record(&registry, factor))).unwrap();
    let other = Registry::open(folder.path()).unwrap();
    other.promote(1, "first").unwrap();
    let refused = registry.decide(&Decision::first(2));
    assert!(matches!(refused, Err(Error::ChampionChanged { .. })), "{refused:?}");
    assert_eq!(registry.champion().unwrap(), Some(1));
}

#[test]
fn a_model_that_does_not_exist_is_refused_with_those_that_do() {
    let (_folder, registry) = fresh();
    registry.register(&[record(&registry, 1.0)]).unwrap();
    let error = registry.promote(7, "?").unwrap_err().to_string();
    assert_eq!(error, "there is no model version 7; known versions are 1 to 1");
}

#[test]
fn a_damaged_model_cannot_be_promoted_or_rolled_back_to() {
    let (folder, registry) = fresh();
    let models = [1.0, 2.0].map(|factor| record(&registry, factor));
    registry.register(&models).unwrap();
    registry.promote(1, "fine").unwrap();
    registry.promote(2, "better").unwrap();
    let path = registry.blob_path(BlobKind::Model, &models[0].model);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(matches!(registry.promote(1, "again"), Err(Error::Damaged { .. })));
    assert!(matches!(registry.rollback("back"), Err(Error::Damaged { .. })));
    assert_eq!(registry.champion().unwrap(), Some(2));
    assert_eq!(faults(folder.path()).len(), 1);
}

#[test]
fn storing_what_is_there_already_does_not_trust_a_damaged_copy() {
    let (_folder, registry) = fresh();
    let digest = registry.put_blob(BlobKind::Rejects, b"rows".to_vec()).unwrap();
    assert_eq!(registry.put_blob(BlobKind::Rejects, b"rows".to_vec()).unwrap(), digest);
    std::fs::write(registry.blob_path(BlobKind::Rejects, &digest), b"rots").unwrap();
    assert!(matches!(registry.put_blob(BlobKind::Rejects, b"rows".to_vec()), Err(Error::Damaged { .. })));
}

#[test]
fn fsck_names_what_is_lost_damaged_or_left_over() {
    let (folder, registry) = fresh();
    let models = [1.0, 2.0].map(|factor| record(&registry, factor));
    registry.register(&models).unwrap();
    registry.promote(1, "fine").unwrap();
    registry.promote(2, "better").unwrap();
    registry.put_blob(BlobKind::Rejects, b"left over".to_vec()).unwrap();
    let findings = Registry::fsck(folder.path()).unwrap();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].severity, Severity::Note);

    std::fs::remove_file(registry.blob_path(BlobKind::Model, &models[1].model)).unwrap();
    let found = faults(folder.path());
    assert!(found[0].subject == "version 2" && found[0].message.contains("gone"), "{found:?}");

    std::fs::remove_file(folder.path().join("commits/00000002.json")).unwrap();
    let found = faults(folder.path());
    assert!(
        found
            .iter()
            .any(|finding| finding.message.contains("commits/00000002.json is damaged: it was written")),
        "{found:?}"
    );

    std::fs::write(folder.path().join("commits/00000002.json"), "{").unwrap();
    let found = faults(folder.path());
    assert!(found.iter().any(|finding| finding.message.contains("commits/00000002.json")), "{found:?}");
    assert!(matches!(Registry::open(folder.path()), Err(Error::Damaged { .. })));
}

#[test]
fn a_commit_that_could_not_be_read_back_is_never_written() {
    let (folder, registry) = fresh();
    let mut model = record(&registry, 1.0);
    model.metrics.r2 = f64::NAN;
    assert!(matches!(registry.register(&[model]), Err(Error::Damaged { .. })));
    assert!(Registry::open(folder.path()).unwrap().cards().unwrap().is_empty());
}

#[test]
fn a_changed_figure_in_a_commit_is_noticed() {
    let (folder, registry) = fresh();
    registry.register(&[record(&registry, 1.0)]).unwrap();
    let path = folder.path().join("commits/00000001.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"n_train\": 40", "\"n_train\": 41")).unwrap();
    let error = Registry::open(folder.path()).err().unwrap().to_string();
    assert!(error.contains("does not match its digest"), "{error}");
    assert_eq!(faults(folder.path()).len(), 1);
}

/// `n_writers` threads, each with a registry handle of its own as if it were a process, write a decision down
/// `n_rounds` times each, all at once.
fn race(open: impl Fn() -> Registry + Sync, n_writers: usize, n_rounds: usize) {
    let registry = open();
    registry.register(&[record(&registry, 1.0)]).unwrap();
    registry.promote(1, "first").unwrap();
    std::thread::scope(|scope| {
        for writer in 0..n_writers {
            let open = &open;
            scope.spawn(move || {
                let registry = open();
                for round in 0..n_rounds {
                    let reason = format!("{writer}/{round}");
                    registry.decide(&Decision { reason, ..Decision::already_champion(1) }).unwrap();
                }
            });
        }
    });
    let commits = registry.commits().unwrap();
    assert_eq!(commits.len(), 2 + n_writers * n_rounds, "no commit is lost");
    let mut reasons: Vec<_> = commits[2..]
        .iter()
        .filter_map(|commit| match &commit.change {
            Change::Decided { decision } => Some(decision.reason.clone()),
            _ => None,
        })
        .collect();
    reasons.sort();
    let mut expected: Vec<_> =
        (0..n_writers).flat_map(|p| (0..n_rounds).map(move |r| format!("{p}/{r}"))).collect();
    expected.sort();
    assert_eq!(reasons, expected, "each decision stands there once");
    for (commit, number) in commits.iter().zip(1..) {
        assert_eq!(commit.number, number, "no gap");
    }
}

#[test]
fn sixty_four_writers_in_a_hundred_rounds_lose_no_commit_and_leave_no_gap() {
    let store = Arc::new(TestStore::default());
    race(|| Registry::over(Path::new("").into(), Some(Storage::over(store.clone()))).unwrap(), 64, 100);
}

#[test]
fn sixty_four_writers_on_one_folder_lose_no_commit_and_leave_no_gap() {
    let folder = tempfile::tempdir().unwrap();
    race(|| Registry::open_or_create(folder.path()).unwrap(), 64, 8);
    assert_eq!(faults(folder.path()), []);
}

#[test]
fn an_own_commit_that_the_store_took_without_saying_so_is_recognised() {
    let store = Arc::new(TestStore::default());
    let registry = Registry::over(Path::new("").into(), Some(Storage::over(store.clone()))).unwrap();
    registry.register(&[record(&registry, 1.0)]).unwrap();
    store.forgets_next.store(true, Ordering::SeqCst);
    // One that may be written any number of times.
    registry.decide(&Decision { promoted: false, ..Decision::by_hand(1, None, "once".into()) }).unwrap();
    assert_eq!(registry.commits().unwrap().len(), 2, "it was not written a second time");
}

/// A registry of two models with four commits: registered, 1 promoted, 2 promoted, 1 promoted again.
fn with_history() -> (tempfile::TempDir, Registry) {
    let (folder, registry) = fresh();
    registry.register(&[1.0, 2.0].map(|factor| record(&registry, factor))).unwrap();
    for version in [1, 2, 1] {
        registry.promote(version, "better").unwrap();
    }
    (folder, registry)
}

/// What the program says when it is asked for the champion of a registry that it opens now.
fn said_at_open(folder: &Path) -> String {
    match Registry::open(folder) {
        Ok(registry) => format!("the champion is {:?}", registry.champion().unwrap()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_lost_commit_is_refused_by_name_wherever_it_was_in_the_history() {
    for lost in 1..=4 {
        let (folder, _) = with_history();
        let path = format!("commits/{lost:08}.json");
        std::fs::remove_file(folder.path().join(&path)).unwrap();
        let said = said_at_open(folder.path());
        assert!(said.contains(&path) && said.contains("gone"), "{said}");
        let found = faults(folder.path());
        assert!(found.iter().any(|finding| finding.message.contains(&path)), "{found:?}");
    }
}

#[test]
fn a_gap_is_seen_without_any_receipts() {
    let (folder, _) = with_history();
    std::fs::remove_dir_all(folder.path().join("receipts")).unwrap();
    assert_eq!(said_at_open(folder.path()), "the champion is Some(1)");
    std::fs::remove_file(folder.path().join("commits/00000003.json")).unwrap();
    let said = said_at_open(folder.path());
    let expected = "commits/00000003.json is damaged: it is gone, and commits/00000004.json comes after it";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn the_place_of_a_lost_commit_is_not_filled_with_another() {
    let (folder, registry) = with_history();
    let lost = folder.path().join("commits/00000004.json");
    std::fs::remove_file(&lost).unwrap();
    // Whoever had read it, and whoever comes new.
    for registry in [Ok(registry), Registry::open(folder.path())].into_iter().flatten() {
        assert!(matches!(registry.promote(2, "again"), Err(Error::Damaged { .. })));
    }
    assert!(!lost.exists());
}

#[test]
fn a_commit_that_was_written_after_another_predecessor_is_refused_by_name() {
    let (folder, _) = with_history();
    let (other, _) = with_history();
    for (number, follower) in [(1, 2), (2, 3), (3, 4)] {
        let path = format!("commits/{number:08}.json");
        let own = std::fs::read(folder.path().join(&path)).unwrap();
        std::fs::copy(other.path().join(&path), folder.path().join(&path)).unwrap();
        let said = said_at_open(folder.path());
        // A commit of another history does not follow ours, or ours does not follow it.
        let named = format!("commits/{:08}.json", if number == 1 { follower } else { number });
        assert!(said.contains(&named) && said.contains("was written after another commit"), "{said}");
        std::fs::write(folder.path().join(&path), own).unwrap();
    }
    assert_eq!(said_at_open(folder.path()), "the champion is Some(1)");
}

#[test]
fn a_newest_commit_that_is_not_the_one_of_its_receipt_is_refused() {
    let (folder, registry) = with_history();
    let last = folder.path().join("commits/00000004.json");
    let receipt = folder.path().join("receipts/00000004");
    let (commit, kept) = (std::fs::read(&last).unwrap(), std::fs::read(&receipt).unwrap());
    // Another fourth commit that follows the third one, as after a restored backup and a promotion.
    std::fs::remove_file(&last).unwrap();
    std::fs::remove_file(&receipt).unwrap();
    Registry::open(folder.path()).unwrap().rollback("worse").unwrap();
    std::fs::write(&receipt, kept).unwrap();
    let said = said_at_open(folder.path());
    assert!(said.contains("receipts/00000004 is damaged: it speaks of another commit"), "{said}");
    // A server that had read the first one says so by itself.
    let said = registry.champion().unwrap_err().to_string();
    assert!(said.contains("the history was changed"), "{said}");
    std::fs::write(&last, commit).unwrap();
    assert_eq!(registry.champion().unwrap(), Some(1));
    assert_eq!(faults(folder.path()), []);
}

#[test]
fn whoever_has_read_a_commit_notices_that_the_history_went_backwards() {
    let (folder, registry) = with_history();
    let last = folder.path().join("commits/00000004.json");
    let commit = std::fs::read(&last).unwrap();
    std::fs::remove_file(&last).unwrap();
    std::fs::remove_file(folder.path().join("receipts/00000004")).unwrap();
    assert_eq!(said_at_open(folder.path()), "the champion is Some(2)", "nobody else can know");
    let said = registry.champion().unwrap_err().to_string();
    assert!(said.contains("commits/00000004.json") && said.contains("went backwards"), "{said}");
    std::fs::write(&last, commit).unwrap();
    assert_eq!(registry.champion().unwrap(), Some(1), "it is there again");
}

#[test]
fn promoting_the_champion_changes_nothing_and_says_so() {
    let (folder, registry) = with_history();
    let n_commits = registry.commits().unwrap().len();
    let decision = registry.promote(1, "a double click").unwrap();
    assert!(!decision.promoted);
    assert_eq!(decision.reason, "Version 1 is the champion already; nothing was changed.");
    assert_eq!(registry.commits().unwrap().len(), n_commits);
    // And what a rollback goes back to is the model before it.
    assert_eq!(registry.rollback("worse").unwrap(), 2);
    assert_eq!(faults(folder.path()), []);
}

#[test]
fn what_is_no_file_of_a_sane_size_is_named_and_never_read() {
    for strange in ["folder", "pipe", "sparse", "dead link"] {
        for place in
            ["commits/00000002.json", "commits/00000005.json", "receipts/00000004", "model", "dataset"]
        {
            let (folder, registry) = with_history();
            let record = registry.card(2).unwrap().record;
            let path = match place {
                "model" => BlobKind::Model.path(&record.model),
                "dataset" => BlobKind::Dataset.path(&record.data.digest),
                place => place.to_owned(),
            };
            let there = folder.path().join(&path);
            let _ = std::fs::remove_file(&there);
            match strange {
                "folder" => std::fs::create_dir(&there).unwrap(),
                "pipe" => {
                    assert!(std::process::Command::new("mkfifo").arg(&there).status().unwrap().success())
                }
                "sparse" => std::fs::File::create(&there).unwrap().set_len(4_000_000_000).unwrap(),
                _ => std::os::unix::fs::symlink("nowhere", &there).unwrap(),
            }
            let started = std::time::Instant::now();
            let found = faults(folder.path());
            assert!(
                found.iter().any(|finding| finding.message.contains(&path)),
                "{strange} {place}: {found:?}"
            );
            let refused = match place {
                "model" => registry.promote(2, "it").err(),
                "dataset" => registry.dataset(2).err(),
                _ => Registry::open(folder.path()).err(),
            };
            let said = refused.map(|error| error.to_string()).unwrap_or_default();
            assert!(said.contains(&path), "{strange} {place}: {said}");
            let is_named = if strange == "sparse" { "4000000000 bytes" } else { "stands in its place" };
            assert!(said.contains(is_named), "{strange} {place}: {said}");
            assert!(started.elapsed().as_secs() < 30, "{strange} {place}");
        }
    }
}

#[test]
fn what_does_not_belong_into_the_log_is_noted_and_left_aside() {
    let (folder, _) = with_history();
    for name in ["commits/00000002 (copy).json", "commits/00000009.json#1", "receipts/notes"] {
        std::fs::write(folder.path().join(name), "?").unwrap();
    }
    let findings = Registry::fsck(folder.path()).unwrap();
    assert_eq!(findings.len(), 3, "{findings:?}");
    assert!(findings.iter().all(|finding| finding.severity == Severity::Note));
    assert_eq!(said_at_open(folder.path()), "the champion is Some(1)");
}

#[test]
fn a_registry_of_another_format_is_refused_in_words() {
    let (folder, _) = with_history();
    let path = folder.path().join("commits/00000001.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"format\": 2", "\"format\": 1")).unwrap();
    let said = said_at_open(folder.path());
    assert!(said.contains("it is of format 1, and this program reads format 2"), "{said}");
}

#[test]
fn models_whose_files_are_not_there_are_not_registered() {
    let (folder, registry) = fresh();
    let model = record(&registry, 1.0);
    std::fs::remove_file(registry.blob_path(BlobKind::Model, &model.model)).unwrap();
    assert!(matches!(registry.register(&[model]), Err(Error::Damaged { .. })));
    assert!(Registry::open(folder.path()).unwrap().cards().unwrap().is_empty());
}
