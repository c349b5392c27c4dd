//! Reading and validating: each row read is kept, refused or a duplicate, and the counts add up.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::duplicates::{Duplicates, UniqueRows};
use super::fingerprint::row_fingerprint;
use super::{Batch, Frame, Part, Table};
use crate::diamond::{Cell, Fault, Field, PricedDiamond, RawDiamond};
use crate::error::{Error, Result};
use crate::features::{Imputer, PartialDiamond};
use crate::format::grouped;
use crate::interrupt::Interrupt;
use crate::parallel::in_order;
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

/// How strict to be with a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Rows of implausible geometry.
    pub suspect: Suspect,
    /// Repeated rows.
    pub duplicates: Duplicates,
    /// Whether the stones are yet to be priced: then nobody asks for a price, and measurements may be missing, as
    /// they may where a stone is priced.
    #[serde(skip)]
    pub unpriced: bool,
}

impl Policy {
    /// The columns that must be there.
    fn required(self) -> &'static [Field] {
        if self.unpriced { &Field::CERTAIN } else { &Field::ALL }
    }
}

/// What became of the rows read: `n_rows = n_kept + n_rejected + n_duplicates`, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows read.
    pub n_rows: u64,
    /// Rows unique.
    pub n_kept: u64,
    /// Rows refused, whatever the severity.
    pub n_rejected: u64,
    /// Of those refused, rows without a certain mistake: implausible only.
    pub n_suspect: u64,
    /// Repeated rows dropped.
    pub n_duplicates: u64,
    /// Rows of the data whose stone stands among the test rows that were given, too, whatever its price is there.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n_in_both: u64,
    /// Of these, rows that were kept to be learned from; the others are repeated rows.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n_in_both_kept: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
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

/// What was read of a source.
#[derive(Clone, Debug, Default)]
pub(super) struct Ingested {
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
pub(super) enum RowOutcome<'a> {
    Kept,
    Duplicate,
    Refused(&'a [Fault]),
}

/// Hears what became of each row, in order.
pub(super) trait RowSink {
    fn row(&mut self, place: &Place<'_>, outcome: RowOutcome<'_>) -> Result<()>;
}

/// Reads and validates `files`, then `frames`, as one source into `unique`; `sink` hears of each row.
///
/// Memory grows with the rows kept (64 bytes each, and 11 to 22 more while duplicates are looked
/// for), never with the length of a line or the number of refused rows. Of the room for duplicates up to 128 MiB
/// are taken beforehand, by the length of a file.
///
/// # Errors
/// When a file cannot be read or its form is broken ([`Error::Malformed`]), or on interruption.
pub(super) fn read(
    files: &[PathBuf],
    frames: &[Frame],
    policy: Policy,
    unique: &mut UniqueRows,
    sink: &mut dyn RowSink,
    progress: &dyn Progress,
    interrupt: &Interrupt,
) -> Result<Ingested> {
    let mut ingested = Ingested::default();
    for path in files {
        let table = Table::open(path)?;
        read_table(path, table, policy, unique, &mut ingested, sink, progress, interrupt)?;
    }
    for frame in frames {
        let table = Table::over(frame.clone());
        read_table(&frame.name, table, policy, unique, &mut ingested, sink, progress, interrupt)?;
    }
    Ok(ingested)
}

#[allow(clippy::too_many_arguments, reason = "the parts of one read, each used once")]
fn read_table(
    path: &Path,
    mut table: Table,
    policy: Policy,
    unique: &mut UniqueRows,
    ingested: &mut Ingested,
    sink: &mut dyn RowSink,
    progress: &dyn Progress,
    interrupt: &Interrupt,
) -> Result<()> {
    let extra_columns = table.require(path, policy.required())?;
    let n_before = ingested.counts.n_rows;
    unique.reserve(table.n_rows_about());
    let work = |part: Part| part.batch().map(|batch| CheckedBatch::of(batch, policy));
    let take = |checked: Result<CheckedBatch>| -> Result<()> {
        interrupt.check()?;
        let CheckedBatch { batch, stones, fingerprints, refused } = checked?;
        let mut are_kept = unique.extend(&stones, &fingerprints)?.into_iter();
        let mut refused = refused.into_iter().peekable();
        ingested.counts.n_rows += batch.len() as u64;
        for row in 0..batch.len() {
            let place = Place { file: path, batch: &batch, row };
            if let Some((_, refusal)) = refused.next_if(|(number, _)| *number == row) {
                ingested.counts.n_rejected += 1;
                ingested.counts.n_suspect += u64::from(!refusal.is_certain);
                sink.row(&place, RowOutcome::Refused(&refusal.faults))?;
            } else if are_kept.next() == Some(true) {
                ingested.counts.n_kept += 1;
                sink.row(&place, RowOutcome::Kept)?;
            } else {
                ingested.counts.n_duplicates += 1;
                sink.row(&place, RowOutcome::Duplicate)?;
            }
        }
        progress.report(&Event::Reading { path, n_rows: ingested.counts.n_rows });
        Ok(())
    };
    in_order(|| table.next_part(), work, take)?;
    let n_rows = ingested.counts.n_rows - n_before;
    progress.report(&Event::FileRead { path, n_rows, extra_columns: &extra_columns });
    ingested.files.push(SourceFile { path: path.into(), n_rows, extra_columns });
    Ok(())
}

struct Refusal {
    faults: Vec<Fault>,
    is_certain: bool,
}

/// A batch, and what each of its rows is by itself.
struct CheckedBatch {
    batch: Batch,
    /// Those that are not refused.
    stones: Vec<PricedDiamond>,
    /// Theirs, if repeated rows are looked for.
    fingerprints: Vec<u64>,
    /// The others, with their places in the batch.
    refused: Vec<(usize, Refusal)>,
}

impl CheckedBatch {
    fn of(batch: Batch, policy: Policy) -> Self {
        let (mut stones, mut refused) = (Vec::with_capacity(batch.len()), Vec::new());
        let textbook = policy.unpriced.then(|| Imputer::fit(std::iter::empty()));
        for row in 0..batch.len() {
            let raw = batch.raw(row);
            let checked = match &textbook {
                None => check_row(&raw, priced(&raw, batch.cell(row, Field::Price)), policy.suspect),
                Some(textbook) => check_row(&raw, unpriced(&raw, textbook), policy.suspect),
            };
            match checked {
                Ok(stone) => stones.push(stone),
                Err(refusal) => refused.push((row, refusal)),
            }
        }
        let fingerprints = match policy.duplicates {
            Duplicates::Drop => stones.iter().map(row_fingerprint).collect(),
            Duplicates::Keep => Vec::new(),
        };
        Self { batch, stones, fingerprints, refused }
    }
}

fn priced(raw: &RawDiamond<'_>, price: Cell<'_>) -> Result<PricedDiamond, Vec<Fault>> {
    raw.parse_priced(price).map_err(|faults| raw.explained(faults))
}

/// A stone that nobody has priced, with what is missing taken from a textbook and a stand-in for its price.
fn unpriced(raw: &RawDiamond<'_>, textbook: &Imputer) -> Result<PricedDiamond, Vec<Fault>> {
    let (stone, _) = textbook.complete(PartialDiamond(*raw))?;
    stone.sold_at(Cell::Number(1.0)).map_err(|fault| vec![fault])
}

fn check_row(
    raw: &RawDiamond<'_>,
    stone: Result<PricedDiamond, Vec<Fault>>,
    suspect: Suspect,
) -> Result<PricedDiamond, Refusal> {
    let stone = stone.map_err(|faults| Refusal { faults, is_certain: true })?;
    if suspect == Suspect::Reject && !stone.diamond().suspicions().is_empty() {
        return Err(Refusal { faults: stone.diamond().warnings(raw), is_certain: false });
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
            n_in_both: self.n_in_both + other.n_in_both,
            n_in_both_kept: self.n_in_both_kept + other.n_in_both_kept,
        }
    }

    /// What there is to say about stones that both train and test, in a sentence.
    pub fn in_both(&self) -> Option<String> {
        let stand = match self.n_in_both {
            0 => return None,
            1 => "1 row of the data stands".into(),
            n => format!("{} rows of the data stand", grouped(n)),
        };
        let too_small = "so that errors on the test rows are smaller than on new stones";
        let what = match (self.n_in_both - self.n_in_both_kept, self.n_in_both_kept) {
            (_, 0) => "left out of training".into(),
            (0, _) => format!("learned from, {too_small}"),
            (n_dropped, n_kept) => format!(
                "left out of training: {}; of another price and learned from: {}, {too_small}",
                grouped(n_dropped),
                grouped(n_kept)
            ),
        };
        Some(format!("{stand} among the test rows, too; {what}"))
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
