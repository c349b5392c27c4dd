//! Connections that read beside the writer: a few, so that a long search holds up nobody, and none open for long,
//! so that the write-ahead log can be emptied.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use super::store::{is_damage, reader};

/// Readers at once; others wait for their turn, which comes after a few hundredths of a second.
const MOST: usize = 4;
/// For so long, and no longer.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Default)]
struct State {
    idle: Vec<Connection>,
    n_busy: usize,
    /// Whether the writer waits for the last one to leave.
    is_closed: bool,
}

/// The connections.
pub(super) struct Readers {
    database: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
    /// Whether one of them came upon damage.
    found_damage: AtomicBool,
}

impl Readers {
    pub(super) fn new(database: PathBuf) -> Self {
        let (state, changed, found_damage) = Default::default();
        Self { database, state, changed, found_damage }
    }

    /// Reads; what is read in one call is of one moment.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |state: &mut State| state.is_closed || state.n_busy >= MOST;
        let waited = self.changed.wait_timeout_while(state, PATIENCE, is_full);
        let timed_out;
        (state, timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
        if timed_out.timed_out() {
            return Err("too many are reading it".into());
        }
        state.n_busy += 1;
        let idle = state.idle.pop();
        drop(state);
        let opened = idle.map_or_else(|| reader(&self.database), Ok);
        let (connection, found) = match opened {
            Ok(connection) => {
                let found = read(&connection);
                (Some(connection), found)
            }
            Err(error) => (None, Err(error)),
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.n_busy -= 1;
        state.idle.extend(connection);
        drop(state);
        self.changed.notify_all();
        found.map_err(|error| {
            if is_damage(&error) {
                self.found_damage.store(true, Ordering::SeqCst);
            }
            error.to_string()
        })
    }

    /// Does this while nobody reads. Somebody who does is waited for if it `must` be; without that, nothing is done then.
    pub(super) fn while_nobody_reads<T>(&self, must: bool, act: impl FnOnce() -> T) -> Option<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.n_busy > 0 {
            if !must {
                return None;
            }
            state.is_closed = true;
            let left = self.changed.wait_while(state, |state| state.n_busy > 0);
            state = left.unwrap_or_else(PoisonError::into_inner);
        }
        let done = act();
        state.is_closed = false;
        drop(state);
        self.changed.notify_all();
        Some(done)
    }

    /// Closes all connections: the database is about to be opened anew.
    pub(super) fn leave(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_closed = true;
        let left = self.changed.wait_while(state, |state| state.n_busy > 0);
        state = left.unwrap_or_else(PoisonError::into_inner);
        state.idle.clear();
    }

    /// The database is there again.
    pub(super) fn come_back(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_closed = false;
        drop(state);
        self.changed.notify_all();
    }

    /// Whether one of them came upon damage since this was asked.
    pub(super) fn found_damage(&self) -> bool {
        self.found_damage.swap(false, Ordering::SeqCst)
    }
}
