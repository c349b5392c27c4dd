//! Pricing many stones at once: rows as they were typed in, a price or the faults of each out.

use std::ops::Range;

use crate::ahead::in_order;
use crate::dataset::{Batch, Part, Table};
use crate::diamond::{Fault, possible_price};
use crate::error::Result;
use crate::features::PartialDiamond;
use crate::interrupt::Interrupt;
use crate::pipeline::Pipeline;

/// One price in US dollars, or every fault.
pub type Price = Result<f64, Vec<Fault>>;

/// Rows priced between two looks at the interrupt.
const SLICE: usize = 1 << 14;

/// One price for each of these rows of the batch, in order. Missing measurements are estimated. A row's price,
/// or why there is none, is what [`Pipeline::value`] gives the stone alone.
pub fn price(pipeline: &Pipeline, batch: &Batch, rows: Range<usize>) -> Vec<Price> {
    let stones: Vec<_> =
        rows.map(|row| pipeline.complete(PartialDiamond(batch.raw(row))).map(|(stone, _)| stone)).collect();
    let sound: Vec<_> = stones.iter().flatten().collect();
    let mut prices = pipeline.predict(sound.into_iter()).into_iter();
    // As many prices as sound stones, so the default is never taken.
    stones
        .into_iter()
        .map(|stone| stone.and_then(|_| possible_price(prices.next().unwrap_or(f64::NAN))))
        .collect()
}

/// Prices all that is left of a table on all cores: `work` makes something of each batch and its prices, on
/// any thread, and `take` gets what it made, in the order of the rows.
///
/// # Errors
/// As [`Table::next_batch`], as `work` and `take`, and on interruption.
pub fn price_table<D: Send>(
    pipeline: &Pipeline,
    table: &mut Table,
    interrupt: &Interrupt,
    work: impl Fn(Batch, Vec<Price>) -> Result<D> + Sync,
    mut take: impl FnMut(D) -> Result<()>,
) -> Result<()> {
    let work = |part: Part| {
        let batch = part.batch()?;
        let mut prices = Vec::with_capacity(batch.len());
        for start in (0..batch.len()).step_by(SLICE) {
            interrupt.check()?;
            prices.extend(price(pipeline, &batch, start..batch.len().min(start + SLICE)));
        }
        work(batch, prices)
    };
    in_order(|| table.next_part(), work, |done| take(done?))
}
