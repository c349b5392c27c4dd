//! The one thread that changes the database: it commits what gathered while it committed what was before, and
//! answers whoever waits for it.

use std::io::ErrorKind;
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
/// Estimated bytes in the write-ahead log at which it is emptied, and at which readers are waited for.
const WRITE_AHEAD: usize = 4 << 20;
const WRITE_AHEAD_AT_MOST: usize = 4 * WRITE_AHEAD;
/// What a transaction and an exchange write besides the documents: parts of pages, and the index.
const TRANSACTION_BYTES: usize = 32 << 10;
const EXCHANGE_BYTES: usize = 512;
/// Exchanges removed at once when there are too many, unless that would be more than a tenth of them.
const FORGOTTEN_AT_ONCE: u64 = 2000;
/// Free bytes inside the file that are left alone, and pages that are given back at once.
const FREE_KEPT: u64 = 4 << 20;
const SHRUNK_AT_ONCE: u32 = 512;

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

    /// First what frees space, with the help of the reserve; then the rest, if there is any.
    fn without_space(&mut self, added: Vec<(Record, Done)>, settled: Vec<(Vec<Settled>, Done)>) {
        self.out_of_space();
        if !settled.is_empty() {
            self.make_room();
            let mut committed = self.commit(&[], &settled);
            if committed.as_ref().is_err_and(Failed::is_full) && self.reserve.release() {
                committed = self.commit(&[], &settled);
            }
            self.make_room();
            let committed = committed.map_err(|error| error.to_string());
            answer(settled, committed.as_ref().copied().map_err(String::as_str));
        }
        let is_due = self.last_restored.elapsed() >= TICK;
        if is_due {
            self.make_room();
        }
        let committed = match is_due && self.found_space() {
            true => self.commit(&added, &[]),
            false => Err(Failed::NoSpace),
        };
        let committed = committed.map_err(|error| error.to_string());
        answer(added, committed.as_ref().copied().map_err(String::as_str));
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

    /// Whether exchanges may be added.
    fn has_space(&self) -> bool {
        self.reserve.is_there() && !self.is_out_of_space
    }

    fn out_of_space(&mut self) {
        self.is_out_of_space = true;
        if self.status.in_trouble(&Failed::NoSpace.to_string()) {
            tracing::error!("the disk of the exchange log is full; requests are refused until it has space");
        }
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

    /// Empties the write-ahead log, so that its space is free again, with the help of the reserve if need be.
    fn make_room(&mut self) {
        let Some(store) = &self.store else { return };
        let emptied = self.readers.while_nobody_reads(true, || match store.checkpoint(true) {
            Err(error) if error.is_full() && self.reserve.release() => store.checkpoint(true),
            emptied => emptied,
        });
        match emptied {
            Some(Err(error)) if !error.is_full() => {
                tracing::error!(%error, "the exchange log could not be emptied into its file; trying again");
                self.open_again(false);
            }
            Some(Ok(true)) => self.write_ahead = 0,
            _ => {}
        }
    }

    /// Sets the reserve aside where it was given up, and looks for more space where there was none; whether exchanges
    /// may be added.
    fn found_space(&mut self) -> bool {
        if self.has_space() || self.last_restored.elapsed() < TICK {
            return self.has_space();
        }
        match self.reserve.restore() {
            Ok(()) => self.is_out_of_space &= !self.reserve.has_slack(),
            Err(error) if error.kind() == ErrorKind::StorageFull => self.out_of_space(),
            Err(error) => {
                if self.status.in_trouble(&format!("its reserve of space cannot be set aside: {error}")) {
                    tracing::error!(%error, "the exchange log cannot set its reserve of space aside; requests are refused");
                }
            }
        }
        self.last_restored = Instant::now();
        self.has_space()
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

    /// What has to be done between transactions: each step is small.
    fn keep_house(&mut self, is_due: bool, is_idle: bool) -> Result<(), Failed> {
        let Some(store) = &mut self.store else { return Ok(()) };
        if self.write_ahead >= WRITE_AHEAD || (is_idle && self.write_ahead > 0) {
            let must = self.write_ahead >= WRITE_AHEAD_AT_MOST;
            match self.readers.while_nobody_reads(must, || store.checkpoint(false)) {
                Some(Ok(true)) => self.write_ahead = 0,
                // Another program reads the file: not every transaction need try.
                Some(Ok(false)) => self.write_ahead = self.write_ahead.saturating_sub(WRITE_AHEAD / 4),
                Some(Err(error)) => return Err(error),
                None => {}
            }
        }
        let (used, free) = store.bytes()?;
        self.status.used_bytes.store(used, Ordering::Relaxed);
        let limit = self.retention.max_bytes().unwrap_or(u64::MAX);
        self.status.is_full.store(self.is_shipping && used > limit, Ordering::Relaxed);
        if used > limit && !self.is_shipping {
            let n_records = self.status.n_records.load(Ordering::Relaxed);
            let change = store.forget((n_records / 10 + 1).min(FORGOTTEN_AT_ONCE), None)?;
            self.write_ahead += TRANSACTION_BYTES + change.n_records.unsigned_abs() as usize * EXCHANGE_BYTES;
            self.status.changed(change);
            if !std::mem::replace(&mut self.said_what_goes, true) {
                tracing::warn!(
                    keep_megabytes = limit / 1_000_000,
                    "the exchange log has reached keep_megabytes: from now on the oldest exchanges are removed as new ones come"
                );
            }
        }
        self.is_shrinking = free > FREE_KEPT && free > used / 2;
        if self.is_shrinking || (self.is_out_of_space && is_due && free > 0) {
            let mut shrunk = store.shrink(SHRUNK_AT_ONCE);
            // This takes space before it gives some back.
            if shrunk.as_ref().is_err_and(Failed::is_full) && self.reserve.release() {
                shrunk = store.shrink(SHRUNK_AT_ONCE);
            }
            self.write_ahead += TRANSACTION_BYTES * 8;
            if self.is_out_of_space {
                self.make_room();
            }
            shrunk?;
        }
        if is_due {
            self.sweep()?;
            self.retry_dead_letters()?;
        }
        Ok(())
    }

    /// Removes what is too old.
    fn sweep(&mut self) -> Result<(), Failed> {
        let (Some(ages), Some(store)) = (&mut self.ages, &mut self.store) else { return Ok(()) };
        let n_records = self.status.n_records.load(Ordering::Relaxed);
        if let Some(sweep) = ages.look(Utc::now(), Instant::now(), n_records) {
            let change = store.forget(sweep.most, Some(sweep.before.timestamp_millis()))?;
            self.write_ahead += TRANSACTION_BYTES + change.n_records.unsigned_abs() as usize * EXCHANGE_BYTES;
            self.status.changed(change);
        }
        Ok(())
    }

    /// Does what `xtream exchanges retry` asks for.
    fn retry_dead_letters(&mut self) -> Result<(), Failed> {
        let Some(store) = &mut self.store else { return Ok(()) };
        if store.folder.wants_retry() {
            let change = store.retry()?;
            self.status.changed(change);
            store.folder.retried()?;
            tracing::info!(n = change.n_records, "dead letters are offered again");
        }
        Ok(())
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
