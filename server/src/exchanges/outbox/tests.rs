#![allow(clippy::unwrap_used)]
use std::time::Duration;

use rusqlite::Connection;
use uuid::Uuid;

use super::folder::DATABASE;
use super::store::LAYOUT;
use super::*;

fn record(n: u128) -> Record {
    let document = format!("{{\"n\": {n}}}");
    with_document(n, document)
}

fn with_document(n: u128, document: String) -> Record {
    let (id, received_at) = (Uuid::from_u128(n), chrono::DateTime::UNIX_EPOCH);
    let digest = Digest::of(document.as_bytes());
    Record { id, received_at, route: None, status: 200, digest, document }
}

fn id(n: u128) -> String {
    Uuid::from_u128(n).to_string()
}

fn open_with(folder: &Path, durability: Durability, retention: Retention, is_shipping: bool) -> Outbox {
    Outbox::open(folder, durability, retention, is_shipping).unwrap()
}

fn open(folder: &Path) -> Outbox {
    open_with(folder, Durability::Os, Retention::default(), false)
}

const ALL: Limits = Limits { n_records: usize::MAX, n_bytes: usize::MAX };

fn oldest(outbox: &Outbox) -> Vec<String> {
    outbox.oldest(ALL, |_| false).unwrap().into_iter().map(|stored| stored.document).collect()
}

fn newest(outbox: &Outbox, filter: &Filter, limits: Limits) -> (Vec<String>, Option<String>) {
    let [Part { records, reached }, _] = outbox.newest(filter, limits).unwrap();
    (records.into_iter().map(|stored| stored.document).collect(), reached)
}

fn documents(numbers: &[u128]) -> Vec<String> {
    numbers.iter().map(|n| format!("{{\"n\": {n}}}")).collect()
}

/// Waits until it is so.
fn eventually(is_so: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not come to be so");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_log_of_another_format_is_refused_in_words_and_not_touched() {
    for (version, table) in [(LAYOUT + 1, "exchange"), (2, "exchange"), (0, "somebody_elses")] {
        let folder = tempfile::tempdir().unwrap();
        let file = Connection::open(folder.path().join(DATABASE)).unwrap();
        file.execute_batch(&format!("CREATE TABLE {table} (a); PRAGMA user_version = {version}")).unwrap();
        let refused = Outbox::open(folder.path(), Durability::Os, Retention::default(), false);
        let error = refused.err().unwrap();
        assert!(error.contains("another version") && error.contains("--exchange-log"), "{error}");
        assert!(file.table_exists(None, table).unwrap());
    }
}

#[actix_web::test]
async fn what_is_added_is_found_counted_and_there_after_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    for (start, durability) in [Durability::Fsync, Durability::Os].into_iter().enumerate() {
        let outbox = open_with(folder.path(), durability, Retention::default(), false);
        outbox.add(record(start as u128)).await.unwrap();
        let all = documents(&[0, 1][..=start]);
        assert_eq!((oldest(&outbox), outbox.len()), (all, start as u64 + 1));
    }
}

#[actix_web::test]
async fn a_second_server_is_refused_while_the_first_one_lives() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path());
    let error = Outbox::open(folder.path(), Durability::Os, Retention::default(), false).err().unwrap();
    assert!(error.contains("another server is using it"), "{error}");
    first.add(record(1)).await.unwrap();
    drop(first);
    assert_eq!(oldest(&open(folder.path())), documents(&[1]));
}

#[actix_web::test]
async fn what_was_shipped_is_removed_by_its_id_and_what_is_refused_is_set_aside_until_it_is_offered_again() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path());
    for n in 1..=4 {
        outbox.add(record(n)).await.unwrap();
    }
    let refused = Settled::Refused(id(2), "no".into());
    outbox.settle(vec![Settled::Shipped(id(3)), refused, Settled::Shipped(id(9))]).await.unwrap();
    assert_eq!((oldest(&outbox), outbox.len(), outbox.n_dead()), (documents(&[1, 4]), 2, 1));
    let [_, set_aside] = outbox.newest(&Filter::default(), ALL).unwrap();
    assert_eq!(set_aside.records[0].document, documents(&[2])[0]);
    // The running server is asked first, and then the folder is opened.
    assert_eq!(retry(folder.path()), Ok(1));
    assert_eq!((oldest(&outbox), outbox.len(), outbox.n_dead()), (documents(&[1, 4, 2]), 3, 0));
    outbox.settle(vec![Settled::Refused(id(1), "no".into())]).await.unwrap();
    drop(outbox);
    assert_eq!(retry(folder.path()), Ok(1));
    assert_eq!(oldest(&open(folder.path())), documents(&[4, 2, 1]));
    assert!(retry(&folder.path().join("nothing")).unwrap_err().contains("there is none"));
}

#[actix_web::test]
async fn the_oldest_are_bounded_by_number_and_bytes_and_some_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path());
    for n in 1..=5 {
        outbox.add(record(n)).await.unwrap();
    }
    let found = |n_records, n_bytes, out: u128| {
        let limits = Limits { n_records, n_bytes };
        let found = outbox.oldest(limits, |found| found == id(out)).unwrap();
        found.into_iter().map(|stored| stored.document).collect::<Vec<_>>()
    };
    assert_eq!(found(2, 99, 1), documents(&[2, 3]));
    assert_eq!(found(9, 17, 2), documents(&[1, 3]));
    assert_eq!(found(9, 1, 1), documents(&[2]), "a single one may be larger");
}

#[actix_web::test]
async fn each_condition_of_a_filter_holds() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path());
    let route = |name: &str| Some(name.to_owned());
    let time = |seconds| chrono::DateTime::from_timestamp(seconds, 0);
    for (n, name, status) in [(1, "/a", 200), (2, "/b", 404), (3, "/a", 404), (4, "/a", 200)] {
        let received_at = time(n as i64).unwrap();
        outbox.add(Record { route: route(name), status, received_at, ..record(n) }).await.unwrap();
    }
    let none = Filter::default;
    for (filter, expected) in [
        (none(), vec![4, 3, 2, 1]),
        (Filter { route: route("/a"), ..none() }, vec![4, 3, 1]),
        (Filter { status: Some(404), ..none() }, vec![3, 2]),
        (Filter { since: time(2), until: time(4), ..none() }, vec![3, 2]),
        (Filter { before: Some(id(3)), ..none() }, vec![2, 1]),
        (Filter { id: Some(id(2)), ..none() }, vec![2]),
        (Filter { id: Some(id(2)), before: Some(id(2)), ..none() }, vec![]),
        (Filter { route: route("/a"), status: Some(200), before: Some(id(4)), ..none() }, vec![1]),
    ] {
        assert_eq!(newest(&outbox, &filter, ALL), (documents(&expected), None), "{filter:?}");
    }
    let of = |n_records, n_bytes| Limits { n_records, n_bytes };
    assert_eq!(newest(&outbox, &none(), of(2, 99)), (documents(&[4, 3]), Some(id(3))));
    assert_eq!(newest(&outbox, &none(), of(4, 99)), (documents(&[4, 3, 2, 1]), None));
    assert_eq!(newest(&outbox, &none(), of(9, 17)), (documents(&[4, 3]), Some(id(3))), "two have 16 bytes");
    assert_eq!(newest(&outbox, &none(), of(9, 1)), (documents(&[4]), Some(id(4))));
}

#[test]
fn an_id_tells_when_it_was_made() {
    let now = chrono::Utc::now();
    let made = Uuid::now_v7().to_string();
    let from = |since| Filter { since: Some(since), ..Filter::default() }.ids().start;
    assert!(made >= from(now));
    assert!(made < from(now + chrono::TimeDelta::minutes(2)), "nothing older is looked at");
}

#[actix_web::test]
async fn a_damaged_database_is_set_aside_and_nothing_of_it_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path());
    for n in 1..=50 {
        outbox.add(with_document(n, "x".repeat(4000))).await.unwrap();
    }
    drop(outbox);
    let file = folder.path().join(DATABASE);
    let mut bytes = std::fs::read(&file).unwrap();
    // The heads of all pages but the first three, which say what lies where.
    bytes.chunks_mut(8192).skip(3).for_each(|page| page[..64].fill(0xff));
    std::fs::write(&file, &bytes).unwrap();
    let outbox = open(folder.path());
    assert_eq!(oldest(&outbox), Vec::<String>::new());
    outbox.add(record(1)).await.unwrap();
    let names = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
    let is_aside = |name: &std::path::PathBuf| {
        let name = name.to_string_lossy();
        name.contains("sqlite.damaged-") && name.ends_with('Z')
    };
    let aside = names.into_iter().find(is_aside).unwrap();
    assert!(std::fs::read(aside).unwrap() == bytes);
    drop(outbox);
    assert_eq!(oldest(&open(folder.path())), documents(&[1]));
}

#[actix_web::test]
async fn a_record_that_changed_on_the_disk_is_not_sound() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path());
    for n in [1, 2] {
        outbox.add(record(n)).await.unwrap();
    }
    drop(outbox);
    let file = Connection::open(folder.path().join(DATABASE)).unwrap();
    file.execute("UPDATE exchange SET document = '{\"n\": 7}' WHERE id = ?1", [id(2)]).unwrap();
    drop(file);
    let found = open(folder.path()).oldest(ALL, |_| false).unwrap();
    assert_eq!(found.iter().map(Stored::is_sound).collect::<Vec<_>>(), [true, false]);
}

#[actix_web::test]
async fn a_folder_that_is_taken_away_is_noticed_within_a_second_and_a_new_one_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let outbox = open(&log);
    outbox.add(record(1)).await.unwrap();
    std::fs::rename(&log, folder.path().join("elsewhere")).unwrap();
    eventually(|| outbox.trouble().is_some());
    let refused = outbox.add(record(2)).await.unwrap_err().to_string();
    assert!(refused.contains("its folder is gone"), "{refused}");
    std::fs::create_dir(&log).unwrap();
    eventually(|| outbox.trouble().is_none());
    outbox.add(record(3)).await.unwrap();
    assert_eq!(oldest(&outbox), documents(&[3]));
    assert_eq!(outbox.len(), 1);
}

#[actix_web::test]
async fn the_oldest_go_where_the_log_has_reached_its_limit_and_none_where_they_are_to_be_shipped() {
    let retention = Retention { max_megabytes: Some(3), ..Retention::default() };
    for is_shipping in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let outbox = open_with(folder.path(), Durability::Os, retention, is_shipping);
        let mut n_refused = 0;
        for n in 0..1500 {
            match outbox.add(with_document(n, format!("{n:4000}"))).await {
                Ok(()) => {}
                Err(NotStored::Full) => n_refused += 1,
                Err(error) => unreachable!("{error}"),
            }
        }
        let first = oldest(&outbox).swap_remove(0);
        let is_first_there = first.trim() == "0";
        if is_shipping {
            assert!(is_first_there && n_refused > 0);
            assert_eq!(outbox.len(), 1500 - n_refused);
            assert!(outbox.trouble().unwrap().contains("keep_megabytes"));
            // What is shipped makes room.
            let ids =
                outbox.oldest(ALL, |_| false).unwrap().into_iter().map(|stored| Settled::Shipped(stored.id));
            outbox.settle(ids.collect()).await.unwrap();
            eventually(|| outbox.trouble().is_none());
        } else {
            assert!(!is_first_there && n_refused == 0);
            assert!((100..1500).contains(&outbox.len()), "{}", outbox.len());
        }
    }
}

#[actix_web::test]
async fn the_disk_gets_its_space_back_when_all_is_shipped() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path());
    for n in 0..64 {
        outbox.add(with_document(n, "x".repeat(1_000_000))).await.unwrap();
    }
    let size = || std::fs::metadata(folder.path().join(DATABASE)).unwrap().len();
    eventually(|| size() > 50_000_000);
    outbox.settle((0..64).map(|n| Settled::Shipped(id(n))).collect()).await.unwrap();
    eventually(|| size() < 8_000_000);
}

#[actix_web::test]
async fn a_long_search_holds_up_neither_others_nor_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path());
    outbox.add(record(1)).await.unwrap();
    let (entered, is_in) = std::sync::mpsc::channel();
    let (leave, is_over) = std::sync::mpsc::channel::<()>();
    let readers = Arc::clone(&outbox.readers);
    let long = std::thread::spawn(move || {
        readers.read(|_| {
            entered.send(()).unwrap();
            is_over.recv().unwrap();
            Ok(())
        })
    });
    is_in.recv().unwrap();
    for n in 2..=100 {
        // Enough for the write-ahead log to be full.
        outbox.add(with_document(n, "x".repeat(100_000))).await.unwrap();
    }
    assert_eq!(outbox.len(), 100);
    assert_eq!(newest(&outbox, &Filter::default(), Limits::of(1)).0.len(), 1);
    leave.send(()).unwrap();
    long.join().unwrap().unwrap();
}

#[cfg(unix)]
#[actix_web::test]
async fn only_the_owner_may_read_the_log() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    std::fs::create_dir(&log).unwrap();
    std::fs::set_permissions(&log, std::fs::Permissions::from_mode(0o755)).unwrap();
    let former = log.join("exchanges.sqlite.damaged-20260101T000000000Z");
    std::fs::write(&former, "").unwrap();
    std::fs::set_permissions(&former, std::fs::Permissions::from_mode(0o644)).unwrap();
    let outbox = open(&log);
    outbox.add(record(1)).await.unwrap();
    eventually(|| log.join("reserve").exists());
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&log), 0o700);
    let files: Vec<_> = std::fs::read_dir(&log).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 6, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{file:?}");
    }
}
