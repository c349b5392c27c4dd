//! The local log: an exchange is in it, on disk, before its answer leaves.
//!
//! The thread that answers appends it to the `journal`, and a thread of its own syncs that for all who wait
//! at the moment. Another, the `writer`, fills SQLite from there, where exchanges are found, counted and
//! shipped from. Between them is the `queue`.

mod journal;
mod layout;
mod queue;
mod reserve;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};

use self::journal::Journal;
use self::layout::lay_out;
use self::queue::{Queue, Queued};
use self::reserve::Reserve;
use self::writer::{Writer, kept};
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

/// The exchange could not be written down.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotStored {
    /// The disk, most likely.
    #[error("the exchange log cannot be written: {0}")]
    Refused(String),
    /// More are waiting than the writer can serve.
    #[error("the exchange log cannot write as fast as requests come")]
    Full,
}

impl NotStored {
    fn stopped() -> Self {
        Self::Refused("its thread has stopped".into())
    }
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

/// The open log.
pub(crate) struct Outbox {
    queue: Arc<Queue>,
    reader: Mutex<Connection>,
    threads: Vec<JoinHandle<()>>,
}

impl Outbox {
    /// Opens the log in `folder`, which is made if need be.
    pub(crate) fn open(folder: &Path, durability: Durability, retention: Retention) -> Result<Self, String> {
        let path = folder.join("exchanges.sqlite");
        let failed = |error: &dyn std::fmt::Display| format!("cannot open {}: {error}", path.display());
        std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
        let mut connection = Connection::open(&path).map_err(|error| failed(&error))?;
        let synchronous = match durability {
            Durability::Fsync => "FULL",
            Durability::Os => "OFF",
        };
        // Records have a kilobyte or so: with pages for a dozen of them, a third less work goes into a new file than
        // with those of SQLite's default. A file that is there already keeps its own. The write-ahead log is
        // kept at two megabytes: on a full disk it takes the space that emptying the log needs.
        connection
            .execute_batch(&format!(
                "PRAGMA page_size = 16384; PRAGMA wal_autocheckpoint = 125; \
                 PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; \
                 PRAGMA synchronous = {synchronous}; PRAGMA busy_timeout = 5000;"
            ))
            .map_err(|error| failed(&error))?;
        lay_out(&mut connection).map_err(|error| failed(&error))?;
        let reader = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(|error| failed(&error))?;
        reader.busy_timeout(Duration::from_secs(5)).map_err(|error| failed(&error))?;
        let kept = kept(&connection).map_err(|error| failed(&error))?;
        let journal = Journal::open(folder, kept);
        let (journal, left) =
            journal.map_err(|error| format!("cannot open the journal of {}: {error}", path.display()))?;
        let left = left.into_iter().map(|(at, document)| Ok(Queued { at, record: Record::read(document)? }));
        let left = left.collect::<Result<Vec<_>, String>>().map_err(|error| failed(&error))?;
        let queue = Arc::new(Queue::new(durability, journal, left));
        let reserve = Reserve::new(folder);
        let writer = Writer { connection, durability, reserve, retention, n_transactions: 0 };
        let start = |name: &str, run: Box<dyn FnOnce(&Queue) + Send>| {
            let queue = Arc::clone(&queue);
            std::thread::Builder::new().name(name.into()).spawn(move || run(&queue))
        };
        let mut threads = vec![start("exchange-log", Box::new(|queue| writer.run(queue)))];
        if durability == Durability::Fsync {
            threads.push(start("exchange-sync", Box::new(Queue::sync)));
        }
        let threads = threads.into_iter().collect::<Result<_, _>>().map_err(|error| failed(&error))?;
        Ok(Self { queue, reader: Mutex::new(reader), threads })
    }

    /// Adds an exchange; when this returns `Ok`, it is kept.
    pub(crate) async fn add(&self, record: Record) -> Result<(), NotStored> {
        match self.queue.add(record)? {
            None => Ok(()),
            Some(answer) => answer.await.unwrap_or_else(|_| Err(NotStored::stopped())),
        }
    }

    /// Notes what became of documents that were offered to the database.
    pub(crate) async fn settle(&self, settled: Vec<Settled>) -> Result<(), NotStored> {
        self.queue.settle(settled).await.unwrap_or_else(|_| Err(NotStored::stopped()))
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
        // What is filled in between the two is counted twice rather than not at all.
        let n_unfilled = self.queue.n_unfilled();
        Ok(self.count("SELECT count(*) FROM exchange")? + n_unfilled)
    }

    /// Documents that the database refused for good.
    pub(crate) fn n_dead(&self) -> Result<u64, String> {
        self.count("SELECT count(*) FROM dead_letter")
    }

    /// Exchanges that the filter lets through, newest first, and then those that were set aside and those
    /// that are in the journal only. One may be there twice.
    pub(crate) fn newest(&self, filter: &Filter, limit: usize) -> Result<Vec<Stored>, String> {
        const SET_ASIDE: &str = "(SELECT 0 AS seq, id, document, document ->> '$.received_at' AS received_at,
            document ->> '$.route' AS route, document ->> '$.response.status' AS status FROM dead_letter)";
        // The journal first: what is filled in between is then found in both places, not in none.
        let unfilled = self.queue.unfilled();
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
        let unfilled = unfilled.iter().map(|queued| &queued.record).filter(|record| filter.admits(record));
        found.extend(unfilled.map(|record| Stored {
            seq: 0,
            id: record.id.to_string(),
            document: record.document.clone(),
        }));
        Ok(found)
    }

    fn count(&self, query: &str) -> Result<u64, String> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let count = reader.query_row(query, [], |row| row.get::<_, i64>(0));
        count.map(|count| count as u64).map_err(|error| error.to_string())
    }
}

impl Drop for Outbox {
    /// Whoever opens the database after the end finds all of it there.
    fn drop(&mut self) {
        self.queue.close();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!(
                    "a thread of the exchange log ended in a panic; the journal has what it did not write"
                );
            }
        }
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
