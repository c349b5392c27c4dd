//! The bytes of every client, below HTTP: who may be connected, how long is waited for, what waits to be read.

mod connection;
mod detached;
mod open;
mod stream;
mod unread;
mod unreadable;

pub(crate) use self::connection::Connection;
pub(crate) use self::detached::send_detached;
pub(crate) use self::open::{Connections, UnderWay};
pub(crate) use self::stream::Guarded;
pub(crate) use self::unread::{PIECE, Piecemeal};
