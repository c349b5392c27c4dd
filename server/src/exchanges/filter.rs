//! Which exchanges are asked for.

use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};

/// Conditions that must all hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Filter {
    /// Received at this time or later.
    pub(crate) since: Option<DateTime<Utc>>,
    /// Received before this time.
    pub(crate) until: Option<DateTime<Utc>>,
    /// The route's pattern, such as `/v1/models/{version}`.
    pub(crate) route: Option<String>,
    pub(crate) status: Option<u16>,
    /// Older than this request id: where the page before ended.
    pub(crate) before: Option<String>,
    /// This very one.
    pub(crate) id: Option<String>,
}

impl Filter {
    /// Whether an exchange among `ids`, received at this time in milliseconds since 1970, meets the rest of it.
    pub(crate) fn admits(&self, received_at_ms: i64, route: Option<&str>, status: u16) -> bool {
        self.since.is_none_or(|since| received_at_ms >= since.timestamp_millis())
            && self.until.is_none_or(|until| received_at_ms < until.timestamp_millis())
            && self.route.as_deref().is_none_or(|wanted| route == Some(wanted))
            && self.status.is_none_or(|wanted| status == wanted)
    }

    /// The ids among which all that is wanted lies.
    pub(crate) fn ids(&self) -> Range<String> {
        // Behind all that consists of hexadecimal digits and hyphens.
        let end = self.before.clone().unwrap_or_else(|| "g".into());
        match &self.id {
            Some(id) => id.clone()..format!("{id}0").min(end),
            None => self.since.map(oldest_id).unwrap_or_default()..end,
        }
    }
}

/// An id begins with the time at which it was made, in milliseconds, and that is when the request came, or later where
/// the clock was set back meanwhile.
fn oldest_id(since: DateTime<Utc>) -> String {
    let since = (since - TimeDelta::minutes(1)).timestamp_millis().clamp(0, (1 << 48) - 1);
    format!("{:08x}-{:04x}", since >> 16, since & 0xffff)
}
