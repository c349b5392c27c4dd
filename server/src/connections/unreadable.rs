//! What never becomes a request: counted, and told now and then.
//!
//! Bytes that are no HTTP, and heads that do not come to their end, get a bare refusal from the HTTP library or from
//! `stream`. They are no exchanges: whoever scans ports or speaks TLS to a plain port could otherwise fill the log.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::telemetry::Telemetry;

/// Time between two lines about such clients.
const PAUSE: Duration = Duration::from_secs(60);

/// Counts them.
pub(super) struct Unreadable {
    telemetry: Arc<Telemetry>,
    /// When the latest line was written, and how many there were since.
    told: Mutex<(Option<Instant>, u64)>,
}

impl Unreadable {
    pub(super) fn new(telemetry: Arc<Telemetry>) -> Self {
        Self { telemetry, told: Mutex::default() }
    }

    /// One more, from this client.
    pub(super) fn count(&self, client: Option<SocketAddr>, reason: impl Display) {
        self.telemetry.unreadable.inc();
        if let Some(n) = self.to_tell(Instant::now()) {
            let client = client.map(|client| client.ip().to_string());
            tracing::warn!(n, client, %reason, "what came in could not be read as a request; the client is the latest");
        }
    }

    /// How many are to be told now, if any.
    fn to_tell(&self, now: Instant) -> Option<u64> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, n) = &mut *told;
        *n += 1;
        if at.is_some_and(|at| now.duration_since(at) < PAUSE) {
            return None;
        }
        *at = Some(now);
        Some(std::mem::take(n))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_and_one_line_a_minute_tells_how_many_there_were() {
        let telemetry = Arc::new(Telemetry::new());
        let unreadable = Unreadable::new(Arc::clone(&telemetry));
        let begun = Instant::now();
        let told: Vec<_> = (0..130).map(|s| unreadable.to_tell(begun + Duration::from_secs(s))).collect();
        let lines: Vec<_> = told.iter().enumerate().filter_map(|(s, n)| Some((s, (*n)?))).collect();
        assert_eq!(lines, [(0, 1), (60, 60), (120, 60)]);
        unreadable.count(None, "no HTTP");
        assert_eq!(telemetry.unreadable.get(), 1);
    }
}
