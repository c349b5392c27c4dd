//! Why a server could not start or had to stop.

use std::net::SocketAddr;

/// What can go wrong outside of a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The registry cannot be opened.
    #[error(transparent)]
    Registry(#[from] xtream_core::Error),

    /// The exchange log cannot be opened: nothing would be recorded, so nothing is answered.
    #[error("the exchange log: {reason}")]
    ExchangeLog {
        /// Why.
        reason: String,
    },

    /// The administrator's key is none that protects anything.
    #[error("{reason}")]
    AdminKey {
        /// Why, and what is allowed; never the key.
        reason: String,
    },

    /// The address is taken, or not this machine's.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// The operating system's answer.
        source: std::io::Error,
    },

    /// The operating system took threads or sockets away.
    #[error("the server cannot run: {source}")]
    Run {
        /// The operating system's answer.
        source: std::io::Error,
    },
}
