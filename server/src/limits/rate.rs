//! Each client's share of requests, or of rows, by its address.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use actix_web::http::header::{HeaderName, HeaderValue};
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter as Governor};

use crate::problem::{Problem, whole_seconds};

/// Checks between two clearings of clients that have not asked for long.
const CLEAR_EVERY: u32 = 4096;

/// For lines in a log: ten a second, and ten at once.
pub(crate) const PER_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// How much one client may ask.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Requests, or rows, a minute in the long run.
    pub per_minute: NonZeroU32,
    /// Requests, or rows, at once after a pause.
    pub burst: NonZeroU32,
}

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Counted {
    Requests,
    /// Stones of batches.
    Rows,
}

/// Counts for each client.
pub(crate) struct RateLimiter {
    counted: Counted,
    rate: Rate,
    governor: Governor<IpAddr, DefaultKeyedStateStore<IpAddr>, DefaultClock, StateInformationMiddleware>,
    n_checks: AtomicU32,
}

/// Names and values that tell a client what it has left.
type Told = [(HeaderName, HeaderValue); 2];

impl RateLimiter {
    pub(crate) fn new(counted: Counted, rate: Rate) -> Self {
        let quota = Quota::per_minute(rate.per_minute).allow_burst(rate.burst);
        let governor = Governor::keyed(quota).with_middleware();
        Self { counted, rate, governor, n_checks: AtomicU32::new(0) }
    }

    /// Counts so many requests or rows of this client; returns what to tell it about the rest of its share. More
    /// than can ever be had at once takes all there is.
    ///
    /// # Errors
    /// 429 when it has not so much left.
    pub(crate) fn check(&self, client: IpAddr, n: NonZeroU32) -> Result<Told, Problem> {
        if self.n_checks.fetch_add(1, Ordering::Relaxed) % CLEAR_EVERY == CLEAR_EVERY - 1 {
            self.governor.retain_recent();
        }
        match self.governor.check_key_n(&network(client), n.min(self.rate.burst)) {
            Ok(Ok(state)) => Ok(self.told(state.remaining_burst_capacity(), None)),
            Ok(Err(denied)) => {
                let wait = denied.wait_time_from(self.governor.clock().now());
                let told = self.told(0, Some(wait));
                Err(match self.counted {
                    Counted::Requests => Problem::too_many_requests(wait, told),
                    Counted::Rows => Problem::too_many_rows(wait, told),
                })
            }
            // Not so, since no more is asked for than the burst.
            Err(_) => Err(Problem::internal("the rate limit has less room than its burst")),
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
        let name = match self.counted {
            Counted::Requests => "default",
            Counted::Rows => "rows",
        };
        let policy = format!("\"{name}\";q={};w={window_s}", self.rate.burst);
        let rest = format!("\"{name}\";r={n_remaining};t={reset_s}");
        [
            (HeaderName::from_static("ratelimit-policy"), value(policy)),
            (HeaderName::from_static("ratelimit"), value(rest)),
        ]
    }
}

/// Whom an address stands for: a household or a company is given a whole IPv6 network of 64 bits.
pub(crate) fn network(client: IpAddr) -> IpAddr {
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
        RateLimiter::new(Counted::Requests, Rate { per_minute: rate(per_minute), burst: rate(burst) })
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_client_has_its_own_share() {
        let limiter = limiter(1, 2);
        let (one, other) = (address("10.0.0.1"), address("10.0.0.2"));
        assert!(limiter.check(one, NonZeroU32::MIN).is_ok() && limiter.check(one, NonZeroU32::MIN).is_ok());
        assert!(limiter.check(one, NonZeroU32::MIN).is_err());
        assert!(limiter.check(other, NonZeroU32::MIN).is_ok());
    }

    #[test]
    fn a_network_of_ipv6_is_one_client_and_a_mapped_address_is_the_ipv4_one() {
        let limiter = limiter(1, 1);
        assert!(limiter.check(address("2001:db8::1"), NonZeroU32::MIN).is_ok());
        assert!(limiter.check(address("2001:db8::2"), NonZeroU32::MIN).is_err());
        assert!(limiter.check(address("2001:db8:0:1::2"), NonZeroU32::MIN).is_ok());
        assert!(limiter.check(address("10.0.0.1"), NonZeroU32::MIN).is_ok());
        assert!(limiter.check(address("::ffff:10.0.0.1"), NonZeroU32::MIN).is_err());
    }

    #[test]
    fn what_is_left_is_told() {
        let limiter = limiter(30, 10);
        let told = limiter.check(address("10.0.0.1"), NonZeroU32::MIN).unwrap();
        let told = told.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
        assert_eq!(told, ["ratelimit-policy: \"default\";q=10;w=20", "ratelimit: \"default\";r=9;t=2"]);
    }

    #[test]
    fn many_at_once_take_as_much_and_never_more_than_there_can_be() {
        let limiter = limiter(60, 10);
        let client = address("10.0.0.1");
        let check = |n| limiter.check(client, NonZeroU32::new(n).unwrap());
        assert!(check(6).is_ok() && check(6).is_err() && check(4).is_ok() && check(1).is_err());
        let all = RateLimiter::new(limiter.counted, limiter.rate);
        assert!(all.check(client, NonZeroU32::MAX).is_ok() && all.check(client, NonZeroU32::MIN).is_err());
    }
}
