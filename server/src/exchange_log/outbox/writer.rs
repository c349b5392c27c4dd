//! The thread that writes.

use std::sync::mpsc;

use rusqlite::{Connection, OptionalExtension, params};

use super::reserve::Reserve;
use super::{Command, NotStored, Retention, Settled, now_ms};
use crate::exchange_log::filter::timestamp;
use crate::exchange_log::record::Record;

/// Exchanges in one transaction.
const MOST_TOGETHER: usize = 512;
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
    pub(super) reserve: Reserve,
    pub(super) retention: Retention,
    pub(super) n_transactions: u64,
}

impl Writer {
    /// Until nobody can send any more.
    pub(super) fn run(mut self, queue: &mpsc::Receiver<Command>) {
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
