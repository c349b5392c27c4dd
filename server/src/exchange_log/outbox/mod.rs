//! The local log, in SQLite: an exchange is in it, on disk, before its answer leaves.
//!
//! One thread writes. Whoever waits when it begins a transaction shares that transaction and its
//! fsync, so the cost of durability is paid once for all of them.

mod layout;
mod reserve;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};
use tokio::sync::oneshot;

use self::layout::lay_out;
use self::reserve::Reserve;
use self::writer::Writer;
use super::filter::{Filter, timestamp};
use super::record::Record;

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
