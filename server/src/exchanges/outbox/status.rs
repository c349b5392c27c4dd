//! How the log is doing: kept up to date by the writer, so that nobody has to count or try.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// How the log is doing.
#[derive(Debug, Default)]
pub(super) struct Status {
    /// Exchanges in the log, and those that the database refused for good.
    pub(super) n_records: AtomicU64,
    pub(super) n_dead: AtomicU64,
    /// Bytes of the file that hold something.
    pub(super) used_bytes: AtomicU64,
    /// Whether as much waits to be shipped as may wait.
    pub(super) is_full: AtomicBool,
    /// Whether `trouble` says something: looked at by every exchange.
    is_troubled: AtomicBool,
    trouble: Mutex<String>,
}

impl Status {
    /// Nothing can be recorded now, for this reason; whether that is news.
    pub(super) fn in_trouble(&self, reason: &str) -> bool {
        reason.clone_into(&mut self.trouble.lock().unwrap_or_else(PoisonError::into_inner));
        !self.is_troubled.swap(true, Ordering::SeqCst)
    }

    /// Something was recorded.
    pub(super) fn out_of_trouble(&self) {
        if self.is_troubled() {
            self.is_troubled.store(false, Ordering::SeqCst);
            tracing::info!("exchanges are recorded again");
        }
    }

    pub(super) fn is_troubled(&self) -> bool {
        self.is_troubled.load(Ordering::SeqCst)
    }

    /// Why nothing can be recorded, or could not be recorded last.
    pub(super) fn trouble(&self) -> String {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
