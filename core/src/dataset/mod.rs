//! From files as they are delivered to rows that can be trusted.
//!
//! A [`Source`] names files; reading it sorts every row: kept, refused with a reason, or counted as
//! a duplicate. [`Dataset`] adds the decision which rows train and which test, and [`store`] keeps
//! it by content, so that a model always leads back to its exact rows.

mod batch;
mod columns;
mod counts;
mod csv_format;
mod csv_lines;
mod csv_records;
mod csv_table;
mod decoded;
mod duplicates;
mod echo;
mod event;
mod excel;
mod excel_size;
mod fingerprint;
mod form;
mod frame_table;
mod ingest;
mod input;
mod inspection;
mod parquet_pages;
mod parquet_table;
mod paths;
mod plain;
mod positions;
mod price_units;
mod reading;
mod records;
mod rejects;
mod source;
mod spellings;
mod split;
mod steadiness;
pub mod store;
mod table;
mod units;
mod validation;
mod written;

pub use batch::Batch;
pub use columns::{fields_of, has, nearly_named};
pub use counts::Counts;
pub use csv_lines::TextRows;
pub use duplicates::Duplicates;
pub use echo::{Added, Echo};
pub use event::{ReadEvent, ReadListener};
pub use fingerprint::stone_fingerprint;
pub use form::Signs;
pub use frame_table::Frame;
pub use ingest::{Policy, SourceFile, Suspect};
pub use inspection::{FaultKind, InspectedColumn, Inspection, inspect};
pub use paths::{expand, passed_over};
pub use reading::{FormSaid, Reading};
pub use rejects::{Reject, RejectFile};
pub use source::{Rows, Source};
pub use spellings::Spellings;
pub use split::Split;
pub(crate) use table::Part;
pub use table::Table;
pub use units::SuspectUnit;
pub use validation::{FaultyRow, Validation};

use rayon::prelude::*;

use crate::diamond::PricedDiamond;

/// Rows that are worth another thread.
const FEWEST_FOR_A_THREAD: usize = 1 << 14;

/// Rows in the order of the source, each on the training or on the test side.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    rows: Vec<PricedDiamond>,
    is_test: Vec<bool>,
}

impl Dataset {
    /// Sends each row to the side its fingerprint decides.
    pub fn split(rows: Vec<PricedDiamond>, split: &Split) -> Self {
        let side = |row: &PricedDiamond| split.is_test(row.diamond());
        let is_test = rows.par_iter().with_min_len(FEWEST_FOR_A_THREAD).map(side).collect();
        Self { rows, is_test }
    }

    /// All of `train` on the training side, all of `test` on the test side.
    pub fn explicit(train: Vec<PricedDiamond>, test: Vec<PricedDiamond>) -> Self {
        let mut is_test = vec![false; train.len()];
        is_test.resize(train.len() + test.len(), true);
        let mut rows = train;
        rows.extend(test);
        Self { rows, is_test }
    }

    /// Number of rows on both sides.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row at all.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Rows to learn from.
    pub fn n_train(&self) -> usize {
        self.len() - self.n_test()
    }

    /// Rows to check_row on.
    pub fn n_test(&self) -> usize {
        self.is_test.iter().filter(|is_test| **is_test).count()
    }

    /// Every row with its side (`true` for test), in the order of the source.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = (&PricedDiamond, bool)> {
        self.rows.iter().zip(self.is_test.iter().copied())
    }

    /// The rows a model may learn from, in the order of the source.
    pub fn train(&self) -> Vec<PricedDiamond> {
        self.side(false)
    }

    /// The rows a model is judged on, in the order of the source.
    pub fn test(&self) -> Vec<PricedDiamond> {
        self.side(true)
    }

    fn side(&self, wanted: bool) -> Vec<PricedDiamond> {
        self.rows().filter(|(_, is_test)| *is_test == wanted).map(|(row, _)| *row).collect()
    }
}
