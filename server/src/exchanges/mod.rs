//! The record of every request and its answer.
//!
//! An exchange is committed to the local `outbox` before its answer leaves. Where
//! MongoDB is configured, `shipper` empties the outbox into it (a `sink`); where not, the outbox is the log.

mod digest;
mod filter;
mod lossless_json;
#[cfg(test)]
mod memory;
mod mongodb;
mod outbox;
mod page;
mod record;
mod secret;
mod shipper;
mod shipping;
mod sink;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;

pub(crate) use self::filter::Filter;
pub use self::outbox::{Durability, Retention, retry};
pub(crate) use self::record::{Body, Exchange, Request, Response};

use self::mongodb::MongoDb;
use self::outbox::{NotStored, Outbox};
use self::page::{Limits, Part, Shown, put_together};
use self::secret::Secret;
use self::shipper::Shipper;
use self::sink::Sink;

/// How exchanges are kept.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Folder of the local log.
    pub folder: PathBuf,
    /// What a write costs.
    pub durability: Durability,
    /// How much the local log keeps.
    pub retention: Retention,
    /// Address of MongoDB; without one the local log is the log.
    pub mongodb: Option<String>,
    /// Days after which MongoDB forgets an exchange by itself.
    pub mongodb_ttl_days: Option<f64>,
}

impl Options {
    /// Where exchanges are shipped to, if anywhere.
    fn sink(&self) -> Result<Option<Arc<dyn Sink>>, String> {
        let Some(uri) = &self.mongodb else { return Ok(None) };
        let sink = MongoDb::new(uri, self.mongodb_ttl_days).map_err(|error| format!("MongoDB: {error}"))?;
        Ok(Some(Arc::new(sink)))
    }
}

/// The open log.
pub(crate) struct ExchangeLog {
    outbox: Arc<Outbox>,
    shipper: Option<Shipper>,
    secret: Secret,
}

/// Some exchanges, newest first.
pub(crate) struct Page {
    /// Each as JSON.
    pub(crate) exchanges: Vec<String>,
    /// The id behind which the next page begins, if there may be one.
    pub(crate) next: Option<String>,
    /// Why exchanges are missing, if some are.
    pub(crate) missing: Option<String>,
}

/// What lies in the local log.
pub(crate) struct Size {
    /// Exchanges; with MongoDB, those that wait for it.
    pub(crate) n_records: u64,
    /// Exchanges that MongoDB refused for good.
    pub(crate) n_dead: u64,
}

/// How shipping goes.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct Shipment {
    /// Whether MongoDB takes no exchanges now.
    pub(crate) is_down: bool,
    /// Exchanges that wait in the local log.
    pub(crate) n_waiting: u64,
    /// Exchanges shipped since the start.
    pub(crate) n_shipped: u64,
    /// Attempts that failed as a whole since the start.
    pub(crate) n_failures: u64,
    /// Documents that MongoDB refused for good; they are kept in the local log's `dead_letter`.
    pub(crate) n_dead: u64,
}

impl ExchangeLog {
    /// Opens the log and starts shipping where there is somewhere to ship to. The key of administrators is kept out
    /// of it.
    ///
    /// # Errors
    /// When the folder cannot be used, or MongoDB's address cannot be understood.
    pub(crate) fn open(options: &Options, key: Option<&str>) -> Result<Self, String> {
        let sink = options.sink()?;
        let Options { folder, durability, retention, .. } = options;
        let outbox = Arc::new(Outbox::open(folder, *durability, *retention, sink.is_some())?);
        let shipper = sink.map(|sink| Shipper::start(sink, Arc::clone(&outbox))).transpose()?;
        Ok(Self { outbox, shipper, secret: Secret::new(key) })
    }

    /// Writes an exchange down; when this returns `Ok`, it is kept.
    pub(crate) async fn add(&self, mut exchange: Exchange) -> Result<(), NotStored> {
        self.secret.blank(&mut exchange);
        self.outbox.add(exchange.record().map_err(NotStored::Refused)?).await
    }

    /// The newest exchanges that the filter lets through, from both places: so many, or fewer where they are large or
    /// hard to find.
    pub(crate) async fn find(&self, filter: &Filter, limit: usize) -> Result<Page, String> {
        let limits = Limits::of(limit);
        // The local log first: what is shipped in between is then found in both places, not in none.
        let (outbox, wanted) = (Arc::clone(&self.outbox), filter.clone());
        let local = move || {
            let mut n_damaged = 0;
            let parts = outbox.newest(&wanted, limits)?.map(|part| {
                let n_read = part.records.len();
                let sound = part.records.into_iter().filter(outbox::Stored::is_sound);
                let records: Vec<_> =
                    sound.map(|stored| Shown { id: stored.id, document: stored.document }).collect();
                n_damaged += n_read - records.len();
                Part { records, reached: part.reached }
            });
            Ok((Vec::from(parts), n_damaged))
        };
        let (mut parts, n_damaged) = in_background(local).await?;
        let mut missing = (n_damaged > 0)
            .then(|| format!("{n_damaged} of these exchanges are damaged on the disk and are left out"));
        if let Some(shipper) = &self.shipper {
            match shipper.newest(filter, limits).await {
                Ok(shipped) => parts.push(shipped),
                Err(reason) => missing = Some(reason),
            }
        }
        let (shown, next) = put_together(parts, limits);
        Ok(Page { exchanges: shown.into_iter().map(|shown| shown.document).collect(), next, missing })
    }

    /// The exchange with this id; `None` if there is none.
    pub(crate) async fn one(&self, id: String) -> Result<Option<Value>, String> {
        let page = self.find(&Filter { id: Some(id), ..Filter::default() }, 1).await?;
        match (page.exchanges.into_iter().next(), page.missing) {
            (Some(exchange), _) => {
                serde_json::from_str(&exchange).map(Some).map_err(|error| error.to_string())
            }
            (None, Some(reason)) => Err(reason),
            (None, None) => Ok(None),
        }
    }

    /// Whether an exchange that is not found may be on its way here: its number was made lately, and there is a database
    /// through which another server hands it over.
    pub(crate) fn may_be_on_its_way(&self, id: Uuid, now: DateTime<Utc>) -> bool {
        self.shipper.is_some() && is_recent(id, now)
    }

    /// What lies in the local log.
    pub(crate) fn size(&self) -> Size {
        Size { n_records: self.outbox.len(), n_dead: self.outbox.n_dead() }
    }

    /// Why nothing is recorded now, if that is so.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.outbox.trouble()
    }

    /// How shipping goes; `None` where there is no MongoDB.
    pub(crate) fn shipment(&self) -> Option<Shipment> {
        let shipping = &self.shipper.as_ref()?.shipping;
        let Size { n_records, n_dead } = self.size();
        Some(Shipment {
            is_down: shipping.is_down(n_records),
            n_waiting: n_records,
            n_shipped: shipping.n_shipped.load(Ordering::SeqCst),
            n_failures: shipping.n_failures.load(Ordering::SeqCst),
            n_dead,
        })
    }
}

/// How long an exchange may take from one server to the others: a tenth of a second mostly, and longer after an outage of
/// the database.
const LONGEST_WAY: TimeDelta = TimeDelta::minutes(10);
/// How much the clock of another server may be ahead.
const MOST_AHEAD: TimeDelta = TimeDelta::minutes(1);

/// Whether a number was made lately, as the time that is in it says.
fn is_recent(id: Uuid, now: DateTime<Utc>) -> bool {
    let made_at_ms = (id.as_u128() >> 80) as i64;
    let age = TimeDelta::milliseconds(now.timestamp_millis() - made_at_ms);
    id.get_version_num() == 7 && (-MOST_AHEAD..LONGEST_WAY).contains(&age)
}

/// Reads from the disk without keeping other requests of the thread waiting.
async fn in_background<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    actix_web::web::block(read).await.map_err(|error| error.to_string())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_the_last_minutes_is_recent_and_one_of_another_kind_is_not() {
        let made = Uuid::from_u128(0x0197_f2a4_8c1b_7e52_9d3a_5b6c_7d8e_9f01);
        let at = DateTime::from_timestamp_millis(0x0197_f2a4_8c1b).unwrap_or_default();
        for (later, is_so) in [(-61, false), (-59, true), (0, true), (599, true), (600, false)] {
            assert_eq!(is_recent(made, at + TimeDelta::seconds(later)), is_so, "{later} s");
        }
        let random = Uuid::from_u128(0x0197_f2a4_8c1b_4e52_9d3a_5b6c_7d8e_9f01);
        assert!(!is_recent(random, at), "no time is in it");
    }
}
