//! Grades that were not written as ours are, what they were taken for, and how often.

use std::collections::BTreeMap;

use super::Batch;
use crate::diamond::Field;

/// By column and spelling: our grade, and the number of cells. There are no more kinds than the trade and the user's own
/// settings name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spellings(BTreeMap<(Field, String), (&'static str, u64)>);

impl Spellings {
    /// Of all rows of a batch.
    pub fn of(batch: &Batch) -> Self {
        let mut found = Self::default();
        (0..batch.len()).for_each(|row| found.add_row(batch, row));
        found
    }

    /// Adds those of a row.
    pub(super) fn add_row(&mut self, batch: &Batch, row: usize) {
        for field in Field::GRADES {
            if let Some((spelling, label)) = batch.spelling(row, field) {
                self.0.entry((field, spelling)).or_insert((label, 0)).1 += 1;
            }
        }
    }

    /// Adds those of other rows.
    pub fn add(&mut self, other: Self) {
        for (kind, (label, n)) in other.0 {
            self.0.entry(kind).or_insert((label, 0)).1 += n;
        }
    }

    /// What was taken for what, in words; `None` where all is written as ours.
    pub fn in_words(&self) -> Option<String> {
        let one = |((field, spelling), (label, n)): (&(Field, String), &(&str, u64))| {
            let times =
                if *n == 1 { "once".to_owned() } else { format!("{} times", crate::format::grouped(*n)) };
            format!("{field} {:?} taken for {label} ({times})", spelling.to_uppercase())
        };
        let all: Vec<_> = self.0.iter().map(one).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}
