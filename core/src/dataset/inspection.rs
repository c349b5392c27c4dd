//! What a file would be understood as: its form, its columns and their units, which rows can be used and what is wrong
//! with the others, and the settings that would settle what is open.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::columns::{has, lookalike};
use super::ingest::CheckedBatch;
use super::price_units::SoldSample;
use super::units::{SuspectUnit, suspects};
use super::{Batch, Part, Policy, Reading, Spellings, Suspect, Table};
use crate::diamond::{Fault, Field};
use crate::error::{Error, Result};
use crate::format::grouped;
use crate::interrupt::Interrupt;
use crate::parallel::in_order;

/// Cells of each column that are shown.
const N_EXAMPLES: usize = 3;
/// Kinds of faults that are told apart, and lines of each that are named.
const MOST_KINDS: usize = 40;
const MOST_LINES: usize = 5;

/// What a file would be understood as.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// The file.
    pub file: String,
    /// How it was read, where it is not plain.
    pub understood: Option<String>,
    /// Its columns, in their order.
    pub columns: Vec<InspectedColumn>,
    /// Columns without which the stones cannot be priced, and measurements that a column is nearly called like.
    pub missing: Vec<&'static str>,
    /// Whether the stones have prices, so that a model could learn from them.
    pub has_prices: bool,
    /// Rows in it.
    pub n_rows: u64,
    /// Rows that can be used: to learn from where there are prices, else to be priced.
    pub n_usable: u64,
    /// Rows that cannot.
    pub n_refused: u64,
    /// What is wrong with them, the most frequent first.
    pub faults: Vec<FaultKind>,
    /// Columns that look as if they had another unit.
    pub units: Vec<SuspectUnit>,
    /// Grades that are not written as ours, and what they were taken for.
    pub spellings: Option<String>,
    /// Lines of `xtream.toml` that would settle what is open; to be read and changed before they are used.
    pub settings: Vec<String>,
}

/// A column of a file.
#[derive(Clone, Debug, Serialize)]
pub struct InspectedColumn {
    /// Its name there.
    pub name: String,
    /// What it is to us; `None` where it is not used.
    pub field: Option<&'static str>,
    /// The unit that its numbers are taken for.
    pub unit: Option<&'static str>,
    /// Some of its cells, as written.
    pub examples: Vec<String>,
}

/// One way in which rows are wrong.
#[derive(Clone, Debug, Serialize)]
pub struct FaultKind {
    /// The column.
    pub column: &'static str,
    /// The first such fault in words.
    pub example: String,
    /// Such faults.
    pub n: u64,
    /// Where the first of them stand.
    pub lines: Vec<u64>,
}

/// Looks at a whole file. Memory does not grow with it.
///
/// # Errors
/// When it cannot be read at all, or on interruption.
pub fn inspect(path: &Path, reading: &Arc<Reading>, interrupt: &Interrupt) -> Result<Inspection> {
    // What seems to have another unit is told, and read all the same.
    let reading = Arc::new(Reading { accepts_units: true, ..(**reading).clone() });
    let mut table = Table::open(path, &reading)?;
    let missing = Field::CERTAIN.into_iter().filter(|field| !has(table.fields(), *field));
    let missing: Vec<_> = missing.chain(table.nearly_named().map(|(field, _)| field)).collect();
    let has_prices = has(table.fields(), Field::Price);
    let mut inspection = Inspection {
        file: path.display().to_string(),
        understood: table.understood(),
        columns: columns(&table),
        missing: missing.iter().map(|field| field.name()).collect(),
        has_prices,
        n_rows: 0,
        n_usable: 0,
        n_refused: 0,
        faults: Vec::new(),
        units: Vec::new(),
        spellings: None,
        settings: Vec::new(),
    };
    // A stone of implausible measurements is no good to learn from, but it is priced, with a warning.
    let suspect = if has_prices { Suspect::Reject } else { Suspect::Keep };
    let policy = Policy { suspect, unpriced: !has_prices, ..Policy::default() };
    let mut kinds = Kinds::default();
    let mut spellings = Spellings::default();
    let mut sold = SoldSample::EMPTY;
    if let Some(first) = table.next_batch()? {
        inspection.units = suspects(&first, false);
        let checked = CheckedBatch::of(first, policy);
        sold.add(&checked.stones);
        take(&checked, &mut inspection, &mut kinds, &mut spellings);
        add_examples(&mut inspection.columns, checked.batch)?;
    }
    let work = |part: Part| {
        let batch = part.batch()?;
        Ok((suspects(&batch, true), CheckedBatch::of(batch, policy)))
    };
    in_order(
        || table.next_part(),
        work,
        |looked_at| {
            interrupt.check()?;
            let (suspects, checked) = looked_at?;
            for suspect in suspects {
                if inspection.units.iter().all(|known| known.field != suspect.field) {
                    inspection.units.push(suspect);
                }
            }
            sold.add(&checked.stones);
            take(&checked, &mut inspection, &mut kinds, &mut spellings);
            Ok::<_, Error>(())
        },
    )?;
    if has_prices {
        inspection.units.extend(sold.suspect());
    }
    let unused = inspection.columns.iter().filter(|column| column.field.is_none());
    let names: Vec<_> = unused.map(|column| column.name.clone()).collect();
    inspection.settings = settings(&missing, &names, &kinds.grades);
    inspection.spellings = spellings.in_words();
    inspection.faults = kinds.sorted();
    Ok(inspection)
}

fn take(checked: &CheckedBatch, inspection: &mut Inspection, kinds: &mut Kinds, spellings: &mut Spellings) {
    inspection.n_rows += checked.batch.len() as u64;
    inspection.n_usable += checked.stones.len() as u64;
    inspection.n_refused += checked.refused.len() as u64;
    spellings.add(checked.spelled.clone());
    for (row, refusal) in &checked.refused {
        let line = checked.batch.line(*row);
        refusal.faults.iter().for_each(|fault| kinds.add(fault, line));
    }
}

fn columns(table: &Table) -> Vec<InspectedColumn> {
    let of = |(name, field): (&String, &Option<Field>)| InspectedColumn {
        name: name.clone(),
        field: field.map(Field::name),
        unit: field.and_then(Field::unit),
        examples: Vec::new(),
    };
    table.columns().iter().zip(table.fields()).map(of).collect()
}

fn add_examples(columns: &mut [InspectedColumn], batch: Batch) -> Result<()> {
    let frame = batch.into_frame()?.head(Some(N_EXAMPLES));
    for column in columns {
        // A frame may have its columns in an order of its own.
        let Ok(cells) = frame.column(&column.name) else { continue };
        let cells = cells.as_materialized_series();
        let shown = cells.iter().filter(|cell| !cell.is_null()).map(|cell| match cell.get_str() {
            Some(text) => text.chars().take(40).collect(),
            None => cell.to_string(),
        });
        column.examples = shown.collect();
    }
    Ok(())
}

/// Faults of a kind differ in their numbers alone.
#[derive(Default)]
struct Kinds {
    kinds: BTreeMap<(Field, String), FaultKind>,
    /// Faults of kinds beyond the most that are told apart.
    n_others: u64,
    /// Unknown grades, with the one of ours that is nearest.
    grades: BTreeMap<(Field, String), String>,
}

impl Kinds {
    fn add(&mut self, fault: &Fault, line: u64) {
        let is_grade = fault.field.is_grade() && !fault.value.is_empty();
        // Every unknown grade is a kind of its own; of others the numbers do not matter.
        let plain = |text: &str| text.replace(|character: char| character.is_ascii_digit(), "");
        let key = if is_grade { fault.value.clone() } else { plain(&fault.reason) };
        if is_grade && self.grades.len() < MOST_KINDS {
            let nearest = fault.allowed.rsplit_once("the nearest is ").map(|(_, label)| label.to_owned());
            self.grades.entry((fault.field, key.clone())).or_insert_with(|| nearest.unwrap_or_default());
        }
        if self.kinds.len() >= MOST_KINDS && !self.kinds.contains_key(&(fault.field, key.clone())) {
            self.n_others += 1;
            return;
        }
        let kind = self.kinds.entry((fault.field, key)).or_insert_with(|| FaultKind {
            column: fault.field.name(),
            example: fault.to_string(),
            n: 0,
            lines: Vec::new(),
        });
        kind.n += 1;
        if kind.lines.len() < MOST_LINES {
            kind.lines.push(line);
        }
    }

    fn sorted(self) -> Vec<FaultKind> {
        let mut kinds: Vec<_> = self.kinds.into_values().collect();
        kinds.sort_by_key(|kind| std::cmp::Reverse(kind.n));
        if self.n_others > 0 {
            let example = "faults of other kinds".to_owned();
            kinds.push(FaultKind { column: Field::Row.name(), example, n: self.n_others, lines: Vec::new() });
        }
        kinds
    }
}

/// Settings for columns that look like those that are missing, and for grades that are none of ours.
fn settings(missing: &[Field], unused: &[String], grades: &BTreeMap<(Field, String), String>) -> Vec<String> {
    let mut lines = Vec::new();
    let alike = |field: &Field| Some((lookalike(*field, unused.iter().map(String::as_str))?, *field));
    let columns: Vec<_> = missing.iter().filter_map(alike).collect();
    if !columns.is_empty() {
        lines.push("[columns]".to_owned());
        lines.extend(columns.iter().map(|(name, field)| format!("{name:?} = {:?}", field.name())));
    }
    let known: Vec<_> = grades.iter().filter(|(_, nearest)| !nearest.is_empty()).collect();
    for field in Field::GRADES {
        let of_field: Vec<_> = known.iter().filter(|((of, _), _)| *of == field).collect();
        if !of_field.is_empty() {
            lines.push(format!("[grades.{field}]"));
            lines.extend(of_field.iter().map(|((_, theirs), nearest)| format!("{theirs:?} = {nearest:?}")));
        }
    }
    lines
}

impl Inspection {
    /// Whether something keeps the file, or a row of it, from being used.
    pub fn is_open(&self) -> bool {
        !self.missing.is_empty() || !self.units.is_empty() || self.n_refused > 0
    }

    /// For a person at a terminal.
    pub fn in_words(&self) -> String {
        let mut lines = vec![self.file.clone()];
        let form =
            self.understood.as_deref().unwrap_or("plain: commas, decimal points, names that are known");
        lines.push(format!("  read as {form}"));
        for column in &self.columns {
            let use_of = match (column.field, column.unit) {
                (Some(field), Some(unit)) => format!("{field}, in {unit}"),
                (Some(field), None) => field.to_owned(),
                (None, _) => "not used".to_owned(),
            };
            lines.push(format!(
                "  {:<24} {use_of:<28} {}",
                format!("{:?}", column.name),
                column.examples.join(", ")
            ));
        }
        let is_needed = |name: &&str| Field::CERTAIN.iter().any(|field| field.name() == *name);
        let (needed, others): (Vec<&str>, Vec<&str>) = self.missing.iter().copied().partition(is_needed);
        if !needed.is_empty() {
            lines.push(format!(
                "  There is no column {}; without it no stone can be priced.",
                needed.join(", ")
            ));
        }
        if !others.is_empty() {
            lines.push(format!(
                "  There is no column {}, and one that is nearly called so.",
                others.join(", ")
            ));
        }
        let purpose = if self.has_prices { "to learn from" } else { "to be priced" };
        lines.push(format!(
            "  {} rows: {} can be used {purpose}, {} are refused",
            grouped(self.n_rows),
            grouped(self.n_usable),
            grouped(self.n_refused)
        ));
        for FaultKind { example, n, lines: at, .. } in &self.faults {
            let at: Vec<_> = at.iter().map(u64::to_string).collect();
            let more = if *n > at.len() as u64 { ", ..." } else { "" };
            let times = if *n == 1 { "once".to_owned() } else { format!("{} times", grouped(*n)) };
            lines.push(format!("    {times} (line {}{more}): {example}", at.join(", ")));
        }
        for SuspectUnit { field, reason, allowed, .. } in &self.units {
            lines.push(format!(
                "  The column {field} seems to have another unit: {reason}; expected is {allowed}."
            ));
        }
        if let Some(spellings) = &self.spellings {
            lines.push(format!("  {spellings}"));
        }
        if !self.settings.is_empty() {
            lines.push("  If that is what they mean, these lines of xtream.toml say so:".into());
            lines.extend(self.settings.iter().map(|line| format!("    {line}")));
        }
        lines.join("\n") + "\n"
    }
}
