//! The only file that speaks to MongoDB: it empties the outbox into the collection `exchanges`.
//!
//! MongoDB is never on a request's path. Whatever happens to it, exchanges wait in the outbox and are
//! offered again, for ever. Two kinds of failure are told apart: one document is refused by itself (it
//! is offered a few times and then set aside, and delays nobody), or nothing can be written at all (no
//! server, no rights): then the shipper waits, ever longer, and says so once.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{ClientOptions, IndexOptions, WriteConcern};
use mongodb::{Client, Collection, IndexModel};
use serde_json::{Map, Value};
use tokio::sync::{Semaphore, oneshot};

use super::filter::Filter;
use super::outbox::{Outbox, Settled, Stored};
use super::page::{Limits, Part, Shown};
use super::record::timestamp;
use super::shipping::{DUPLICATE_KEY, Refusals, Shipping, Verdict};

const DATABASE: &str = "diamond_db";
const COLLECTION: &str = "exchanges";
/// Documents in one insert, and bytes of them together: what is in memory at once is bounded.
const BATCH: Limits = Limits { n_records: 500, n_bytes: 2 << 20 };
/// The largest document that MongoDB takes, less what a command needs around it.
const LARGEST: usize = (16 << 20) - (16 << 10);
/// Time between two looks into an empty outbox.
const PAUSE: Duration = Duration::from_millis(100);
/// Waiting time after the first failure in a row; it doubles up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// A server that says nothing for so long is taken for gone.
const SILENCE: Duration = Duration::from_secs(5);
/// The longest that any operation may take: a reply that does not come is one that never will.
const LONGEST_OPERATION: Duration = Duration::from_secs(30);
/// How long a reader waits for what is in the database; what is in the local log is shown in any case.
const READERS_PATIENCE: Duration = Duration::from_secs(3);
/// Readers at once; the rest is told that the database is busy.
const MOST_READERS: usize = 8;
/// Documents that a reader asks for at once: of the largest there are, what it has in memory is bounded.
const READ_AT_ONCE: u32 = 8;

/// The database, and the thread that feeds it.
pub(crate) struct Shipper {
    runtime: tokio::runtime::Handle,
    collection: Arc<OnceLock<Collection<RawDocumentBuf>>>,
    readers: Arc<Semaphore>,
    pub(crate) shipping: Arc<Shipping>,
}

impl Shipper {
    /// Starts shipping. The server need not be there yet.
    ///
    /// # Errors
    /// When the address cannot be understood.
    pub(crate) fn start(uri: &str, ttl_days: Option<f64>, outbox: Arc<Outbox>) -> Result<Self, String> {
        let (ready, started) = std::sync::mpsc::channel();
        let shipping = Arc::new(Shipping::default());
        let (uri, for_thread) = (uri.to_owned(), Arc::clone(&shipping));
        let collection = Arc::new(OnceLock::new());
        let connected = Arc::clone(&collection);
        // A thread and a runtime of its own: a busy server does not starve it, nor it the server.
        let run = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(ready.send(Err(error.to_string()))),
            };
            runtime.block_on(async {
                let first = connect(&uri).await;
                if let Err(error) = &first
                    && matches!(error.kind.as_ref(), ErrorKind::InvalidArgument { .. })
                {
                    return drop(ready.send(Err(plain(error))));
                }
                let _ = ready.send(Ok(tokio::runtime::Handle::current()));
                let collection = keep_connecting(first, &uri, &for_thread).await;
                let collection = connected.get_or_init(|| collection).clone();
                Run { collection, outbox, shipping: for_thread, ttl_days }.for_ever().await;
            });
        };
        std::thread::Builder::new().name("mongodb".into()).spawn(run).map_err(|error| error.to_string())?;
        let runtime = started.recv().map_err(|_| "its thread ended".to_owned())??;
        Ok(Self { runtime, collection, readers: Arc::new(Semaphore::new(MOST_READERS)), shipping })
    }

    /// Exchanges in the database, newest first, as the JSON that was recorded.
    pub(crate) async fn newest(&self, filter: &Filter, limits: Limits) -> Result<Part<Shown>, String> {
        let collection = self.collection.get().cloned().ok_or("its name is not resolved yet")?;
        let reader = Arc::clone(&self.readers).try_acquire_owned().map_err(|_| "it is busy")?;
        let query = query(filter);
        let (done, found) = oneshot::channel();
        // On the driver's own runtime: its connections live there. And never cut short, even if nobody
        // waits any more: a driver's operation that is dropped half-way costs a connection.
        self.runtime.spawn(async move {
            let _reader = reader;
            let _ = done.send(in_time(read(&collection, query, limits)).await);
        });
        match tokio::time::timeout(READERS_PATIENCE, found).await {
            Err(_) => Err(format!("it does not answer within {} seconds", READERS_PATIENCE.as_secs())),
            Ok(found) => found.map_err(|_| "its thread ended".to_owned())?,
        }
    }
}

/// A `mongodb+srv` address is looked up in the network, which may take its time to be there.
async fn keep_connecting(
    mut attempt: Result<Collection<RawDocumentBuf>, Error>,
    uri: &str,
    shipping: &Shipping,
) -> Collection<RawDocumentBuf> {
    let mut n_failures = 0;
    loop {
        match attempt {
            Ok(collection) => return collection,
            Err(error) => {
                n_failures += 1;
                shipping.failed(&plain(&error));
                tokio::time::sleep(wait(n_failures)).await;
                attempt = connect(uri).await;
            }
        }
    }
}

async fn connect(uri: &str) -> Result<Collection<RawDocumentBuf>, Error> {
    let parsed = limited(ClientOptions::parse(uri)).await;
    let mut options =
        parsed.map_err(|reason| std::io::Error::new(std::io::ErrorKind::TimedOut, reason))??;
    options.app_name.get_or_insert_with(|| "xtream".into());
    options.connect_timeout.get_or_insert(SILENCE);
    options.server_selection_timeout.get_or_insert(SILENCE);
    options.write_concern =
        Some(WriteConcern::builder().w(mongodb::options::Acknowledgment::Majority).journal(true).build());
    Ok(Client::with_options(options)?.database(DATABASE).collection(COLLECTION))
}

/// The newest documents, as the JSON that was recorded; no more are read than the limits allow.
async fn read(
    collection: &Collection<RawDocumentBuf>,
    query: Document,
    limits: Limits,
) -> Result<Part<Shown>, Error> {
    let find = collection.find(query).sort(doc! {"_id": -1}).limit(limits.n_records as i64 + 1);
    let mut cursor = find.batch_size(READ_AT_ONCE).await?;
    let (mut records, mut n_bytes) = (Vec::new(), 0);
    while cursor.advance().await? {
        // Not through serde, which would take a client's `{"$date": 1}` for a date.
        let Ok(mut document) = Document::try_from(cursor.current()) else {
            tracing::warn!("a document in MongoDB cannot be read and is left out");
            continue;
        };
        document.remove(DIGEST);
        let id = document.get_str("_id").unwrap_or_default().to_owned();
        let document = to_json(Bson::Document(document)).to_string();
        n_bytes += document.len();
        if !records.is_empty() && (n_bytes > limits.n_bytes || records.len() == limits.n_records) {
            let reached = records.last().map(|shown: &Shown| shown.id.clone());
            return Ok(Part { records, reached });
        }
        records.push(Shown { id, document });
    }
    Ok(Part { records, reached: None })
}

/// The outcome of an operation, or that it took too long.
async fn in_time<T>(operation: impl IntoFuture<Output = Result<T, Error>>) -> Result<T, String> {
    limited(operation).await?.map_err(|error| plain(&error))
}

/// The outcome of an operation, if there is one in time.
async fn limited<T>(operation: impl IntoFuture<Output = T>) -> Result<T, String> {
    let outcome = tokio::time::timeout(LONGEST_OPERATION, operation.into_future()).await;
    outcome.map_err(|_| format!("it did not answer within {} seconds", LONGEST_OPERATION.as_secs()))
}

/// The filter in MongoDB's own words.
fn query(filter: &Filter) -> Document {
    let mut query = Document::new();
    let mut id = Document::new();
    let mut received_at = Document::new();
    let date = |at: chrono::DateTime<chrono::Utc>| DateTime::from_millis(at.timestamp_millis());
    filter.since.map(|since| received_at.insert("$gte", date(since)));
    filter.until.map(|until| received_at.insert("$lt", date(until)));
    filter.before.as_ref().map(|before| id.insert("$lt", before));
    filter.id.as_ref().map(|wanted| id.insert("$eq", wanted));
    filter.route.as_ref().map(|route| query.insert("route", route));
    filter.status.map(|status| query.insert("response.status", i32::from(status)));
    for (name, condition) in [("_id", id), ("received_at", received_at)] {
        if !condition.is_empty() {
            query.insert(name, condition);
        }
    }
    query
}

struct Run {
    collection: Collection<RawDocumentBuf>,
    outbox: Arc<Outbox>,
    shipping: Arc<Shipping>,
    ttl_days: Option<f64>,
}

impl Run {
    async fn for_ever(&self) {
        let mut n_failures = 0;
        let mut has_indexes = false;
        let mut refusals = Refusals::default();
        loop {
            let shipped = async {
                if !has_indexes {
                    in_time(self.make_indexes()).await?;
                    has_indexes = true;
                }
                self.ship(&mut refusals).await
            };
            match shipped.await {
                Ok(n_shipped) => {
                    self.shipping.went(n_shipped);
                    n_failures = 0;
                    if n_shipped == 0 {
                        tokio::time::sleep(PAUSE).await;
                    }
                }
                Err(reason) => {
                    self.shipping.failed(&reason);
                    n_failures += 1;
                    tokio::time::sleep(wait(n_failures)).await;
                }
            }
        }
    }

    async fn make_indexes(&self) -> Result<(), Error> {
        let index = |keys, options| IndexModel::builder().keys(keys).options(options).build();
        let ttl = self.ttl_days.map(|days| {
            IndexOptions::builder().expire_after(Duration::from_secs_f64(days * 86_400.0)).build()
        });
        self.collection.create_index(index(doc! {"received_at": 1}, ttl)).await?;
        self.collection.create_index(index(doc! {"route": 1, "_id": -1}, None)).await?;
        self.collection.create_index(index(doc! {"response.status": 1, "_id": -1}, None)).await?;
        Ok(())
    }

    /// Ships one batch; returns how many documents are shipped. An error is one of the whole attempt.
    async fn ship(&self, refusals: &mut Refusals) -> Result<u64, String> {
        let now = Instant::now();
        let batch = self.outbox.oldest(BATCH, |id| refusals.pauses(id, now))?;
        let mut settled = Vec::new();
        let mut offered = Vec::new();
        let mut documents = Vec::new();
        for stored in &batch {
            match document(stored) {
                Ok(document) => {
                    documents.push(document);
                    offered.push(stored);
                }
                // Offering it again would not change it.
                Err(reason) => settled.push(Settled::Refused(stored.id.clone(), reason)),
            }
        }
        let mut n_shipped = 0;
        let mut trouble = None;
        if !documents.is_empty() {
            let inserted = limited(self.collection.insert_many(&documents).ordered(false)).await?;
            let mut refused = refused(inserted)?;
            let mut refused_by_id = BTreeMap::new();
            for (index, stored) in offered.iter().enumerate() {
                match refused.remove(&index) {
                    Some((DUPLICATE_KEY, _)) if self.is_there(stored).await? => {}
                    Some(refusal) => {
                        refused_by_id.insert(stored.id.clone(), refusal);
                        continue;
                    }
                    None => {}
                }
                n_shipped += 1;
                refusals.shipped(&stored.id);
                settled.push(Settled::Shipped(stored.id.clone()));
            }
            match refusals.judge(offered.len(), refused_by_id, now) {
                Verdict::Database(reason) => trouble = Some(reason),
                Verdict::Documents(given_up) => {
                    settled.extend(given_up.into_iter().map(|(id, reason)| Settled::Refused(id, reason)));
                }
            }
        }
        for given_up in &settled {
            if let Settled::Refused(id, reason) = given_up {
                tracing::error!(
                    id,
                    reason,
                    "MongoDB refuses this exchange for good; it is kept in dead_letter, and `xtream exchanges retry` offers it again"
                );
            }
        }
        if !settled.is_empty() {
            self.outbox.settle(settled).await.map_err(|error| error.to_string())?;
        }
        trouble.map_or(Ok(n_shipped), Err)
    }

    /// Whether the very same exchange is in the database: an earlier attempt of ours whose answer was
    /// lost. The same id with other content is somebody else's, and is not taken for ours.
    async fn is_there(&self, stored: &Stored) -> Result<bool, String> {
        let digest = stored.digest.to_string();
        let there = in_time(self.collection.find_one(doc! {"_id": &stored.id, DIGEST: digest})).await?;
        Ok(there.is_some())
    }
}

/// Digest of the record as it was written down, to recognise it by.
const DIGEST: &str = "digest";

/// The record as a MongoDB document: the time as a date, and a digest to recognise it by.
fn document(stored: &Stored) -> Result<RawDocumentBuf, String> {
    if !stored.is_sound() {
        return Err("it is damaged: it is not what was written".into());
    }
    let json: Value = serde_json::from_str(&stored.document).map_err(|error| error.to_string())?;
    let Bson::Document(mut document) = to_bson(json) else { return Err("it is not a document".into()) };
    let received_at = document.get_str("received_at").map_err(|error| error.to_string())?;
    let received_at = DateTime::parse_rfc3339_str(received_at).map_err(|error| error.to_string())?;
    document.insert("received_at", received_at);
    document.insert(DIGEST, stored.digest.to_string());
    let raw = RawDocumentBuf::try_from(&document).map_err(|error| error.to_string())?;
    match raw.as_bytes().len() {
        size if size > LARGEST => Err(format!("it has {size} bytes, more than MongoDB takes")),
        _ => Ok(raw),
    }
}

/// JSON as plain data. The driver's own conversion would take a client's `{"$date": 1}` for a date.
fn to_bson(json: Value) -> Bson {
    match json {
        Value::Null => Bson::Null,
        Value::Bool(value) => Bson::Boolean(value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => i32::try_from(whole).map_or(Bson::Int64(whole), Bson::Int32),
            (None, Some(value)) => Bson::Double(value),
            (None, None) => Bson::String(number.to_string()),
        },
        Value::String(text) => Bson::String(text),
        Value::Array(items) => Bson::Array(items.into_iter().map(to_bson).collect()),
        Value::Object(fields) => {
            Bson::Document(fields.into_iter().map(|(name, value)| (name, to_bson(value))).collect())
        }
    }
}

/// The way back; what only others write into the collection is shown as text.
fn to_json(bson: Bson) -> Value {
    match bson {
        Bson::Null => Value::Null,
        Bson::Boolean(value) => value.into(),
        Bson::Int32(value) => value.into(),
        Bson::Int64(value) => value.into(),
        Bson::Double(value) => value.into(),
        Bson::String(text) => text.into(),
        Bson::DateTime(at) => match chrono::DateTime::from_timestamp_millis(at.timestamp_millis()) {
            Some(at) => timestamp(at).into(),
            None => at.to_string().into(),
        },
        Bson::Array(items) => items.into_iter().map(to_json).collect(),
        Bson::Document(document) => {
            document.into_iter().map(|(name, value)| (name, to_json(value))).collect::<Map<_, _>>().into()
        }
        other => other.to_string().into(),
    }
}

/// Which documents of an insert were refused by themselves, by index; an error when the insert as a
/// whole cannot be relied on.
fn refused<T>(inserted: Result<T, Error>) -> Result<BTreeMap<usize, (i32, String)>, String> {
    let Err(error) = inserted else { return Ok(BTreeMap::new()) };
    let ErrorKind::InsertMany(parts) = error.kind.as_ref() else { return Err(plain(&error)) };
    match (&parts.write_errors, &parts.write_concern_error) {
        (Some(errors), None) => {
            Ok(errors.iter().map(|error| (error.index, (error.code, error.message.clone()))).collect())
        }
        // Written, but not surely on the disks of a majority: offered again, and found there.
        _ => Err(plain(&error)),
    }
}

/// Doubles with each failure, give or take a quarter, so that several servers do not knock in step.
fn wait(n_failures: u32) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1 << n_failures.saturating_sub(1).min(10)).min(LONGEST_WAIT);
    let jitter = f64::from(uuid::Uuid::new_v4().as_bytes()[0]) / 512.0 + 0.75;
    doubled.mul_f64(jitter)
}

/// The driver's error without the address, which may hold a password.
fn plain(error: &Error) -> String {
    match error.kind.as_ref() {
        ErrorKind::Authentication { .. } => "authentication failed".into(),
        // The driver repeats the part of the address that it stumbled over: that may be the password.
        ErrorKind::InvalidArgument { .. } => "the address is not understood; allowed is one such as \
                                              mongodb://user:password@host:27017/, with special characters \
                                              of the password percent-encoded"
            .into(),
        kind => kind.to_string(),
    }
}
