//! The only file that speaks to MongoDB: the collection `exchanges` of the database `diamond_db`.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{Acknowledgment, ClientOptions, ConnectionString, IndexOptions, WriteConcern};
use mongodb::{Client, Collection, IndexModel};
use serde_json::{Map, Value};
use tokio::sync::OnceCell;

use super::filter::Filter;
use super::outbox::Stored;
use super::page::{Limits, Part, Shown};
use super::record::timestamp;
use super::sink::{ANOTHER, Fate, Sink};

const DATABASE: &str = "diamond_db";
const COLLECTION: &str = "exchanges";
/// The largest document that MongoDB takes, less what a command needs around it.
const LARGEST: usize = (16 << 20) - (16 << 10);
/// A server that says nothing for so long is taken for gone.
const SILENCE: Duration = Duration::from_secs(5);
/// The longest that any operation may take: a reply that does not come is one that never will.
const LONGEST_OPERATION: Duration = Duration::from_secs(30);
/// Documents that a reader asks for at once: of the largest there are, what it has in memory is bounded.
const READ_AT_ONCE: u32 = 8;
/// Digest of the record as it was written down, to recognise it by.
const DIGEST: &str = "digest";

type Exchanges = Collection<RawDocumentBuf>;

/// MongoDB, which need not be there yet.
pub(super) struct MongoDb {
    uri: String,
    ttl_days: Option<f64>,
    collection: OnceCell<Exchanges>,
}

impl MongoDb {
    /// Documents disappear by themselves after `ttl_days`, where there is such a number.
    ///
    /// # Errors
    /// When the address cannot be understood.
    pub(super) fn new(uri: &str, ttl_days: Option<f64>) -> Result<Self, String> {
        let is_looked_up = uri.starts_with("mongodb+srv");
        let parsed = ConnectionString::parse(uri);
        // The rest is checked without a network, but where the address has to be looked up in it.
        let parsed = parsed.map(|parsed| match is_looked_up {
            true => Ok(()),
            false => ClientOptions::parse(parsed)
                .into_future()
                .now_or_never()
                .map_or(Ok(()), |options| options.map(|_| ())),
        });
        parsed.and_then(|checked| checked).map_err(|error| plain(&error))?;
        Ok(Self { uri: uri.to_owned(), ttl_days, collection: OnceCell::new() })
    }

    fn exchanges(&self) -> Result<&Exchanges, String> {
        self.collection.get().ok_or_else(|| "its name is not resolved yet".to_owned())
    }

    async fn connect(&self) -> Result<Exchanges, String> {
        let mut options = in_time(ClientOptions::parse(&self.uri)).await?;
        options.app_name.get_or_insert_with(|| "xtream".into());
        options.connect_timeout.get_or_insert(SILENCE);
        options.server_selection_timeout.get_or_insert(SILENCE);
        options.write_concern =
            Some(WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build());
        let client = Client::with_options(options).map_err(|error| plain(&error))?;
        Ok(client.database(DATABASE).collection(COLLECTION))
    }

    async fn make_indexes(&self, exchanges: &Exchanges) -> Result<(), Error> {
        let index = |keys, options| IndexModel::builder().keys(keys).options(options).build();
        let ttl = self.ttl_days.map(|days| {
            IndexOptions::builder().expire_after(Duration::from_secs_f64(days * 86_400.0)).build()
        });
        exchanges.create_index(index(doc! {"received_at": 1}, ttl)).await?;
        exchanges.create_index(index(doc! {"route": 1, "_id": -1}, None)).await?;
        exchanges.create_index(index(doc! {"response.status": 1, "_id": -1}, None)).await?;
        Ok(())
    }

    async fn insert(&self, batch: &[Stored]) -> Result<Vec<Fate>, String> {
        let exchanges = self.exchanges()?;
        let documents: Vec<_> = batch.iter().map(document).collect();
        let good: Vec<_> = documents.iter().flatten().collect();
        let mut refused = match good.as_slice() {
            [] => BTreeMap::new(),
            good => refused(limited(exchanges.insert_many(good.iter().copied()).ordered(false)).await?)?,
        };
        let mut fates = Vec::with_capacity(batch.len());
        let mut n_offered = 0;
        for (stored, document) in batch.iter().zip(documents) {
            if let Err(reason) = document {
                fates.push(Fate::Impossible(reason));
                continue;
            }
            fates.push(match refused.remove(&n_offered) {
                None => Fate::Shipped,
                Some((ANOTHER, _)) if is_there(exchanges, stored).await? => Fate::Shipped,
                Some((code, reason)) => Fate::Refused(code, reason),
            });
            n_offered += 1;
        }
        Ok(fates)
    }
}

impl Sink for MongoDb {
    fn prepare(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async {
            // A `mongodb+srv` address is looked up in the network, which may take its time to be there.
            let exchanges = self.collection.get_or_try_init(|| self.connect()).await?;
            in_time(self.make_indexes(exchanges)).await
        })
    }

    fn offer<'a>(&'a self, batch: &'a [Stored]) -> BoxFuture<'a, Result<Vec<Fate>, String>> {
        Box::pin(self.insert(batch))
    }

    fn newest(&self, filter: Filter, limits: Limits) -> BoxFuture<'_, Result<Part<Shown>, String>> {
        Box::pin(async move { in_time(read(self.exchanges()?, query(&filter), limits)).await })
    }
}

/// Whether the very same exchange is in the database: an earlier attempt of ours whose answer was
/// lost. The same id with other content is somebody else's, and is not taken for ours.
async fn is_there(exchanges: &Exchanges, stored: &Stored) -> Result<bool, String> {
    let digest = stored.digest.to_string();
    let there = in_time(exchanges.find_one(doc! {"_id": &stored.id, DIGEST: digest})).await?;
    Ok(there.is_some())
}

/// The newest documents, as the JSON that was recorded; no more are read than the limits allow.
async fn read(collection: &Exchanges, query: Document, limits: Limits) -> Result<Part<Shown>, Error> {
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
    within(LONGEST_OPERATION, operation).await
}

async fn within<T>(limit: Duration, operation: impl IntoFuture<Output = T>) -> Result<T, String> {
    let outcome = tokio::time::timeout(limit, operation.into_future()).await;
    outcome.map_err(|_| format!("it did not answer within {} seconds", limit.as_secs_f64()))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_never_answers_is_given_up() {
        actix_web::rt::System::new().block_on(async {
            let never = within(Duration::from_millis(20), std::future::pending::<()>()).await;
            assert_eq!(never.unwrap_err(), "it did not answer within 0.02 seconds");
            assert_eq!(within(Duration::from_secs(20), async { 7 }).await, Ok(7));
        });
    }
}
