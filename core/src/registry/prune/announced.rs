//! In a store. Nothing can be moved aside there in one step, and a request to remove something may arrive late. So it is
//! announced what is to go, and a commit that changes nothing is written after that: the log says who was first.
//!
//! - Whoever registers a model looks for announcements after reading the log, right before each attempt to write the
//!   next commit. If that commit comes after the one of the pruning, the announcement was there and was seen, and nothing is
//!   registered that may be gone. If it comes before, the pruning reads it, and leaves alone what it names.
//! - An announcement holds for an hour. No request to remove something is signed later than ten minutes after it, and a store
//!   takes none that was signed more than a quarter of an hour ago (nor one of a clock that is wrong by more), so
//!   that none is on its way any more when the hour is over; and then it is looked whether the blob is there.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::super::commit::{Change, nonce};
use super::super::log::State;
use super::super::{Location, Storage};
use super::{AGE, BLOBS, Leftover, Registry, name_of};
use crate::error::{Error, Result};

/// Where announcements lie: objects with the name of a blob, a point and something drawn at random.
const ANNOUNCED: &str = "prunes";
/// How long an announcement holds.
const HOLDS: TimeDelta = TimeDelta::minutes(60);
/// How long after it something may be asked to be removed.
const REMOVES: TimeDelta = TimeDelta::minutes(10);

impl Registry {
    pub(super) fn prune_store(&self, leftovers: &[Leftover], now: DateTime<Utc>) -> Result<Vec<Leftover>> {
        let remover = self.remover(Utc::now() + REMOVES)?;
        let earlier = self.storage.stamps(ANNOUNCED)?;
        let past = earlier.into_iter().filter(|(_, stamp)| now - stamp.at >= AGE).map(|(path, _)| path);
        remover.remove(&past.collect::<Vec<_>>())?;
        if leftovers.is_empty() {
            return Ok(Vec::new());
        }
        let nonce = nonce();
        for leftover in leftovers {
            let path = format!("{ANNOUNCED}/{}.{nonce}", name_of(leftover));
            self.storage.create(&path, b"to be removed\n".to_vec())?;
        }
        let nothing = Change::Registered { cards: Vec::new(), blobs: BTreeMap::new() };
        self.lock().append(&self.storage, |_| Ok(Some(nothing.clone())))?;
        // What was named or stored anew before that commit stays.
        let mut unused = self.leftovers(BLOBS, now)?;
        unused.retain(|leftover| leftovers.iter().any(|announced| announced.path == leftover.path));
        remover.remove(&unused.iter().map(|leftover| leftover.path.clone()).collect::<Vec<_>>())?;
        Ok(unused)
    }

    /// The place of this registry, as one that is asked to remove things until then.
    fn remover(&self, until: DateTime<Utc>) -> Result<Storage> {
        match &self.location {
            Location::Store(store) => Storage::removing_until(store, until),
            Location::Folder(_) => Ok(self.storage.clone()),
        }
    }
}

/// Refuses to rely on blobs that somebody is about to remove.
///
/// # Errors
/// [`Error::Usage`], which says until when.
pub(in super::super) fn must_stay(storage: &Storage, paths: &BTreeSet<String>) -> Result<()> {
    if !storage.is_remote() || paths.is_empty() {
        return Ok(());
    }
    let now = Utc::now();
    for (announced, stamp) in storage.stamps(ANNOUNCED)? {
        let name = announced.rsplit('/').next().unwrap_or_default();
        let blob = name.rsplit_once('.').map_or(String::new(), |(blob, _)| format!("{BLOBS}/{blob}"));
        if now - stamp.at < HOLDS && paths.contains(&blob) {
            let until = (stamp.at + HOLDS).format("%H:%M");
            return Err(Error::Usage {
                reason: format!(
                    "{blob} was left by a run that was stopped, and `xtream models prune` is removing it at the moment"
                ),
                allowed: format!("the same again after {until} UTC; finished trials are kept"),
            });
        }
    }
    Ok(())
}

/// The sizes of these blobs, which a commit that comes next is to name and which are there and stay.
///
/// # Errors
/// [`Error::Damaged`] when one is gone, and as [`must_stay`].
pub(in super::super) fn present(
    storage: &Storage,
    state: &State,
    paths: &BTreeSet<String>,
) -> Result<BTreeMap<String, u64>> {
    let unnamed = paths.iter().filter(|path| state.blob_size(path).is_none()).cloned().collect();
    // Before it is looked whether they are there: an announcement that holds no more has done what it did.
    must_stay(storage, &unnamed)?;
    let sized = |path: &String| match storage.stamp(path)? {
        Some(stamp) => Ok((path.clone(), stamp.n_bytes)),
        None => {
            // Removed since it was looked, perhaps: that has words of its own.
            must_stay(storage, &unnamed)?;
            Err(Error::Damaged { what: path.clone(), reason: "the file is gone".into() })
        }
    };
    paths.iter().map(sized).collect()
}
