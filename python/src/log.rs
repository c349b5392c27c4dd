//! Core's own messages, handed to Python's `logging` under the name `xtream_core`.

use std::fmt::Write;

use pyo3::prelude::*;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// The logger's name.
const LOGGER: &str = "xtream_core";

/// Takes messages of our own crates; those of the libraries underneath are none of the user's business.
struct ToLogging;

/// From now on core's messages go to `logging`.
pub(crate) fn install() {
    // It fails only when the module is set up a second time, and then it is installed already.
    let _ = tracing::subscriber::set_global_default(ToLogging);
}

impl Subscriber for ToLogging {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().starts_with(LOGGER)
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let level = match *event.metadata().level() {
            Level::ERROR => 40,
            Level::WARN => 30,
            Level::INFO => 20,
            Level::DEBUG | Level::TRACE => 10,
        };
        // Without an interpreter, at the end of the process, there is nobody to tell.
        let _ = Python::try_attach(|py| {
            let told = py.import("logging").and_then(|logging| {
                logging.call_method1("getLogger", (LOGGER,))?.call_method1("log", (level, text.0))
            });
            if let Err(error) = told {
                error.write_unraisable(py, None);
            }
        });
    }

    // Spans are not used in core.
    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

/// The message, then the values.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Writing to a String cannot fail.
        let _ = if field.name() == "message" {
            let rest = std::mem::take(&mut self.0);
            write!(self.0, "{value:?}{rest}")
        } else {
            write!(self.0, " {}={value:?}", field.name())
        };
    }
}
