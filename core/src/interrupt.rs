//! A request to stop, raised by whoever owns the keyboard and obeyed by every long loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::error::{Error, Result};

/// A flag shared between the owner of the run and its loops; clones share the same flag.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicU8>);

const RAISED: u8 = 1;
const CLOSED: u8 = 2;

/// While it lives, the work is past the point of no return; it comes from [`Interrupt::close`].
#[derive(Debug)]
pub struct Closed<'a>(&'a Interrupt);

impl Interrupt {
    /// Asks every loop that holds this flag to stop at its next step. `false` when that comes too
    /// late, because the work is past its point of no return and will be done in a moment.
    pub fn raise(&self) -> bool {
        self.0.fetch_or(RAISED, Ordering::SeqCst) & CLOSED == 0
    }

    /// Whether somebody asked to stop.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::SeqCst) & RAISED != 0
    }

    /// The point of no return: either the request to stop came before, and nothing happens any more,
    /// or what follows is carried through.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when somebody asked to stop.
    pub fn close(&self) -> Result<Closed<'_>> {
        match self.0.compare_exchange(0, CLOSED, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => Ok(Closed(self)),
            Err(_) => Err(Error::Interrupted),
        }
    }

    /// [`Error::Interrupted`] when somebody asked to stop; call it once per step of a long loop.
    pub fn check(&self) -> Result<()> {
        if self.is_raised() { Err(Error::Interrupted) } else { Ok(()) }
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_and(!CLOSED, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn whoever_asks_after_the_point_of_no_return_is_told_that_it_is_too_late() {
        let interrupt = Interrupt::default();
        let closed = interrupt.close().unwrap();
        assert!(!interrupt.raise());
        drop(closed);
        assert!(interrupt.is_raised(), "the next work is not begun");
        assert!(matches!(interrupt.close(), Err(Error::Interrupted)));
    }

    #[test]
    fn whoever_asks_before_it_stops_the_work() {
        let interrupt = Interrupt::default();
        assert!(interrupt.raise());
        assert!(matches!(interrupt.close(), Err(Error::Interrupted)));
    }
}
