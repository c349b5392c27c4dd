//! Each client's share of requests, by its address.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use actix_web::http::header::{HeaderName, HeaderValue};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter as Governor};

use crate::problem::Problem;

/// Checks between two clearings of clients that have not asked for long.
const CLEAR_EVERY: u32 = 4096;

/// How much one client may ask.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Requests a minute in the long run.
    pub per_minute: NonZeroU32,
    /// Requests at once after a pause.
    pub burst: NonZeroU32,
}

/// Counts for each client.
pub(crate) struct RateLimiter {
    rate: Rate,
    governor: Governor<IpAddr, DefaultKeyedStateStore<IpAddr>, DefaultClock, StateInformationMiddleware>,
    n_checks: AtomicU32,
}

/// Names and values that tell a client what it has left.
type Told = [(HeaderName, HeaderValue); 2];

impl RateLimiter {
    pub(crate) fn new(rate: Rate) -> Self {
        let quota = Quota::per_minute(rate.per_minute).allow_burst(rate.burst);
        let governor = Governor::keyed(quota).with_middleware();
        Self { rate, governor, n_checks: AtomicU32::new(0) }
    }

    /// Counts a request of this client; returns what to tell it about the rest of its share.
    ///
    /// # Errors
    /// 429 when it has none left.
    pub(crate) fn check(&self, client: IpAddr) -> Result<Told, Problem> {
        if self.n_checks.fetch_add(1, Ordering::Relaxed) % CLEAR_EVERY == CLEAR_EVERY - 1 {
            self.governor.retain_recent();
        }
        match self.governor.check_key(&network(client)) {
            Ok(state) => Ok(self.told(state.remaining_burst_capacity(), None)),
            Err(denied) => {
                let wait = denied.wait_time_from(self.governor.clock().now());
                Err(Problem::too_many_requests(wait, self.told(0, Some(wait))))
            }
        }
    }

    /// The headers `RateLimit-Policy` and `RateLimit` of the IETF's draft
    /// draft-ietf-httpapi-ratelimit-headers: the quota `q` in a window of `w` seconds, what remains
    /// of it (`r`), and after how many seconds there is more (`t`).
    fn told(&self, n_remaining: u32, wait: Option<Duration>) -> Told {
        let interval_s = 60.0 / f64::from(self.rate.per_minute.get());
        let window_s = whole_seconds(interval_s * f64::from(self.rate.burst.get()));
        let reset_s = whole_seconds(wait.map_or(interval_s, |wait| wait.as_secs_f64()));
        let value = |text: String| HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("0"));
        let policy = format!("\"default\";q={};w={window_s}", self.rate.burst);
        let rest = format!("\"default\";r={n_remaining};t={reset_s}");
        [
            (HeaderName::from_static("ratelimit-policy"), value(policy)),
            (HeaderName::from_static("ratelimit"), value(rest)),
        ]
    }
}

/// At least one: "after 0 seconds" would be answered by an immediate second attempt.
pub(crate) fn whole_seconds(seconds: f64) -> u64 {
    seconds.ceil().max(1.0) as u64
}

/// Whom an address stands for: a household or a company is given a whole IPv6 network of 64 bits.
fn network(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn limiter(per_minute: u32, burst: u32) -> RateLimiter {
        let rate = |n| NonZeroU32::new(n).unwrap();
        RateLimiter::new(Rate { per_minute: rate(per_minute), burst: rate(burst) })
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_client_has_its_own_share() {
        let limiter = limiter(1, 2);
        let (one, other) = (address("10.0.0.1"), address("10.0.0.2"));
        assert!(limiter.check(one).is_ok() && limiter.check(one).is_ok());
        assert!(limiter.check(one).is_err());
        assert!(limiter.check(other).is_ok());
    }

    #[test]
    fn a_network_of_ipv6_is_one_client_and_a_mapped_address_is_the_ipv4_one() {
        let limiter = limiter(1, 1);
        assert!(limiter.check(address("2001:db8::1")).is_ok());
        assert!(limiter.check(address("2001:db8::2")).is_err());
        assert!(limiter.check(address("2001:db8:0:1::2")).is_ok());
        assert!(limiter.check(address("10.0.0.1")).is_ok());
        assert!(limiter.check(address("::ffff:10.0.0.1")).is_err());
    }

    #[test]
    fn what_is_left_is_told() {
        let limiter = limiter(30, 10);
        let told = limiter.check(address("10.0.0.1")).unwrap();
        let told = told.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        assert_eq!(told, ["ratelimit-policy: \"default\";q=10;w=20", "ratelimit: \"default\";r=9;t=2"]);
    }
}
