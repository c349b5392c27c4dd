//! Offering dead letters to the database again: by the server that holds the log, or without one.

use std::path::Path;
use std::time::{Duration, Instant};

use super::Durability;
use super::folder::{Folder, Unlocked, ask_for_retry};
use super::store::{Failed, Store, reader};

/// A server looks for the request a few times a second.
const PATIENCE: Duration = Duration::from_secs(10);

/// Has the documents that MongoDB refused for good offered again; returns how many there are. A server that runs on
/// the log does it now, else the next one that starts.
///
/// # Errors
/// When there is no log in the folder, or it cannot be used.
pub fn retry(folder: &Path) -> Result<u64, String> {
    let failed = |error: &dyn std::fmt::Display| format!("the exchange log in {}: {error}", folder.display());
    let database = folder.join(super::folder::DATABASE);
    if !database.exists() {
        return Err(failed(&"there is none; name its folder with --exchange-log"));
    }
    let locked = match Folder::lock(folder) {
        Err(Unlocked::Taken) => None,
        locked => Some(locked.map_err(|error| failed(&error))?),
    };
    if let Some(ours) = locked {
        let retried = Store::open(ours, Durability::Fsync, false).and_then(|mut store| store.retry());
        return retried.map(|change| change.n_records.unsigned_abs()).map_err(|error| failed(&error));
    }
    let count = || -> Result<u64, Failed> {
        let count = reader(&database)?.query_row("SELECT count(*) FROM dead_letter", [], |row| row.get(0));
        Ok(count.map(i64::cast_unsigned)?)
    };
    let n = count().map_err(|error| failed(&error))?;
    let request = ask_for_retry(folder).map_err(|error| failed(&error))?;
    let begun = Instant::now();
    while request.exists() {
        if begun.elapsed() > PATIENCE {
            let _ = std::fs::remove_file(&request);
            return Err(failed(&"the server that uses it does not answer; nothing was changed"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(n)
}
