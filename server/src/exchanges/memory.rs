//! A sink in memory, for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::filter::Filter;
use super::outbox::Stored;
use super::page::{Limits, Part, Shown};
use super::sink::{ANOTHER, Fate, Sink};

/// What a database would hold.
#[derive(Default)]
pub(super) struct Memory {
    documents: Mutex<BTreeMap<String, Stored>>,
    /// Why it takes nothing now, if that is so.
    pub(super) outage: Mutex<Option<String>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Memory {
    /// How many it holds.
    pub(super) fn len(&self) -> usize {
        locked(&self.documents).len()
    }

    fn take(&self, stored: &Stored) -> Fate {
        if !stored.is_sound() {
            return Fate::Impossible("it is damaged".into());
        }
        let mut documents = locked(&self.documents);
        let there = documents.entry(stored.id.clone()).or_insert_with(|| stored.clone());
        if there.digest == stored.digest {
            Fate::Shipped
        } else {
            Fate::Refused(ANOTHER, "there is another".into())
        }
    }

    fn find(&self, filter: &Filter, limits: Limits) -> Part<Shown> {
        let documents = locked(&self.documents);
        let is_wanted = |stored: &&Stored| {
            let document: Value = serde_json::from_str(&stored.document).unwrap_or_default();
            let received_at = document["received_at"].as_str().unwrap_or_default();
            let received_at = received_at.parse::<chrono::DateTime<chrono::Utc>>().unwrap_or_default();
            let status = document["response"]["status"].as_u64().unwrap_or_default() as u16;
            filter.admits(received_at.timestamp_millis(), document["route"].as_str(), status)
        };
        let mut found: Vec<_> = documents
            .range(filter.ids())
            .rev()
            .map(|(_, stored)| stored)
            .filter(is_wanted)
            .take(limits.n_records + 1)
            .map(|stored| Shown { id: stored.id.clone(), document: stored.document.clone() })
            .collect();
        let is_more = found.len() > limits.n_records;
        found.truncate(limits.n_records);
        let reached = found.last().filter(|_| is_more).map(|shown| shown.id.clone());
        Part { records: found, reached }
    }

    fn now(&self) -> Result<(), String> {
        locked(&self.outage).clone().map_or(Ok(()), Err)
    }
}

impl Sink for Memory {
    fn prepare(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { self.now() })
    }

    fn offer<'a>(&'a self, batch: &'a [Stored]) -> BoxFuture<'a, Result<Vec<Fate>, String>> {
        Box::pin(async { self.now().map(|()| batch.iter().map(|stored| self.take(stored)).collect()) })
    }

    fn newest(&self, filter: Filter, limits: Limits) -> BoxFuture<'_, Result<Part<Shown>, String>> {
        Box::pin(async move { self.now().map(|()| self.find(&filter, limits)) })
    }
}
