//! The one thread that changes the database: it commits what gathered while it committed what was before, and
//! answers whoever waits for it.

mod housekeeping;
mod space;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use chrono::Utc;

use super::folder::{Folder, Unlocked};
use super::queue::{Done, Queue, Work};
use super::readers::Readers;
use super::reserve::Reserve;
use super::retention::{Ages, Retention};
use super::store::{Change, Failed, Store};
use super::{Durability, NotStored, Record, Settled, Status};

/// Time between two looks at everything else, also when nothing comes in.
const TICK: Duration = Duration::from_millis(250);
/// Time between two attempts to open a database that could not be opened.
const PAUSE: Duration = Duration::from_millis(200);
/// What a transaction and an exchange write besides the documents: parts of pages, and the index.
const TRANSACTION_BYTES: usize = 32 << 10;
const EXCHANGE_BYTES: usize = 512;

/// What the writer needs.
pub(super) struct Writer {
    path: PathBuf,
    durability: Durability,
    retention: Retention,
    /// Whether exchanges wait to be shipped, so that none may be forgotten.
    is_shipping: bool,
    store: Option<Store>,
    reserve: Reserve,
    ages: Option<Ages>,
    readers: Arc<Readers>,
    status: Arc<Status>,
    /// Estimated bytes in the write-ahead log.
    write_ahead: usize,
    last_look: Instant,
    last_attempt: Instant,
    last_restored: Instant,
    /// Whether the disk was full, and has not shown more than a little space since.
    is_out_of_space: bool,
    is_shrinking: bool,
    /// Whether the administrator was told that the oldest go.
    said_what_goes: bool,
}

impl Writer {
    pub(super) fn new(
        path: PathBuf,
        (durability, retention, is_shipping): (Durability, Retention, bool),
        (store, reserve): (Store, Reserve),
        (readers, status): (Arc<Readers>, Arc<Status>),
    ) -> Self {
        let now = Instant::now();
        let max_days = retention.max_days.filter(|_| !is_shipping);
        Self {
            path,
            durability,
            retention,
            is_shipping,
            store: Some(store),
            reserve,
            ages: max_days.map(|days| Ages::new(days, Utc::now(), now)),
            readers,
            status,
            write_ahead: 0,
            last_look: now,
            last_attempt: now,
            last_restored: now.checked_sub(TICK).unwrap_or(now),
            is_out_of_space: false,
            is_shrinking: false,
            said_what_goes: false,
        }
    }

    /// Until the queue is closed.
    pub(super) fn run(mut self, queue: &Queue) {
        self.found_space();
        self.look();
        while let Some(work) = queue.next(if self.is_shrinking { Duration::from_millis(5) } else { TICK }) {
            let is_idle = work.is_empty();
            if !is_idle {
                self.carry_out(work);
            }
            let is_due = self.last_look.elapsed() >= TICK;
            if is_due {
                self.look();
            }
            if let Err(error) = self.keep_house(is_due, is_idle) {
                self.fail(&error, "the exchange log could not be tidied up");
            }
        }
        // Not needed, but whoever opens the file finds all of it there.
        if let Some(Err(error)) = self.store.as_ref().map(|store| store.checkpoint(true)) {
            tracing::error!(%error, "the exchange log could not be emptied into its file; the next start does it");
        }
    }

    /// Commits the work and answers whoever waits for it.
    fn carry_out(&mut self, work: Work) {
        if self.last_look.elapsed() >= TICK {
            self.look();
        }
        let Work { added, settled } = work;
        if self.store.is_none() {
            let reason = self.status.trouble();
            answer(added, Err(&reason));
            answer(settled, Err(&reason));
            return;
        }
        // Without the reserve nothing is added: what is left of the disk is for what makes room on it.
        let committed = if self.has_space() { self.commit(&added, &settled) } else { Err(Failed::NoSpace) };
        match committed {
            Ok(()) => {
                answer(added, Ok(()));
                answer(settled, Ok(()));
            }
            Err(error) if error.is_full() => self.without_space(added, settled),
            Err(error) => {
                self.fail(&error, "exchanges could not be recorded; their requests were refused");
                let reason = error.to_string();
                answer(added, Err(&reason));
                answer(settled, Err(&reason));
            }
        }
    }

    fn commit(&mut self, added: &[(Record, Done)], settled: &[(Vec<Settled>, Done)]) -> Result<(), Failed> {
        let store = self.store.as_mut().ok_or(Unlocked::Gone)?;
        let all = settled.iter().flat_map(|(settled, _)| settled);
        let change = store.commit(added.iter().map(|(record, _)| record), all.clone())?;
        let n_bytes: usize = added.iter().map(|(record, _)| record.document.len() + EXCHANGE_BYTES).sum();
        self.write_ahead += n_bytes + TRANSACTION_BYTES + all.count() * 4 * EXCHANGE_BYTES;
        if let Some(ages) = &mut self.ages {
            ages.added(added.len() as u64);
        }
        self.status.changed(change);
        if self.has_space() {
            self.status.out_of_trouble();
        }
        Ok(())
    }

    /// Something else than a lack of space: it is told, and everything is opened again before it is trusted again.
    fn fail(&mut self, error: &Failed, what: &str) {
        if error.is_full() {
            self.out_of_space();
            self.make_room();
            return;
        }
        tracing::error!(%error, "{what}");
        self.status.in_trouble(&error.to_string());
        self.open_again(error.is_damage());
    }

    /// Drops every connection and opens the database anew.
    fn open_again(&mut self, is_suspect: bool) {
        self.last_attempt = Instant::now();
        self.readers.leave();
        self.store = None;
        let opened = Folder::lock(&self.path)
            .map_err(Failed::from)
            .and_then(|folder| Store::open(folder, self.durability, is_suspect))
            .and_then(|store| {
                self.status.set(store.counted()?);
                Ok(store)
            });
        match opened {
            Ok(store) => {
                self.store = Some(store);
                self.write_ahead = 0;
                self.reserve = Reserve::new(&self.path);
            }
            Err(error) => {
                // That it is still taken away, or full, was told.
                if matches!(error, Failed::Sync(_) | Failed::Sqlite(_)) && !error.is_full() {
                    tracing::error!(%error, "the exchange log cannot be opened again; trying again");
                }
                self.status.in_trouble(&error.to_string());
            }
        }
        self.readers.come_back();
    }

    /// Looks whether all is in place, and mends what is not.
    fn look(&mut self) {
        self.last_look = Instant::now();
        if self.readers.found_damage() {
            tracing::error!("a reader came upon damage in the exchange log; it is looked through");
            self.open_again(true);
        }
        if self.store.as_ref().is_some_and(|store| !store.is_in_place()) {
            let reason = "the files of the exchange log were taken away while the server was running";
            tracing::error!(folder = %self.path.display(), "{reason}");
            self.status.in_trouble(reason);
            self.open_again(false);
        }
        if self.store.is_none() && self.last_attempt.elapsed() >= PAUSE {
            self.open_again(false);
        }
        if self.store.is_some() && self.found_space() && self.status.is_troubled() {
            // Nobody may be asking any more: it is tried whether it would be recorded.
            let probed = self.store.as_ref().map(Store::probe);
            match probed {
                Some(Ok(())) => self.status.out_of_trouble(),
                Some(Err(error)) => self.fail(&error, "the exchange log cannot be written"),
                None => {}
            }
        }
    }
}

/// Tells everybody who waits what became of it.
fn answer<T>(waiting: Vec<(T, Done)>, outcome: Result<(), &str>) {
    for (_, done) in waiting {
        drop(done.send(outcome.map_err(|reason| NotStored::Refused(reason.into()))));
    }
}

impl Status {
    /// Rows were added and removed.
    fn changed(&self, Change { n_records, n_dead }: Change) {
        for (count, change) in [(&self.n_records, n_records), (&self.n_dead, n_dead)] {
            count.fetch_add(change.cast_unsigned(), Ordering::Relaxed);
        }
    }

    /// All rows were counted.
    pub(super) fn set(&self, Change { n_records, n_dead }: Change) {
        for (count, number) in [(&self.n_records, n_records), (&self.n_dead, n_dead)] {
            count.store(number.cast_unsigned(), Ordering::Relaxed);
        }
    }
}
