//! Wrong keys: whoever sends many has to wait, and is named in the log.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::limits::{PER_SECOND, network};

/// Wrong keys that a client may send in a window; then none of its keys is looked at until the window is over.
const MOST_WRONG: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Clients that are told apart; beyond them all others are one.
const MOST_CLIENTS: usize = 10_000;

/// The wrong keys of the last minute.
pub(super) struct Guesses {
    clients: Mutex<HashMap<Option<IpAddr>, Wrong>>,
    /// Bounds the lines in the log: a client has as many as it likes to send, and a disk does not.
    lines: DefaultDirectRateLimiter,
}

/// What one client sent.
struct Wrong {
    n: u32,
    /// When the first came.
    since: Instant,
}

impl Default for Guesses {
    fn default() -> Self {
        let lines = RateLimiter::direct(Quota::per_second(PER_SECOND).allow_burst(PER_SECOND));
        Self { clients: Mutex::default(), lines }
    }
}

impl Guesses {
    /// How long no key of this client is looked at, if it sent too many wrong ones.
    pub(super) fn closed_for(&self, client: Option<IpAddr>) -> Option<Duration> {
        self.closed_at(client, Instant::now())
    }

    fn closed_at(&self, client: Option<IpAddr>, now: Instant) -> Option<Duration> {
        let clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let wrong = clients.get(&place(&clients, client)).filter(|wrong| wrong.n >= MOST_WRONG)?;
        WINDOW.checked_sub(now.saturating_duration_since(wrong.since)).filter(|wait| !wait.is_zero())
    }

    /// Counts a wrong key, and says so in the log.
    pub(super) fn count(&self, client: Option<IpAddr>) {
        let n = self.count_at(client, Instant::now());
        if self.lines.check().is_ok() {
            let client = client.map(|address| address.to_string()).unwrap_or_default();
            let is_closed = n >= MOST_WRONG;
            tracing::warn!(client, n_wrong = n, is_closed, "a wrong administrator's key was sent");
        }
    }

    fn count_at(&self, client: Option<IpAddr>, now: Instant) -> u32 {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |wrong: &Wrong| now.saturating_duration_since(wrong.since) < WINDOW;
        if clients.len() >= MOST_CLIENTS {
            clients.retain(|_, wrong| is_recent(wrong));
        }
        let place = place(&clients, client);
        let wrong = clients.entry(place).or_insert(Wrong { n: 0, since: now });
        if !is_recent(wrong) {
            *wrong = Wrong { n: 0, since: now };
        }
        wrong.n += 1;
        wrong.n
    }
}

/// Where a client is counted.
fn place(clients: &HashMap<Option<IpAddr>, Wrong>, client: Option<IpAddr>) -> Option<IpAddr> {
    let client = client.map(network);
    if clients.len() < MOST_CLIENTS || clients.contains_key(&client) { client } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u32) -> Option<IpAddr> {
        Some(IpAddr::V4(n.into()))
    }

    #[test]
    fn after_ten_wrong_keys_none_of_the_client_is_looked_at_for_the_rest_of_the_minute() {
        let guesses = Guesses::default();
        let begun = Instant::now();
        for n in 1..=MOST_WRONG {
            assert_eq!(guesses.closed_at(address(1), begun), None);
            assert_eq!(guesses.count_at(address(1), begun), n);
        }
        assert_eq!(guesses.closed_at(address(1), begun + WINDOW / 2), Some(WINDOW / 2));
        assert_eq!(guesses.closed_at(address(2), begun), None, "another client is not meant");
        assert_eq!(guesses.closed_at(address(1), begun + WINDOW), None);
        assert_eq!(guesses.count_at(address(1), begun + WINDOW), 1);
    }

    #[test]
    fn however_many_clients_guess_memory_is_bounded() {
        let guesses = Guesses::default();
        let begun = Instant::now();
        for n in 0..2 * MOST_CLIENTS as u32 {
            guesses.count_at(address(n), begun);
        }
        let n_places = || guesses.clients.lock().map_or(0, |clients| clients.len());
        assert!(n_places() <= MOST_CLIENTS + 1, "{}", n_places());
        assert!(guesses.closed_at(address(u32::MAX), begun).is_some(), "those beyond are one client");
        guesses.count_at(address(1), begun + WINDOW);
        assert_eq!(n_places(), 1);
    }
}
