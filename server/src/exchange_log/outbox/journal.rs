//! The two files that an exchange is written to first, by the thread that answers and in one call; SQLite
//! is filled from them in larger steps. They take turns: while one is appended to, the exchanges of the
//! other go to SQLite, and then it is written over from its beginning.
//!
//! A frame is the length of a document, the generation of its file, the XXH3 of the document seeded with
//! that generation, and the document. A generation is one turn of a file: what an earlier turn left behind
//! does not read as a frame of this one, and neither does a frame that a crash cut short.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Bytes after which the files change places, if the other one is free.
const TURN: u64 = 2 << 20;
const HEAD: usize = 4 + 8 + 8;
const NAMES: [&str; 2] = ["journal-a", "journal-b"];

/// Where a frame ends: positions are in the order in which frames were appended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) generation: u64,
    pub(super) end: u64,
}

/// The file that is appended to, and the one that rests.
pub(super) struct Journal {
    current: Arc<File>,
    at: Position,
    resting: Arc<File>,
    /// The generation whose frames the resting file still has to hold.
    held: Option<u64>,
    /// Whether what was appended since the turn began may be lost, so that nothing may follow it.
    is_spoilt: bool,
    /// The files with frames that are not synced.
    dirty: Vec<Arc<File>>,
    frame: Vec<u8>,
}

impl Journal {
    /// Opens the files in `folder`, which are made if need be, and finds the documents in them that were
    /// appended after `kept`, in order.
    pub(super) fn open(folder: &Path, kept: Position) -> io::Result<(Self, Vec<(Position, String)>)> {
        let mut turns = Vec::new();
        for name in NAMES {
            let mut options = OpenOptions::new();
            let mut file =
                options.create(true).truncate(false).read(true).write(true).open(folder.join(name))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            turns.push((frames(&bytes), file));
        }
        // New names in a folder are kept for certain once the folder is.
        File::open(folder)?.sync_all()?;
        let last = |frames: &[(Position, String)]| frames.last().map(|(at, _)| *at).unwrap_or_default();
        turns.sort_by_key(|(frames, _)| last(frames));
        let mut turns = turns.into_iter();
        let (Some((older, resting)), Some((newer, mut current))) = (turns.next(), turns.next()) else {
            return Err(io::Error::other("a journal has two files"));
        };
        let mut at = last(&newer);
        if at.generation <= kept.generation && at <= kept {
            at = Position { generation: kept.generation + 1, end: 0 };
        }
        current.seek(SeekFrom::Start(at.end))?;
        let held = last(&older);
        let journal = Self {
            current: Arc::new(current),
            at,
            resting: Arc::new(resting),
            held: (held > kept).then_some(held.generation),
            is_spoilt: false,
            dirty: Vec::new(),
            frame: Vec::new(),
        };
        Ok((journal, older.into_iter().chain(newer).filter(|(at, _)| *at > kept).collect()))
    }

    /// Appends a document. An error leaves the journal as it was.
    pub(super) fn append(&mut self, document: &str) -> io::Result<Position> {
        if self.is_spoilt || self.at.end >= TURN {
            self.turn()?;
        }
        let length =
            u32::try_from(document.len()).map_err(|_| io::Error::other("the exchange is too large"))?;
        let generation = self.at.generation;
        self.frame.clear();
        self.frame.extend_from_slice(&length.to_le_bytes());
        self.frame.extend_from_slice(&generation.to_le_bytes());
        self.frame.extend_from_slice(&xxh3_64_with_seed(document.as_bytes(), generation).to_le_bytes());
        self.frame.extend_from_slice(document.as_bytes());
        let mut file = &*self.current;
        if let Err(error) = file.write_all(&self.frame) {
            // Half a frame is written over by the next one. A cursor that cannot be moved is in an
            // unknown place.
            self.is_spoilt = file.seek(SeekFrom::Start(self.at.end)).is_err();
            return Err(error);
        }
        self.at.end += self.frame.len() as u64;
        if !self.dirty.iter().any(|file| Arc::ptr_eq(file, &self.current)) {
            self.dirty.push(Arc::clone(&self.current));
        }
        Ok(self.at)
    }

    /// Goes on in the other file, if its frames are not needed any more.
    fn turn(&mut self) -> io::Result<()> {
        if self.held.is_some() {
            let busy = || io::Error::other("the journal has no file to go on in yet");
            return if self.is_spoilt { Err(busy()) } else { Ok(()) };
        }
        (&*self.resting).seek(SeekFrom::Start(0))?;
        std::mem::swap(&mut self.current, &mut self.resting);
        self.held = Some(self.at.generation);
        self.at = Position { generation: self.at.generation + 1, end: 0 };
        self.is_spoilt = false;
        Ok(())
    }

    /// The files with frames that were not synced when this was last asked.
    pub(super) fn take_dirty(&mut self) -> Vec<Arc<File>> {
        std::mem::take(&mut self.dirty)
    }

    /// The generation whose frames the resting file still has to hold.
    pub(super) fn held(&self) -> Option<u64> {
        self.held
    }

    /// The resting file's frames are in SQLite for good.
    pub(super) fn release(&mut self) {
        self.held = None;
    }

    /// A sync failed: what the file holds is unknown, and a frame behind a lost one would be lost too.
    pub(super) fn spoil(&mut self) {
        self.is_spoilt = true;
    }
}

/// The frames of one turn, from the beginning of a file to the first bytes that are none.
fn frames(mut bytes: &[u8]) -> Vec<(Position, String)> {
    let mut found: Vec<(Position, String)> = Vec::new();
    let mut end = 0;
    while let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() {
        let (length, head) = head.split_at(4);
        let (generation, hash) = head.split_at(8);
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let generation = number(generation);
        let is_of_this_turn = found.last().is_none_or(|(at, _)| at.generation == generation);
        let document = usize::try_from(number(length)).ok().and_then(|length| rest.get(..length));
        let Some(document) = document.filter(|_| is_of_this_turn && generation > 0) else { break };
        if xxh3_64_with_seed(document, generation) != number(hash) {
            break;
        }
        let Ok(text) = std::str::from_utf8(document) else { break };
        end += (HEAD + document.len()) as u64;
        found.push((Position { generation, end }, text.to_owned()));
        bytes = &rest[document.len()..];
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn open(folder: &Path, kept: Position) -> (Journal, Vec<String>) {
        let (journal, found) = Journal::open(folder, kept).unwrap();
        (journal, found.into_iter().map(|(_, document)| document).collect())
    }

    #[test]
    fn what_was_appended_and_is_not_in_sqlite_is_found_again_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, found) = open(folder.path(), Position::default());
        assert!(found.is_empty());
        let ends: Vec<_> = ["a", "b", "c"].map(|document| journal.append(document).unwrap()).into();
        assert_eq!(open(folder.path(), Position::default()).1, ["a", "b", "c"]);
        let (mut journal, found) = open(folder.path(), ends[1]);
        assert_eq!(found, ["c"]);
        assert!(journal.append("d").unwrap() > ends[2]);
        assert_eq!(open(folder.path(), ends[1]).1, ["c", "d"]);
        assert!(open(folder.path(), ends[2]).1 == ["d"]);
    }

    #[test]
    fn the_files_take_turns_and_none_is_written_over_before_it_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(folder.path(), Position::default());
        let long = "x".repeat(TURN as usize);
        let mut all = Vec::new();
        let mut last = Position::default();
        for n in 0..7 {
            let document = format!("{n}{long}");
            last = journal.append(&document).unwrap();
            all.push(document);
        }
        assert_eq!(last.generation, 2, "the first file is still needed, so the second goes on growing");
        assert!(open(folder.path(), Position::default()).1 == all);
        journal.release();
        let third = journal.append("next").unwrap();
        assert_eq!((third.generation, journal.held()), (3, Some(2)));
        all.remove(0);
        all.push("next".into());
        assert!(open(folder.path(), Position { generation: 1, end: u64::MAX }).1 == all);
        assert_eq!(open(folder.path(), last).1, ["next"]);
        let (mut journal, found) = open(folder.path(), third);
        assert!(found.is_empty());
        assert!(journal.append("after").unwrap() > third, "positions never go back");
    }

    #[test]
    fn a_frame_that_was_cut_short_or_changed_is_none_and_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(folder.path(), Position::default());
        for document in ["first", "second"] {
            journal.append(document).unwrap();
        }
        let file = NAMES
            .map(|name| folder.path().join(name))
            .into_iter()
            .find(|file| file.metadata().unwrap().len() > 0);
        let file = file.unwrap();
        let whole = std::fs::read(&file).unwrap();
        let first = HEAD + "first".len();
        for length in first..whole.len() {
            std::fs::write(&file, &whole[..length]).unwrap();
            assert_eq!(open(folder.path(), Position::default()).1, ["first"], "cut to {length} bytes");
        }
        for changed in first..whole.len() {
            let mut bytes = whole.clone();
            bytes[changed] ^= 0x10;
            std::fs::write(&file, &bytes).unwrap();
            assert_eq!(open(folder.path(), Position::default()).1, ["first"], "byte {changed} is another");
        }
        open(folder.path(), Position::default()).0.append("third").unwrap();
        assert_eq!(open(folder.path(), Position::default()).1, ["first", "third"]);
    }

    #[test]
    fn after_a_failed_sync_nothing_is_appended_behind_what_may_be_lost() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = open(folder.path(), Position::default());
        journal.append("a").unwrap();
        journal.spoil();
        assert_eq!(journal.append("b").unwrap().generation, 2);
        journal.spoil();
        journal.append("c").unwrap_err();
        journal.release();
        assert_eq!(journal.append("d").unwrap().generation, 3);
    }
}
