//! Rows in memory that never were a file, such as a data scientist's frame.

use std::path::PathBuf;
use std::sync::Arc;

use polars::prelude::DataFrame;

use super::batch::Batch;
use crate::error::Result;

/// Rows validated at once.
const SLICE: usize = 1 << 12;

/// A frame, and what to call it.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its name in messages, in the place of a path.
    pub name: PathBuf,
    /// The columns of ours that it has.
    pub rows: DataFrame,
    /// The names of its other columns, which are left aside.
    pub extra_columns: Vec<String>,
}

/// A frame that is being read.
pub(super) struct FrameTable {
    frame: Frame,
    columns: Vec<String>,
    next_row: usize,
}

impl FrameTable {
    pub(super) fn new(frame: Frame) -> Self {
        let ours = frame.rows.get_column_names().into_iter().map(|name| name.to_string());
        let columns = ours.chain(frame.extra_columns.iter().cloned()).collect();
        Self { frame, columns, next_row: 0 }
    }

    pub(super) fn columns(&self) -> &[String] {
        &self.columns
    }

    pub(super) fn no_rows(&self) -> DataFrame {
        self.frame.rows.head(Some(0))
    }

    pub(super) fn next_slice(&mut self) -> Option<FrameSlice> {
        let rows = self.frame.rows.slice(self.next_row as i64, SLICE);
        let first_row = self.next_row as u64;
        self.next_row += rows.height();
        (rows.height() > 0).then(|| FrameSlice { name: self.frame.name.clone(), rows, first_row })
    }
}

/// Some rows, to be looked at wherever there is time.
pub(crate) struct FrameSlice {
    name: PathBuf,
    rows: DataFrame,
    first_row: u64,
}

impl FrameSlice {
    pub(super) fn batch(self) -> Result<Batch> {
        // From 0, as whoever holds the frame counts its rows.
        let lines = (self.first_row..self.first_row + self.rows.height() as u64).collect();
        Batch::new(&self.name, self.rows, lines, &Arc::default())
    }
}
