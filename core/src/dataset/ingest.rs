//! Reading and validating: each row read is kept, refused or a duplicate, and the counts add up.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::counts::Counts;
use super::duplicates::{Duplicates, UniqueRows};
use super::event::ReadEvent;
use super::fingerprint::row_fingerprint;
use super::price_units::SoldSample;
use super::units::SuspectUnit;
use super::{Batch, Frame, Part, Reading, Spellings, Table};
use crate::diamond::{Cell, Fault, Field, PricedDiamond, RawDiamond, number};
use crate::error::Result;
use crate::features::Imputer;
use crate::interrupt::Interrupt;
use crate::parallel::in_order;

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
        if self.unpriced { &Field::CERTAIN } else { &Field::OF_A_SALE }
    }
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
    /// The first of them whose prices look as if they had another unit.
    pub suspect: Option<(PathBuf, SuspectUnit)>,
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
/// When a file cannot be read or its form is broken ([`crate::Error::Malformed`]), or on interruption.
pub(super) fn read(
    files: &[PathBuf],
    frames: &[Frame],
    (policy, reading): (Policy, &Arc<Reading>),
    unique: &mut UniqueRows,
    sink: &mut dyn RowSink,
    report: &dyn Fn(&ReadEvent<'_>),
    interrupt: &Interrupt,
) -> Result<Ingested> {
    let mut ingested = Ingested::default();
    for path in files {
        let table = Table::open(path, reading)?;
        read_table(path, table, policy, unique, &mut ingested, sink, report, interrupt)?;
    }
    for frame in frames {
        let table = Table::over(frame.clone());
        read_table(&frame.name, table, policy, unique, &mut ingested, sink, report, interrupt)?;
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
    report: &dyn Fn(&ReadEvent<'_>),
    interrupt: &Interrupt,
) -> Result<()> {
    let extra_columns = table.require(path, policy.required())?;
    let without: Vec<_> = match policy.unpriced {
        true => Vec::new(),
        false => table.without().map(Field::name).collect(),
    };
    let without =
        (!without.is_empty()).then(|| format!("{} estimated, for want of columns", without.join(", ")));
    let understood = table.understood().into_iter().chain(without).reduce(|one, other| one + ", " + &other);
    let n_before = ingested.counts.n_rows;
    unique.reserve(table.n_rows_about());
    let mut spellings = Spellings::default();
    let mut sold = SoldSample::EMPTY;
    let work = |part: Part| part.batch().map(|batch| CheckedBatch::of(batch, policy));
    let take = |checked: Result<CheckedBatch>| -> Result<()> {
        interrupt.check()?;
        let CheckedBatch { batch, stones, fingerprints, refused, spelled } = checked?;
        spellings.add(spelled);
        sold.add(&stones);
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
        report(&ReadEvent::Reading { path, n_rows: ingested.counts.n_rows });
        Ok(())
    };
    in_order(|| table.next_part(), work, take)?;
    if !policy.unpriced && sold.is_telling() && ingested.suspect.is_none() {
        ingested.suspect = sold.suspect().map(|suspect| (path.to_owned(), suspect));
    }
    let n_rows = ingested.counts.n_rows - n_before;
    let understood =
        understood.into_iter().chain(spellings.in_words()).reduce(|one, other| one + ", " + &other);
    let understood = understood.as_deref();
    report(&ReadEvent::FileRead { path, n_rows, understood, extra_columns: &extra_columns });
    ingested.files.push(SourceFile { path: path.into(), n_rows, extra_columns });
    Ok(())
}

pub(super) struct Refusal {
    pub(super) faults: Vec<Fault>,
    is_certain: bool,
}

/// A batch, and what each of its rows is by itself.
pub(super) struct CheckedBatch {
    pub(super) batch: Batch,
    /// Those that are not refused.
    pub(super) stones: Vec<PricedDiamond>,
    /// Theirs, if repeated rows are looked for.
    fingerprints: Vec<u64>,
    /// The others, with their places in the batch.
    pub(super) refused: Vec<(usize, Refusal)>,
    pub(super) spelled: Spellings,
}

impl CheckedBatch {
    pub(super) fn of(batch: Batch, policy: Policy) -> Self {
        let (mut stones, mut refused) = (Vec::with_capacity(batch.len()), Vec::new());
        let mut spelled = Spellings::default();
        let textbook = Imputer::fit(std::iter::empty());
        let plain_sale = batch.plain_sales();
        for row in 0..batch.len() {
            if !policy.unpriced
                && let Some(stone) = plain_sale(row)
            {
                stones.push(stone);
                continue;
            }
            let raw = batch.raw(row);
            let price = if policy.unpriced { Cell::Number(1.0) } else { batch.cell(row, Field::Price) };
            let stone =
                if policy.unpriced { unpriced(&raw, price, &textbook) } else { sold(&raw, price, &textbook) };
            let checked = check_row(&raw, stone, policy.suspect);
            if !checked.as_ref().is_ok_and(|stone| batch.is_spelled_as_ours(&raw, stone.diamond())) {
                spelled.add_row(&batch, row);
            }
            match checked {
                Ok(stone) => stones.push(stone),
                Err(refusal) => refused.push((row, refusal)),
            }
        }
        drop(plain_sale);
        let fingerprints = match policy.duplicates {
            Duplicates::Drop => stones.iter().map(row_fingerprint).collect(),
            Duplicates::Keep => Vec::new(),
        };
        Self { batch, stones, fingerprints, refused, spelled }
    }
}

/// A stone with its price. Measurements that are missing are taken from a textbook, and are known to be; one of zero is
/// wrong here.
pub(super) fn sold(
    raw: &RawDiamond<'_>,
    price: Cell<'_>,
    textbook: &Imputer,
) -> Result<PricedDiamond, Vec<Fault>> {
    let measurements = [raw.depth, raw.table, raw.x, raw.y, raw.z];
    if measurements.iter().any(Cell::is_blank) && !measurements.iter().any(Cell::is_zero) {
        return unpriced(raw, price, textbook);
    }
    raw.parse_priced(price).map_err(|faults| raw.explained(faults))
}

/// The same of a stone that is yet to be priced, with a stand-in for its price: there a zero is missing too.
fn unpriced(raw: &RawDiamond<'_>, price: Cell<'_>, textbook: &Imputer) -> Result<PricedDiamond, Vec<Fault>> {
    let (stone, _) = textbook.complete(raw).map_err(|mut faults| {
        // All that is wrong at once.
        faults.extend(number(Field::Price, price).err().filter(|_| raw.objections.is_empty()));
        faults
    })?;
    stone.sold_at(price).map_err(|fault| vec![fault])
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
