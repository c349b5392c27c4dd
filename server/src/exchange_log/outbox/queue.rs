//! What is between the journal and SQLite: exchanges that are appended but not synced, that wait to be
//! filled in, and that are being filled in. All of it is in the journal too, or a crash would lose it.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::journal::{Journal, Position};
use super::{Durability, NotStored, Settled};
use crate::exchange_log::record::Record;

/// Bytes that may wait; more than that and requests are refused.
const MOST_WAITING: usize = 64 << 20;
/// For so long the writer lets exchanges gather, so that many share a transaction.
const GATHERING: Duration = Duration::from_millis(10);

/// How somebody who waits is told.
pub(super) type Done = oneshot::Sender<Result<(), NotStored>>;

/// An exchange, and where it is in the journal.
pub(super) struct Queued {
    pub(super) at: Position,
    pub(super) record: Record,
}

/// What the writer does next, in one transaction.
#[derive(Default)]
pub(super) struct Work {
    pub(super) added: Vec<Arc<Queued>>,
    pub(super) settled: Vec<(Vec<Settled>, Done)>,
    /// Whether a file of the journal is free once this is done: it must then last.
    pub(super) frees_journal: bool,
}

struct State {
    journal: Journal,
    /// Appended; to be synced before anybody is told.
    unsynced: Vec<(Arc<Queued>, Done)>,
    /// To be filled in.
    waiting: VecDeque<Arc<Queued>>,
    /// Being filled in.
    filling: Vec<Arc<Queued>>,
    /// Of the documents of all three.
    n_bytes: usize,
    settled: Vec<(Vec<Settled>, Done)>,
    /// Why SQLite takes nothing now.
    trouble: Option<String>,
    is_closing: bool,
}

impl State {
    fn is_idle(&self) -> bool {
        let is_empty = self.waiting.is_empty() && self.filling.is_empty() && self.settled.is_empty();
        is_empty && !self.may_free_journal()
    }

    /// Whether the journal holds on to a file and all of its frames are with the writer, or refused.
    fn may_free_journal(&self) -> bool {
        let held = self.journal.held();
        held.is_some() && self.unsynced.iter().all(|(queued, _)| Some(queued.at.generation) != held)
    }
}

/// The queue, shared by those who answer, the thread that syncs and the one that writes.
pub(super) struct Queue {
    durability: Durability,
    state: Mutex<State>,
    something_to_sync: Condvar,
    something_to_write: Condvar,
}

impl Queue {
    /// A queue before this journal; `left` is what an earlier run did not fill in.
    pub(super) fn new(durability: Durability, journal: Journal, left: Vec<Queued>) -> Self {
        let n_bytes = left.iter().map(|queued| queued.record.document.len()).sum();
        let state = State {
            journal,
            unsynced: Vec::new(),
            waiting: left.into_iter().map(Arc::new).collect(),
            filling: Vec::new(),
            n_bytes,
            settled: Vec::new(),
            trouble: None,
            is_closing: false,
        };
        Self {
            durability,
            state: Mutex::new(state),
            something_to_sync: Condvar::new(),
            something_to_write: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under the lock panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends an exchange to the journal. It is kept at once, or when the receiver says so.
    pub(super) fn add(
        &self,
        record: Record,
    ) -> Result<Option<oneshot::Receiver<Result<(), NotStored>>>, NotStored> {
        let mut state = self.lock();
        if let Some(trouble) = &state.trouble {
            return Err(NotStored::Refused(trouble.clone()));
        }
        let n_bytes = state.n_bytes + record.document.len();
        if n_bytes > MOST_WAITING {
            return Err(NotStored::Full);
        }
        let at = state.journal.append(&record.document);
        let at = at.map_err(|error| NotStored::Refused(error.to_string()))?;
        state.n_bytes = n_bytes;
        let queued = Arc::new(Queued { at, record });
        match self.durability {
            Durability::Os => {
                self.hand_over(&mut state, [queued]);
                Ok(None)
            }
            Durability::Fsync => {
                let (done, answer) = oneshot::channel();
                if state.unsynced.is_empty() {
                    self.something_to_sync.notify_one();
                }
                state.unsynced.push((queued, done));
                Ok(Some(answer))
            }
        }
    }

    /// Lets the writer fill these in.
    fn hand_over(&self, state: &mut State, kept: impl IntoIterator<Item = Arc<Queued>>) {
        if state.waiting.is_empty() {
            self.something_to_write.notify_one();
        }
        state.waiting.extend(kept);
    }

    /// Notes what became of documents that were offered to the database.
    pub(super) fn settle(&self, settled: Vec<Settled>) -> oneshot::Receiver<Result<(), NotStored>> {
        let (done, answer) = oneshot::channel();
        self.lock().settled.push((settled, done));
        self.something_to_write.notify_one();
        answer
    }

    /// What is in the journal and not in SQLite yet.
    pub(super) fn unfilled(&self) -> Vec<Arc<Queued>> {
        let state = self.lock();
        state.filling.iter().chain(&state.waiting).cloned().collect()
    }

    /// How many that are.
    pub(super) fn n_unfilled(&self) -> u64 {
        let state = self.lock();
        (state.filling.len() + state.waiting.len()) as u64
    }

    /// Ends [`Self::sync`] and [`Self::next`] once there is nothing left for them.
    pub(super) fn close(&self) {
        self.lock().is_closing = true;
        self.something_to_sync.notify_all();
        self.something_to_write.notify_all();
    }

    /// Syncs what was appended, all that waits at once, and tells who waits; until the queue is closed.
    pub(super) fn sync(&self) {
        loop {
            let (batch, files) = {
                let mut state = self.lock();
                while state.unsynced.is_empty() {
                    if state.is_closing {
                        return;
                    }
                    state = self.something_to_sync.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                (std::mem::take(&mut state.unsynced), state.journal.take_dirty())
            };
            let synced = files.iter().try_for_each(|file| File::sync_data(file));
            self.conclude(batch, synced);
        }
    }

    fn conclude(&self, batch: Vec<(Arc<Queued>, Done)>, synced: io::Result<()>) {
        let mut state = self.lock();
        match synced {
            Ok(()) => {
                let (kept, told): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
                self.hand_over(&mut state, kept);
                drop(state);
                // A client that left does not wait for the answer; its exchange is kept all the same.
                told.into_iter().for_each(|done| drop(done.send(Ok(()))));
            }
            Err(error) => {
                state.journal.spoil();
                let refused: Vec<_> = batch.into_iter().chain(std::mem::take(&mut state.unsynced)).collect();
                let n_refused = refused.len();
                tracing::error!(%error, n_refused, "the journal cannot be synced; its requests are refused");
                self.something_to_write.notify_one();
                for (queued, done) in refused {
                    state.n_bytes -= queued.record.document.len();
                    let _ = done.send(Err(NotStored::Refused(error.to_string())));
                }
            }
        }
    }

    /// What to write next; `None` when the queue is closed and empty. The last call's exchanges are
    /// forgotten unless they came to grief, in which case they come again.
    pub(super) fn next(&self) -> Option<Work> {
        let mut state = self.lock();
        while state.is_idle() {
            if state.is_closing {
                return None;
            }
            state = self.something_to_write.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.settled.is_empty() && !state.is_closing {
            let gathered = self.something_to_write.wait_timeout(state, GATHERING);
            state = gathered.unwrap_or_else(PoisonError::into_inner).0;
        }
        let waiting = std::mem::take(&mut state.waiting);
        state.filling.extend(waiting);
        Some(Work {
            added: state.filling.clone(),
            settled: std::mem::take(&mut state.settled),
            frees_journal: state.may_free_journal(),
        })
    }

    /// What [`Self::next`] gave is in SQLite.
    pub(super) fn written(&self, work: Work) {
        let mut state = self.lock();
        state.trouble = None;
        let n_bytes: usize = state.filling.iter().map(|queued| queued.record.document.len()).sum();
        state.n_bytes -= n_bytes;
        state.filling.clear();
        if work.frees_journal {
            state.journal.release();
        }
        drop(state);
        work.settled.into_iter().for_each(|(_, done)| drop(done.send(Ok(()))));
    }

    /// SQLite takes nothing: until it does, requests are refused.
    pub(super) fn in_trouble(&self, reason: String) {
        self.lock().trouble = Some(reason);
    }

    /// Whether nothing more is to come.
    pub(super) fn is_closing(&self) -> bool {
        self.lock().is_closing
    }
}
