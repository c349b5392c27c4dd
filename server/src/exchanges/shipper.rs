//! The thread that empties the outbox into a sink.
//!
//! A sink is never on a request's path. Whatever happens to it, exchanges wait in the outbox and are offered again, for
//! ever. Two kinds of failure are told apart: one document is refused by itself (it is offered a few times and then set
//! aside, and delays nobody), or nothing can be written at all (no server, no rights): then the shipper waits, ever longer,
//! and says so once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, oneshot};

use super::filter::Filter;
use super::outbox::{Outbox, Settled};
use super::page::{Limits, Part, Shown};
use super::shipping::{Refusals, Shipping, Verdict};
use super::sink::{Fate, Sink};

/// Documents that are offered at once, and bytes of them together: what is in memory at once is bounded.
const BATCH: Limits = Limits { n_records: 500, n_bytes: 2 << 20 };
/// Time between two looks into an empty outbox.
const PAUSE: Duration = Duration::from_millis(100);
/// Waiting time after the first failure in a row; it doubles up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(15);
/// How long a reader waits for what is in the database; what is in the local log is shown in any case.
const READERS_PATIENCE: Duration = Duration::from_secs(3);
/// Readers at once; the rest is told that the database is busy.
const MOST_READERS: usize = 8;

/// The sink, and the thread that feeds it.
pub(super) struct Shipper {
    sink: Arc<dyn Sink>,
    runtime: tokio::runtime::Handle,
    readers: Arc<Semaphore>,
    pub(super) shipping: Arc<Shipping>,
}

impl Shipper {
    /// Starts shipping. The database need not be there yet.
    ///
    /// # Errors
    /// When the operating system grants no thread.
    pub(super) fn start(sink: Arc<dyn Sink>, outbox: Arc<Outbox>) -> Result<Self, String> {
        // A thread and a runtime of its own: a busy server does not starve it, nor it the server.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let handle = runtime.handle().clone();
        let shipping = Arc::new(Shipping::default());
        let run = Run { sink: Arc::clone(&sink), outbox, shipping: Arc::clone(&shipping) };
        let thread = std::thread::Builder::new().name("shipper".into());
        thread.spawn(move || runtime.block_on(run.for_ever())).map_err(|error| error.to_string())?;
        Ok(Self { sink, runtime: handle, readers: Arc::new(Semaphore::new(MOST_READERS)), shipping })
    }

    /// Exchanges in the database, newest first, as the JSON that was recorded.
    pub(super) async fn newest(&self, filter: &Filter, limits: Limits) -> Result<Part<Shown>, String> {
        let reader = Arc::clone(&self.readers).try_acquire_owned().map_err(|_| "it is busy")?;
        let (sink, filter) = (Arc::clone(&self.sink), filter.clone());
        let (done, found) = oneshot::channel();
        // On the runtime of the thread: the driver's connections live there. And never cut short, even if nobody
        // waits any more: a driver's operation that is dropped half-way costs a connection.
        self.runtime.spawn(async move {
            let _reader = reader;
            let _ = done.send(sink.newest(filter, limits).await);
        });
        match tokio::time::timeout(READERS_PATIENCE, found).await {
            Err(_) => Err(format!("it does not answer within {} seconds", READERS_PATIENCE.as_secs())),
            Ok(found) => found.map_err(|_| "its thread ended".to_owned())?,
        }
    }
}

struct Run {
    sink: Arc<dyn Sink>,
    outbox: Arc<Outbox>,
    shipping: Arc<Shipping>,
}

impl Run {
    async fn for_ever(&self) {
        let mut n_failures = 0;
        let mut is_prepared = false;
        let mut refusals = Refusals::default();
        loop {
            let shipped = async {
                if !is_prepared {
                    self.sink.prepare().await?;
                    is_prepared = true;
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

    /// Ships one batch; returns how many documents are shipped. An error is one of the whole attempt.
    async fn ship(&self, refusals: &mut Refusals) -> Result<u64, String> {
        let now = Instant::now();
        let batch = self.outbox.oldest(BATCH, |id| refusals.pauses(id, now))?;
        if batch.is_empty() {
            return Ok(0);
        }
        let fates = self.sink.offer(&batch).await?;
        let mut settled = Vec::new();
        let mut given_up = Vec::new();
        let mut refused = BTreeMap::new();
        let (mut n_offered, mut n_shipped) = (0, 0);
        for (stored, fate) in batch.into_iter().zip(fates) {
            n_offered += usize::from(!matches!(fate, Fate::Impossible(_)));
            match fate {
                Fate::Shipped => {
                    n_shipped += 1;
                    refusals.shipped(&stored.id);
                    settled.push(Settled::Shipped(stored.id));
                }
                Fate::Refused(code, reason) => drop(refused.insert(stored.id, (code, reason))),
                Fate::Impossible(reason) => given_up.push((stored.id, reason)),
            }
        }
        let mut trouble = None;
        match refusals.judge(n_offered, refused, now) {
            Verdict::Database(reason) => trouble = Some(reason),
            Verdict::Documents(refused) => given_up.extend(refused),
        }
        for (id, reason) in given_up {
            tracing::error!(
                id,
                reason,
                "MongoDB refuses this exchange for good; it is kept in dead_letter, and `xtream exchanges retry` offers it again"
            );
            settled.push(Settled::Refused(id, reason));
        }
        if !settled.is_empty() {
            self.outbox.settle(settled).await.map_err(|error| error.to_string())?;
        }
        trouble.map_or(Ok(n_shipped), Err)
    }
}

/// Doubles with each failure, give or take a quarter, so that several servers do not knock in step.
fn wait(n_failures: u32) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1 << n_failures.saturating_sub(1).min(10)).min(LONGEST_WAIT);
    let jitter = f64::from(uuid::Uuid::new_v4().as_bytes()[0]) / 512.0 + 0.75;
    doubled.mul_f64(jitter)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::thread::sleep;

    use chrono::Utc;
    use uuid::Uuid;

    use super::*;
    use crate::exchanges::digest::Digest;
    use crate::exchanges::memory::Memory;
    use crate::exchanges::record::Record;
    use crate::exchanges::{Durability, Retention};

    fn until(is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < Duration::from_secs(60), "it does not come to that");
            sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn exchanges_wait_while_the_database_is_away_and_leave_the_outbox_when_it_is_back() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::open(folder.path(), Durability::Os, Retention::default(), true).unwrap();
        let (outbox, memory) = (Arc::new(outbox), Arc::new(Memory::default()));
        *memory.outage.lock().unwrap() = Some("it is away".into());
        let sink: Arc<dyn Sink> = Arc::clone(&memory) as _;
        let shipper = Shipper::start(sink, Arc::clone(&outbox)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for _ in 0..3 {
            let document = r#"{"a": 1}"#.to_owned();
            let digest = Digest::of(document.as_bytes());
            let record = Record {
                id: Uuid::now_v7(),
                received_at: Utc::now(),
                route: None,
                status: 200,
                digest,
                document,
            };
            runtime.block_on(outbox.add(record)).unwrap();
        }
        until(|| shipper.shipping.is_down(3));
        assert_eq!((outbox.len(), memory.len()), (3, 0));
        *memory.outage.lock().unwrap() = None;
        until(|| outbox.len() == 0);
        assert_eq!(memory.len(), 3);
        assert!(!shipper.shipping.is_down(0));
        let page = runtime.block_on(shipper.newest(&Filter::default(), Limits::of(2))).unwrap();
        assert_eq!(page.records.len(), 2);
    }
}
