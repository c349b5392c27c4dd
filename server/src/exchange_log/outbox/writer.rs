//! The thread that fills SQLite from the journal, and notes what was shipped.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::journal::Position;
use super::queue::{Queue, Work};
use super::reserve::Reserve;
use super::{Durability, NotStored, Retention, Settled, now_ms};
use crate::exchange_log::filter::timestamp;
use crate::exchange_log::record::Record;

/// Waiting time before SQLite is tried again.
const PAUSE: Duration = Duration::from_millis(200);
/// Times a document is offered before it is set aside.
pub(super) const MOST_TRIES: u32 = 5;
/// Milliseconds between the first two offers; each pause after that is four times as long, so that a
/// document is set aside for what it is and not for a moment's trouble.
pub(super) const FIRST_PAUSE_MS: i64 = 200;
/// Transactions between two looks for what is too old.
const SWEEP_EVERY: u64 = 256;

/// The one connection that changes anything.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) durability: Durability,
    pub(super) reserve: Reserve,
    pub(super) retention: Retention,
    pub(super) n_transactions: u64,
}

impl Writer {
    /// Until the queue is closed.
    pub(super) fn run(mut self, queue: &Queue) {
        let mut is_troubled = false;
        while let Some(mut work) = queue.next() {
            let committed = match self.commit(&work) {
                Ok(()) => Ok(()),
                Err(error) => {
                    if !is_troubled {
                        tracing::warn!(%error, "the exchange log could not be written; trying again");
                    }
                    self.commit_with_care(&mut work)
                }
            };
            match committed {
                Ok(()) => {
                    is_troubled = false;
                    queue.written(work);
                }
                Err(error) => {
                    let error = error.to_string();
                    if !std::mem::replace(&mut is_troubled, true) {
                        tracing::error!(
                            error,
                            "exchanges cannot be recorded; requests are refused until they can"
                        );
                    }
                    queue.in_trouble(error);
                    if queue.is_closing() {
                        // All of it is in the journal, for the next start.
                        return;
                    }
                    std::thread::sleep(PAUSE);
                }
            }
            self.sweep();
        }
    }

    /// After a failure, most likely for want of space: first what frees some, then the rest.
    fn commit_with_care(&mut self, work: &mut Work) -> rusqlite::Result<()> {
        // What is in the write-ahead log goes to the file now, and its space is free again. If that
        // fails as well, the commits below say so.
        let _ = self.checkpoint();
        let settled = Work { settled: std::mem::take(&mut work.settled), ..Work::default() };
        if !settled.settled.is_empty() {
            let mut committed = self.commit(&settled);
            if committed.is_err() && self.reserve.release() {
                committed = self.commit(&settled);
            }
            let _ = self.checkpoint();
            for (_, done) in settled.settled {
                let told =
                    committed.as_ref().map(drop).map_err(|error| NotStored::Refused(error.to_string()));
                // The shipper waits for it as long as it lives.
                let _ = done.send(told);
            }
        }
        self.commit(work)
    }

    fn checkpoint(&self) -> rusqlite::Result<()> {
        self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    }

    fn commit(&mut self, work: &Work) -> rusqlite::Result<()> {
        if self.durability == Durability::Fsync {
            // The journal keeps what SQLite may lose in a power cut, until a file of the journal is
            // written over: whatever was in it must be in SQLite for good by then.
            let synchronous = if work.frees_journal { "FULL" } else { "NORMAL" };
            self.connection.pragma_update(None, "synchronous", synchronous)?;
        }
        let transaction = self.connection.transaction()?;
        for queued in &work.added {
            insert(&transaction, &queued.record)?;
        }
        let last = work.added.last().map(|queued| queued.at);
        keep_position(&transaction, last)?;
        for settled in work.settled.iter().flat_map(|(settled, _)| settled) {
            settle(&transaction, settled)?;
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

/// Up to where the journal is in SQLite, in the transaction that brought it there.
pub(super) fn kept(connection: &Connection) -> rusqlite::Result<Position> {
    connection.query_row("SELECT generation, \"end\" FROM journal", [], |row| {
        let number = |index| row.get::<_, i64>(index).map(i64::cast_unsigned);
        Ok(Position { generation: number(0)?, end: number(1)? })
    })
}

/// Without a position, writes the one that is there again: a transaction that changes nothing is not synced.
fn keep_position(transaction: &Connection, at: Option<Position>) -> rusqlite::Result<()> {
    let Position { generation, end } = match at {
        Some(at) => at,
        None => kept(transaction)?,
    };
    transaction
        .prepare_cached("UPDATE journal SET generation = ?1, \"end\" = ?2")?
        .execute(params![generation.cast_signed(), end.cast_signed()])
        .map(drop)
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
