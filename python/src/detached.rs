//! Work that somebody asked to stop and that did not stop in time: its thread is left to come to its
//! next step by itself, so that Ctrl-C gives the keyboard back at once. Nothing of its result is used.
//!
//! The next run must not begin while such a thread is still in the middle of something: it holds its study
//! file. Nor must the interpreter end: a thread that comes back from Python code to an interpreter that is
//! being taken down brings down the process.

use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

/// Whether a thread has ended, for each thread left behind.
static LEFT: Mutex<Vec<Box<dyn Fn() -> bool + Send>>> = Mutex::new(Vec::new());

/// Time between two looks at the threads.
const LOOK: Duration = Duration::from_millis(10);
/// What may be waited for without a word.
const IN_SILENCE: Duration = Duration::from_secs(1);

/// Leaves the thread to itself. The interpreter waits for it before it ends.
pub(crate) fn leave<T: Send + 'static>(py: Python<'_>, thread: JoinHandle<T>) -> PyResult<()> {
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    left.push(Box::new(move || thread.is_finished()));
    drop(left);
    let module = py.import("xtream_core._native")?;
    py.import("atexit")?.call_method1("register", (module.getattr("_join_detached")?,)).map(drop)
}

/// Waits until every thread left behind has ended; Ctrl-C ends the waiting.
#[pyfunction(name = "_join_detached")]
pub(crate) fn join_detached(py: Python<'_>) -> PyResult<()> {
    let (started, mut is_told) = (Instant::now(), false);
    loop {
        let is_settled = {
            let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
            left.retain(|has_ended| !has_ended());
            left.is_empty()
        };
        if is_settled {
            return Ok(());
        }
        if !is_told && started.elapsed() > IN_SILENCE {
            is_told = true;
            tracing::warn!(
                target: "xtream_core",
                "waiting for a fit that was interrupted to come to its end; Ctrl-C ends the waiting"
            );
        }
        py.check_signals()?;
        py.detach(|| std::thread::sleep(LOOK));
    }
}
