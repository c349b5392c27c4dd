//! Long work on a thread of its own, while the calling thread stays with Python: it hands events to
//! a callback and notices Ctrl-C, which Python only ever tells the thread that it runs on.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use serde_json::Value;
use xtream_core::progress::{Event, Progress};
use xtream_core::{Error, Interrupt, Result};

use crate::error;
use crate::events::to_json;
use crate::to_python::to_python;

/// The longest time that Ctrl-C waits to be noticed.
const LOOK: Duration = Duration::from_millis(50);

/// Runs `work` with the interpreter lock released and returns its result.
///
/// Each event goes to `callback`, as a `dict` and on the calling thread, where widgets and progress
/// bars want to be spoken to. An exception of the callback, or of a signal handler, asks the work to
/// stop and is raised once it did.
pub(crate) fn attended<T: Send>(
    py: Python<'_>,
    callback: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&dyn Progress, &Interrupt) -> Result<T> + Send,
) -> PyResult<T> {
    let interrupt = Interrupt::default();
    let (sender, mut events) = channel();
    let (finished, stopped_by) = std::thread::scope(|scope| {
        // The thread owns the only sender: when the work ends, however it ends, the channel closes.
        let worker = scope.spawn(|| work(&Mailbox(sender), &interrupt));
        let stopped_by = attend(py, callback, &mut events, &interrupt);
        (py.detach(|| worker.join()), stopped_by)
    });
    let result = finished.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    match (result, stopped_by) {
        // Ctrl-C: core's words say what became of the work.
        (Err(Error::Interrupted), Some(reason)) if reason.is_instance_of::<PyKeyboardInterrupt>(py) => {
            Err(error::to_python(py, &Error::Interrupted))
        }
        (_, Some(reason)) => Err(reason),
        (result, None) => result.map_err(|error| error::to_python(py, &error)),
    }
}

/// Stays until the work has ended; returns the exception that asked it to stop, if one did.
fn attend(
    py: Python<'_>,
    callback: Option<&Bound<'_, PyAny>>,
    events: &mut Receiver<Value>,
    interrupt: &Interrupt,
) -> Option<PyErr> {
    let mut stopped_by = None;
    loop {
        let event = {
            let events = &mut *events;
            py.detach(move || events.recv_timeout(LOOK))
        };
        if event == Err(RecvTimeoutError::Disconnected) {
            return stopped_by;
        }
        let shown = match (event, callback) {
            (Ok(event), Some(callback)) if stopped_by.is_none() => show(callback, &event),
            _ => Ok(()),
        };
        if let Err(reason) = shown.and_then(|()| py.check_signals()) {
            interrupt.raise();
            stopped_by.get_or_insert(reason);
        }
    }
}

fn show(callback: &Bound<'_, PyAny>, event: &Value) -> PyResult<()> {
    callback.call1((to_python(callback.py(), event)?,)).map(drop)
}

/// Takes events from the threads of the work without making them wait for Python.
struct Mailbox(Sender<Value>);

impl Progress for Mailbox {
    fn report(&self, event: &Event<'_>) {
        if let Some(event) = to_json(event) {
            // The receiver outlives the work, so there is always somebody to take it.
            let _ = self.0.send(event);
        }
    }
}
