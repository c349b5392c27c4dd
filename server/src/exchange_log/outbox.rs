//! The local log, in SQLite: an exchange is in it, on disk, before its answer leaves.
//!
//! One thread writes. Whoever waits when it begins a transaction shares that transaction and its
//! fsync, so the cost of durability is paid once for all of them.

use std::path::Path;
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use tokio::sync::oneshot;

use super::filter::{Filter, timestamp};
use super::record::Record;
use super::reserve::Reserve;

/// What a write costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// On disk before the answer leaves: survives a power cut.
    #[default]
    Fsync,
    /// With the operating system: survives the end of this process, not of the machine.
    Os,
}

/// How long the embedded log keeps exchanges that nobody ships; no limit by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Retention {
    /// Days to keep.
    pub max_days: Option<f64>,
    /// Megabytes (of a million bytes) to keep.
    pub max_megabytes: Option<u64>,
}

/// Exchanges that wait for the writer; more than that and requests are refused.
const MOST_WAITING: usize = 4096;
/// Exchanges in one transaction.
const MOST_TOGETHER: usize = 512;
/// Times a document is offered before it is set aside.
const MOST_TRIES: u32 = 5;
/// Milliseconds between the first two offers; each pause after that is four times as long, so that a
/// document is set aside for what it is and not for a moment's trouble.
const FIRST_PAUSE_MS: i64 = 200;
/// Transactions between two looks for what is too old.
const SWEEP_EVERY: u64 = 256;

/// The exchange could not be written down.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotStored {
    /// The disk, most likely.
    #[error("the exchange log cannot be written: {0}")]
    Refused(String),
    /// More are waiting than the writer can serve.
    #[error("the exchange log has {MOST_WAITING} entries waiting")]
    Full,
}

/// An exchange as it lies in the log.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) seq: i64,
    pub(crate) id: String,
    /// The record as JSON.
    pub(crate) document: String,
}

/// What became of a document offered to the database.
pub(crate) enum Settled {
    /// It is there.
    Shipped(i64),
    /// It was refused by itself, for this reason.
    Refused(i64, String),
}

enum Command {
    Add(Box<Record>, oneshot::Sender<Result<(), NotStored>>),
    Settle(Vec<Settled>, oneshot::Sender<Result<(), NotStored>>),
}

/// The open log.
pub(crate) struct Outbox {
    commands: mpsc::SyncSender<Command>,
    reader: Mutex<Connection>,
}

/// Version of the tables below, kept in the file.
const LAYOUT: i64 = 2;

/// `exchange` grows at one end only, and one index serves reading: with all that is filtered by in
/// it, what is filtered out is never looked at. Each index more would cost every exchange.
const SCHEMA: &str = "
    CREATE TABLE exchange (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL,
        received_at TEXT NOT NULL,
        route TEXT,
        status INTEGER NOT NULL,
        document TEXT NOT NULL
    );
    CREATE INDEX exchange_by_id ON exchange (id, received_at, route, status);
    CREATE TABLE refused (
        seq INTEGER PRIMARY KEY,
        tries INTEGER NOT NULL,
        retry_at INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS dead_letter (
        id TEXT PRIMARY KEY,
        document TEXT NOT NULL,
        reason TEXT NOT NULL
    );";

/// From the first layout, whose table had an index for each filter.
const FROM_FIRST_LAYOUT: &str = "
    INSERT INTO exchange SELECT seq, id, received_at, route, status, document FROM first_layout;
    DROP TABLE first_layout;";

/// Brings the file to the present layout, whole or not at all.
fn lay_out(connection: &mut Connection) -> Result<(), String> {
    let failed = |error: rusqlite::Error| error.to_string();
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
    if found > LAYOUT {
        return Err(format!("its layout {found} is of a later version of this program"));
    }
    if found == LAYOUT {
        return Ok(());
    }
    let transaction = connection.transaction().map_err(failed)?;
    let is_first = transaction.table_exists(None, "exchange").map_err(failed)?;
    if is_first {
        transaction.execute_batch("ALTER TABLE exchange RENAME TO first_layout").map_err(failed)?;
    }
    transaction.execute_batch(SCHEMA).map_err(failed)?;
    if is_first {
        transaction.execute_batch(FROM_FIRST_LAYOUT).map_err(failed)?;
    }
    transaction.pragma_update(None, "user_version", LAYOUT).map_err(failed)?;
    transaction.commit().map_err(failed)
}

impl Outbox {
    /// Opens the log in `folder`, which is made if need be.
    pub(crate) fn open(folder: &Path, durability: Durability, retention: Retention) -> Result<Self, String> {
        let path = folder.join("exchanges.sqlite");
        let failed = |error: &dyn std::fmt::Display| format!("cannot open {}: {error}", path.display());
        std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
        let mut writer = Connection::open(&path).map_err(|error| failed(&error))?;
        let synchronous = match durability {
            Durability::Fsync => "FULL",
            Durability::Os => "OFF",
        };
        writer
            .execute_batch(&format!(
                "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; \
                 PRAGMA synchronous = {synchronous}; PRAGMA busy_timeout = 5000;"
            ))
            .map_err(|error| failed(&error))?;
        lay_out(&mut writer).map_err(|error| failed(&error))?;
        let reader = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(|error| failed(&error))?;
        reader.busy_timeout(Duration::from_secs(5)).map_err(|error| failed(&error))?;
        let reserve = Reserve::new(folder);
        let (commands, queue) = mpsc::sync_channel(MOST_WAITING);
        std::thread::Builder::new()
            .name("exchange-log".into())
            .spawn(move || Writer { connection: writer, reserve, retention, n_transactions: 0 }.run(&queue))
            .map_err(|error| failed(&error))?;
        Ok(Self { commands, reader: Mutex::new(reader) })
    }

    /// Adds an exchange; when this returns `Ok`, it is kept.
    pub(crate) async fn add(&self, record: Record) -> Result<(), NotStored> {
        let (done, answer) = oneshot::channel();
        self.send(Command::Add(Box::new(record), done))?;
        answer.await.unwrap_or_else(|_| Err(NotStored::Refused("its writer has stopped".into())))
    }

    /// Notes what became of documents that were offered to the database.
    pub(crate) async fn settle(&self, settled: Vec<Settled>) -> Result<(), NotStored> {
        let (done, answer) = oneshot::channel();
        self.send(Command::Settle(settled, done))?;
        answer.await.unwrap_or_else(|_| Err(NotStored::Refused("its writer has stopped".into())))
    }

    fn send(&self, command: Command) -> Result<(), NotStored> {
        self.commands.try_send(command).map_err(|error| match error {
            mpsc::TrySendError::Full(_) => NotStored::Full,
            mpsc::TrySendError::Disconnected(_) => NotStored::Refused("its writer has stopped".into()),
        })
    }

    /// The oldest exchanges but for those whose pause after a refusal is not over: at most `limit`,
    /// and no more than `max_bytes` of them together unless a single one is larger.
    pub(crate) fn oldest(&self, limit: usize, max_bytes: usize) -> Result<Vec<Stored>, String> {
        let query = "SELECT seq, id, document FROM exchange LEFT JOIN refused USING (seq)
             WHERE retry_at IS NULL OR retry_at <= ?2 ORDER BY seq LIMIT ?1";
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let mut oldest = Vec::new();
        let mut read = || {
            let mut statement = reader.prepare_cached(query)?;
            let mut rows = statement.query(params![limit as i64, now_ms()])?;
            let mut n_bytes = 0;
            while let Some(row) = rows.next()? {
                let stored = stored(row)?;
                n_bytes += stored.document.len();
                if n_bytes > max_bytes && !oldest.is_empty() {
                    break;
                }
                oldest.push(stored);
            }
            rusqlite::Result::Ok(())
        };
        read().map_err(|error: rusqlite::Error| error.to_string())?;
        Ok(oldest)
    }

    /// Exchanges in the log.
    pub(crate) fn len(&self) -> Result<u64, String> {
        self.count("SELECT count(*) FROM exchange")
    }

    /// Documents that the database refused for good.
    pub(crate) fn n_dead(&self) -> Result<u64, String> {
        self.count("SELECT count(*) FROM dead_letter")
    }

    /// Exchanges that the filter lets through, newest first, and then those that were set aside.
    pub(crate) fn newest(&self, filter: &Filter, limit: usize) -> Result<Vec<Stored>, String> {
        const SET_ASIDE: &str = "(SELECT 0 AS seq, id, document, document ->> '$.received_at' AS received_at,
            document ->> '$.route' AS route, document ->> '$.response.status' AS status FROM dead_letter)";
        let (conditions, values) = conditions(filter);
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        let mut read = |table: &str| {
            let query = format!(
                "SELECT seq, id, document FROM {table} WHERE {conditions} ORDER BY id DESC LIMIT {limit}"
            );
            let mut statement = reader.prepare_cached(&query)?;
            let mut rows = statement.query_map(rusqlite::params_from_iter(&values), stored)?;
            rows.try_for_each(|row| row.map(|row| found.push(row)))
        };
        read("exchange").and_then(|()| read(SET_ASIDE)).map_err(|error| error.to_string())?;
        Ok(found)
    }

    fn count(&self, query: &str) -> Result<u64, String> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let count = reader.query_row(query, [], |row| row.get::<_, i64>(0));
        count.map(|count| count as u64).map_err(|error| error.to_string())
    }
}

/// The filter in SQL, and the values of its parameters. What is not asked for is not mentioned, so
/// that an index can serve the rest.
fn conditions(filter: &Filter) -> (String, Vec<rusqlite::types::Value>) {
    let asked = [
        ("id <", filter.before.clone().map(Into::into)),
        ("id =", filter.id.clone().map(Into::into)),
        ("received_at >=", filter.since.map(|since| timestamp(since).into())),
        ("received_at <", filter.until.map(|until| timestamp(until).into())),
        ("route =", filter.route.clone().map(Into::into)),
        ("status =", filter.status.map(|status| i64::from(status).into())),
    ];
    let asked = asked.into_iter().filter_map(|(condition, value)| Some((condition, value?)));
    let (conditions, values): (Vec<_>, Vec<_>) =
        asked.map(|(condition, value)| (format!(" AND {condition} ?"), value)).unzip();
    (format!("TRUE{}", conditions.concat()), values)
}

fn stored(row: &rusqlite::Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored { seq: row.get(0)?, id: row.get(1)?, document: row.get(2)? })
}

fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

/// The thread that writes.
struct Writer {
    connection: Connection,
    reserve: Reserve,
    retention: Retention,
    n_transactions: u64,
}

impl Writer {
    /// Until nobody can send any more.
    fn run(mut self, queue: &mpsc::Receiver<Command>) {
        while let Ok(first) = queue.recv() {
            let mut together = vec![first];
            together.extend(queue.try_iter().take(MOST_TOGETHER - 1));
            match self.commit(&together) {
                Ok(()) => conclude(together, &Ok(())),
                Err(error) => {
                    tracing::warn!(%error, "the exchange log could not be written; trying again");
                    self.commit_with_care(together);
                }
            }
            self.sweep();
        }
    }

    /// After a failure, most likely for want of space: first what frees some, then the rest.
    fn commit_with_care(&mut self, together: Vec<Command>) {
        // What is in the write-ahead log goes to the file now, and its space is free again. If that
        // fails as well, the commits below say so.
        let _ = self.checkpoint();
        let (settled, added): (Vec<_>, Vec<_>) =
            together.into_iter().partition(|command| matches!(command, Command::Settle(..)));
        if !settled.is_empty() {
            let mut committed = self.commit(&settled);
            if committed.is_err() && self.reserve.release() {
                committed = self.commit(&settled);
            }
            let _ = self.checkpoint();
            conclude(settled, &committed.map_err(|error| error.to_string()));
        }
        if !added.is_empty() {
            let committed = self.commit(&added).map_err(|error| error.to_string());
            if let Err(error) = &committed {
                let n_refused = added.len();
                tracing::error!(error, n_refused, "exchanges cannot be recorded; their requests are refused");
            }
            conclude(added, &committed);
        }
    }

    fn checkpoint(&self) -> rusqlite::Result<()> {
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }

    fn commit(&mut self, together: &[Command]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        for command in together {
            match command {
                Command::Add(record, _) => insert(&transaction, record)?,
                Command::Settle(settled, _) => {
                    for settled in settled {
                        settle(&transaction, settled)?;
                    }
                }
            }
        }
        transaction.commit()
    }

    /// From time to time: forgets what is too old or too much, and sets the reserve aside again.
    fn sweep(&mut self) {
        self.n_transactions += 1;
        if !self.n_transactions.is_multiple_of(SWEEP_EVERY) && self.n_transactions != 1 {
            return;
        }
        self.reserve.restore();
        if let Err(error) = self.forget() {
            tracing::warn!(%error, "old exchanges could not be removed");
        }
    }

    fn forget(&self) -> rusqlite::Result<()> {
        if let Some(days) = self.retention.max_days {
            let limit = chrono::Utc::now() - chrono::TimeDelta::milliseconds((days * 86_400_000.0) as i64);
            self.connection
                .execute("DELETE FROM exchange WHERE received_at < ?1", params![timestamp(limit)])?;
        }
        if let Some(megabytes) = self.retention.max_megabytes {
            let pages =
                |name| self.connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
            let used = (pages("page_count")? - pages("freelist_count")?) * pages("page_size")?;
            let limit = i64::try_from(megabytes.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
            if used > limit {
                // A tenth at a time, oldest first: the next look takes more if it was not enough.
                self.connection.execute(
                    "DELETE FROM exchange WHERE seq IN (SELECT seq FROM exchange ORDER BY seq \
                     LIMIT (SELECT count(*) / 10 + 1 FROM exchange))",
                    [],
                )?;
            }
        }
        if self.retention != Retention::default() {
            self.connection.execute_batch("PRAGMA incremental_vacuum")?;
        }
        Ok(())
    }
}

/// Tells all who wait what became of their transaction.
fn conclude(together: Vec<Command>, committed: &Result<(), String>) {
    for command in together {
        let (Command::Add(_, done) | Command::Settle(_, done)) = command;
        // A client that left does not wait for the answer; its exchange is kept all the same.
        let _ = done.send(committed.clone().map_err(NotStored::Refused));
    }
}

fn insert(transaction: &Connection, record: &Record) -> rusqlite::Result<()> {
    let Record { id, received_at, route, status, document } = record;
    transaction
        .prepare_cached(
            "INSERT INTO exchange (id, received_at, route, status, document) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![id.to_string(), timestamp(*received_at), route, status, document])
        .map(drop)
}

fn settle(transaction: &Connection, settled: &Settled) -> rusqlite::Result<()> {
    match settled {
        Settled::Shipped(seq) => remove(transaction, *seq),
        Settled::Refused(seq, reason) => {
            let tries = transaction
                .prepare_cached("SELECT tries FROM refused WHERE seq = ?1")?
                .query_row(params![seq], |row| row.get::<_, u32>(0))
                .optional()?
                .map_or(1, |tries| tries + 1);
            if tries < MOST_TRIES {
                let retry_at = now_ms() + FIRST_PAUSE_MS * 4_i64.pow(tries - 1);
                return transaction
                    .prepare_cached("INSERT OR REPLACE INTO refused VALUES (?1, ?2, ?3)")?
                    .execute(params![seq, tries, retry_at])
                    .map(drop);
            }
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO dead_letter SELECT id, document, ?2 FROM exchange WHERE seq = ?1",
                )?
                .execute(params![seq, reason])?;
            tracing::error!(seq, reason, "the database refuses this exchange for good; it is in dead_letter");
            remove(transaction, *seq)
        }
    }
}

fn remove(transaction: &Connection, seq: i64) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM refused WHERE seq = ?1")?.execute(params![seq])?;
    transaction.prepare_cached("DELETE FROM exchange WHERE seq = ?1")?.execute(params![seq])?;
    Ok(())
}
