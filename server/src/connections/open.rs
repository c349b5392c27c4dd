//! Who is connected, and for whom there is room.
//!
//! A connection costs memory and a file descriptor whether or not it ever asks anything, so their
//! number is bounded. When a new one comes in over the bound, the one that has kept this server
//! waiting longest makes room: a client that asks what it came for is served however many others
//! hold idle connections open, and nobody is turned away who could have been answered.

use std::collections::HashMap;
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::connection::{Connection, Ending, Phase};
use super::unreadable::Unreadable;
use crate::telemetry::Telemetry;

/// Bytes of answers that may wait to be read before those who read nothing are hung up on.
pub(super) const MOST_UNREAD: usize = 128 << 20;

/// The open connections.
pub(crate) struct Connections {
    limit: usize,
    /// Time in which a head must have arrived, from its first byte; and that a client has for a first byte after it
    /// connected.
    pub(super) request_timeout: Duration,
    open: Mutex<HashMap<u64, Arc<Connection>>>,
    n_ever: AtomicU64,
    is_closing: AtomicBool,
    /// Bytes of answers that wait to be read, over all connections.
    pub(super) n_unread: AtomicUsize,
    unreadable: Unreadable,
    pub(super) telemetry: Arc<Telemetry>,
}

impl Connections {
    pub(crate) fn new(limit: usize, request_timeout: Duration, telemetry: Arc<Telemetry>) -> Self {
        Self {
            limit,
            request_timeout,
            open: Mutex::default(),
            n_ever: AtomicU64::new(0),
            is_closing: AtomicBool::new(false),
            n_unread: AtomicUsize::new(0),
            unreadable: Unreadable::new(Arc::clone(&telemetry)),
            telemetry,
        }
    }

    /// Takes a new connection in; `None` when all others are being answered at this moment.
    pub(super) fn admit(&self) -> Option<Arc<Connection>> {
        let mut open = self.open();
        if open.len() >= self.limit {
            let waiting =
                open.values().filter_map(|connection| Some((connection.waiting_since()?, connection)));
            let Some((_, longest)) = waiting.min_by_key(|(since, _)| *since) else {
                self.telemetry.connections_refused.inc();
                return None;
            };
            longest.end(Ending::Now);
            let number = longest.number;
            open.remove(&number);
            self.telemetry.connections_displaced.inc();
        }
        let number = self.n_ever.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::new(Connection::new(number));
        open.insert(number, Arc::clone(&connection));
        Some(connection)
    }

    pub(super) fn leave(&self, connection: &Connection) {
        self.open().remove(&connection.number);
    }

    /// What came in was no request, or not all of its head.
    pub(crate) fn cannot_read(&self, client: Option<SocketAddr>, reason: impl Display) {
        self.unreadable.count(client, reason);
    }

    /// A request reached the application over this connection.
    pub(crate) fn begin(self: &Arc<Self>, connection: &Arc<Connection>) -> UnderWay {
        let mut state = connection.state();
        state.n_requests += 1;
        state.is_last = false;
        state.enter(Phase::Receiving);
        drop(state);
        UnderWay { connection: Arc::clone(connection), connections: Arc::clone(self) }
    }

    /// How many are open.
    pub(crate) fn len(&self) -> usize {
        self.open().len()
    }

    /// Whether so much waits to be read that no more should be answered: twice what may wait, so that those who
    /// are hung up on for it have time to go.
    pub(crate) fn are_full_of_answers(&self) -> bool {
        self.n_unread.load(Ordering::Acquire) > 2 * MOST_UNREAD
    }

    /// Hangs up on clients that have taken nothing for longest, until the rest has room.
    pub(super) fn make_room_for_answers(&self) {
        let open = self.open();
        let mut excess = self.n_unread.load(Ordering::Acquire).saturating_sub(MOST_UNREAD);
        let mut blocked = Vec::new();
        for connection in open.values() {
            let state = connection.state();
            let n_bytes = connection.n_unread.load(Ordering::Acquire);
            if state.ending == Ending::Now {
                // It is about to give back what it holds.
                excess = excess.saturating_sub(n_bytes);
            } else if let Some(since) = state.blocked_since.filter(|_| n_bytes > 0) {
                blocked.push((since, n_bytes, Arc::clone(connection)));
            }
        }
        blocked.sort_by_key(|(since, ..)| *since);
        for (_, n_bytes, connection) in blocked {
            if excess == 0 {
                break;
            }
            excess = excess.saturating_sub(n_bytes);
            connection.end(Ending::Now);
            self.telemetry.connections_stalled.inc();
        }
    }

    /// From now on every connection ends as soon as nothing is under way on it.
    pub(crate) fn close(&self) {
        self.is_closing.store(true, Ordering::SeqCst);
        self.open().values().for_each(|connection| connection.end(Ending::WhenIdle));
    }

    /// Ends what this server still waits for; only what is being answered goes on.
    pub(crate) fn hang_up(&self) {
        let open = self.open();
        let waiting = open.values().filter(|connection| connection.waiting_since().is_some());
        waiting.for_each(|waiting| waiting.end(Ending::Now));
    }

    pub(super) fn open(&self) -> MutexGuard<'_, HashMap<u64, Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request between its head and the head of its answer. Dropped before it is answered, it was
/// abandoned by the HTTP layer together with its stream.
pub(crate) struct UnderWay {
    connection: Arc<Connection>,
    connections: Arc<Connections>,
}

impl UnderWay {
    /// The head of the answer is there.
    pub(crate) fn end(self) {
        self.connection.state().enter(Phase::Waiting);
        if self.connections.is_closing.load(Ordering::SeqCst) {
            self.connection.end(Ending::WhenIdle);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn room_for(limit: usize) -> Arc<Connections> {
        Arc::new(Connections::new(limit, Duration::from_secs(10), Arc::new(Telemetry::new())))
    }

    #[test]
    fn the_connection_that_waited_longest_makes_room() {
        let connections = room_for(2);
        let (first, second) = (connections.admit().unwrap(), connections.admit().unwrap());
        // The first one asks something, and then waits again.
        connections.begin(&first).end();
        connections.admit().unwrap();
        assert!(second.is_closing());
        assert!(!first.is_closing());
        assert_eq!(connections.len(), 2);
    }

    #[test]
    fn a_connection_that_is_being_answered_is_never_ended_for_another() {
        let connections = room_for(1);
        let only = connections.admit().unwrap();
        let under_way = connections.begin(&only);
        only.answer(true);
        assert!(connections.admit().is_none());
        under_way.end();
        assert!(connections.admit().is_some());
        assert!(only.is_closing());
    }

    #[test]
    fn a_body_that_does_not_come_holds_no_place_for_ever() {
        let connections = room_for(1);
        let slow = connections.admit().unwrap();
        let _under_way = connections.begin(&slow);
        assert!(connections.admit().is_some());
        assert!(slow.is_closing());
    }

    #[test]
    fn closing_lets_every_connection_end_when_nothing_is_under_way_on_it() {
        let connections = room_for(9);
        let early = connections.admit().unwrap();
        connections.close();
        assert_eq!(early.state().ending, Ending::WhenIdle);
        // One that was taken in at the same moment is answered once.
        let late = connections.admit().unwrap();
        let under_way = connections.begin(&late);
        assert_eq!(late.state().ending, Ending::Never);
        under_way.end();
        assert_eq!(late.state().ending, Ending::WhenIdle);
    }

    #[test]
    fn hanging_up_ends_bodies_that_do_not_come_and_nothing_that_is_being_answered() {
        let connections = room_for(9);
        let (slow, busy) = (connections.admit().unwrap(), connections.admit().unwrap());
        let _under_way = [connections.begin(&slow), connections.begin(&busy)];
        busy.answer(true);
        connections.hang_up();
        assert!(slow.is_closing() && !busy.is_closing());
    }
}
