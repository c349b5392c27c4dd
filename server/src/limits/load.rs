//! How much is under way at once, in requests and in bytes of their bodies.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of bodies in memory at once: many clients that each send the largest one must not take all
/// there is.
const MOST_BYTES: usize = 256 << 20;
/// The same of files alone: who sends files slowly keeps nobody from asking for a price.
const MOST_FILE_BYTES: usize = 128 << 20;

/// Bounds on what is under way. Beyond them it is better to say so at once than to let everybody
/// wait.
pub(crate) struct Load {
    most_requests: usize,
    n_requests: AtomicUsize,
    n_bytes: AtomicUsize,
    n_file_bytes: AtomicUsize,
}

/// A request's place; free again when this is dropped.
pub(crate) struct Place<'a>(&'a Load);

/// A body's share of the memory; free again when this is dropped.
pub(crate) struct Share {
    load: Arc<Load>,
    is_of_file: bool,
    n_bytes: usize,
}

impl Load {
    pub(crate) fn new(most_requests: usize) -> Self {
        let zero = || AtomicUsize::new(0);
        Self { most_requests, n_requests: zero(), n_bytes: zero(), n_file_bytes: zero() }
    }

    /// A place for one request, if there is one.
    pub(crate) fn enter(&self) -> Option<Place<'_>> {
        take(&self.n_requests, 1, self.most_requests).then(|| Place(self))
    }

    /// A body of which nothing is here yet.
    pub(crate) fn share(self: &Arc<Self>, is_of_file: bool) -> Share {
        Share { load: Arc::clone(self), is_of_file, n_bytes: 0 }
    }

    /// Requests under way.
    pub(crate) fn n_requests(&self) -> usize {
        self.n_requests.load(Ordering::Relaxed)
    }
}

fn take(counter: &AtomicUsize, n: usize, most: usize) -> bool {
    let add = |present: usize| present.checked_add(n).filter(|sum| *sum <= most);
    counter.fetch_update(Ordering::AcqRel, Ordering::Acquire, add).is_ok()
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.n_requests.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Share {
    /// Takes memory for so many more bytes; whether there is some.
    pub(crate) fn grow(&mut self, n_bytes: usize) -> bool {
        let most = if self.is_of_file { MOST_FILE_BYTES } else { MOST_BYTES };
        let is_taken = take(self.taken(), n_bytes, most);
        if is_taken {
            self.n_bytes += n_bytes;
        }
        is_taken
    }

    /// What all shares of its kind have.
    fn taken(&self) -> &AtomicUsize {
        if self.is_of_file { &self.load.n_file_bytes } else { &self.load.n_bytes }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.taken().fetch_sub(self.n_bytes, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_taken_and_given_back() {
        let load = Load::new(2);
        let (first, second) = (load.enter(), load.enter());
        assert!(first.is_some() && second.is_some() && load.enter().is_none());
        assert_eq!(load.n_requests(), 2);
        drop(first);
        assert!(load.enter().is_some());
    }

    #[test]
    fn memory_for_bodies_is_bounded_over_all_of_them() {
        let load = Arc::new(Load::new(1));
        let (mut first, mut second) = (load.share(false), load.share(false));
        assert!(first.grow(MOST_BYTES - 1));
        assert!(!second.grow(2) && second.grow(1));
        drop(first);
        assert!(second.grow(2));
    }

    #[test]
    fn files_have_memory_of_their_own_and_no_more() {
        let load = Arc::new(Load::new(1));
        let (mut file, mut body) = (load.share(true), load.share(false));
        assert!(file.grow(MOST_FILE_BYTES) && !file.grow(1));
        assert!(body.grow(MOST_BYTES), "prices are asked for all the same");
    }
}
