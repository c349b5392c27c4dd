//! Answers that wait to be read, in memory: counted over all connections, and handed out in pieces.
//!
//! The HTTP layer copies a body into the buffer of its connection, and a client that asks again and again without
//! reading has it hold all that. So bodies go there in pieces; what lies there and what is still to come is
//! counted; and when all clients together leave more unread than there is room for, those that have taken
//! nothing for longest are hung up on.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;

use super::connection::Connection;
use super::open::{Connections, MOST_UNREAD};

/// Bytes of a body that are given to the HTTP layer at once, and that it gathers before it writes: what thousands of
/// connections hold at once is some of these each.
pub(crate) const PIECE: usize = 8 << 10;

/// A share of the bytes that wait; given back when this is dropped.
pub(super) struct Unread {
    connection: Arc<Connection>,
    connections: Arc<Connections>,
    n_bytes: usize,
}

impl Unread {
    pub(super) fn new(connection: &Arc<Connection>, connections: &Arc<Connections>) -> Self {
        Self { connection: Arc::clone(connection), connections: Arc::clone(connections), n_bytes: 0 }
    }

    /// So many wait now.
    pub(super) fn set(&mut self, n_bytes: usize) {
        let (present, before) = (n_bytes, std::mem::replace(&mut self.n_bytes, n_bytes));
        if present > before {
            let more = present - before;
            self.connection.n_unread.fetch_add(more, Ordering::AcqRel);
            let total = self.connections.n_unread.fetch_add(more, Ordering::AcqRel) + more;
            if total > MOST_UNREAD {
                self.connections.make_room_for_answers();
            }
        } else if present < before {
            let fewer = before - present;
            self.connection.n_unread.fetch_sub(fewer, Ordering::AcqRel);
            self.connections.n_unread.fetch_sub(fewer, Ordering::AcqRel);
        }
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// A body that is given to the HTTP layer in pieces.
pub(crate) struct Piecemeal {
    rest: Bytes,
    /// `None` for what all clients share and is there anyway.
    unread: Option<Unread>,
}

impl Piecemeal {
    /// A file that is in memory once, for all who ask for it.
    pub(crate) fn shared(content: Bytes) -> BoxBody {
        BoxBody::new(Self { rest: content, unread: None })
    }

    /// An answer made for one client, counted until it is taken. A small one is copied into the connection's buffer
    /// at once, and counted there.
    pub(crate) fn answer(
        body: BoxBody,
        connection: &Arc<Connection>,
        connections: &Arc<Connections>,
    ) -> BoxBody {
        match body.try_into_bytes() {
            Ok(content) if content.len() > PIECE => {
                let mut unread = Unread::new(connection, connections);
                unread.set(content.len());
                BoxBody::new(Self { rest: content, unread: Some(unread) })
            }
            Ok(content) => BoxBody::new(content),
            Err(body) => body,
        }
    }
}

impl MessageBody for Piecemeal {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.rest.len() as u64)
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let this = self.get_mut();
        if this.rest.is_empty() {
            return Poll::Ready(None);
        }
        let piece = this.rest.split_to(this.rest.len().min(PIECE));
        if let Some(unread) = &mut this.unread {
            unread.set(this.rest.len());
        }
        Poll::Ready(Some(Ok(piece)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::future::poll_fn;
    use std::time::Duration;

    use futures_util::FutureExt;

    use super::*;
    use crate::telemetry::Telemetry;

    fn room() -> Arc<Connections> {
        Arc::new(Connections::new(9, Duration::from_secs(10), Arc::new(Telemetry::new())))
    }

    #[test]
    fn a_body_comes_whole_in_pieces_and_its_rest_alone_is_counted() {
        let connections = room();
        let connection = connections.admit().unwrap();
        let content: Bytes = (0..50_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>().into();
        let mut body = Piecemeal::answer(BoxBody::new(content.clone()), &connection, &connections);
        assert_eq!(body.size(), BodySize::Sized(200_000));
        let mut come = Vec::new();
        loop {
            assert_eq!(connections.n_unread.load(Ordering::SeqCst), content.len() - come.len());
            let piece = poll_fn(|context| Pin::new(&mut body).poll_next(context)).now_or_never().unwrap();
            let Some(piece) = piece.map(Result::unwrap) else { break };
            assert!(piece.len() <= PIECE);
            come.extend_from_slice(&piece);
        }
        assert_eq!(come, content);
    }

    #[test]
    fn when_too_much_waits_those_who_took_nothing_for_longest_are_hung_up_on() {
        let connections = room();
        let clients: Vec<_> = (0..4).map(|_| connections.admit().unwrap()).collect();
        let mut unread: Vec<_> = clients.iter().map(|client| Unread::new(client, &connections)).collect();
        // The first takes bytes, the others none, the third for longest.
        for at in [2, 1, 3] {
            clients[at].is_blocked(true);
        }
        for share in &mut unread {
            share.set(MOST_UNREAD / 4);
        }
        assert!(clients.iter().all(|client| !client.is_closing()), "that much may wait");
        unread[0].set(MOST_UNREAD / 4 + 1);
        let closing: Vec<_> = clients.iter().map(|client| client.is_closing()).collect();
        assert_eq!(closing, [false, false, true, false]);
        // What is about to be given back is not asked of another.
        unread[0].set(MOST_UNREAD / 4 + 2);
        assert!(!clients[1].is_closing() && !clients[3].is_closing());
        drop(unread);
        assert_eq!(connections.n_unread.load(Ordering::SeqCst), 0);
    }
}
