//! Log lines on standard error: one line an event, whatever a client wrote into it.

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, Result};
use tracing_subscriber::EnvFilter;

use crate::settings::{Log, LogFormat};

/// From now on what the program notices is written down.
///
/// # Errors
/// When the filter cannot be understood.
pub(crate) fn start(settings: &Log) -> Result<()> {
    let filter = EnvFilter::builder().parse(&settings.filter);
    let filter = filter.with_context(|| format!("[log] filter = {:?}", settings.filter))?;
    let log = tracing_subscriber::fmt().with_writer(|| OneLine(io::stderr())).with_env_filter(filter);
    match settings.format {
        LogFormat::Text => log.with_ansi(io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    Ok(())
}

/// An event arrives whole and leaves as one line. What is no visible character in the middle of it
/// came from outside, and is shown as an escape: nobody can write lines of their own into the log.
///
/// Standard error may be closed or on a full disk: a line that cannot be written is no reason for a
/// server to stop answering.
struct OneLine<W>(W);

impl<W: Write> Write for OneLine<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        // Escape sequences are colors: the subscriber makes them, and only for a terminal; those in
        // the text of an event it has escaped itself.
        let is_raw = |c: char| c.is_control() && c != '\u{1b}' || matches!(c, '\u{2028}' | '\u{2029}');
        let mut shown = String::with_capacity(event.len());
        for c in line.chars() {
            if is_raw(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
        }
        shown.push('\n');
        let _ = self.0.write_all(shown.as_bytes());
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn written(event: &str) -> String {
        let mut out = Vec::new();
        OneLine(&mut out).write_all(event.as_bytes()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_event_is_one_line_whatever_is_in_it() {
        assert_eq!(written("INFO all well\n"), "INFO all well\n");
        assert_eq!(written("a\r\nb\tc\u{85}d\u{2028}e\n"), "a\\r\\nb\\tc\\u{85}d\\u{2028}e\n");
    }
}
