//! What reading tells whoever listens.

use std::path::Path;

use super::counts::Counts;

/// Something that happened while data was read.
pub enum ReadEvent<'a> {
    /// A data file is being read.
    Reading {
        /// The file.
        path: &'a Path,
        /// Rows read so far, over all files.
        n_rows: u64,
    },
    /// A data file was read to its end.
    FileRead {
        /// The file.
        path: &'a Path,
        /// Rows in it.
        n_rows: u64,
        /// How it was understood, where it is not plain.
        understood: Option<&'a str>,
        /// Columns that mean nothing to us and were left aside.
        extra_columns: &'a [String],
    },
    /// All data is read and split.
    DataReady {
        /// What became of the rows.
        counts: &'a Counts,
        /// Rows to learn from.
        n_train: usize,
        /// Rows to be judged on.
        n_test: usize,
    },
}

/// Hears of it, on the thread that reads, and must not block for long.
pub trait ReadListener {
    /// Takes notice of an event.
    fn hear(&self, event: &ReadEvent<'_>);
}
