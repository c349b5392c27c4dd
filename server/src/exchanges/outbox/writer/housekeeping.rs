//! What the writer does between transactions, a small step at a time.

use std::sync::atomic::Ordering;
use std::time::Instant;

use chrono::Utc;

use super::{EXCHANGE_BYTES, TRANSACTION_BYTES, Writer};
use crate::exchanges::outbox::store::Failed;

/// Estimated bytes in the write-ahead log at which it is emptied, and at which readers are waited for.
const WRITE_AHEAD: usize = 4 << 20;
const WRITE_AHEAD_AT_MOST: usize = 4 * WRITE_AHEAD;
/// Exchanges removed at once when there are too many, unless that would be more than a tenth of them.
const FORGOTTEN_AT_ONCE: u64 = 2000;
/// Free bytes inside the file that are left alone, and pages that are given back at once.
const FREE_KEPT: u64 = 4 << 20;
const SHRUNK_AT_ONCE: u32 = 512;

impl Writer {
    /// What has to be done between transactions: each step is small.
    pub(super) fn keep_house(&mut self, is_due: bool, is_idle: bool) -> Result<(), Failed> {
        let Some(store) = &mut self.store else { return Ok(()) };
        if self.write_ahead >= WRITE_AHEAD || (is_idle && self.write_ahead > 0) {
            let must = self.write_ahead >= WRITE_AHEAD_AT_MOST;
            match self.readers.while_nobody_reads(must, || store.checkpoint(false)) {
                Some(Ok(true)) => self.write_ahead = 0,
                // Another program reads the file: not every transaction need try.
                Some(Ok(false)) => self.write_ahead = self.write_ahead.saturating_sub(WRITE_AHEAD / 4),
                Some(Err(error)) => return Err(error),
                None => {}
            }
        }
        let (used, free) = store.bytes()?;
        self.status.used_bytes.store(used, Ordering::Relaxed);
        let limit = self.retention.max_bytes().unwrap_or(u64::MAX);
        self.status.is_full.store(self.is_shipping && used > limit, Ordering::Relaxed);
        if used > limit && !self.is_shipping {
            let n_records = self.status.n_records.load(Ordering::Relaxed);
            let change = store.forget((n_records / 10 + 1).min(FORGOTTEN_AT_ONCE), None)?;
            self.write_ahead += TRANSACTION_BYTES + change.n_records.unsigned_abs() as usize * EXCHANGE_BYTES;
            self.status.changed(change);
            if !std::mem::replace(&mut self.said_what_goes, true) {
                tracing::warn!(
                    keep_megabytes = limit / 1_000_000,
                    "the exchange log has reached keep_megabytes: from now on the oldest exchanges are removed as new ones come"
                );
            }
        }
        self.is_shrinking = free > FREE_KEPT && free > used / 2;
        if self.is_shrinking || (self.is_out_of_space && is_due && free > 0) {
            let mut shrunk = store.shrink(SHRUNK_AT_ONCE);
            // This takes space before it gives some back.
            if shrunk.as_ref().is_err_and(Failed::is_full) && self.reserve.release() {
                shrunk = store.shrink(SHRUNK_AT_ONCE);
            }
            self.write_ahead += TRANSACTION_BYTES * 8;
            if self.is_out_of_space {
                self.make_room();
            }
            shrunk?;
        }
        if is_due {
            self.sweep()?;
            self.retry_dead_letters()?;
        }
        Ok(())
    }

    /// Removes what is too old.
    pub(super) fn sweep(&mut self) -> Result<(), Failed> {
        let (Some(ages), Some(store)) = (&mut self.ages, &mut self.store) else { return Ok(()) };
        let n_records = self.status.n_records.load(Ordering::Relaxed);
        if let Some(sweep) = ages.look(Utc::now(), Instant::now(), n_records) {
            let change = store.forget(sweep.most, Some(sweep.before.timestamp_millis()))?;
            self.write_ahead += TRANSACTION_BYTES + change.n_records.unsigned_abs() as usize * EXCHANGE_BYTES;
            self.status.changed(change);
        }
        Ok(())
    }

    /// Does what `xtream exchanges retry` asks for.
    pub(super) fn retry_dead_letters(&mut self) -> Result<(), Failed> {
        let Some(store) = &mut self.store else { return Ok(()) };
        if store.folder.wants_retry() {
            let change = store.retry()?;
            self.status.changed(change);
            store.folder.retried()?;
            tracing::info!(n = change.n_records, "dead letters are offered again");
        }
        Ok(())
    }
}
