//! The record of every request and its answer.
//!
//! An exchange is committed to the local `outbox` before its answer leaves (`middleware`). Where
//! MongoDB is configured, `mongodb` empties the outbox into it; where not, the outbox is the log.

mod faithful;
mod filter;
mod middleware;
mod mongodb;
mod outbox;
mod record;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::Value;
use sha2::{Digest, Sha256};

pub(crate) use self::filter::Filter;
pub(crate) use self::middleware::{Recording, record};
pub use self::outbox::{Durability, Retention};
pub(crate) use self::record::{Body, Exchange, Request, Response};

use self::mongodb::Shipper;
use self::outbox::{NotStored, Outbox};

/// How exchanges are kept.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Folder of the local log.
    pub folder: PathBuf,
    /// What a write costs.
    pub durability: Durability,
    /// How long the local log keeps exchanges that nobody ships.
    pub retention: Retention,
    /// Address of MongoDB; without one the local log is the log.
    pub mongodb: Option<String>,
    /// Days after which MongoDB forgets an exchange by itself.
    pub mongodb_ttl_days: Option<f64>,
}

/// The open log.
pub(crate) struct ExchangeLog {
    outbox: Arc<Outbox>,
    shipper: Option<Shipper>,
}

/// Some exchanges, newest first.
pub(crate) struct Page {
    pub(crate) exchanges: Vec<Value>,
    /// Whether there may be older ones.
    pub(crate) has_more: bool,
    /// Why exchanges that were shipped are missing, if they are.
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
#[derive(Debug, serde::Serialize)]
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
    /// Opens the log and starts shipping where there is somewhere to ship to.
    ///
    /// # Errors
    /// When the folder cannot be used, or MongoDB's address cannot be understood.
    pub(crate) fn open(options: &Options) -> Result<Self, String> {
        let retention = if options.mongodb.is_some() { Retention::default() } else { options.retention };
        let outbox = Arc::new(Outbox::open(&options.folder, options.durability, retention)?);
        let start = |uri: &String| Shipper::start(uri, options.mongodb_ttl_days, Arc::clone(&outbox));
        let shipper = options.mongodb.as_ref().map(start).transpose();
        let shipper = shipper.map_err(|error| format!("MongoDB: {error}"))?;
        Ok(Self { outbox, shipper })
    }

    /// Writes an exchange down; when this returns `Ok`, it is kept.
    pub(crate) async fn add(&self, exchange: Exchange) -> Result<(), NotStored> {
        self.outbox.add(exchange.record().map_err(NotStored::Refused)?).await
    }

    /// The newest exchanges that the filter lets through, from both places.
    pub(crate) async fn find(&self, filter: &Filter, limit: usize) -> Result<Page, String> {
        let one_more = limit + 1;
        let mut missing = None;
        let mut found = BTreeMap::new();
        // The local log first: what is shipped in between is then found in both places, not in none.
        let (outbox, wanted) = (Arc::clone(&self.outbox), filter.clone());
        let local = in_background(move || outbox.newest(&wanted, one_more)).await?;
        if let Some(shipper) = &self.shipper {
            match shipper.newest(filter, one_more).await {
                Ok(shipped) => found = shipped,
                Err(reason) => missing = Some(reason),
            }
        }
        for stored in local {
            let document = serde_json::from_str(&stored.document).map_err(|error| error.to_string())?;
            found.insert(stored.id, document);
        }
        let has_more = found.len() > limit;
        // Ids are UUIDv7: the largest is the newest.
        let exchanges = found.into_values().rev().take(limit).collect();
        Ok(Page { exchanges, has_more, missing })
    }

    /// What lies in the local log.
    pub(crate) async fn size(&self) -> Result<Size, String> {
        let outbox = Arc::clone(&self.outbox);
        in_background(move || Ok(Size { n_records: outbox.len()?, n_dead: outbox.n_dead()? })).await
    }

    /// How shipping goes; `None` where there is no MongoDB.
    pub(crate) async fn shipment(&self) -> Result<Option<Shipment>, String> {
        let Some(Shipper { shipping, .. }) = &self.shipper else { return Ok(None) };
        let Size { n_records, n_dead } = self.size().await?;
        Ok(Some(Shipment {
            is_down: shipping.is_down.load(Ordering::SeqCst),
            n_waiting: n_records,
            n_shipped: shipping.n_shipped.load(Ordering::SeqCst),
            n_failures: shipping.n_failures.load(Ordering::SeqCst),
            n_dead,
        }))
    }
}

/// Reads from the disk without keeping other requests of the thread waiting.
async fn in_background<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    actix_web::web::block(read).await.map_err(|error| error.to_string())?
}

/// SHA-256 in hexadecimal digits.
fn digest(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}
