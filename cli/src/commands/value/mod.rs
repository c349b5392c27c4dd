//! `xtream value`: the rows of a file, in order, with the columns `price_usd` and `warnings` added, and those of the
//! range if asked.

mod columns;
mod output;
mod priced_rows;
mod workbook;

use anyhow::Result;
use xtream_core::dataset::{Batch, Spellings, Table};
use xtream_core::diamond::Field;
use xtream_core::format::grouped;
use xtream_core::valuation::{Options, Valued, require_ranges, value_table};
use xtream_core::{Interrupt, Registry};

use self::columns::AddedColumns;
use self::output::Output;
use self::priced_rows::{PricedRows, Rows, with_figures};
use super::reading::reading;
use super::{note, resolve};
use crate::args::ValueArgs;
use crate::settings::Settings;
use crate::wrong_usage::WrongUsage;

/// Refused rows that are named one by one; a whole file of nonsense need not scroll by.
const MOST_NAMED: u64 = 100;

pub(crate) fn run(args: &ValueArgs, settings: &Settings, interrupt: &Interrupt) -> Result<()> {
    if let Some(out) = &args.out
        && let (Ok(out), Ok(file)) = (out.canonicalize(), args.file.canonicalize())
        && out == file
        && file.is_file()
    {
        let message =
            format!("{}: prices do not take the place of the stones; name another file", file.display());
        return Err(WrongUsage(message).into());
    }
    let registry = Registry::open(settings.location()?)?;
    let pipeline = registry.pipeline(resolve(&registry, args.version)?)?;
    let mut table = Table::open(&args.file, &reading(&args.reading, false, settings)?)?;
    table.require(&args.file, &Field::CERTAIN)?;
    if let Some(understood) = table.understood() {
        note(&format!("{}: read as {understood}", args.file.display()));
    }
    if args.range {
        require_ranges(&pipeline)?;
    }
    let added = AddedColumns::beside(table.columns(), args.range);
    for (name, ours) in added.renamed() {
        note(&format!("{}: has a column {name} already, so ours is {ours}", args.file.display()));
    }
    let empty = with_figures(table.no_rows()?, &[], &added, &[])?;
    let mut output = Output::create(args.out.as_deref(), table.echo(&args.file)?, &empty, &added.names)?;
    let (mut n_rows, mut n_refused, mut n_odd) = (0, 0, 0);
    let mut spellings = Spellings::default();
    let kind = output.kind();
    let work = |batch: Batch, values: Vec<Valued>| PricedRows::of(batch, values, &added, kind);
    let take = |priced: PricedRows| {
        n_rows += priced.n_rows;
        n_odd += priced.n_odd;
        spellings.add(priced.spelled);
        for (line, faults) in &priced.refused {
            n_refused += 1;
            for fault in faults.iter().filter(|_| n_refused <= MOST_NAMED) {
                note(&format!("{}, line {line}: {fault}", args.file.display()));
            }
        }
        output.write(priced.rows)
    };
    let options = Options { confidence: args.confidence(), ..Options::default() };
    value_table(&pipeline, &options, &mut table, interrupt, work, take)?;
    if n_rows == 0 {
        output.write(Rows::of_frame(empty, kind)?)?;
    }
    output.finish()?;
    if let Some(spelled) = spellings.in_words() {
        note(&format!("{}: {spelled}", args.file.display()));
    }
    let n_rows = grouped(n_rows);
    if n_odd > 0 {
        note(&format!("{} of {n_rows} rows look odd; their {} say why", grouped(n_odd), added.warnings()));
    }
    if n_refused > 0 {
        let n_refused = grouped(n_refused);
        let message = format!(
            "{n_refused} of {n_rows} rows could not be priced; their {} is left empty",
            added.names[0]
        );
        return Err(WrongUsage(message).into());
    }
    Ok(())
}
