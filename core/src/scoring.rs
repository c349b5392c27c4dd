//! Pricing many stones at once: rows as they were typed in, a price or the faults of each out, and the range of
//! each price if it is asked for.

use std::ops::Range;

use crate::ahead::in_order;
use crate::appraisal::{Confidence, PriceRange};
use crate::dataset::{Batch, Part, Table};
use crate::diamond::{Fault, possible_price};
use crate::error::{Error, Result};
use crate::features::PartialDiamond;
use crate::interrupt::Interrupt;
use crate::pipeline::Pipeline;

/// One price, or every fault.
pub type Price = Result<Priced, Vec<Fault>>;

/// What a stone is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Priced {
    /// Price in US dollars.
    pub price_usd: f64,
    /// Where it lies; `None` when nobody asked, or the model was never calibrated.
    pub range: Option<PriceRange>,
}

/// Rows priced between two looks at the interrupt.
const SLICE: usize = 1 << 14;

/// One price for each of these rows of the batch, in order, with a range where a confidence is given. Missing
/// measurements are estimated. A row's price and range, or why there is none, are what
/// [`Pipeline::appraise`] gives the stone alone.
pub fn price(
    pipeline: &Pipeline,
    confidence: Option<Confidence>,
    batch: &Batch,
    rows: Range<usize>,
) -> Vec<Price> {
    let stones: Vec<_> =
        rows.map(|row| pipeline.complete(PartialDiamond(batch.raw(row))).map(|(stone, _)| stone)).collect();
    let sound: Vec<_> = stones.iter().flatten().collect();
    let (prices, ranges) = match confidence {
        None => (pipeline.predict(sound.into_iter()), None),
        Some(confidence) => pipeline.predict_ranges(&sound, confidence),
    };
    let (mut prices, mut ranges) = (prices.into_iter(), ranges.into_iter().flatten());
    let mut next = || {
        let range = ranges.next();
        // As many prices as sound stones, so the default is never taken.
        let price_usd = possible_price(prices.next().unwrap_or(f64::NAN))?;
        Ok(Priced { price_usd, range })
    };
    stones.into_iter().map(|stone| stone.and_then(|_| next())).collect()
}

/// Prices all that is left of a table on all cores: `work` makes something of each batch and its prices, on
/// any thread, and `take` gets what it made, in the order of the rows. Where a confidence is given, every price
/// has its range.
///
/// # Errors
/// [`Error::Usage`] when ranges are asked of a model that was never calibrated; as [`Table::next_batch`], as
/// `work` and `take`, and on interruption.
pub fn price_table<D: Send>(
    pipeline: &Pipeline,
    confidence: Option<Confidence>,
    table: &mut Table,
    interrupt: &Interrupt,
    work: impl Fn(Batch, Vec<Price>) -> Result<D> + Sync,
    mut take: impl FnMut(D) -> Result<()>,
) -> Result<()> {
    if confidence.is_some() && pipeline.range().is_none() {
        let reason = "ranges of prices from a model that was never calibrated, so that it has none";
        let allowed = "prices without ranges, or a model that is trained anew on enough stones";
        return Err(Error::Usage { reason: reason.into(), allowed: allowed.into() });
    }
    let work = |part: Part| {
        let batch = part.batch()?;
        let mut prices = Vec::with_capacity(batch.len());
        for start in (0..batch.len()).step_by(SLICE) {
            interrupt.check()?;
            prices.extend(price(pipeline, confidence, &batch, start..batch.len().min(start + SLICE)));
        }
        work(batch, prices)
    };
    in_order(|| table.next_part(), work, |done| take(done?))
}
