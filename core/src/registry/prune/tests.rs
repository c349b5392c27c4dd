//! What is pruned and what is not, whoever writes meanwhile.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use chrono::TimeDelta;

use super::super::test_store::TestStore;
use super::super::tests::{faults, fresh, record};
use super::super::{Change, Registry};
use super::*;

/// Gives a file of the registry the time of so many hours ago.
fn age(registry: &Registry, path: &str, hours: i64) {
    let file = std::fs::File::open(registry.location().folder().unwrap().join(path)).unwrap();
    file.set_modified((Utc::now() - TimeDelta::hours(hours)).into()).unwrap();
}

/// A blob that no commit names, stored so many hours ago: its path.
fn leftover(registry: &Registry, content: &str, hours: i64) -> String {
    let digest = registry.put_blob(BlobKind::Study, content.into()).unwrap();
    let path = BlobKind::Study.path(&digest);
    age(registry, &path, hours);
    path
}

fn pruned(registry: &Registry, is_dry_run: bool) -> Vec<String> {
    registry.prune(Utc::now(), is_dry_run).unwrap().into_iter().map(|leftover| leftover.path).collect()
}

fn is_there(registry: &Registry, path: &str) -> bool {
    registry.location().folder().unwrap().join(path).exists()
}

#[test]
fn only_blobs_that_no_commit_names_go_and_only_after_a_day() {
    let (folder, registry) = fresh();
    let model = record(&registry, 1.0);
    registry.register(std::slice::from_ref(&model)).unwrap();
    let named: Vec<_> = model.blobs().into_iter().map(|(kind, digest)| kind.path(digest)).collect();
    named.iter().for_each(|path| age(&registry, path, 1000));
    let (old, young) = (leftover(&registry, "old", 25), leftover(&registry, "young", 23));
    let broken_off = format!("{old}#1");
    let foreign = "blobs/notes.txt".to_owned();
    for path in [&broken_off, &foreign] {
        std::fs::write(folder.path().join(path), "x").unwrap();
        age(&registry, path, 1000);
    }
    assert_eq!(pruned(&registry, true), [old.clone(), broken_off.clone()]);
    assert!(is_there(&registry, &old));
    assert_eq!(pruned(&registry, false).len(), 2);
    assert!(!is_there(&registry, &old) && !is_there(&registry, &broken_off));
    for path in named.iter().chain([&young, &foreign]) {
        assert!(is_there(&registry, path), "{path}");
    }
    assert_eq!(faults(folder.path()), []);
    assert!(pruned(&registry, false).is_empty());
}

#[test]
fn a_leftover_that_another_run_takes_up_is_not_pruned_before_that_run_names_it() {
    let (_folder, registry) = fresh();
    let path = leftover(&registry, "taken up", 1000);
    assert_eq!(leftover(&registry, "taken up", 0), path);
    age(&registry, &path, 1000);
    registry.put_blob(BlobKind::Study, b"taken up".to_vec()).unwrap();
    assert!(pruned(&registry, false).is_empty());
    assert!(is_there(&registry, &path));
}

#[test]
fn models_that_are_registered_after_days_of_search_keep_their_blobs_while_somebody_prunes() {
    let (_folder, registry) = fresh();
    let model = record(&registry, 1.0);
    let path = BlobKind::Model.path(&model.model);
    age(&registry, &path, 1000);
    registry.register(&[model]).unwrap();
    // What a pruning looks at that has moved it aside and has not seen the commit.
    let at: DateTime<Utc> = std::fs::metadata(registry.location().folder().unwrap().join(&path))
        .unwrap()
        .modified()
        .unwrap()
        .into();
    assert!(Utc::now() - at < TimeDelta::hours(1), "{at}");
}

#[test]
fn what_was_named_while_it_was_moved_aside_comes_back() {
    let (folder, registry) = fresh();
    let model = record(&registry, 1.0);
    let path = BlobKind::Model.path(&model.model);
    registry.register(std::slice::from_ref(&model)).unwrap();
    // As a pruning leaves it that is killed in the middle.
    let aside = folder.path().join("pruned");
    std::fs::create_dir(&aside).unwrap();
    std::fs::rename(folder.path().join(&path), folder.path().join(path.replace("blobs", "pruned"))).unwrap();
    let forgotten = leftover(&registry, "forgotten", 1000);
    std::fs::rename(folder.path().join(&forgotten), folder.path().join(forgotten.replace("blobs", "pruned")))
        .unwrap();
    age(&registry, &path.replace("blobs", "pruned"), 1000);
    assert_eq!(pruned(&registry, false), [forgotten.replace("blobs", "pruned")]);
    assert!(is_there(&registry, &path) && !is_there(&registry, &forgotten));
    assert_eq!(std::fs::read_dir(&aside).unwrap().count(), 0);
    assert_eq!(faults(folder.path()), []);
}

/// A store, and the registry in it that somebody has opened.
fn in_store() -> (Arc<TestStore>, Registry) {
    let store = Arc::new(TestStore::default());
    let registry = opened(&store);
    registry.register(&[record(&registry, 1.0)]).unwrap();
    (store, registry)
}

/// The same registry, opened by another program.
fn opened(store: &Arc<TestStore>) -> Registry {
    let storage = Storage::over(Arc::<TestStore>::clone(store));
    Registry::over(Path::new("").into(), Some(storage)).unwrap()
}

/// What is pruned a day and an hour later.
fn pruned_tomorrow(registry: &Registry) -> Vec<String> {
    let tomorrow = Utc::now() + TimeDelta::hours(25);
    registry.prune(tomorrow, false).unwrap().into_iter().map(|leftover| leftover.path).collect()
}

/// The files of a model that is not registered.
fn paths(model: &super::super::ModelRecord) -> Vec<String> {
    model.blobs().into_iter().map(|(kind, digest)| kind.path(digest)).collect()
}

#[test]
fn in_a_store_too_only_blobs_that_no_commit_names_go_and_only_after_a_day() {
    let (store, registry) = in_store();
    let named = paths(&registry.card(1).unwrap().record);
    let path = BlobKind::Study.path(&registry.put_blob(BlobKind::Study, b"old".to_vec()).unwrap());
    assert_eq!(registry.prune(Utc::now() + TimeDelta::hours(23), false).unwrap(), []);
    let tomorrow = Utc::now() + TimeDelta::hours(25);
    assert_eq!(registry.prune(tomorrow, true).unwrap().len(), 1);
    assert!(store.has(&path));
    assert_eq!(pruned_tomorrow(&registry), std::slice::from_ref(&path));
    assert!(!store.has(&path) && named.iter().all(|path| store.has(path)));
    // A commit says when; it has no model in it, and who reads the history is none the wiser.
    let last = registry.commits().unwrap().pop().unwrap();
    assert!(
        matches!(last.change, Change::Registered { cards, blobs } if cards.is_empty() && blobs.is_empty())
    );
    let again = opened(&store);
    assert_eq!(again.totals().unwrap().n_versions, 1);
    assert_eq!(again.register(&[record(&again, 3.0)]).unwrap()[0].version, 2);
    assert_eq!(pruned_tomorrow(&registry), Vec::<String>::new());
    assert_eq!(
        registry.totals().unwrap().n_commits,
        3,
        "where there is nothing to prune, nothing is written"
    );
}

#[test]
fn what_is_registered_before_the_commit_of_a_pruning_stays() {
    let (store, registry) = in_store();
    let writer = opened(&store);
    let model = record(&writer, 2.0);
    // After the pruning looked for the first time, and before anybody can know of it.
    let registered = model.clone();
    store.before_put("prunes", move || drop(writer.register(&[registered]).unwrap()));
    assert_eq!(pruned_tomorrow(&registry), Vec::<String>::new());
    assert_eq!(registry.totals().unwrap().n_versions, 2);
    assert!(paths(&model).iter().all(|path| store.has(path)));
}

#[test]
fn what_is_pruned_between_the_look_and_the_commit_of_who_registers_it_is_not_registered() {
    let (store, writer) = in_store();
    let model = record(&writer, 2.0);
    let pruning = opened(&store);
    store.before_put("commits", move || assert!(!pruned_tomorrow(&pruning).is_empty()));
    let error = writer.register(std::slice::from_ref(&model)).unwrap_err();
    assert!(error.is_input(), "{error}");
    let error = error.to_string();
    assert!(error.contains("`xtream models prune` is removing it") && error.contains("UTC"), "{error}");
    assert_eq!(opened(&store).totals().unwrap().n_versions, 1);
    assert!(!store.has(&paths(&model)[0]));
}

#[test]
fn what_is_stored_anew_while_it_is_being_removed_is_refused_and_else_taken() {
    let (_store, registry) = in_store();
    let put = |text: &str| registry.put_blob(BlobKind::Study, text.into());
    put("left").unwrap();
    assert_eq!(pruned_tomorrow(&registry).len(), 1);
    assert!(put("left").unwrap_err().to_string().contains("is removing it at the moment"));
    put("another").unwrap();
}
