//! The bytes of one connection, with deadlines: for its first head and all later ones, for lying idle, and for taking
//! what is answered. The HTTP library has one for a connection's first head only.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::connection::{Connection, Ending, Phase};
use super::open::Connections;
use super::unread::Unread;

/// Time that a connection may lie idle after an answer, unless it was the last.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// Time in which a client must take some bytes of an answer.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);
/// The answer to a head that does not come to its end.
const LATE: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// A client's stream under watch.
pub(crate) struct Guarded {
    /// Always there until this is dropped.
    io: Option<TcpStream>,
    connection: Arc<Connection>,
    connections: Arc<Connections>,
    /// The head that has begun to arrive, unless the application has it already.
    head: Option<Head>,
    /// When to look at the deadlines of reading again.
    alarm: Pin<Box<Sleep>>,
    /// Set while the client takes no bytes.
    blocked: Option<Pin<Box<Sleep>>>,
    /// What lies in the connection's buffer.
    unread: Unread,
}

/// The beginning of a head.
struct Head {
    began: Instant,
    /// Requests that the application had before it.
    n_requests_before: u64,
}

/// What a look at the deadlines brings.
enum Overdue {
    /// Nothing before this time.
    Not(Instant),
    /// A client that says nothing.
    Silence,
    /// A head that does not end.
    Head,
}

impl Guarded {
    /// Takes the stream in, or drops it when there is no room.
    pub(crate) fn admit(io: TcpStream, connections: &Arc<Connections>) -> Option<Self> {
        let connection = connections.admit()?;
        // Answers are written whole: waiting for more to send would only delay them. A stream that
        // cannot be set so is about to fail anyway.
        let _ = io.set_nodelay(true);
        Some(Self {
            io: Some(io),
            unread: Unread::new(&connection, connections),
            connection,
            connections: Arc::clone(connections),
            head: None,
            alarm: Box::pin(sleep_until(Instant::now() + connections.request_timeout)),
            blocked: None,
        })
    }

    /// What requests need to know of their connection.
    pub(crate) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.connection)
    }

    fn io(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        self.io.as_mut().map(Pin::new).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Whether nothing more is to be read.
    fn is_over(&mut self) -> bool {
        let state = self.connection.state();
        let (ending, phase, n_requests) = (state.ending, state.phase, state.n_requests);
        drop(state);
        self.head.take_if(|head| head.n_requests_before != n_requests);
        match ending {
            Ending::Never => false,
            Ending::WhenIdle => phase == Phase::Waiting && self.head.is_none(),
            Ending::Now => true,
        }
    }

    /// Bytes came in: the first of a head, or part of something that has begun before.
    fn note_bytes(&mut self) {
        let state = self.connection.state();
        let n_requests = state.n_requests;
        let is_waiting = state.phase == Phase::Waiting && !state.is_last;
        drop(state);
        self.head.take_if(|head| head.n_requests_before != n_requests);
        if is_waiting && self.head.is_none() {
            let began = Instant::now();
            self.head = Some(Head { began, n_requests_before: n_requests });
            let deadline = began + self.connections.request_timeout;
            if self.alarm.deadline() > deadline {
                self.alarm.as_mut().reset(deadline);
            }
        }
    }

    fn overdue(&mut self) -> Overdue {
        let now = Instant::now();
        let state = self.connection.state();
        let (phase, since, n_requests) = (state.phase, Instant::from_std(state.since), state.n_requests);
        let is_first_or_last = n_requests == 0 || state.is_last;
        drop(state);
        self.head.take_if(|head| head.n_requests_before != n_requests);
        let timeout = self.connections.request_timeout;
        let is_due = |deadline, what| if deadline <= now { what } else { Overdue::Not(deadline) };
        match &self.head {
            // Bodies have a deadline of their own, and answers are ours to give.
            _ if phase != Phase::Waiting => Overdue::Not(now + timeout),
            Some(head) => is_due(head.began + timeout, Overdue::Head),
            None if is_first_or_last => is_due(since + timeout, Overdue::Silence),
            None => is_due(since + KEEP_ALIVE, Overdue::Silence),
        }
    }

    /// Writes, or gives up a client that takes nothing for too long.
    fn write(&mut self, bytes: &[u8], context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let written = self.io()?.poll_write(context, bytes);
        if let Poll::Ready(written) = written {
            if self.blocked.take().is_some() {
                self.connection.is_blocked(false);
            }
            self.unread.set(written.as_ref().map_or(0, |n_written| bytes.len() - n_written));
            return Poll::Ready(written);
        }
        self.connection.waker.register(context.waker());
        if self.blocked.is_none() {
            self.connection.is_blocked(true);
        }
        self.unread.set(bytes.len());
        if self.connection.is_closing() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let deadline = || Box::pin(sleep_until(Instant::now() + WRITE_DEADLINE));
        let blocked = self.blocked.get_or_insert_with(deadline);
        ready!(blocked.as_mut().poll(context));
        self.connections.telemetry.connections_stalled.inc();
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.connection.waker.register(context.waker());
        // No bytes are the end of the stream.
        let end = Poll::Ready(Ok(()));
        if this.is_over() {
            return end;
        }
        if let Poll::Ready(read) = this.io()?.poll_read(context, buffer) {
            this.note_bytes();
            return Poll::Ready(read);
        }
        loop {
            ready!(this.alarm.as_mut().poll(context));
            match this.overdue() {
                Overdue::Not(deadline) => this.alarm.as_mut().reset(deadline),
                Overdue::Silence => return end,
                Overdue::Head => {
                    let io = this.io()?;
                    // A client that does not take it is no longer there.
                    let _ = io.try_write(LATE);
                    let client = io.peer_addr().ok();
                    this.connections.cannot_read(client, "its head did not come to an end");
                    return end;
                }
            }
        }
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().write(bytes, context)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().io()?.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().io()?.poll_shutdown(context)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.connection.detach(self.io.take());
        self.connections.leave(&self.connection);
    }
}
