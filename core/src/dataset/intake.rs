//! Reading and validating: each row read is kept, refused or a duplicate, and the counts add up.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::seen::Seen;
use super::{Batch, Frame, Part, RowFingerprint, Table, row_fingerprint};
use crate::ahead::in_order;
use crate::diamond::{Cell, Fault, Field, PricedDiamond, RawDiamond};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::progress::{Event, Progress};

/// What to do with rows of implausible geometry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Suspect {
    /// Refuse them: most are typing errors.
    #[default]
    Reject,
    /// Keep them.
    Keep,
}

/// What to do with a row that stands there a second time, price included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Duplicates {
    /// Keep the first only.
    #[default]
    Drop,
    /// Keep them all.
    Keep,
}

/// How strict to be with a delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Rows of implausible geometry.
    pub suspect: Suspect,
    /// Repeated rows.
    pub duplicates: Duplicates,
}

/// What became of the rows read: `n_rows = n_kept + n_rejected + n_duplicates`, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows read.
    pub n_rows: u64,
    /// Rows kept.
    pub n_kept: u64,
    /// Rows refused, whatever the severity.
    pub n_rejected: u64,
    /// Of those refused, rows without a certain mistake: implausible only.
    pub n_suspect: u64,
    /// Repeated rows dropped.
    pub n_duplicates: u64,
}

/// One file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// Its path as given.
    pub path: PathBuf,
    /// Rows in it.
    pub n_rows: u64,
    /// Columns in it that mean nothing to us and were left aside.
    pub extra_columns: Vec<String>,
}

/// A validated delivery.
#[derive(Clone, Debug, Default)]
pub(super) struct Intake {
    /// The rows kept, in delivery order.
    pub rows: Vec<PricedDiamond>,
    /// What became of all rows.
    pub counts: Counts,
    /// The files they came from.
    pub files: Vec<SourceFile>,
}

/// Where a row stands.
pub(super) struct Place<'a> {
    pub(super) file: &'a Path,
    pub(super) batch: &'a Batch,
    /// Its place in the batch.
    pub(super) row: usize,
}

/// What became of a row.
#[derive(Clone, Copy)]
pub(super) enum Verdict<'a> {
    Kept,
    Duplicate,
    Refused(&'a [Fault]),
}

/// Hears what became of each row, in order.
pub(super) trait Witness {
    fn row(&mut self, place: &Place<'_>, verdict: Verdict<'_>) -> Result<()>;
}

/// Reads and validates `files`, then `frames`, as one delivery; `witness` hears of each row.
///
/// Memory grows with the rows kept (64 bytes each, and about 24 more while duplicates are looked
/// for), never with the length of a line or the number of refused rows.
///
/// # Errors
/// When a file cannot be read or its form is broken ([`Error::Malformed`]), or on interruption.
pub(super) fn read(
    files: &[PathBuf],
    frames: &[Frame],
    policy: Policy,
    seen: &mut Seen,
    witness: &mut dyn Witness,
    progress: &dyn Progress,
    interrupt: &Interrupt,
) -> Result<Intake> {
    let mut intake = Intake::default();
    for path in files {
        let table = Table::open(path)?;
        read_table(path, table, policy, seen, &mut intake, witness, progress, interrupt)?;
    }
    for frame in frames {
        let table = Table::over(frame.clone());
        read_table(&frame.name, table, policy, seen, &mut intake, witness, progress, interrupt)?;
    }
    Ok(intake)
}

#[allow(clippy::too_many_arguments, reason = "the parts of one read, each used once")]
fn read_table(
    path: &Path,
    mut table: Table,
    policy: Policy,
    seen: &mut Seen,
    intake: &mut Intake,
    witness: &mut dyn Witness,
    progress: &dyn Progress,
    interrupt: &Interrupt,
) -> Result<()> {
    let extra_columns = table.require(path, &Field::ALL)?;
    let n_before = intake.counts.n_rows;
    let work = |part: Part| -> Result<Judged> {
        let batch = part.batch()?;
        let rows: Vec<_> = (0..batch.len())
            .map(|row| judge(&batch.raw(row), batch.cell(row, Field::Price), policy.suspect))
            .collect();
        let fingerprints = match policy.duplicates {
            Duplicates::Drop => rows.iter().flatten().map(row_fingerprint).collect(),
            Duplicates::Keep => Vec::new(),
        };
        Ok(Judged { batch, rows, fingerprints })
    };
    let take = |judged: Result<Judged>| -> Result<()> {
        interrupt.check()?;
        let Judged { batch, rows, fingerprints } = judged?;
        // By themselves, so that looks at memory overlap: the table of all rows is in no cache.
        let new: Vec<_> = fingerprints.into_iter().map(|fingerprint| seen.insert(fingerprint)).collect();
        let mut new = new.into_iter();
        for (row, verdict) in rows.into_iter().enumerate() {
            let place = Place { file: path, batch: &batch, row };
            intake.counts.n_rows += 1;
            match verdict {
                Err(refusal) => {
                    intake.counts.n_rejected += 1;
                    intake.counts.n_suspect += u64::from(!refusal.is_certain);
                    witness.row(&place, Verdict::Refused(&refusal.faults))?;
                }
                // None where all are kept.
                Ok(_) if new.next() == Some(false) => {
                    intake.counts.n_duplicates += 1;
                    witness.row(&place, Verdict::Duplicate)?;
                }
                Ok(stone) => {
                    intake.counts.n_kept += 1;
                    intake.rows.push(stone);
                    witness.row(&place, Verdict::Kept)?;
                }
            }
        }
        progress.report(&Event::Reading { path, n_rows: intake.counts.n_rows });
        Ok(())
    };
    in_order(|| table.next_part(), work, take)?;
    let n_rows = intake.counts.n_rows - n_before;
    progress.report(&Event::FileRead { path, n_rows, extra_columns: &extra_columns });
    intake.files.push(SourceFile { path: path.into(), n_rows, extra_columns });
    Ok(())
}

struct Refusal {
    faults: Vec<Fault>,
    is_certain: bool,
}

/// A batch, and what each of its rows is by itself.
struct Judged {
    batch: Batch,
    rows: Vec<Result<PricedDiamond, Refusal>>,
    /// Of the rows that are not refused, if repeated rows are looked for.
    fingerprints: Vec<RowFingerprint>,
}

fn judge(raw: &RawDiamond<'_>, price: Cell<'_>, suspect: Suspect) -> Result<PricedDiamond, Refusal> {
    let stone = raw.parse_priced(price);
    let stone = stone.map_err(|faults| Refusal { faults: raw.explained(faults), is_certain: true })?;
    if suspect == Suspect::Reject && !stone.diamond().suspicions().is_empty() {
        return Err(Refusal { faults: stone.diamond().doubts(raw), is_certain: false });
    }
    Ok(stone)
}

impl Counts {
    /// The counts of two reads together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            n_rows: self.n_rows + other.n_rows,
            n_kept: self.n_kept + other.n_kept,
            n_rejected: self.n_rejected + other.n_rejected,
            n_suspect: self.n_suspect + other.n_suspect,
            n_duplicates: self.n_duplicates + other.n_duplicates,
        }
    }

    /// Refuses a delivery of which more than `limit_percent` was rejected.
    ///
    /// # Errors
    /// [`Error::TooManyRejects`] naming `rejects`, the place of the list of refused rows.
    pub fn check_rejects(&self, limit_percent: f64, rejects: &str) -> Result<()> {
        let share = 100.0 * self.n_rejected as f64 / (self.n_rows.max(1)) as f64;
        if share <= limit_percent {
            return Ok(());
        }
        Err(Error::TooManyRejects {
            n_rejected: self.n_rejected,
            n_rows: self.n_rows,
            share,
            limit: limit_percent,
            rejects: rejects.into(),
        })
    }
}
