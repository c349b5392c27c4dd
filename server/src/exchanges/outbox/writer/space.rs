//! What the writer does on a full disk: first what frees space, with the help of the reserve.

use std::io::ErrorKind;
use std::time::Instant;

use super::{TICK, Writer, answer};
use crate::exchanges::outbox::Settled;
use crate::exchanges::outbox::queue::Done;
use crate::exchanges::outbox::store::Failed;
use crate::exchanges::record::Record;

impl Writer {
    /// First what frees space, with the help of the reserve; then the rest, if there is any.
    pub(super) fn without_space(&mut self, added: Vec<(Record, Done)>, settled: Vec<(Vec<Settled>, Done)>) {
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

    /// Whether exchanges may be added.
    pub(super) fn has_space(&self) -> bool {
        self.reserve.is_there() && !self.is_out_of_space
    }

    pub(super) fn out_of_space(&mut self) {
        self.is_out_of_space = true;
        if self.status.in_trouble(&Failed::NoSpace.to_string()) {
            tracing::error!("the disk of the exchange log is full; requests are refused until it has space");
        }
    }

    /// Empties the write-ahead log, so that its space is free again, with the help of the reserve if need be.
    pub(super) fn make_room(&mut self) {
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
    pub(super) fn found_space(&mut self) -> bool {
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
}
