//! What the registry promises, on a folder and on a store whose answers come late.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path as ObjectPath;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};

use super::*;
use crate::dataset::{Counts, Policy, Split};
use crate::diamond::{Cell, Field, PricedDiamond, RawDiamond};
use crate::metrics::Metrics;
use crate::model::Params;
use crate::pipeline::FORMAT_VERSION;

/// A real, small model over a handful of stones, as a training run would hand it over.
fn details(registry: &Registry, factor: f64) -> Details {
    let stones: Vec<_> = (0..40).map(|i| stone(f64::from(i), factor)).collect();
    let locations = crate::model::xgboost::Locations::default();
    let families = crate::training::built_in(&locations);
    let recipe = &families[0].recipe;
    let pipeline =
        recipe.fit("linear", &stones, &Params::default(), 0, None, &crate::Interrupt::default()).unwrap();
    let prices = pipeline.predict(stones.iter().map(PricedDiamond::diamond));
    let actual: Vec<_> = stones.iter().map(PricedDiamond::price_usd).collect();
    let dataset = Dataset::explicit(stones.clone(), stones);
    Details {
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

fn fresh() -> (tempfile::TempDir, Registry) {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::open_or_create(folder.path()).unwrap();
    (folder, registry)
}

fn faults(folder: &std::path::Path) -> Vec<Finding> {
    let findings = Registry::fsck(folder).unwrap();
    findings.into_iter().filter(|finding| finding.severity == Severity::Fault).collect()
}

#[test]
fn a_model_registered_is_there_for_whoever_opens_the_registry_next() {
    let (folder, registry) = fresh();
    let models = [details(&registry, 1.0), details(&registry, 2.0)];
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
    registry.register(&[1.0, 2.0, 3.0].map(|factor| details(&registry, factor))).unwrap();
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
    registry.register(&[1.0, 2.0].map(|factor| details(&registry, factor))).unwrap();
    let other = Registry::open(folder.path()).unwrap();
    other.promote(1, "first").unwrap();
    let refused = registry.decide(&Decision::first(2));
    assert!(matches!(refused, Err(Error::ChampionChanged { .. })), "{refused:?}");
    assert_eq!(registry.champion().unwrap(), Some(1));
}

#[test]
fn a_model_that_does_not_exist_is_refused_with_those_that_do() {
    let (_folder, registry) = fresh();
    registry.register(&[details(&registry, 1.0)]).unwrap();
    let error = registry.promote(7, "?").unwrap_err().to_string();
    assert_eq!(error, "there is no model version 7; known versions are 1 to 1");
}

#[test]
fn a_damaged_model_cannot_be_promoted_or_rolled_back_to() {
    let (folder, registry) = fresh();
    let models = [1.0, 2.0].map(|factor| details(&registry, factor));
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
    let models = [1.0, 2.0].map(|factor| details(&registry, factor));
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
    assert!(found.iter().any(|finding| finding.message.contains("commit 2 is missing")), "{found:?}");

    std::fs::write(folder.path().join("commits/00000002.json"), "{").unwrap();
    let found = faults(folder.path());
    assert!(found.iter().any(|finding| finding.message.contains("commits/00000002.json")), "{found:?}");
    assert!(matches!(Registry::open(folder.path()), Err(Error::Damaged { .. })));
}

#[test]
fn a_commit_that_could_not_be_read_back_is_never_written() {
    let (folder, registry) = fresh();
    let mut model = details(&registry, 1.0);
    model.metrics.r2 = f64::NAN;
    assert!(matches!(registry.register(&[model]), Err(Error::Damaged { .. })));
    assert!(Registry::open(folder.path()).unwrap().cards().unwrap().is_empty());
}

#[test]
fn a_changed_figure_in_a_commit_is_noticed() {
    let (folder, registry) = fresh();
    registry.register(&[details(&registry, 1.0)]).unwrap();
    let path = folder.path().join("commits/00000001.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"n_train\": 40", "\"n_train\": 41")).unwrap();
    let error = Registry::open(folder.path()).err().unwrap().to_string();
    assert!(error.contains("does not match its digest"), "{error}");
    assert_eq!(faults(folder.path()).len(), 1);
}

/// `n_promoters` threads, each with a registry handle of its own as if it were a process, promote
/// `n_rounds` times each, all at once.
fn race(open: impl Fn() -> Registry + Sync, n_promoters: usize, n_rounds: usize) {
    let registry = open();
    registry.register(&[details(&registry, 1.0)]).unwrap();
    std::thread::scope(|scope| {
        for promoter in 0..n_promoters {
            let open = &open;
            scope.spawn(move || {
                let registry = open();
                for round in 0..n_rounds {
                    registry.promote(1, &format!("{promoter}/{round}")).unwrap();
                }
            });
        }
    });
    let commits = registry.commits().unwrap();
    assert_eq!(commits.len(), 1 + n_promoters * n_rounds, "no commit is lost");
    let mut reasons: Vec<_> = commits
        .iter()
        .filter_map(|commit| match &commit.change {
            Change::Decided { decision } => Some(decision.reason.clone()),
            _ => None,
        })
        .collect();
    reasons.sort();
    let mut expected: Vec<_> =
        (0..n_promoters).flat_map(|p| (0..n_rounds).map(move |r| format!("{p}/{r}"))).collect();
    expected.sort();
    assert_eq!(reasons, expected, "each promotion stands there once");
    for (commit, number) in commits.iter().zip(1..) {
        assert_eq!(commit.number, number, "no gap");
    }
}

#[test]
fn sixty_four_promoters_in_a_hundred_rounds_lose_no_commit_and_leave_no_gap() {
    let store = Arc::new(InMemory::new());
    race(|| Registry::over(Path::new(""), Storage::over(store.clone())).unwrap(), 64, 100);
}

#[test]
fn sixty_four_promoters_on_one_folder_lose_no_commit_and_leave_no_gap() {
    let folder = tempfile::tempdir().unwrap();
    race(|| Registry::open_or_create(folder.path()).unwrap(), 64, 100);
    assert_eq!(faults(folder.path()), []);
}

#[test]
fn an_own_commit_that_the_store_took_without_saying_so_is_recognised() {
    let store = Arc::new(Forgetful::default());
    let registry = Registry::over(Path::new(""), Storage::over(store.clone())).unwrap();
    registry.register(&[details(&registry, 1.0)]).unwrap();
    store.forgets_next.store(true, Ordering::SeqCst);
    registry.promote(1, "once").unwrap();
    assert_eq!(registry.commits().unwrap().len(), 2, "it was not written a second time");
}

/// A store that once takes an object and then says that it was there already, as a network store
/// does whose first answer is lost and whose client tries again.
#[derive(Debug, Default)]
struct Forgetful {
    inner: InMemory,
    forgets_next: AtomicBool,
}

impl std::fmt::Display for Forgetful {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a forgetful store")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Forgetful {
    async fn put_opts(
        &self,
        location: &ObjectPath,
        payload: PutPayload,
        options: PutOptions,
    ) -> object_store::Result<PutResult> {
        let result = self.inner.put_opts(location, payload, options).await?;
        if self.forgets_next.swap(false, Ordering::SeqCst) {
            let source = "the first answer was lost".into();
            return Err(object_store::Error::AlreadyExists { path: location.to_string(), source });
        }
        Ok(result)
    }

    async fn put_multipart_opts(
        &self,
        location: &ObjectPath,
        options: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &ObjectPath, options: GetOptions) -> object_store::Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<ObjectPath>>,
    ) -> BoxStream<'static, object_store::Result<ObjectPath>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&ObjectPath>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&ObjectPath>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(
        &self,
        from: &ObjectPath,
        to: &ObjectPath,
        options: CopyOptions,
    ) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
