//! Where exchanges are shipped to.

use futures_util::future::BoxFuture;

use super::filter::Filter;
use super::outbox::Stored;
use super::page::{Limits, Part, Shown};

/// What became of a document that was offered.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fate {
    /// It is there, and stays there whatever happens to the database's machine.
    Shipped,
    /// The database refuses this one at this moment: its code for that, and its words.
    Refused(i32, String),
    /// No database of this kind will ever take it as it is.
    Impossible(String),
}

/// A database that exchanges are shipped to.
///
/// - A document is recognised by its id and its digest: offered a second time, since the first answer was lost, it is
///   [`Fate::Shipped`] and there once. The same id with another digest is somebody else's document, which is left alone:
///   [`Fate::Refused`] with the code [`ANOTHER`].
/// - A document that is refused keeps none of its batch from being taken. One that is not what was written
///   ([`Stored::is_sound`]) is [`Fate::Impossible`], and so is one that is larger than the database takes.
/// - An error is one of the database as a whole: nothing is known of the batch, and all of it is offered again.
/// - No call takes for ever: a reply that does not come is an error.
/// - The document comes back as the JSON that was recorded, whatever the database makes of it meanwhile.
pub(super) trait Sink: Send + Sync + 'static {
    /// Connects and makes ready what is needed; called until it succeeds, before anything is offered.
    fn prepare(&self) -> BoxFuture<'_, Result<(), String>>;

    /// Offers documents; what became of each, in their order.
    fn offer<'a>(&'a self, batch: &'a [Stored]) -> BoxFuture<'a, Result<Vec<Fate>, String>>;

    /// The newest documents that the filter lets through, as many as the limits allow.
    fn newest(&self, filter: Filter, limits: Limits) -> BoxFuture<'_, Result<Part<Shown>, String>>;
}

/// The code of an id that another document has.
pub(super) const ANOTHER: i32 = 11_000;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use uuid::Uuid;

    use super::*;
    use crate::exchanges::digest::Digest;
    use crate::exchanges::memory::Memory;
    use crate::exchanges::mongodb::MongoDb;

    fn stored(id: Uuid, route: &str) -> Stored {
        let document = serde_json::json!({
            "_id": id, "received_at": "2026-01-31T12:00:00.123Z", "duration_ms": 1.5, "client": "127.0.0.1",
            "route": route, "request": {"method": "POST", "path": "/", "query": "", "body": {"$date": 1, "a.b": [1.0, null]}},
            "response": {"status": 200, "body": {}},
        });
        let document = document.to_string();
        Stored { id: id.to_string(), digest: Digest::of(document.as_bytes()), document }
    }

    /// What every sink must do.
    async fn conforms(sink: &dyn Sink) {
        sink.prepare().await.unwrap();
        sink.prepare().await.unwrap();
        // A route of its own, so that whatever else is in the database does not matter.
        let route = format!("/{}", Uuid::new_v4());
        let mut documents: Vec<_> = (0..5).map(|_| stored(Uuid::now_v7(), &route)).collect();
        documents.sort_by(|a, b| a.id.cmp(&b.id));
        let filter = Filter { route: Some(route.clone()), ..Filter::default() };
        let all = |n| sink.newest(filter.clone(), Limits::of(n));

        assert_eq!(sink.offer(&documents[..3]).await.unwrap(), vec![Fate::Shipped; 3]);
        assert_eq!(
            sink.offer(&documents[1..]).await.unwrap(),
            vec![Fate::Shipped; 4],
            "two for the second time"
        );
        let found = all(9).await.unwrap();
        let shown: Vec<_> = found.records.iter().map(|shown| shown.id.as_str()).collect();
        let newest_first: Vec<_> = documents.iter().rev().map(|stored| stored.id.as_str()).collect();
        assert_eq!((shown, found.reached), (newest_first, None));
        for (shown, stored) in found.records.iter().zip(documents.iter().rev()) {
            let parsed = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
            assert_eq!(parsed(&shown.document), parsed(&stored.document));
        }

        let page = all(2).await.unwrap();
        assert_eq!((page.records.len(), page.reached.as_deref()), (2, Some(&*documents[3].id)));
        let before = Filter { before: page.reached, ..filter.clone() };
        assert_eq!(sink.newest(before, Limits::of(9)).await.unwrap().records.len(), 3);
        let one = Filter { id: Some(documents[0].id.clone()), ..Filter::default() };
        assert_eq!(sink.newest(one, Limits::of(1)).await.unwrap().records[0].id, documents[0].id);
        let other = Filter { status: Some(404), ..filter.clone() };
        assert!(sink.newest(other, Limits::of(9)).await.unwrap().records.is_empty());

        let taken = stored(documents[0].id.parse().unwrap(), "/another");
        let damaged = Stored {
            document: documents[0].document.replace("127", "128"),
            ..stored(Uuid::now_v7(), &route)
        };
        let good = stored(Uuid::now_v7(), &route);
        let fates = sink.offer(&[taken, damaged, good]).await.unwrap();
        assert!(matches!(fates[0], Fate::Refused(ANOTHER, _)), "{:?}", fates[0]);
        assert!(matches!(fates[1], Fate::Impossible(_)), "{:?}", fates[1]);
        assert_eq!(fates[2], Fate::Shipped, "the good one suffers from neither");
        assert_eq!(all(9).await.unwrap().records.len(), 6);
    }

    #[test]
    fn the_double_in_memory_does_what_a_sink_does() {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(conforms(&Memory::default()));
    }

    /// Where `MONGODB_URI` names a database, as `tests/server/test_outages.py` does.
    #[test]
    fn mongodb_does_what_a_sink_does() {
        let Ok(uri) = std::env::var("MONGODB_URI") else { return };
        let sink = MongoDb::new(&uri, None).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(conforms(&sink));
    }
}
