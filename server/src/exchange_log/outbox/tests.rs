#![allow(clippy::unwrap_used)]
use super::layout::LAYOUT;
use super::writer::{FIRST_PAUSE_MS, MOST_TRIES};
use super::*;

fn record(n: u128) -> Record {
    let id = uuid::Uuid::from_u128(n);
    let (received_at, status) = (chrono::DateTime::UNIX_EPOCH, 200);
    Record { id, received_at, route: None, status, document: format!("{{\"n\": {n}}}") }
}

fn open(folder: &Path) -> Outbox {
    Outbox::open(folder, Durability::Os, Retention::default()).unwrap()
}

/// Waits until all that was added is in SQLite.
fn filled(outbox: &Outbox) {
    while outbox.queue.n_unfilled() > 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn numbers(stored: &[Stored]) -> Vec<&str> {
    stored.iter().map(|stored| stored.document.as_str()).collect()
}

/// A file of the first layout, as the program wrote it.
const FIRST_LAYOUT: &str = r#"
    CREATE TABLE exchange (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
        received_at TEXT NOT NULL, route TEXT, status INTEGER NOT NULL, document TEXT NOT NULL,
        tries INTEGER NOT NULL DEFAULT 0);
    CREATE INDEX exchange_tries ON exchange (tries, seq);
    CREATE TABLE dead_letter (id TEXT PRIMARY KEY, document TEXT NOT NULL, reason TEXT NOT NULL);
    INSERT INTO exchange (id, received_at, status, document) VALUES ('a', 'then', 200, '{"n": 0}');
    INSERT INTO dead_letter VALUES ('b', '{"n": 9}', 'too large');"#;

#[actix_web::test]
async fn a_log_of_the_first_layout_keeps_its_exchanges_and_takes_more() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("exchanges.sqlite");
    Connection::open(&file).unwrap().execute_batch(FIRST_LAYOUT).unwrap();
    for n in [1, 2] {
        let outbox = open(folder.path());
        outbox.add(record(n)).await.unwrap();
        assert_eq!(outbox.n_dead().unwrap(), 1);
    }
    let stored = open(folder.path()).oldest(9, usize::MAX).unwrap();
    assert_eq!(numbers(&stored), [r#"{"n": 0}"#, r#"{"n": 1}"#, r#"{"n": 2}"#]);
}

#[test]
fn a_log_of_a_later_version_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("exchanges.sqlite");
    Connection::open(&file).unwrap().pragma_update(None, "user_version", LAYOUT + 1).unwrap();
    let error = Outbox::open(folder.path(), Durability::Os, Retention::default()).err().unwrap();
    assert!(error.contains("later version"), "{error}");
}

#[actix_web::test]
async fn a_refused_exchange_pauses_while_others_go_on_and_is_set_aside_after_five_tries() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path());
    for n in [1, 2] {
        outbox.add(record(n)).await.unwrap();
    }
    filled(&outbox);
    let mut pauses = Vec::new();
    for _ in 0..MOST_TRIES {
        let begun = std::time::Instant::now();
        let seq = loop {
            let oldest = outbox.oldest(9, usize::MAX).unwrap();
            assert_eq!(oldest.last().map(|stored| stored.seq), Some(2), "the other one is always there");
            match oldest.first().map(|stored| stored.seq) {
                Some(1) => break 1,
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        pauses.push(begun.elapsed().as_millis() as i64);
        outbox.settle(vec![Settled::Refused(seq, "no".into())]).await.unwrap();
    }
    let expected = (0..4).map(|tries| FIRST_PAUSE_MS * 4_i64.pow(tries));
    for (pause, expected) in pauses[1..].iter().zip(expected) {
        assert!((expected - 10..expected + 500).contains(pause), "{pauses:?}");
    }
    assert_eq!((outbox.len().unwrap(), outbox.n_dead().unwrap()), (1, 1));
}

#[actix_web::test]
async fn each_condition_of_a_filter_holds() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path());
    let route = |name: &str| Some(name.to_owned());
    for (n, name, status) in [(1, "/a", 200), (2, "/b", 404), (3, "/a", 404), (4, "/a", 200)] {
        let received_at = chrono::DateTime::from_timestamp(n as i64, 0).unwrap();
        outbox.add(Record { route: route(name), status, received_at, ..record(n) }).await.unwrap();
    }
    // Asked twice: while they are in the journal, and when they are in SQLite.
    for is_filled in [false, true] {
        if is_filled {
            filled(&outbox);
        }
        assert_conditions_hold(&outbox);
    }
    assert_eq!(outbox.newest(&Filter::default(), 2).unwrap().len(), 2);
}

fn assert_conditions_hold(outbox: &Outbox) {
    let route = |name: &str| Some(name.to_owned());
    let time = |seconds| chrono::DateTime::from_timestamp(seconds, 0);
    let id = |n| Some(uuid::Uuid::from_u128(n).to_string());
    let none = Filter::default;
    for (filter, expected) in [
        (none(), vec![4, 3, 2, 1]),
        (Filter { route: route("/a"), ..none() }, vec![4, 3, 1]),
        (Filter { status: Some(404), ..none() }, vec![3, 2]),
        (Filter { since: time(2), until: time(4), ..none() }, vec![3, 2]),
        (Filter { before: id(3), ..none() }, vec![2, 1]),
        (Filter { id: id(2), ..none() }, vec![2]),
        (Filter { route: route("/a"), status: Some(200), before: id(4), ..none() }, vec![1]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|n| format!("{{\"n\": {n}}}")).collect();
        let mut found = outbox.newest(&filter, 9).unwrap();
        found.sort_by(|a, b| b.id.cmp(&a.id));
        found.dedup_by(|a, b| a.id == b.id);
        assert_eq!(numbers(&found), expected, "{filter:?}");
    }
}

/// A record as the journal has to have it, to be understood after a crash.
fn whole(n: u128) -> Record {
    let id = uuid::Uuid::from_u128(n);
    let document = format!(
        r#"{{"_id":"{id}","received_at":"2026-01-02T03:04:05.678Z","route":"/a","response":{{"status":404}}}}"#
    );
    Record::read(document).unwrap()
}

/// What a crash leaves: the files as they are at this moment.
fn copy(folder: &Path) -> tempfile::TempDir {
    let copied = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        std::fs::copy(&file, copied.path().join(file.file_name().unwrap())).unwrap();
    }
    copied
}

#[actix_web::test]
async fn what_a_crash_leaves_in_the_journal_alone_is_found_counted_and_shipped_exactly_once() {
    for durability in [Durability::Os, Durability::Fsync] {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(folder.path(), durability, Retention::default()).unwrap();
        let database = |folder: &Path| {
            let file = Connection::open(folder.join("exchanges.sqlite")).unwrap();
            file.query_row("SELECT count(*) FROM exchange", [], |row| row.get::<_, i64>(0)).unwrap()
        };
        // A writer that is not let to write: the database is locked by somebody else.
        let lock = Connection::open(folder.path().join("exchanges.sqlite")).unwrap();
        outbox.add(whole(1)).await.unwrap();
        filled(&outbox);
        lock.execute_batch("BEGIN IMMEDIATE").unwrap();
        for n in [2, 3] {
            outbox.add(whole(n)).await.unwrap();
        }
        let crashed = copy(folder.path());
        assert_eq!(database(crashed.path()), 1, "the others are in the journal");
        lock.execute_batch("COMMIT").unwrap();
        for _ in 0..2 {
            let outbox = open(crashed.path());
            assert_eq!(outbox.len().unwrap(), 3);
            assert_eq!(
                outbox.newest(&Filter { status: Some(404), ..Filter::default() }, 9).unwrap().len(),
                3
            );
            filled(&outbox);
            let found: Vec<_> =
                outbox.oldest(9, usize::MAX).unwrap().into_iter().map(|stored| stored.id).collect();
            assert_eq!(found, [1, 2, 3].map(|n| uuid::Uuid::from_u128(n).to_string()));
        }
        assert_eq!(database(crashed.path()), 3);
    }
}

#[actix_web::test]
async fn a_log_that_is_closed_has_everything_in_its_database() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path());
    for n in 1..=50 {
        outbox.add(whole(n)).await.unwrap();
    }
    drop(outbox);
    let file = Connection::open(folder.path().join("exchanges.sqlite")).unwrap();
    let n = file.query_row("SELECT count(*) FROM exchange", [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(n, 50);
}

#[actix_web::test]
async fn many_turns_of_the_journal_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(folder.path(), Durability::Fsync, Retention::default()).unwrap();
    let long = "x".repeat(400_000);
    for n in 1..=40 {
        let record = Record { document: format!("{{\"n\": {n}, \"long\": \"{long}\"}}"), ..record(n) };
        outbox.add(record).await.unwrap();
    }
    filled(&outbox);
    assert_eq!(outbox.len().unwrap(), 40);
    let size = |name| std::fs::metadata(folder.path().join(name)).unwrap().len();
    let sizes = ["journal-a", "journal-b"].map(size);
    assert!(sizes.iter().all(|size| (1..16_000_000).contains(size)), "both files took turns: {sizes:?}");
}
