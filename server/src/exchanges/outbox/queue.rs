//! What waits for the writer. Whatever gathered while it was busy goes into its next transaction.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::{NotStored, Settled};
use crate::exchanges::record::Record;

/// Bytes that may wait; more than that and requests are refused.
const MOST_WAITING: usize = 64 << 20;
/// Bytes in one transaction, unless a single exchange has more: the space that it takes on the disk is bounded.
const MOST_AT_ONCE: usize = 2 << 20;

/// How somebody who waits is told.
pub(super) type Done = oneshot::Sender<Result<(), NotStored>>;

/// What goes into one transaction.
#[derive(Default)]
pub(super) struct Work {
    pub(super) added: Vec<(Record, Done)>,
    pub(super) settled: Vec<(Vec<Settled>, Done)>,
}

impl Work {
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.settled.is_empty()
    }
}

#[derive(Default)]
struct State {
    added: VecDeque<(Record, Done)>,
    /// Of the documents of these.
    n_bytes: usize,
    settled: Vec<(Vec<Settled>, Done)>,
    is_writer_asleep: bool,
    is_closing: bool,
}

/// The queue, shared by those who answer, the shipper and the writer.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    something_to_do: Condvar,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under the lock panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an exchange; the receiver says when it is kept.
    pub(super) fn add(&self, record: Record) -> Result<oneshot::Receiver<Result<(), NotStored>>, NotStored> {
        let (done, answer) = oneshot::channel();
        let mut state = self.lock();
        if state.is_closing {
            return Err(NotStored::stopped());
        }
        let n_bytes = state.n_bytes + record.document.len();
        if n_bytes > MOST_WAITING {
            return Err(NotStored::Busy);
        }
        state.n_bytes = n_bytes;
        state.added.push_back((record, done));
        self.wake(state);
        Ok(answer)
    }

    /// Notes what became of documents; the receiver says when it is kept.
    pub(super) fn settle(&self, settled: Vec<Settled>) -> oneshot::Receiver<Result<(), NotStored>> {
        let (done, answer) = oneshot::channel();
        let mut state = self.lock();
        if !state.is_closing {
            state.settled.push((settled, done));
            self.wake(state);
        }
        answer
    }

    /// Waking costs a call into the system, so it is done only where somebody sleeps.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        if std::mem::take(&mut state.is_writer_asleep) {
            drop(state);
            self.something_to_do.notify_one();
        }
    }

    /// All that waits, up to what one transaction takes; nothing when nothing came in time. `None` at the end.
    pub(super) fn next(&self, patience: Duration) -> Option<Work> {
        let mut state = self.lock();
        let is_idle = |state: &State| state.added.is_empty() && state.settled.is_empty() && !state.is_closing;
        if is_idle(&state) {
            state.is_writer_asleep = true;
            let woken = self.something_to_do.wait_timeout_while(state, patience, |state| is_idle(state));
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
            state.is_writer_asleep = false;
        }
        if is_idle(&state) {
            return Some(Work::default());
        }
        let (mut n, mut n_bytes) = (0, 0);
        for (record, _) in &state.added {
            if n > 0 && n_bytes + record.document.len() > MOST_AT_ONCE {
                break;
            }
            n += 1;
            n_bytes += record.document.len();
        }
        let work =
            Work { added: state.added.drain(..n).collect(), settled: std::mem::take(&mut state.settled) };
        state.n_bytes -= n_bytes;
        if work.is_empty() { None } else { Some(work) }
    }

    /// Nothing more is taken; what waits is still written.
    pub(super) fn close(&self) {
        self.lock().is_closing = true;
        self.something_to_do.notify_all();
    }
}
