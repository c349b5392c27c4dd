//! Which exchanges are asked for.

use chrono::{DateTime, SecondsFormat, Utc};

use super::record::Record;

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
    /// Whether a record meets all of it.
    pub(crate) fn admits(&self, record: &Record) -> bool {
        let (id, received_at) = (record.id.to_string(), timestamp(record.received_at));
        self.since.is_none_or(|since| received_at >= timestamp(since))
            && self.until.is_none_or(|until| received_at < timestamp(until))
            && self.route.as_ref().is_none_or(|route| record.route.as_ref() == Some(route))
            && self.status.is_none_or(|status| record.status == status)
            && self.before.as_ref().is_none_or(|before| id < *before)
            && self.id.as_ref().is_none_or(|asked| id == *asked)
    }
}

/// A time as the log writes it: one length, so that text sorts as time does.
pub(crate) fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}
