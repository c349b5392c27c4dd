//! Where the text of a table comes from: a file as it is, one that is packed (gzip), or a workbook made text.

use std::fs::File;
use std::io::{Cursor, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use flate2::read::MultiGzDecoder;

use super::steadiness::Steadiness;
use crate::error::{Error, Result};

/// The first bytes of a file packed with gzip.
pub(super) const GZIP: &[u8] = &[0x1F, 0x8B];

/// Text as it comes, and the file that it comes from.
pub(super) struct Input {
    reader: Box<dyn Read + Send>,
    steadiness: Steadiness,
    /// Bytes read of the file.
    n_read: Arc<AtomicU64>,
    is_packed: bool,
    /// What else is to be said of where the text comes from.
    said: Option<String>,
}

/// Counts what is read of a file.
struct Counted(File, Arc<AtomicU64>);

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.0.read(buffer)?;
        self.1.fetch_add(n as u64, Relaxed);
        Ok(n)
    }
}

impl Input {
    /// Of a file of which `head` was read.
    pub(super) fn of(path: &Path, file: File, head: Vec<u8>) -> Result<Self> {
        let steadiness = Steadiness::of(path, &file)?;
        let n_read = Arc::new(AtomicU64::new(head.len() as u64));
        let is_packed = head.starts_with(GZIP);
        let whole = Cursor::new(head).chain(Counted(file, n_read.clone()));
        let reader: Box<dyn Read + Send> =
            if is_packed { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) };
        Ok(Self { reader, steadiness, n_read, is_packed, said: None })
    }

    /// The text that was made of all of a file; `said` is what to say of it.
    pub(super) fn of_text(text: Vec<u8>, steadiness: Steadiness, n_bytes: u64, said: String) -> Self {
        let reader = Box::new(Cursor::new(text));
        let n_read = Arc::new(AtomicU64::new(n_bytes));
        Self { reader, steadiness, n_read, is_packed: false, said: Some(said) }
    }

    /// What to say of how the text was packed.
    pub(super) fn packed(&self) -> Option<String> {
        self.said.clone().or_else(|| self.is_packed.then(|| "gzip".to_owned()))
    }

    /// Whether the text stands in a file, packed or not, that can be read once more.
    pub(super) fn is_text_file(&self) -> bool {
        self.said.is_none() && self.steadiness.n_bytes().is_some()
    }

    /// Reads on through another reader.
    pub(super) fn wrap(&mut self, wrap: impl FnOnce(Box<dyn Read + Send>) -> Box<dyn Read + Send>) {
        let reader = std::mem::replace(&mut self.reader, Box::new(std::io::empty()));
        self.reader = wrap(reader);
    }

    /// Bytes of the text; `None` where that cannot be told.
    pub(super) fn n_bytes(&self) -> Option<u64> {
        self.steadiness.n_bytes().filter(|_| !self.is_packed)
    }

    /// Refuses a file that is not what it was when it was opened, now that all of it was read.
    pub(super) fn check(&self) -> Result<()> {
        self.steadiness.check(self.n_read.load(Relaxed))
    }

    /// What a failure to read means.
    pub(super) fn error(&self, path: &Path, source: std::io::Error) -> Error {
        let is_damage = matches!(
            source.kind(),
            ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof
        );
        if !(self.is_packed && is_damage) {
            return Error::read(path, source);
        }
        Error::Malformed {
            path: path.into(),
            line: None,
            reason: format!("the packed file (gzip) is damaged or cut off: {source}"),
            allowed: "a whole file; copy it once more".into(),
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.reader.read(buffer)
    }
}
