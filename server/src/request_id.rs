//! The number of an exchange: made here, never by the client, so that two exchanges cannot share
//! one; UUIDv7, so that numbers sort by time.

use std::future::{Ready, ready};
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::dev::Payload;
use actix_web::error::ErrorInternalServerError;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use chrono::Utc;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;
use uuid::Uuid;

/// The number of one exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestId(Uuid);

/// A successful answer: its number and its own fields.
#[derive(Serialize, ToSchema)]
pub(crate) struct Answer<T> {
    /// The number of this exchange, the same as in the header `X-Request-Id`.
    #[schema(value_type = String, format = "uuid")]
    pub(crate) request_id: RequestId,
    #[serde(flatten)]
    pub(crate) content: T,
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromRequest for RequestId {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.extensions().get::<Self>().copied();
        ready(id.ok_or_else(|| ErrorInternalServerError("the request has no number")))
    }
}

/// Gives a server's exchanges their numbers: each is larger than those before it, also within a millisecond and
/// when the clock is set back, and has 62 random bits, so that none can be guessed from another.
#[derive(Default)]
pub(crate) struct Numbers {
    /// Milliseconds and counter of the latest.
    latest: AtomicU64,
}

/// Bits that count the numbers of one millisecond (RFC 9562, section 6.2, method 1). What is too many for them
/// goes on in the next millisecond.
const COUNTER_BITS: u32 = 12;

impl Numbers {
    /// A number that no other exchange has.
    pub(crate) fn next(&self) -> RequestId {
        self.at(u64::try_from(Utc::now().timestamp_millis()).unwrap_or_default())
    }

    fn at(&self, now_ms: u64) -> RequestId {
        let following = |latest: u64| (now_ms << COUNTER_BITS).max(latest + 1);
        let advance = |latest| Some(following(latest));
        let (Ok(latest) | Err(latest)) =
            self.latest.fetch_update(Ordering::AcqRel, Ordering::Acquire, advance);
        let place = following(latest);
        let (ms, counter) = (place >> COUNTER_BITS, place & ((1 << COUNTER_BITS) - 1));
        // The lower half of a random UUID has the variant's two bits and 62 random ones already.
        let (_, random) = Uuid::new_v4().as_u64_pair();
        RequestId(Uuid::from_u64_pair(ms << 16 | 0x7000 | counter, random))
    }
}

impl RequestId {
    /// For documentation.
    pub(crate) const EXAMPLE: Self = Self(Uuid::from_u128(0x0197_f2a4_8c1b_7e52_9d3a_5b6c_7d8e_9f01));

    /// The number itself.
    pub(crate) fn uuid(self) -> Uuid {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_order_within_a_millisecond_and_when_the_clock_goes_back() {
        let numbers = Numbers::default();
        let now = 1_800_000_000_000;
        let times = std::iter::repeat_n(now, 10_000).chain([now - 3_600_000, now + 60_000, now]);
        let made: Vec<_> = times.map(|ms| numbers.at(ms).uuid()).collect();
        assert!(made.is_sorted_by(|earlier, later| earlier < later));
        let kinds = made.iter().map(|id| (id.get_version_num(), id.get_variant()));
        assert!(kinds.into_iter().all(|kind| kind == (7, uuid::Variant::RFC4122)));
        let first = made[0].get_timestamp().map(|at| at.to_unix().0);
        assert_eq!(first, Some(now / 1000));
    }

    #[test]
    fn sixty_two_bits_of_a_number_differ_from_one_to_the_next_by_chance() {
        let numbers = Numbers::default();
        let mut ever_set = 0;
        let mut ever_clear = 0;
        for _ in 0..200 {
            let (_, random) = numbers.at(1_800_000_000_000).uuid().as_u64_pair();
            ever_set |= random;
            ever_clear |= !random;
        }
        assert_eq!((ever_set & ever_clear).count_ones(), 62);
    }

    #[test]
    fn threads_that_ask_at_once_get_numbers_of_their_own() {
        let numbers = Numbers::default();
        let mut made: Vec<_> = std::thread::scope(|scope| {
            let ask = |_| scope.spawn(|| (0..2000).map(|_| numbers.next().uuid()).collect::<Vec<_>>());
            let asking: Vec<_> = (0..4).map(ask).collect();
            asking.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        });
        let places = |made: &[Uuid]| made.iter().map(|id| id.as_u64_pair().0).collect::<Vec<_>>();
        made.sort();
        let places = places(&made);
        assert_eq!(places.len(), 8000);
        assert!(places.is_sorted_by(|earlier, later| earlier < later), "two have the same place");
    }
}
