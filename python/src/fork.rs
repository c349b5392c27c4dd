//! Whether this process is a copy of the one that imported the module.

use std::sync::OnceLock;

use xtream_core::{Error, Result};

/// The process that imported the module.
static PROCESS: OnceLock<u32> = OnceLock::new();

/// Remembers which process this is.
pub(crate) fn remember_process() {
    PROCESS.get_or_init(std::process::id);
}

/// Refuses to begin in a copy of that process: a fork has none of the threads that training waits for.
pub(crate) fn is_no_fork() -> Result<()> {
    if PROCESS.get().is_none_or(|process| *process == std::process::id()) {
        return Ok(());
    }
    let reason = "training in a process that was forked from one in which xtream_core was imported: the threads \
                  that it needs are not copied, and it would wait for them for ever";
    let allowed =
        "a process that imports xtream_core itself: multiprocessing.get_context(\"spawn\"), or subprocess";
    Err(Error::Usage { reason: reason.into(), allowed: allowed.into() })
}
