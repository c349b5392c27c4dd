//! What the program says: results on standard output, everything else on standard error.

use std::io::Write;

use anyhow::Result;
use serde::Serialize;

/// A result, on standard output.
pub(crate) fn print(text: &str) -> Result<()> {
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

pub(crate) fn print_json(value: &impl Serialize) -> Result<()> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

/// Anything that is not a result, on standard error.
pub(crate) fn note(text: &str) {
    // When nobody listens there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
}
