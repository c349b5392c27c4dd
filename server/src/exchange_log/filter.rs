//! Which exchanges are asked for.

use chrono::{DateTime, SecondsFormat, Utc};

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

/// A time as the log writes it: one length, so that text sorts as time does.
pub(crate) fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
