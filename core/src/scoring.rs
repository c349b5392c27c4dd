//! Pricing many stones at once: rows as they were typed in, a price or the faults of each out.

use std::ops::Range;

use crate::dataset::Batch;
use crate::diamond::{Fault, possible_price};
use crate::features::PartialDiamond;
use crate::pipeline::Pipeline;

/// One price in US dollars, or every fault, for each of these rows of the batch, in order. Missing measurements
/// are estimated. A row's price, or why there is none, is what [`Pipeline::value`] gives the stone alone.
pub fn price(pipeline: &Pipeline, batch: &Batch, rows: Range<usize>) -> Vec<Result<f64, Vec<Fault>>> {
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
