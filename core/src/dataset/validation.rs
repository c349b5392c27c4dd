//! What is wrong with a delivery, row by row, without training on it.

use std::path::PathBuf;

use super::ingest::{Place, RowOutcome, RowSink};
use super::{Counts, SourceFile};
use crate::diamond::{Fault, Field, PricedDiamond};
use crate::error::Result;

/// Every row's fate. Rows are counted from 0 over the whole delivery.
#[derive(Clone, Debug, Default)]
pub struct Validation {
    /// What became of all rows.
    pub counts: Counts,
    /// The files read.
    pub files: Vec<SourceFile>,
    /// The stones kept, in order.
    pub kept: Vec<PricedDiamond>,
    /// Their row numbers.
    pub kept_rows: Vec<u64>,
    /// The row numbers of repeated rows that were dropped.
    pub duplicate_rows: Vec<u64>,
    /// The rows refused, in order.
    pub refused: Vec<FaultyRow>,
    /// Rows that were kept although they look mistyped, in order.
    pub doubtful: Vec<FaultyRow>,
}

/// A row that was refused or is doubtful.
#[derive(Clone, Debug)]
pub struct FaultyRow {
    /// Its row number.
    pub row: u64,
    /// Its file or frame.
    pub file: PathBuf,
    /// Its line in the file from 1 (in a Parquet file its row), or its row in the frame from 0.
    pub line: u64,
    /// Its cells as written, in the order of [`Field::ALL`]; `None` where nothing stood.
    pub cells: [Option<String>; Field::ALL.len()],
    /// All that is wrong with it.
    pub faults: Vec<Fault>,
}

/// Collects while rows are read.
#[derive(Default)]
pub(super) struct Collector {
    n_rows: u64,
    kept: Vec<u64>,
    duplicates: Vec<u64>,
    refused: Vec<FaultyRow>,
    doubtful: Vec<FaultyRow>,
}

impl Collector {
    pub(super) fn finish(
        self,
        counts: Counts,
        files: Vec<SourceFile>,
        kept: Vec<PricedDiamond>,
    ) -> Validation {
        Validation {
            counts,
            files,
            kept,
            kept_rows: self.kept,
            duplicate_rows: self.duplicates,
            refused: self.refused,
            doubtful: self.doubtful,
        }
    }
}

impl RowSink for Collector {
    fn row(&mut self, place: &Place<'_>, outcome: RowOutcome<'_>) -> Result<()> {
        let row = self.n_rows;
        self.n_rows += 1;
        let faulty = |faults| FaultyRow {
            row,
            file: place.file.into(),
            line: place.batch.line(place.row),
            cells: Field::ALL.map(|field| place.batch.cell(place.row, field).as_written()),
            faults,
        };
        match outcome {
            RowOutcome::Kept => {
                self.kept.push(row);
                let raw = place.batch.raw(place.row);
                let faults = raw.parse().map_or(Vec::new(), |stone| stone.warnings(&raw));
                if !faults.is_empty() {
                    self.doubtful.push(faulty(faults));
                }
            }
            RowOutcome::Duplicate => self.duplicates.push(row),
            RowOutcome::Refused(faults) => self.refused.push(faulty(faults.to_vec())),
        }
        Ok(())
    }
}
