//! How shipping goes, and what becomes of documents that the database refuses.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::sink::ANOTHER;

/// Times a document is offered before it is set aside.
const MOST_TRIES: u32 = 5;
/// Time between the first two offers; each pause after that is four times as long, so that a document is set aside
/// for what it is and not for a moment's trouble.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Documents that may pause at once: more of them are no odd ones any more.
const MOST_PAUSING: usize = 10_000;
/// When nothing moved for so long although something waits, the database is down whatever it says.
const STANDSTILL: Duration = Duration::from_secs(60);

/// How the shipper is doing.
#[derive(Debug)]
pub(crate) struct Shipping {
    /// Whether the last attempt failed as a whole.
    is_down: AtomicBool,
    /// When something was settled last, or nothing waited.
    moved: Mutex<Instant>,
    /// Documents shipped since the start.
    pub(crate) n_shipped: AtomicU64,
    /// Attempts that failed as a whole since the start.
    pub(crate) n_failures: AtomicU64,
}

impl Default for Shipping {
    fn default() -> Self {
        let (is_down, n_shipped, n_failures) = Default::default();
        Self { is_down, moved: Mutex::new(Instant::now()), n_shipped, n_failures }
    }
}

impl Shipping {
    /// An attempt failed as a whole; the first of an outage is told.
    pub(super) fn failed(&self, reason: &str) {
        self.n_failures.fetch_add(1, Ordering::SeqCst);
        if !self.is_down.swap(true, Ordering::SeqCst) {
            tracing::warn!(reason, "MongoDB takes no exchanges; they wait in the local log");
        }
    }

    /// An attempt came to its end.
    pub(super) fn went(&self, n_shipped: u64) {
        if self.is_down.swap(false, Ordering::SeqCst) {
            tracing::info!("MongoDB takes exchanges again");
        }
        self.n_shipped.fetch_add(n_shipped, Ordering::SeqCst);
        *self.moved.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Whether the database takes nothing, so many documents waiting.
    pub(super) fn is_down(&self, n_waiting: u64) -> bool {
        let moved = *self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_down.load(Ordering::SeqCst) || (n_waiting > 0 && moved.elapsed() > STANDSTILL)
    }
}

/// What an attempt came to for the documents that were refused.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// Every document was refused for the same reason: it is the database that takes nothing.
    Database(String),
    /// These were refused so often that they are set aside, each with its reason; the others pause.
    Documents(Vec<(String, String)>),
}

/// Documents that were refused by themselves and pause until they are offered again. The pauses are measured by the
/// clock that only runs forward, and begin anew with the program.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    pausing: HashMap<String, (u32, Instant)>,
}

impl Refusals {
    /// Whether this document pauses now.
    pub(super) fn pauses(&self, id: &str, now: Instant) -> bool {
        self.pausing.get(id).is_some_and(|(_, until)| now < *until)
    }

    /// This one is where it should be.
    pub(super) fn shipped(&mut self, id: &str) {
        self.pausing.remove(id);
    }

    /// Of `n_offered` documents, these were refused: id to code and reason.
    pub(super) fn judge(
        &mut self,
        n_offered: usize,
        refused: BTreeMap<String, (i32, String)>,
        now: Instant,
    ) -> Verdict {
        let mut codes = refused.values().map(|(code, _)| *code);
        let first = codes.next();
        let are_alike = first.is_some_and(|first| first != ANOTHER && codes.all(|code| code == first));
        // One that was refused beside others that were taken is known to be odd itself.
        let are_known = refused.keys().all(|id| self.pausing.contains_key(id));
        let is_database = refused.len() == n_offered && are_alike && !are_known;
        if (is_database || self.pausing.len() > MOST_PAUSING)
            && let Some((code, reason)) = refused.values().next()
        {
            return Verdict::Database(format!("it refuses every document (code {code}): {reason}"));
        }
        let mut given_up = Vec::new();
        for (id, (_, reason)) in refused {
            let (tries, until) = self.pausing.entry(id.clone()).or_insert((0, now));
            *tries += 1;
            *until = now + FIRST_PAUSE * 4_u32.pow(*tries - 1);
            if *tries >= MOST_TRIES {
                self.pausing.remove(&id);
                given_up.push((id, reason));
            }
        }
        Verdict::Documents(given_up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(ids: &[&str], code: i32) -> BTreeMap<String, (i32, String)> {
        ids.iter().map(|id| ((*id).to_owned(), (code, "no".to_owned()))).collect()
    }

    #[test]
    fn a_document_pauses_ever_longer_and_is_set_aside_after_five_tries() {
        let mut refusals = Refusals::default();
        let mut now = Instant::now();
        for pause_ms in [200, 800, 3200, 12_800] {
            assert_eq!(refusals.judge(2, refused(&["a"], 121), now), Verdict::Documents(Vec::new()));
            let pause = Duration::from_millis(pause_ms);
            assert!(refusals.pauses("a", now + pause - Duration::from_millis(1)));
            assert!(!refusals.pauses("b", now));
            now += pause;
            assert!(!refusals.pauses("a", now));
        }
        let given_up = Verdict::Documents(vec![("a".into(), "no".into())]);
        assert_eq!(refusals.judge(1, refused(&["a"], 121), now), given_up, "alone, but known to be odd");
        assert!(!refusals.pauses("a", now));
    }

    #[test]
    fn a_batch_that_is_refused_for_one_reason_sets_nothing_aside() {
        let mut refusals = Refusals::default();
        let now = Instant::now();
        for _ in 0..50 {
            let verdict = refusals.judge(3, refused(&["a", "b", "c"], 8000), now);
            assert_eq!(verdict, Verdict::Database("it refuses every document (code 8000): no".into()));
        }
        assert!(!refusals.pauses("a", now));
        let verdict = refusals.judge(4, refused(&["a", "b", "c"], 8000), now);
        assert_eq!(verdict, Verdict::Documents(Vec::new()), "another one was taken");
        let verdict = refusals.judge(1, refused(&["d"], ANOTHER), now);
        assert_eq!(
            verdict,
            Verdict::Documents(Vec::new()),
            "what is there already is no trouble of the database"
        );
    }

    #[test]
    fn a_standstill_is_down() {
        let shipping = Shipping::default();
        assert!(!shipping.is_down(1));
        *shipping.moved.lock().unwrap_or_else(PoisonError::into_inner) -= STANDSTILL;
        assert!(shipping.is_down(1));
        assert!(!shipping.is_down(0), "nothing waits");
        shipping.went(1);
        assert!(!shipping.is_down(1));
    }
}
