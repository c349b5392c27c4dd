//! Asks a place whether it keeps what a registry rests on. A folder of the own machine does; not every network drive
//! does, nor every store.

use std::sync::Barrier;

use serde::Serialize;

use super::Registry;
use super::commit::nonce;
use super::location::Location;
use super::storage::{Created, Size, Storage};
use crate::error::{Error, Result};

/// How often many create one object at once.
const ROUNDS: usize = 20;
const WRITERS: usize = 8;
const PROBES: &str = "probes";
/// Bytes of the largest object of a probe.
const LARGEST: usize = (1 << 20) + 1;

/// One thing that a registry rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Promise {
    /// What has to be so.
    pub promise: &'static str,
    /// What the place did instead, if it did.
    pub broken: Option<String>,
}

impl Registry {
    /// Creates some objects in a folder or store, which needs no registry in it, removes them again, and says which
    /// promises it kept.
    ///
    /// # Errors
    /// When there is no such folder, the store refuses, or the objects cannot be removed.
    pub fn probe(location: impl Into<Location>) -> Result<Vec<Promise>> {
        let location = location.into();
        asked(&location, &Storage::open(&location)?)
    }
}

/// Refuses a store that broke a promise, with what it did.
pub(super) fn must_be_fit(location: &Location, storage: &Storage) -> Result<()> {
    let promises = asked(location, storage)?;
    let broken = promises.iter().filter_map(|promise| {
        promise
            .broken
            .as_ref()
            .map(|what| format!("a registry rests on this: {}. Here {what}", promise.promise))
    });
    match broken.collect::<Vec<_>>() {
        broken if broken.is_empty() => Ok(()),
        broken => Err(Error::Store {
            store: location.to_string(),
            reason: format!("it is no place for a registry; {}", broken.join("; ")),
        }),
    }
}

fn asked(location: &Location, storage: &Storage) -> Result<Vec<Promise>> {
    let name = nonce();
    if storage.is_remote() {
        storage.names(PROBES)?;
    }
    let promises = promises(storage, &name);
    let removed = match location.folder() {
        Some(folder) => match std::fs::remove_dir_all(folder.join(PROBES)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::write(folder.join(PROBES), error))
            }
            _ => Ok(()),
        },
        None => storage.remove(&paths(&name)),
    };
    // A store that did not answer has broken nothing.
    let promises = promises?;
    removed.map(|()| promises)
}

/// Everything that a probe of this name may have created.
fn paths(name: &str) -> Vec<String> {
    let rounds = (0..ROUNDS).map(|round| path(name, round));
    rounds.chain(["kept", "whole", "listed"].map(|what| path(name, what))).collect()
}

fn promises(storage: &Storage, name: &str) -> Result<Vec<Promise>> {
    let asked = |promise, answer: Result<(), Breach>| match answer {
        Ok(()) => Ok(Promise { promise, broken: None }),
        Err(Breach::Silence(error @ Error::Store { .. })) => Err(error),
        Err(Breach::Silence(error)) => Ok(Promise { promise, broken: Some(error.to_string()) }),
        Err(Breach::Did(what)) => Ok(Promise { promise, broken: Some(what) }),
    };
    Ok(vec![
        asked("one of several that create an object at once wins, and it is there", one_wins(storage, name))?,
        asked("what is there is never replaced", nothing_is_replaced(storage, name))?,
        asked("what was created is read whole at once", is_read_whole(storage, name))?,
        asked("what was created is listed at once", is_listed(storage, name))?,
    ])
}

/// Why a promise was not kept.
enum Breach {
    /// The place did something else.
    Did(String),
    /// It could not be asked.
    Silence(Error),
}

impl From<String> for Breach {
    fn from(what: String) -> Self {
        Self::Did(what)
    }
}

impl From<Error> for Breach {
    fn from(error: Error) -> Self {
        Self::Silence(error)
    }
}

fn path(name: &str, what: impl std::fmt::Display) -> String {
    format!("{PROBES}/{name}-{what}")
}

fn one_wins(storage: &Storage, name: &str) -> Result<(), Breach> {
    for round in 0..ROUNDS {
        let (path, barrier) = (path(name, round), Barrier::new(WRITERS));
        let create = |writer: usize| {
            barrier.wait();
            storage.create(&path, content(writer))
        };
        let told: Vec<_> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(move || create(writer))).collect();
            writers.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
        });
        let mut winners = Vec::new();
        for (writer, told) in told.into_iter().enumerate() {
            match told {
                Ok(Ok(Created::New)) => winners.push(writer),
                Ok(Ok(Created::AlreadyThere)) => {}
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => return Err("the program failed while it wrote".to_owned().into()),
            }
        }
        match winners[..] {
            [winner] => must_be(storage, &path, &content(winner))?,
            // The one who won may have been told otherwise, when its first try was taken and the answer lost.
            [] => must_be_one_of(storage, &path)?,
            _ => {
                return Err(
                    format!("{} of {WRITERS} were told that they had created {path}", winners.len()).into()
                );
            }
        }
    }
    Ok(())
}

fn must_be_one_of(storage: &Storage, path: &str) -> Result<(), Breach> {
    let there = storage.read(path, Size::AtMost(LARGEST as u64))?;
    let is_ours = |bytes: &[u8]| (0..WRITERS).any(|writer| bytes == content(writer));
    match there {
        Some(there) if is_ours(&there.bytes) => Ok(()),
        _ => Err(format!(
            "all {WRITERS} were told that {path} was there already, and it is not what any of them wrote"
        )
        .into()),
    }
}

fn content(writer: usize) -> Vec<u8> {
    format!("writer {writer}\n").into_bytes()
}

fn nothing_is_replaced(storage: &Storage, name: &str) -> Result<(), Breach> {
    let path = path(name, "kept");
    storage.create(&path, content(1))?;
    must_be(storage, &path, &content(1))?;
    let told = storage.create(&path, content(2))?;
    must_be(storage, &path, &content(1))?;
    match told {
        Created::AlreadyThere => Ok(()),
        Created::New => Err(format!("a second one was told that it had created {path}").into()),
    }
}

fn is_read_whole(storage: &Storage, name: &str) -> Result<(), Breach> {
    let bytes: Vec<u8> = (0..LARGEST).map(|at| (at * 31 % 251) as u8).collect();
    let path = path(name, "whole");
    storage.create(&path, bytes.clone())?;
    must_be(storage, &path, &bytes)
}

fn is_listed(storage: &Storage, name: &str) -> Result<(), Breach> {
    let path = path(name, "listed");
    storage.create(&path, content(0))?;
    let names = storage.names(PROBES)?;
    let is_there = names.iter().any(|listed| path.ends_with(listed.as_str()));
    if is_there {
        Ok(())
    } else {
        Err(format!("{path} is not among the {} that are listed", names.len()).into())
    }
}

fn must_be(storage: &Storage, path: &str, bytes: &[u8]) -> Result<(), Breach> {
    let size = Size::Exactly(bytes.len() as u64);
    match storage.read(path, size)? {
        None => Err(format!("{path} was created and is not there").into()),
        Some(there) if there.bytes != bytes => {
            Err(format!("{path} has another content than was created").into())
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use super::*;
    use crate::registry::test_store::{Breach, TestStore};

    /// What a store did in place of each promise that it broke.
    fn broken(breach: Breach) -> Vec<String> {
        let storage = Storage::over(Arc::new(TestStore::that(breach)));
        promises(&storage, "a").unwrap().into_iter().filter_map(|promise| promise.broken).collect()
    }

    #[test]
    fn a_store_that_keeps_every_promise_is_told_so() {
        assert_eq!(broken(Breach::None), Vec::<String>::new());
    }

    #[test]
    fn a_store_that_breaks_a_promise_is_found_out_with_what_it_did() {
        for (breach, told) in [
            (Breach::Replaces, "8 of 8 were told that they had created"),
            (Breach::TellsEverybody, "8 of 8 were told that they had created"),
            (Breach::ReadsLate, "was created and is not there"),
            (Breach::ListsLate, "is not among the 0 that are listed"),
            (Breach::Cuts, "it has 1048576 bytes in place of 1048577"),
        ] {
            let broken = broken(breach);
            assert!(broken.iter().any(|what| what.contains(told)), "{breach:?}: {broken:?}");
        }
    }

    #[test]
    fn a_folder_keeps_every_promise_and_nothing_of_the_probe_stays_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let promises = Registry::probe(folder.path()).unwrap();
        assert_eq!(promises.len(), 4);
        assert!(promises.iter().all(|promise| promise.broken.is_none()), "{promises:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(Registry::probe(folder.path().join("absent")).is_err());
    }
}
