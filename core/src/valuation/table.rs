//! The value of each row of a table, on all cores.

use rayon::prelude::*;

use super::{Options, Valued, value_all};
use crate::dataset::{Batch, Part, Table};
use crate::error::{Error, Result};
use crate::interrupt::Interrupt;
use crate::parallel::{all_cores, in_order};
use crate::pipeline::Pipeline;

/// Rows valued between two looks at the interrupt.
const SLICE: usize = 1 << 14;
/// The same where a row takes a thousand prices.
const SLICE_WITH_REASONS: usize = 32;

/// Values all that is left of a table on all cores: `work` makes something of each batch and its values, on
/// any thread, and `take` gets what it made, in the order of the rows. Each value is that of
/// [`super::value`], bit for bit.
///
/// # Errors
/// As [`Table::next_batch`], as `work` and `take`, and on interruption.
pub fn value_table<D: Send>(
    pipeline: &Pipeline,
    options: &Options,
    table: &mut Table,
    interrupt: &Interrupt,
    work: impl Fn(Batch, Vec<Valued>) -> Result<D> + Sync,
    mut take: impl FnMut(D) -> Result<()>,
) -> Result<()> {
    let slice = if options.reasons { SLICE_WITH_REASONS } else { SLICE };
    // Few rows that take long are parted too.
    let pool = options.reasons.then(all_cores).transpose()?;
    let work = |part: Part| {
        let batch = part.batch()?;
        let slices = 0..batch.len().div_ceil(slice);
        let value = |number: usize| {
            interrupt.check()?;
            let rows = number * slice..batch.len().min((number + 1) * slice);
            Ok(value_all(pipeline, rows, |row| batch.raw(row), options, None))
        };
        let valued = match &pool {
            Some(pool) => pool.install(|| slices.into_par_iter().map(value).collect::<Result<Vec<_>>>())?,
            None => slices.map(value).collect::<Result<Vec<_>>>()?,
        };
        let valued = valued.into_iter().flatten().collect();
        work(batch, valued)
    };
    in_order(|| table.next_part(), work, |done| take(done?))
}

/// Refuses ranges of a model that has none, where a file of them is asked for.
///
/// # Errors
/// [`Error::Usage`].
pub fn require_ranges(pipeline: &Pipeline) -> Result<()> {
    if pipeline.intervals().is_some() {
        return Ok(());
    }
    let reason = "ranges of prices from a model that was trained without ranges or on too few stones";
    let allowed = "prices without ranges, or a model that is trained anew with them";
    Err(Error::Usage { reason: reason.into(), allowed: allowed.into() })
}
