//! What a server is told at its start.

use std::net::SocketAddr;
use std::time::Duration;

use xtream_core::dataset::Reading;
use xtream_core::registry::Location;

use crate::exchanges;
use crate::limits::Rate;

/// What a server is told at its start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the registry lies; an empty one is made if there is none.
    pub registry: Location,
    /// Where to listen. Port 0 takes any free port; [`Server::address`] tells which.
    pub bind: SocketAddr,
    /// How exchanges are recorded.
    pub exchange_log: exchanges::Options,
    /// The key that administrators send; without one their routes are closed.
    pub admin_key: Option<String>,
    /// What is too much.
    pub limits: Limits,
    /// Web sites whose pages may ask, such as `https://shop.example`; none by default.
    pub allowed_origins: Vec<String>,
    /// What the shop's settings say of how files are to be read.
    pub reading: Reading,
    /// Whether a proxy of the shop's own stands before the server and tells who the client is.
    pub is_behind_proxy: bool,
}

/// Bounds on what is taken on.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; the one that waits longest makes room for a new one.
    pub max_connections: usize,
    /// Requests under way at once; more are answered 503.
    pub max_in_flight: usize,
    /// Time in which a request's head, and then its body, must have arrived.
    pub request_timeout: Duration,
    /// What one client may ask; `None` is as much as it likes.
    pub rate: Option<Rate>,
    /// Stones that one client may send in batches; `None` is as many as it likes. Clients on this machine may do so in
    /// any case, unless they are a proxy.
    pub rows: Option<Rate>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 4096,
            max_in_flight: 1024,
            request_timeout: Duration::from_secs(10),
            rate: None,
            rows: None,
        }
    }
}
