//! Long work on a thread of its own, while the calling thread stays with Python: it hands events to
//! a callback and notices Ctrl-C, which Python only ever tells the thread that it runs on.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyKeyboardInterrupt, PyRuntimeError};
use pyo3::prelude::*;
use serde_json::Value;
use xtream_core::progress::{Event, Progress};
use xtream_core::{Error, Interrupt, Result};

use crate::events::to_json;
use crate::to_python::to_python;
use crate::{detached, error};

/// The longest time that Ctrl-C waits to be noticed.
const LOOK: Duration = Duration::from_millis(20);
/// The longest time that work which was asked to stop is waited for.
const GRACE: Duration = Duration::from_millis(80);

/// Runs `work` with the interpreter lock released and returns its result.
///
/// Each event goes to `callback`, as a `dict` and on the calling thread, where widgets and progress
/// bars want to be spoken to. An exception of the callback, or of a signal handler, asks the work to
/// stop and is raised once it did, but after [`GRACE`] in any case: a step that takes longer is left
/// to come to its end unattended. Only work past its point of no return is waited for.
pub(crate) fn interruptible<T: Send + 'static>(
    py: Python<'_>,
    callback: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&dyn Progress, &Interrupt) -> Result<T> + Send + 'static,
) -> PyResult<T> {
    let interrupt = Interrupt::default();
    let (sender, mut events) = channel();
    let obeyed = interrupt.clone();
    // The thread owns the only sender: when the work ends, however it ends, the channel closes.
    let worker = std::thread::Builder::new()
        .name("xtream".into())
        .spawn(move || work(&Mailbox(sender), &obeyed))
        .map_err(|error| PyRuntimeError::new_err(format!("no thread for the work: {error}")))?;
    let (is_done, stop) = attend(py, callback, &mut events, &interrupt);
    let result = if is_done {
        let joined = py.detach(|| worker.join());
        Some(joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    } else {
        detached::leave(py, worker)?;
        None
    };
    let Some(Stop { reason, is_too_late }) = stop else {
        let result = result.unwrap_or(Err(Error::Interrupted));
        return result.map_err(|error| error::to_python(py, &error));
    };
    match result {
        // Something went wrong by itself before the request to stop was heard.
        Some(Err(error)) if !matches!(error, Error::Interrupted) => Err(error::to_python(py, &error)),
        _ if !reason.is_instance_of::<PyKeyboardInterrupt>(py) => Err(reason),
        Some(Ok(_)) if is_too_late => Err(PyKeyboardInterrupt::new_err(
            "asked to stop too late: the work was just done, and what it made is recorded",
        )),
        // Ctrl-C: core's words say what became of the work.
        _ => Err(error::to_python(py, &Error::Interrupted)),
    }
}

/// What asked the work to stop, and whether that came too late.
struct Stop {
    reason: PyErr,
    is_too_late: bool,
}

/// Stays until the work has ended, or was asked to and does not; says whether it has.
fn attend(
    py: Python<'_>,
    callback: Option<&Bound<'_, PyAny>>,
    events: &mut Receiver<Value>,
    interrupt: &Interrupt,
) -> (bool, Option<Stop>) {
    let mut stop: Option<Stop> = None;
    let mut deadline = None;
    loop {
        let event = {
            let events = &mut *events;
            py.detach(move || events.recv_timeout(LOOK))
        };
        if event == Err(RecvTimeoutError::Disconnected) {
            return (true, stop);
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return (false, stop);
        }
        let shown = match (event, callback) {
            (Ok(event), Some(callback)) if is_told(&stop, &event, py) => show(callback, &event),
            _ => Ok(()),
        };
        if let Err(reason) = shown.and_then(|()| py.check_signals())
            && stop.is_none()
        {
            let is_too_late = !interrupt.raise();
            deadline = (!is_too_late).then(|| Instant::now() + GRACE);
            stop = Some(Stop { reason, is_too_late });
        }
    }
}

/// After Ctrl-C, trials that end while the work is stopping are kept, and so they are reported too. A
/// callback that has raised an exception itself is left alone.
fn is_told(stop: &Option<Stop>, event: &Value, py: Python<'_>) -> bool {
    match stop {
        None => true,
        Some(stop) => {
            event["event"] == "trial_finished" && stop.reason.is_instance_of::<PyKeyboardInterrupt>(py)
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
            // Nobody is there to take it once the work is left to itself.
            let _ = self.0.send(event);
        }
    }
}
