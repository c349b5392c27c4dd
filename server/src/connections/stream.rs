//! The bytes of one connection, with deadlines, and with an answer in words for what never becomes
//! a request.
//!
//! actix answers what it cannot read as HTTP by itself, with a bare status, before any application
//! sees it; and it bounds the time of a connection's first head only. Here is the one place that
//! sees all bytes, so here a bare refusal is exchanged for a problem in words that is recorded like
//! every other answer, and here all heads, idle times and blocked answers have their deadlines.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::refusal::{Gate, Head, Refusal};
use super::unread::Unread;
use super::{Connection, Ending, Phase};
use crate::problem::Problem;

/// Time that a connection may lie idle after an answer, unless it was the last.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// Time in which a client must take some bytes of an answer.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// A client's stream under watch.
pub(crate) struct Guarded {
    /// Always there until this is dropped.
    io: Option<TcpStream>,
    connection: Arc<Connection>,
    gate: Arc<Gate>,
    client: String,
    /// The head that has begun to arrive, unless the application has it already.
    head: Option<Head>,
    /// When to look at the deadlines of reading again.
    alarm: Pin<Box<Sleep>>,
    /// Set while the client takes no bytes.
    blocked: Option<Pin<Box<Sleep>>>,
    /// What lies in the connection's buffer.
    unread: Unread,
    refusal: Option<Refusal>,
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
    pub(crate) fn admit(io: TcpStream, gate: &Arc<Gate>) -> Option<Self> {
        let connection = gate.connections.admit()?;
        // Answers are written whole: waiting for more to send would only delay them. A stream that
        // cannot be set so is about to fail anyway.
        let _ = io.set_nodelay(true);
        Some(Self {
            client: io.peer_addr().map(|address| address.ip().to_string()).unwrap_or_default(),
            io: Some(io),
            unread: Unread::new(&connection, &gate.connections),
            connection,
            gate: Arc::clone(gate),
            head: None,
            alarm: Box::pin(sleep_until(Instant::now() + gate.request_timeout)),
            blocked: None,
            refusal: None,
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
    fn note(&mut self, bytes: &[u8]) {
        let state = self.connection.state();
        let n_requests = state.n_requests;
        let is_waiting = state.phase == Phase::Waiting && !state.is_last;
        drop(state);
        self.head.take_if(|head| head.n_requests_before != n_requests);
        match &mut self.head {
            Some(head) if is_waiting => head.add(bytes),
            None if is_waiting => {
                let head = Head::new(bytes, n_requests);
                let deadline = head.began + self.gate.request_timeout;
                self.head = Some(head);
                if self.alarm.deadline() > deadline {
                    self.alarm.as_mut().reset(deadline);
                }
            }
            _ => {}
        }
    }

    fn overdue(&mut self) -> Overdue {
        let now = Instant::now();
        let state = self.connection.state();
        let (phase, since, n_requests) = (state.phase, Instant::from_std(state.since), state.n_requests);
        let is_first_or_last = n_requests == 0 || state.is_last;
        drop(state);
        self.head.take_if(|head| head.n_requests_before != n_requests);
        let timeout = self.gate.request_timeout;
        let is_due = |deadline, what| if deadline <= now { what } else { Overdue::Not(deadline) };
        match &self.head {
            // Bodies have a deadline of their own, and answers are ours to give.
            _ if phase != Phase::Waiting => Overdue::Not(now + timeout),
            Some(head) => is_due(head.began + timeout, Overdue::Head),
            None if is_first_or_last => is_due(since + timeout, Overdue::Silence),
            None => is_due(since + KEEP_ALIVE, Overdue::Silence),
        }
    }

    /// Answers what is no request; ready when the answer is with the operating system.
    fn refuse(
        &mut self,
        problem: impl FnOnce() -> Problem,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let refusal = self.refusal.get_or_insert_with(|| {
            let head = self.head.take().unwrap_or_else(|| Head::new(b"", 0));
            Refusal::new(&self.gate, head, self.client.clone(), problem())
        });
        match &mut self.io {
            Some(io) => refusal.poll(io, context),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn refuse_late(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let limit = self.gate.request_timeout;
        self.refuse(|| Problem::request_timeout(limit), context)
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
        if self.connection.is_condemned() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let deadline = || Box::pin(sleep_until(Instant::now() + WRITE_DEADLINE));
        let blocked = self.blocked.get_or_insert_with(deadline);
        ready!(blocked.as_mut().poll(context));
        self.gate.telemetry.connections_stalled.inc();
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
        if this.refusal.is_some() {
            ready!(this.refuse_late(context))?;
            return end;
        }
        if this.is_over() {
            return end;
        }
        let n_before = buffer.filled().len();
        if let Poll::Ready(read) = this.io()?.poll_read(context, buffer) {
            this.note(&buffer.filled()[n_before..]);
            return Poll::Ready(read);
        }
        loop {
            ready!(this.alarm.as_mut().poll(context));
            match this.overdue() {
                Overdue::Not(deadline) => this.alarm.as_mut().reset(deadline),
                Overdue::Silence => return end,
                Overdue::Head => {
                    ready!(this.refuse_late(context))?;
                    return end;
                }
            }
        }
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        match bare_refusal(bytes) {
            None => this.write(bytes, context),
            Some((0, status)) => {
                let state = this.connection.state();
                let n_requests = state.n_requests;
                let is_answered = state.is_last;
                drop(state);
                // What cannot be read is the rest of a request that the application has answered.
                if !is_answered {
                    this.head.take_if(|head| head.n_requests_before != n_requests);
                    ready!(this.refuse(|| Problem::refused_by_http(status), context))?;
                }
                Poll::Ready(Ok(bytes.len()))
            }
            Some((start, _)) => this.write(&bytes[..start], context),
        }
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
        let mut state = self.connection.state();
        if state.phase != Phase::Waiting && state.ending != Ending::Now {
            state.orphan = self.io.take();
        }
        drop(state);
        self.gate.connections.leave(&self.connection);
    }
}

/// Where, at the end of what is to be written, a refusal begins that no application made, and its
/// status. Every answer of ours has a number in its head; such a refusal has none, and no body.
fn bare_refusal(bytes: &[u8]) -> Option<(usize, u16)> {
    const START: &[u8] = b"HTTP/1.";
    if !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let start = bytes.windows(START.len()).rposition(|window| window == START)?;
    let head = std::str::from_utf8(&bytes[start..]).ok()?;
    let status = head.get(START.len() + 2..)?.get(..3)?.parse().ok()?;
    (status >= 400 && !head.contains("x-request-id: ")).then_some((start, status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_without_a_number_is_found_behind_answers_that_have_one() {
        let ours = b"HTTP/1.1 200 OK\r\nx-request-id: 1\r\ncontent-length: 2\r\n\r\n{}".as_slice();
        let bare = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".as_slice();
        assert_eq!(bare_refusal(bare), Some((0, 400)));
        assert_eq!(bare_refusal(&[ours, bare].concat()), Some((ours.len(), 400)));
        assert_eq!(bare_refusal(ours), None);
    }

    #[test]
    fn answers_of_ours_without_a_body_are_left_alone() {
        for answer in [
            "HTTP/1.1 404 Not Found\r\ncontent-length: 9\r\nx-request-id: 1\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
            "HTTP/1.1 308 Permanent Redirect\r\n\r\n",
            "\r\n\r\n",
        ] {
            assert_eq!(bare_refusal(answer.as_bytes()), None, "{answer:?}");
        }
    }
}
