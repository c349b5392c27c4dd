//! What the log forgets, and when it takes no more.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

/// How much the local log keeps; no limit by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Retention {
    /// Days to keep exchanges that nobody ships.
    pub max_days: Option<f64>,
    /// Megabytes (of a million bytes) to keep. Beyond them the oldest exchanges go; where they are to be shipped, none
    /// goes, and no more are taken.
    pub max_megabytes: Option<u64>,
}

impl Retention {
    /// The limit of the size in bytes.
    pub(super) fn max_bytes(&self) -> Option<u64> {
        self.max_megabytes.map(|megabytes| megabytes.saturating_mul(1_000_000))
    }
}

/// The clock must have run evenly for so long before anything is removed for its age.
const PROOF: Duration = Duration::from_secs(3600);
/// More than this between two looks is a jump and no correction.
const MOST_DRIFT: TimeDelta = TimeDelta::seconds(30);
/// Time between two sweeps for what is too old.
const EVERY: Duration = Duration::from_secs(60);
/// The least that a sweep may remove: a sixtieth of an hour's worth of a busy server.
const LEAST_SWEPT: u64 = 10;

/// Decides what is too old. The clock alone removes nothing: it has to run evenly first, and then each sweep is
/// bounded, so that a wrong clock has been noticed long before much is gone.
#[derive(Debug)]
pub(super) struct Ages {
    max_days: f64,
    clock: DateTime<Utc>,
    looked: Instant,
    trusted_from: Instant,
    swept: Option<Instant>,
    n_added: u64,
}

/// One sweep: up to so many of the oldest that were received before this time.
#[derive(Debug, PartialEq)]
pub(super) struct Sweep {
    pub(super) most: u64,
    pub(super) before: DateTime<Utc>,
}

impl Ages {
    pub(super) fn new(max_days: f64, clock: DateTime<Utc>, now: Instant) -> Self {
        Self { max_days, clock, looked: now, trusted_from: now + PROOF, swept: None, n_added: 0 }
    }

    /// Exchanges were added: as many more may go.
    pub(super) fn added(&mut self, n: u64) {
        self.n_added += n;
    }

    /// What to remove now, by the wall clock and the one that only ever runs forward.
    pub(super) fn look(&mut self, clock: DateTime<Utc>, now: Instant, n_records: u64) -> Option<Sweep> {
        let expected = TimeDelta::from_std(now - self.looked).unwrap_or(TimeDelta::MAX);
        let jump = (clock - self.clock) - expected;
        (self.clock, self.looked) = (clock, now);
        if jump.abs() > MOST_DRIFT {
            self.trusted_from = now + PROOF;
            tracing::warn!(
                seconds = jump.num_seconds(),
                "the clock of this machine jumped; no exchange is removed for its age until it has run evenly for an hour"
            );
        }
        let is_due = self.swept.is_none_or(|swept| now - swept >= EVERY);
        if now < self.trusted_from || !is_due {
            return None;
        }
        self.swept = Some(now);
        // A hundredth of the log, and twice what came in, so that a busy log does not grow all the same.
        let most = n_records / 100 + 2 * std::mem::take(&mut self.n_added) + LEAST_SWEPT;
        let age = TimeDelta::try_milliseconds((self.max_days * 86_400_000.0) as i64)?;
        Some(Sweep { most, before: clock.checked_sub_signed(age)? })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const DAY: TimeDelta = TimeDelta::days(1);

    /// Looks once a second from `from` to `to` seconds after the start, the clock being wrong by `error`; returns the
    /// sweeps, each with its second.
    fn sweeps(
        ages: &mut Ages,
        start: (DateTime<Utc>, Instant),
        seconds: std::ops::Range<u64>,
        error: TimeDelta,
    ) -> Vec<(u64, Sweep)> {
        let look = |second| {
            let clock = start.0 + TimeDelta::seconds(second as i64) + error;
            ages.look(clock, start.1 + Duration::from_secs(second), 5000).map(|sweep| (second, sweep))
        };
        seconds.filter_map(look).collect()
    }

    #[test]
    fn a_clock_that_runs_evenly_is_believed_after_an_hour_and_a_sweep_is_bounded() {
        let start = (DateTime::UNIX_EPOCH + DAY * 100, Instant::now());
        let mut ages = Ages::new(30.0, start.0, start.1);
        let found = sweeps(&mut ages, start, 0..3721, TimeDelta::zero());
        let seconds: Vec<_> = found.iter().map(|(second, _)| *second).collect();
        assert_eq!(seconds, [3600, 3660, 3720]);
        let before = start.0 + TimeDelta::seconds(3600) - DAY * 30;
        assert_eq!(found[0].1, Sweep { most: 60, before });
        ages.added(1000);
        let found = sweeps(&mut ages, start, 3780..3781, TimeDelta::zero());
        assert_eq!(found[0].1.most, 2060, "what comes in may go out again");
    }

    #[test]
    fn a_clock_that_jumps_removes_nothing_until_it_has_run_evenly_for_an_hour_again() {
        let start = (DateTime::UNIX_EPOCH + DAY * 100, Instant::now());
        for jump in [DAY * 365, -DAY * 365] {
            let mut ages = Ages::new(30.0, start.0, start.1);
            sweeps(&mut ages, start, 0..3590, TimeDelta::zero());
            assert_eq!(sweeps(&mut ages, start, 3590..7000, jump), [], "a year off");
            assert_eq!(sweeps(&mut ages, start, 7000..10_600, TimeDelta::zero()), [], "put right again");
            assert_eq!(sweeps(&mut ages, start, 10_600..10_601, TimeDelta::zero()).len(), 1);
        }
    }
}
