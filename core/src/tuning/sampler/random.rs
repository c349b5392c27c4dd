//! A sampler that learns nothing.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::contract::Sampler;
use crate::error::Result;
use crate::model::Params;
use crate::tuning::space::Space;

/// Draws each parameter from its domain.
pub struct RandomSampler {
    space: Space,
    seed: u64,
}

impl RandomSampler {
    /// A sampler over `space`.
    pub fn new(space: Space, seed: u64) -> Self {
        Self { space, seed }
    }

    /// The chance of this trial.
    pub(super) fn random(&self, number: usize) -> Pcg64 {
        Pcg64::seed_from_u64(xxh3_64_with_seed(&(number as u64).to_le_bytes(), self.seed))
    }
}

impl Sampler for RandomSampler {
    fn ask(&mut self, number: usize) -> Result<Params> {
        let mut random = self.random(number);
        let mut params = Params::default();
        for (name, domain) in &self.space.0 {
            let (low, high) = domain.interval();
            domain.set(&mut params, name, random.random_range(low..high));
        }
        Ok(params)
    }

    fn tell(&mut self, _params: &Params, _value: f64) -> Result<()> {
        Ok(())
    }
}
