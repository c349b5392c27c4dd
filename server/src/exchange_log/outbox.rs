//! The local log, in SQLite: an exchange is in it, on disk, before its answer leaves.
//!
//! One thread writes. Whoever waits when it begins a transaction shares that transaction and its
//! fsync, so the cost of durability is paid once for all of them.

use std::path::Path;
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};
use tokio::sync::oneshot;

use super::filter::{Filter, timestamp};
use super::record::Exchange;

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
    Add(Box<Exchange>, oneshot::Sender<Result<(), NotStored>>),
    Settle(Vec<Settled>, oneshot::Sender<Result<(), NotStored>>),
}

/// The open log.
pub(crate) struct Outbox {
    commands: mpsc::SyncSender<Command>,
    reader: Mutex<Connection>,
}

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS exchange (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        received_at TEXT NOT NULL,
        route TEXT,
        status INTEGER NOT NULL,
        document TEXT NOT NULL,
        tries INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX IF NOT EXISTS exchange_tries ON exchange (tries, seq);
    CREATE INDEX IF NOT EXISTS exchange_route ON exchange (route, id);
    CREATE INDEX IF NOT EXISTS exchange_status ON exchange (status, id);
    CREATE TABLE IF NOT EXISTS dead_letter (
        id TEXT PRIMARY KEY,
        document TEXT NOT NULL,
        reason TEXT NOT NULL
    );";

impl Outbox {
    /// Opens the log in `folder`, which is made if need be.
    pub(crate) fn open(folder: &Path, durability: Durability, retention: Retention) -> Result<Self, String> {
        let path = folder.join("exchanges.sqlite");
        let failed = |error: &dyn std::fmt::Display| format!("cannot open {}: {error}", path.display());
        std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
        let writer = Connection::open(&path).map_err(|error| failed(&error))?;
        let synchronous = match durability {
            Durability::Fsync => "FULL",
            Durability::Os => "OFF",
        };
        writer
            .execute_batch(&format!(
                "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; \
                 PRAGMA synchronous = {synchronous}; PRAGMA busy_timeout = 5000; {SCHEMA}"
            ))
            .map_err(|error| failed(&error))?;
        let reader = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(|error| failed(&error))?;
        reader.busy_timeout(Duration::from_secs(5)).map_err(|error| failed(&error))?;
        let (commands, queue) = mpsc::sync_channel(MOST_WAITING);
        std::thread::Builder::new()
            .name("exchange-log".into())
            .spawn(move || Writer { connection: writer, retention, n_transactions: 0 }.run(&queue))
            .map_err(|error| failed(&error))?;
        Ok(Self { commands, reader: Mutex::new(reader) })
    }

    /// Adds an exchange; when this returns `Ok`, it is kept.
    pub(crate) async fn add(&self, exchange: Exchange) -> Result<(), NotStored> {
        let (done, answer) = oneshot::channel();
        self.send(Command::Add(Box::new(exchange), done))?;
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

    /// The oldest exchanges, those offered least often first: at most `limit`, and no more than
    /// `max_bytes` of them together unless a single one is larger.
    pub(crate) fn oldest(&self, limit: usize, max_bytes: usize) -> Result<Vec<Stored>, String> {
        let query = "SELECT seq, id, document FROM exchange ORDER BY tries, seq LIMIT ?1";
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let mut oldest = Vec::new();
        let mut read = || {
            let mut statement = reader.prepare_cached(query)?;
            let mut rows = statement.query(params![limit as i64])?;
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

    /// Exchanges that the filter lets through, newest first, those that were set aside among them.
    pub(crate) fn newest(&self, filter: &Filter, limit: usize) -> Result<Vec<Stored>, String> {
        self.read(
            "SELECT seq, id, document FROM (
                 SELECT seq, id, received_at, route, status, document FROM exchange
                 UNION ALL
                 SELECT 0, id, document ->> '$.received_at', document ->> '$.route',
                        document ->> '$.response.status', document FROM dead_letter)
             WHERE (?1 IS NULL OR received_at >= ?1) AND (?2 IS NULL OR received_at < ?2)
               AND (?3 IS NULL OR route = ?3) AND (?4 IS NULL OR status = ?4)
               AND (?5 IS NULL OR id < ?5) AND (?6 IS NULL OR id = ?6)
             ORDER BY id DESC LIMIT ?7",
            params![
                filter.since.map(timestamp),
                filter.until.map(timestamp),
                filter.route,
                filter.status,
                filter.before,
                filter.id,
                limit as i64
            ],
        )
    }

    fn read(&self, query: &str, values: impl rusqlite::Params) -> Result<Vec<Stored>, String> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = reader
            .prepare_cached(query)
            .and_then(|mut statement| statement.query_map(values, stored)?.collect::<Result<Vec<_>, _>>());
        rows.map_err(|error| error.to_string())
    }

    fn count(&self, query: &str) -> Result<u64, String> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let count = reader.query_row(query, [], |row| row.get::<_, i64>(0));
        count.map(|count| count as u64).map_err(|error| error.to_string())
    }
}

fn stored(row: &rusqlite::Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored { seq: row.get(0)?, id: row.get(1)?, document: row.get(2)? })
}

/// The thread that writes.
struct Writer {
    connection: Connection,
    retention: Retention,
    n_transactions: u64,
}

impl Writer {
    /// Until nobody can send any more.
    fn run(mut self, queue: &mpsc::Receiver<Command>) {
        while let Ok(first) = queue.recv() {
            let mut together = vec![first];
            together.extend(queue.try_iter().take(MOST_TOGETHER - 1));
            let mut committed = self.commit(&together);
            if committed.is_err()
                && self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).is_ok()
            {
                // A full disk, perhaps: what was in the write-ahead log is in the file now, and its
                // space is free again; enough to remove what was shipped.
                committed = self.commit(&together);
            }
            let committed = committed.map_err(|error| error.to_string());
            if let Err(error) = &committed {
                tracing::error!(
                    error,
                    n_lost = together.len(),
                    "exchanges could not be written down; their requests are refused"
                );
            }
            for command in together {
                let (Command::Add(_, done) | Command::Settle(_, done)) = command;
                // A client that left does not wait for the answer; its exchange is kept all the same.
                let _ = done.send(committed.clone().map_err(NotStored::Refused));
            }
            self.sweep();
        }
    }

    fn commit(&mut self, together: &[Command]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        for command in together {
            match command {
                Command::Add(exchange, _) => insert(&transaction, exchange)?,
                Command::Settle(settled, _) => {
                    for settled in settled {
                        settle(&transaction, settled)?;
                    }
                }
            }
        }
        transaction.commit()
    }

    /// Forgets what is too old or too much, where the user set a limit.
    fn sweep(&mut self) {
        self.n_transactions += 1;
        if !self.n_transactions.is_multiple_of(SWEEP_EVERY) && self.n_transactions != 1 {
            return;
        }
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

fn insert(transaction: &Connection, exchange: &Exchange) -> rusqlite::Result<()> {
    let document = serde_json::to_string(exchange)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    transaction
        .prepare_cached(
            "INSERT INTO exchange (id, received_at, route, status, document) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            exchange.id.to_string(),
            timestamp(exchange.received_at),
            exchange.route,
            exchange.response.status,
            document
        ])
        .map(drop)
}

fn settle(transaction: &Connection, settled: &Settled) -> rusqlite::Result<()> {
    match settled {
        Settled::Shipped(seq) => {
            transaction.prepare_cached("DELETE FROM exchange WHERE seq = ?1")?.execute(params![seq])?;
        }
        Settled::Refused(seq, reason) => {
            transaction
                .prepare_cached("UPDATE exchange SET tries = tries + 1 WHERE seq = ?1")?
                .execute(params![seq])?;
            let moved = transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO dead_letter SELECT id, document, ?2 FROM exchange \
                     WHERE seq = ?1 AND tries >= ?3",
                )?
                .execute(params![seq, reason, MOST_TRIES])?;
            if moved > 0 {
                tracing::error!(
                    seq,
                    reason,
                    "the database refuses this exchange for good; it is kept in dead_letter"
                );
                transaction.prepare_cached("DELETE FROM exchange WHERE seq = ?1")?.execute(params![seq])?;
            }
        }
    }
    Ok(())
}
