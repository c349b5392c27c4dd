//! What every sampler promises.

use crate::error::Result;
use crate::model::Params;

/// Proposes parameters and learns from their results.
///
/// The proposal for trial `number` is a function of the seed, the number and what was told before;
/// asking consumes nothing, so a search that continues asks the same and gets the same.
pub trait Sampler {
    /// Parameters for the trial `number`, counted from 0.
    fn ask(&mut self, number: usize) -> Result<Params>;

    /// The result of parameters that were proposed; smaller is better.
    fn tell(&mut self, params: &Params, value: f64) -> Result<()>;
}
