//! One connection, as its stream and the requests that come over it see it.

use std::sync::atomic::AtomicUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use actix_web::rt::net::TcpStream;
use futures_util::task::AtomicWaker;

/// One connection, as its stream and the requests that come over it see it.
pub(crate) struct Connection {
    pub(super) number: u64,
    state: Mutex<State>,
    /// Bytes of answers that wait to be read.
    pub(super) n_unread: AtomicUsize,
    /// Wakes the task of the stream, so that it looks at `ending`.
    pub(super) waker: AtomicWaker,
}

pub(super) struct State {
    pub(super) phase: Phase,
    /// When the phase began.
    pub(super) since: Instant,
    /// Requests that reached the application.
    pub(super) n_requests: u64,
    /// The body of the request under way was not read to its end, so what follows is no request: the
    /// application's answer is the last one on this connection.
    pub(super) is_last: bool,
    /// That it is to end, and when.
    pub(super) ending: Ending,
    /// Since when the client has taken no bytes of an answer, while it takes none.
    pub(super) blocked_since: Option<Instant>,
    /// The stream of a request under way that the HTTP layer has given up.
    pub(super) detached: Option<TcpStream>,
}

/// When the stream of a connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) enum Ending {
    Never,
    /// When nothing is under way: a request of which the first bytes have come in is answered before.
    /// Only the stream knows of those, so it decides.
    WhenIdle,
    /// As soon as the stream looks.
    Now,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Phase {
    /// Until a whole head is there.
    Waiting,
    /// A request reached the application, and its body is on its way.
    Receiving,
    /// The request is there, and it is our turn.
    Answering,
}

impl Connection {
    pub(super) fn new(number: u64) -> Self {
        let state = State {
            phase: Phase::Waiting,
            since: Instant::now(),
            n_requests: 0,
            is_last: false,
            ending: Ending::Never,
            blocked_since: None,
            detached: None,
        };
        Self { number, state: Mutex::new(state), n_unread: AtomicUsize::new(0), waker: AtomicWaker::new() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request's body has come as far as it is read, which may be to its end.
    pub(crate) fn answer(&self, is_whole: bool) {
        let mut state = self.state();
        state.is_last = !is_whole;
        state.enter(Phase::Answering);
    }

    /// The HTTP layer has dropped the connection; if a request is under way, it has given that up as well, as it does
    /// when the pieces of a body do not fit together. Then its answer can still be sent.
    pub(super) fn detach(&self, io: Option<TcpStream>) {
        let mut state = self.state();
        if state.phase != Phase::Waiting && state.ending != Ending::Now {
            state.detached = io;
        }
    }

    /// The stream of a request under way that is to be answered with [`send_detached`], as nobody else will.
    pub(crate) fn take_detached(&self) -> Option<TcpStream> {
        self.state().detached.take()
    }

    /// Since when this server waits for the client; `None` while it is the other way round.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        let state = self.state();
        (state.phase != Phase::Answering).then_some(state.since)
    }

    /// The client takes no bytes, or takes some again.
    pub(super) fn is_blocked(&self, is_blocked: bool) {
        let mut state = self.state();
        state.blocked_since = is_blocked.then(|| state.blocked_since.unwrap_or_else(Instant::now));
    }

    /// Ends it then, or earlier where that was asked for before.
    pub(super) fn end(&self, ending: Ending) {
        let mut state = self.state();
        if state.ending < ending {
            state.ending = ending;
        }
        drop(state);
        self.waker.wake();
    }

    /// Whether the stream was ended to make room, or because the server stops.
    pub(crate) fn is_closing(&self) -> bool {
        self.state().ending == Ending::Now
    }
}

impl State {
    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = Instant::now();
    }
}
