//! Histories in a store that counts what is asked of it, and what of them a checkpoint saves.

#![allow(clippy::unwrap_used)]
use std::sync::Arc;

use super::super::commit;
use super::super::commit::Change;
use super::super::test_store::TestStore;
use super::super::tests::record;
use super::super::{Registry, Storage};
use super::*;
use crate::Error;
use crate::promotion::Decision;

fn open(store: &Arc<TestStore>) -> Result<Registry> {
    let storage = Storage::over(Arc::<TestStore>::clone(store));
    Registry::over(std::path::Path::new("").into(), Some(storage))
}

/// A store with so many commits: two models, and then decisions of which every other promotes.
fn with_commits(n: u64) -> (Arc<TestStore>, Registry) {
    let store = Arc::new(TestStore::default());
    let registry = open(&store).unwrap();
    registry.register(&[1.0, 2.0].map(|factor| record(&registry, factor))).unwrap();
    decide(&registry, n - 1);
    (store, registry)
}

fn decide(registry: &Registry, n: u64) {
    for at in 0..n {
        let champion = registry.champion().unwrap();
        let candidate = if champion == Some(1) { 2 } else { 1 };
        let decision = Decision::by_hand(candidate, champion, format!("decision {at}"));
        let promoted = at % 2 == 0;
        registry.decide(&Decision { promoted, ..decision }).unwrap();
    }
}

/// What a registry knows, as text.
fn known(registry: &Registry) -> String {
    let (totals, champion) = (registry.totals().unwrap(), registry.champion().unwrap());
    let cards = serde_json::to_string(&registry.cards().unwrap()).unwrap();
    let commits = serde_json::to_string(&registry.commits().unwrap()).unwrap();
    format!("{totals:?} {champion:?} {cards} {commits}")
}

fn is_checked(store: &TestStore, number: u64) -> bool {
    store.has(&path(number))
}

#[test]
fn who_opens_a_registry_reads_a_checkpoint_and_what_came_after_it_and_knows_as_much() {
    for n in [1, 63, 64, 65, 127, 128, 200] {
        let (store, writer) = with_commits(n);
        assert_eq!((1..=3).filter(|at| is_checked(&store, at * EVERY)).count() as u64, n / EVERY);
        let (opened, n_requests) = store.counted(|| open(&store).unwrap());
        assert!(n_requests as u64 <= 12 + n % EVERY, "{n} commits: {n_requests} requests");
        assert_eq!(known(&opened), known(&writer), "{n} commits");
        // And can go on.
        decide(&opened, 2);
        assert_eq!(known(&opened), known(&writer));
    }
}

#[test]
fn a_long_history_costs_no_more_requests_than_a_short_one() {
    let costs = |n_versions: u64| {
        let store = Arc::new(TestStore::default());
        let registry = open(&store).unwrap();
        let model = record(&registry, 1.0);
        for _ in 0..n_versions {
            registry.register(std::slice::from_ref(&model)).unwrap();
        }
        assert_eq!(registry.totals().unwrap().n_versions, n_versions);
        let (opened, to_open) = store.counted(|| open(&store).unwrap());
        // The first page of a list: the newest models.
        let totals = opened.totals().unwrap();
        let (page, to_list) = store.counted(|| opened.commits_up_to(totals.n_commits).unwrap());
        assert_eq!(page.last().unwrap().number, n_versions);
        let (promoted, to_promote) = store.counted(|| opened.promote(n_versions - 1, "better").unwrap());
        assert!(promoted.promoted);
        [to_open, to_list, to_promote]
    };
    // As many after the last checkpoint.
    let (short, long) = (costs(100), costs(100 + 156 * EVERY));
    for (short, long) in short.into_iter().zip(long) {
        assert!(long as f64 <= 1.5 * short as f64, "{short} {long}");
    }
}

#[test]
fn where_a_model_or_a_decision_is_takes_no_request_to_know() {
    // Two models, and from the second commit on decisions.
    let (store, _) = with_commits(200);
    let registry = open(&store).unwrap();
    let (found, n_requests) = store.counted(|| {
        let models = [1, 2].map(|n| registry.commits_until_version(n));
        (models, [1, 63, 64, 127, 128, 199].map(|n| registry.commits_until_decision(n)))
    });
    assert_eq!((found, n_requests), (([64, 64], [64, 64, 128, 128, 192, 200]), 0));
}

#[test]
fn a_look_is_one_request_and_every_sixteenth_a_close_one() {
    let (store, _) = with_commits(100);
    let registry = open(&store).unwrap();
    let looks: Vec<_> = (0..32).map(|_| store.counted(|| registry.champion().unwrap()).1).collect();
    assert_eq!(looks.iter().filter(|n| **n == 1).count(), 30, "{looks:?}");
    assert_eq!(looks.iter().filter(|n| **n == 3).count(), 2, "{looks:?}");
}

#[test]
fn a_history_that_goes_backwards_is_noticed_at_a_close_look_and_before_anything_is_written() {
    let (store, registry) = with_commits(100);
    for path in [commit::path(100), commit::receipt_path(100)] {
        store.lose(&path);
    }
    let said = (0..16).find_map(|_| registry.champion().err()).unwrap().to_string();
    assert!(said.contains("commits/00000100.json") && said.contains("went backwards"), "{said}");
    assert!(matches!(registry.promote(1, "again"), Err(Error::Damaged { .. })));
    assert!(!store.has(&commit::path(100)));
}

#[test]
fn a_checkpoint_that_was_changed_or_belongs_elsewhere_is_passed_over() {
    let (store, writer) = with_commits(150);
    let (elsewhere, _) = with_commits(150);
    let own = store.bytes(&path(128));
    let mut changed = own.clone();
    let at = changed.len() / 2;
    changed[at] ^= 1;
    let mut shorter = own.clone();
    shorter.truncate(1000);
    for (what, bytes) in
        [("changed", changed), ("elsewhere", elsewhere.bytes(&path(128))), ("cut", shorter), ("none", vec![])]
    {
        store.replace(&path(128), bytes);
        let opened = open(&store).unwrap();
        assert_eq!(known(&opened), known(&writer), "{what}");
    }
    store.replace(&path(128), own);
    assert_eq!(known(&open(&store).unwrap()), known(&writer));
}

#[test]
fn a_checkpoint_in_which_a_figure_was_changed_is_passed_over() {
    let (store, writer) = with_commits(128);
    let text = String::from_utf8(store.bytes(&path(128))).unwrap();
    let champion = writer.champion().unwrap().unwrap();
    let crowned = text.replace(&format!("{champion}],\"marks\""), &format!("{}],\"marks\"", 3 - champion));
    assert_ne!(crowned, text);
    store.replace(&path(128), crowned.into_bytes());
    assert_eq!(known(&open(&store).unwrap()), known(&writer));
}

#[test]
fn without_any_checkpoint_everything_is_read_and_the_next_writer_makes_one() {
    let (store, writer) = with_commits(150);
    for number in [64, 128] {
        store.lose(&path(number));
    }
    let opened = open(&store).unwrap();
    assert_eq!(known(&opened), known(&writer));
    assert!(!is_checked(&store, 128), "who only reads writes nothing");
    decide(&opened, 1);
    assert!(is_checked(&store, 128));
    assert_eq!(known(&open(&store).unwrap()), known(&writer));
}

#[test]
fn commits_between_checkpoints_of_which_one_is_missing_are_read_one_by_one() {
    let (store, writer) = with_commits(200);
    store.lose(&path(64));
    let opened = open(&store).unwrap();
    assert_eq!(opened.card(1).unwrap(), writer.card(1).unwrap());
    assert_eq!(known(&open(&store).unwrap()), known(&writer));
    // And are as they were written.
    store.lose(&commit::path(7));
    let error = open(&store).unwrap().card(1).unwrap_err().to_string();
    assert!(error.contains("commits/00000007.json") && error.contains("gone"), "{error}");
}

#[test]
fn earlier_commits_lead_from_one_mark_to_the_next_or_are_refused() {
    let (store, _) = with_commits(200);
    let (elsewhere, _) = with_commits(200);
    store.lose(&path(64));
    store.replace(&commit::path(7), elsewhere.bytes(&commit::path(7)));
    let error = open(&store).unwrap().card(1).unwrap_err().to_string();
    assert!(error.contains("commit 7 does not follow commit 6"), "{error}");
}

#[test]
fn a_commit_that_a_checkpoint_knows_and_that_is_gone_is_a_loss() {
    let (store, _) = with_commits(128);
    for path in [commit::path(128), commit::receipt_path(128)] {
        store.lose(&path);
    }
    let error = open(&store).err().unwrap().to_string();
    assert!(
        error.contains("commits/00000128.json is damaged: it was written, as checkpoints/00000128 says"),
        "{error}"
    );
}

#[test]
fn a_gap_after_a_checkpoint_is_seen() {
    let (store, _) = with_commits(80);
    (70..=80).for_each(|number| store.lose(&commit::receipt_path(number)));
    store.lose(&commit::path(70));
    let error = open(&store).err().unwrap().to_string();
    assert!(error.contains("commits/00000070.json"), "{error}");
}

#[test]
fn a_model_of_long_ago_is_found_with_its_blobs_and_can_be_promoted() {
    let (store, writer) = with_commits(200);
    let opened = open(&store).unwrap();
    let (card, n_requests) = store.counted(|| opened.card(2).unwrap());
    assert_eq!(card, writer.card(2).unwrap());
    assert!(n_requests <= 3, "{n_requests}");
    assert_eq!(opened.dataset(2).unwrap().n_train(), 40);
    opened.promote(2, "it was good").unwrap();
    assert_eq!(writer.champion().unwrap(), Some(2));
    assert!(opened.card(3).is_err());
}

#[test]
fn a_folder_has_no_checkpoints() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::open_or_create(folder.path()).unwrap();
    registry.register(&[1.0, 2.0].map(|factor| record(&registry, factor))).unwrap();
    decide(&registry, 70);
    assert!(!folder.path().join(CHECKPOINTS).exists());
    // What a copy of a store brings along is looked at by fsck alone.
    let (store, _) = with_commits(64);
    std::fs::create_dir(folder.path().join(CHECKPOINTS)).unwrap();
    std::fs::write(folder.path().join(path(64)), store.bytes(&path(64))).unwrap();
    assert_eq!(Registry::open(folder.path()).unwrap().totals().unwrap(), registry.totals().unwrap());
    let found = Registry::fsck(folder.path()).unwrap();
    assert!(
        found.iter().any(|finding| finding.subject == path(64) && finding.message.contains("something else"))
    );
}

/// The commit that this one would be if a newer program had written it, which knows more than is known here.
fn by_a_newer_program(mut content: Value, previous: Option<&Digest>) -> (Value, Digest) {
    let commit = content.as_object_mut().unwrap();
    commit.shift_remove("digest");
    commit["previous"] = serde_json::to_value(previous).unwrap();
    commit.insert("site".into(), "Antwerp".into());
    if let Some(cards) = commit.get_mut("cards") {
        cards[0]["weight"] = 0.1.into();
        cards[0]["data"]["currency"] = serde_json::json!({"code": "EUR", "rates": [1.1, 2]});
    }
    let digest = Digest::of(&serde_json::to_vec(&content).unwrap());
    content["digest"] = digest.to_string().into();
    (content, digest)
}

/// A store with so many commits of a newer program.
fn with_newer_commits(n: u64) -> (Arc<TestStore>, Vec<Value>) {
    let (store, _) = with_commits(n);
    let mut commits: Vec<Value> = Vec::new();
    let mut previous = None;
    for number in 1..=n {
        let own = serde_json::from_slice(&store.bytes(&commit::path(number))).unwrap();
        let (content, digest) = by_a_newer_program(own, previous.as_ref());
        store.replace(&commit::path(number), serde_json::to_vec_pretty(&content).unwrap());
        store.replace(&commit::receipt_path(number), commit::receipt_of(&digest));
        commits.push(content);
        previous = Some(digest);
    }
    (1..=n / EVERY).for_each(|at| store.lose(&path(at * EVERY)));
    (store, commits)
}

#[test]
fn what_a_newer_program_wrote_besides_is_no_damage_and_the_history_goes_on() {
    let (store, _) = with_newer_commits(9);
    let opened = open(&store).unwrap();
    assert_eq!(opened.totals().unwrap().n_commits, 9);
    opened.promote(2, "the older program says so").unwrap();
    assert_eq!(opened.rollback("and takes it back").unwrap(), 1);
    assert_eq!(known(&open(&store).unwrap()), known(&opened));
    // It is read over, not unguarded.
    let text = String::from_utf8(store.bytes(&commit::path(1))).unwrap();
    store.replace(&commit::path(1), text.replace("\"EUR\"", "\"USD\"").into_bytes());
    let error = open(&store).err().unwrap().to_string();
    assert!(error.contains("does not match its digest"), "{error}");
}

#[test]
fn a_checkpoint_of_a_newer_program_is_believed_and_none_is_written_that_leaves_out_what_it_knows() {
    let (store, commits) = with_newer_commits(70);
    let opened = open(&store).unwrap();
    decide(&opened, 1);
    assert!(!is_checked(&store, 64), "an older program cannot write down what it does not know");
    let (_, n_requests) = store.counted(|| open(&store).unwrap());
    assert!(n_requests > 70);
    let head: Digest = serde_json::from_value(commits[63]["digest"].clone()).unwrap();
    let whole = Checkpoint {
        format: FORMAT,
        number: 64,
        champions: champions(&opened, 64),
        marks: vec![Mark { head, n_versions: 2, n_decisions: 63 }],
        commits: commits[..64].to_vec(),
    };
    store.replace(&path(64), whole.to_bytes().unwrap());
    let (again, n_requests) = store.counted(|| open(&store).unwrap());
    assert!(n_requests < 20, "{n_requests}");
    assert_eq!(known(&again), known(&opened));
}

/// The champions after so many commits.
fn champions(registry: &Registry, n: usize) -> Vec<u64> {
    let mut champions = Vec::new();
    for commit in &registry.commits().unwrap()[..n] {
        if let Change::Decided { decision } = &commit.change
            && decision.promoted
        {
            champions.push(decision.candidate);
        }
    }
    champions
}

#[test]
fn a_kind_of_commit_that_only_a_newer_program_knows_ends_what_this_one_reads_and_says_why() {
    let (store, _) = with_commits(3);
    let opened = open(&store).unwrap();
    let champion = opened.champion().unwrap();
    let mut content: Value = serde_json::from_slice(&store.bytes(&commit::path(3))).unwrap();
    let previous = serde_json::from_value(content["digest"].clone()).unwrap();
    content["number"] = 4.into();
    content["change"] = "adjusted".into();
    let (content, _) = by_a_newer_program(content, Some(&previous));
    store.replace(&commit::path(4), serde_json::to_vec_pretty(&content).unwrap());
    let error = opened.champion().unwrap_err().to_string();
    assert!(error.contains("commits/00000004.json") && error.contains("a newer program wrote it"), "{error}");
    assert!(matches!(opened.promote(2, "blindly"), Err(Error::Damaged { .. })));
    // And is what it was when that one is taken back.
    store.lose(&commit::path(4));
    assert_eq!(opened.champion().unwrap(), champion);
}
