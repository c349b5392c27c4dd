//! Pricing many stones at once: rows as they were typed in, a price or the faults of each out, and the range of
//! each price if it is asked for.

use std::ops::Range;

use super::{Confidence, PriceRange};
use crate::dataset::{Batch, Part, Table};
use crate::diamond::{Diamond, Fault};
use crate::error::{Error, Result};
use crate::features::PartialDiamond;
use crate::interrupt::Interrupt;
use crate::parallel::in_order;
use crate::pipeline::{Pipeline, refusal};

/// One price, or every fault.
pub type Price = Result<Priced, Vec<Fault>>;

/// What a stone is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Priced {
    /// Price in US dollars, to the cent.
    pub price_usd: f64,
    /// Where it lies; `None` when nobody asked, or the model was trained without ranges.
    pub range: Option<PriceRange>,
    /// Whether stone and price lie within what the model learned from.
    pub is_known: bool,
    /// Likely typing errors and contradictions, and where the stone lies beyond what the model learned from;
    /// empty when nobody asked.
    pub warnings: Vec<Fault>,
}

/// What is asked of many stones besides their prices.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wanted {
    /// How often ranges shall hold the price; `None` for no ranges.
    pub confidence: Option<Confidence>,
    /// Whether warnings are wanted.
    pub warnings: bool,
}

/// Rows priced between two looks at the interrupt.
const SLICE: usize = 1 << 14;

/// One price for each of these rows of the batch, in order, with what else is wanted. Missing measurements are
/// estimated. A row's price, range and warnings, or why there is none, are what [`Pipeline::appraise`] gives the
/// stone alone.
pub fn price(pipeline: &Pipeline, wanted: Wanted, batch: &Batch, rows: Range<usize>) -> Vec<Price> {
    let complete = |row| pipeline.complete(PartialDiamond(batch.raw(row))).map(|(stone, _)| stone);
    let stones: Vec<_> = rows.clone().map(complete).collect();
    let sound: Vec<_> = stones.iter().flatten().collect();
    let mut prices = pipeline.price(&sound, wanted.confidence).into_iter();
    let with_warnings = |(row, stone): (usize, Result<Diamond, Vec<Fault>>)| {
        let stone = stone?;
        // As many prices as sound stones, so this never is the end.
        let Some(priced) = prices.next() else { return Err(Vec::new()) };
        let mut priced = priced.map_err(|fault| refusal(fault, &stone, &batch.raw(row)))?;
        if wanted.warnings {
            priced.warnings =
                pipeline.warnings(&stone, &batch.raw(row), &priced, wanted.confidence.is_some());
        }
        Ok(priced)
    };
    rows.zip(stones).map(with_warnings).collect()
}

/// Prices all that is left of a table on all cores: `work` makes something of each batch and its prices, on
/// any thread, and `take` gets what it made, in the order of the rows. Where a confidence is given, every price
/// has its range.
///
/// # Errors
/// [`Error::Usage`] when ranges are asked of a model that was trained without them; as [`Table::next_batch`], as
/// `work` and `take`, and on interruption.
pub fn price_table<D: Send>(
    pipeline: &Pipeline,
    wanted: Wanted,
    table: &mut Table,
    interrupt: &Interrupt,
    work: impl Fn(Batch, Vec<Price>) -> Result<D> + Sync,
    mut take: impl FnMut(D) -> Result<()>,
) -> Result<()> {
    if wanted.confidence.is_some() && pipeline.intervals().is_none() {
        let reason = "ranges of prices from a model that was trained without ranges or on too few stones";
        let allowed = "prices without ranges, or a model that is trained anew with them";
        return Err(Error::Usage { reason: reason.into(), allowed: allowed.into() });
    }
    let work = |part: Part| {
        let batch = part.batch()?;
        let mut prices = Vec::with_capacity(batch.len());
        for start in (0..batch.len()).step_by(SLICE) {
            interrupt.check()?;
            prices.extend(price(pipeline, wanted, &batch, start..batch.len().min(start + SLICE)));
        }
        work(batch, prices)
    };
    in_order(|| table.next_part(), work, |done| take(done?))
}
