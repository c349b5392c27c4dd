//! The local log: an exchange is in it, on disk, before its answer leaves.
//!
//! One database, and one `writer`: what waits in the `queue` while a transaction runs goes into the next one together,
//! and whoever waits is answered after the commit. `readers` look beside it.

mod folder;
mod queue;
mod readers;
mod reserve;
mod retention;
mod retry;
mod search;
mod status;
mod store;
#[cfg(test)]
mod tests;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use rusqlite::params;

use self::folder::Folder;
use self::queue::Queue;
use self::readers::Readers;
use self::reserve::Reserve;
pub use self::retention::Retention;
pub use self::retry::retry;
use self::search::search;
use self::status::Status;
use self::store::{Failed, Store};
use self::writer::Writer;
use super::digest::Digest;
use super::filter::Filter;
use super::page::{Limits, Part};
use super::record::Record;

/// What a write costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// On disk before the answer leaves: survives a power cut.
    #[default]
    Fsync,
    /// With the operating system: survives the end of this process. A power cut takes the last exchanges.
    Os,
}

/// The exchange could not be written down.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotStored {
    /// The disk, most likely.
    #[error("the exchange log cannot be written: {0}")]
    Refused(String),
    /// More are waiting than the writer can serve.
    #[error("the exchange log cannot write as fast as requests come")]
    Busy,
    /// As much waits for MongoDB as may wait.
    #[error("{FULL}")]
    Full,
}

const FULL: &str = "the exchange log has reached keep_megabytes, and MongoDB takes none of what waits there; nothing \
                    more is recorded, or answered, until it does or the limit is raised";

impl NotStored {
    fn stopped() -> Self {
        Self::Refused("its thread has stopped".into())
    }
}

/// An exchange as it lies in the log.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) id: String,
    /// Of the document, when it was written.
    pub(crate) digest: Digest,
    /// The record as JSON.
    pub(crate) document: String,
}

impl Stored {
    /// Whether the document is what was written.
    pub(crate) fn is_sound(&self) -> bool {
        let is_sound = Digest::of(self.document.as_bytes()) == self.digest;
        if !is_sound {
            tracing::error!(id = self.id, "an exchange in the log is damaged: it is not what was written");
        }
        is_sound
    }
}

/// What became of a document offered to the database, by its id.
#[derive(Debug)]
pub(crate) enum Settled {
    /// It is there.
    Shipped(String),
    /// It was refused for good, for this reason.
    Refused(String, String),
}

/// The open log.
pub(crate) struct Outbox {
    queue: Arc<Queue>,
    readers: Arc<Readers>,
    status: Arc<Status>,
    writer: Option<JoinHandle<()>>,
}

impl Outbox {
    /// Opens the log in `folder`, which is made if need be. Where it `is_shipping`, nothing in it is forgotten.
    pub(crate) fn open(
        folder: &Path,
        durability: Durability,
        retention: Retention,
        is_shipping: bool,
    ) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| {
            format!("cannot open {}: {error}", folder.join(folder::DATABASE).display())
        };
        let (store, reserve) = open(folder, durability).map_err(|error| failed(&error))?;
        let readers = Arc::new(Readers::new(store.folder.database()));
        let status = Arc::new(Status::default());
        status.set(store.counted().map_err(|error| failed(&error))?);
        let writer = Writer::new(
            folder.into(),
            (durability, retention, is_shipping),
            (store, reserve),
            (Arc::clone(&readers), Arc::clone(&status)),
        );
        let queue = Arc::new(Queue::default());
        let for_thread = Arc::clone(&queue);
        let writer =
            std::thread::Builder::new().name("exchange-log".into()).spawn(move || writer.run(&for_thread));
        Ok(Self { queue, readers, status, writer: Some(writer.map_err(|error| failed(&error))?) })
    }

    /// Adds an exchange; when this returns `Ok`, it is kept.
    pub(crate) async fn add(&self, record: Record) -> Result<(), NotStored> {
        if self.status.is_full.load(Ordering::Relaxed) {
            return Err(NotStored::Full);
        }
        self.queue.add(record)?.await.unwrap_or_else(|_| Err(NotStored::stopped()))
    }

    /// Notes what became of documents that were offered to the database.
    pub(crate) async fn settle(&self, settled: Vec<Settled>) -> Result<(), NotStored> {
        self.queue.settle(settled).await.unwrap_or_else(|_| Err(NotStored::stopped()))
    }

    /// The oldest exchanges but for those to be left out: at most `n_records`, and no more than `n_bytes` of them
    /// together unless a single one is larger.
    pub(crate) fn oldest(
        &self,
        Limits { n_records, n_bytes }: Limits,
        is_left_out: impl Fn(&str) -> bool,
    ) -> Result<Vec<Stored>, String> {
        self.readers.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT id, digest, document FROM exchange ORDER BY seq")?;
            let mut rows = statement.query(params![])?;
            let mut oldest: Vec<Stored> = Vec::new();
            let mut left = n_bytes;
            while oldest.len() < n_records
                && let Some(row) = rows.next()?
            {
                if is_left_out(row.get_ref(0)?.as_str()?) {
                    continue;
                }
                let stored = Stored { id: row.get(0)?, digest: row.get(1)?, document: row.get(2)? };
                match left.checked_sub(stored.document.len()) {
                    Some(rest) => left = rest,
                    None if oldest.is_empty() => left = 0,
                    None => break,
                }
                oldest.push(stored);
            }
            Ok(oldest)
        })
    }

    /// Exchanges in the log.
    pub(crate) fn len(&self) -> u64 {
        self.status.n_records.load(Ordering::Relaxed)
    }

    /// Documents that the database refused for good.
    pub(crate) fn n_dead(&self) -> u64 {
        self.status.n_dead.load(Ordering::Relaxed)
    }

    /// Why nothing is recorded now, if that is so.
    pub(crate) fn trouble(&self) -> Option<String> {
        if self.status.is_full.load(Ordering::Relaxed) {
            return Some(FULL.into());
        }
        self.status.is_troubled().then(|| self.status.trouble())
    }

    /// Exchanges that the filter lets through, newest first: those that are in the log, and those that were set aside.
    pub(crate) fn newest(&self, filter: &Filter, limits: Limits) -> Result<[Part<Stored>; 2], String> {
        // What is set aside, or offered again, in between is found in both places and not in none.
        let in_log = search(&self.readers, "exchange", filter, limits)?;
        let set_aside = search(&self.readers, "dead_letter", filter, limits)?;
        Ok([in_log, set_aside])
    }
}

/// Opens folder and database; on a full disk with the help of the reserve.
fn open(path: &Path, durability: Durability) -> Result<(Store, Reserve), Failed> {
    let attempt = || Store::open(Folder::make(path)?, durability, true);
    let mut reserve = Reserve::new(path);
    let store = match attempt() {
        Err(error) if error.is_full() && reserve.release() => {
            tracing::warn!(%error, "the disk of the exchange log is full; its reserve is given up to start");
            attempt()?
        }
        store => store?,
    };
    Ok((store, reserve))
}

impl Drop for Outbox {
    /// What waits is still written.
    fn drop(&mut self) {
        self.queue.close();
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the thread of the exchange log ended in a panic");
        }
    }
}
