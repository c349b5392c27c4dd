//! A sampler that learns.

use std::f64::consts::TAU;

use rand::RngExt;
use rand_pcg::Pcg64;

use super::contract::Sampler;
use super::random::RandomSampler;
use crate::error::Result;
use crate::math::{cos, exp, ln, power, square};
use crate::model::Params;
use crate::tuning::space::{Domain, Space};

/// Tree-structured Parzen estimator over all parameters at once: proposes what lies where good results are dense and
/// others are not. Each result is a kernel in the unit cube of the space, and one more is flat, so that no
/// place is ever out of reach.
///
/// Sources: Bergstra et al., "Algorithms for hyper-parameter optimization" (2011); kernels over all parameters
/// together, which sees that a slow rate wants deep trees, Falkner, Klein and Hutter, "BOHB" (2018).
pub struct Tpe {
    random: RandomSampler,
    space: Space,
    /// Where each result lies in the unit cube, and its value.
    known: Vec<(Vec<f64>, f64)>,
}

/// Trials at random before the densities mean anything.
const N_STARTUP: usize = 10;
/// Share of the results that count as good.
const SHARE_OF_GOOD: f64 = 0.2;
/// Points that are drawn where good results are dense, of which the best is proposed.
const N_CANDIDATES: usize = 24;
/// Share of each density that is flat.
const FLAT: f64 = 0.1;
/// Width of a kernel, as a share of its parameter's domain, if it were the only one.
const WIDTH: f64 = 0.2;
/// How often a kernel of a word means any word.
const SHARE_OF_OTHER_WORDS: f64 = 0.3;

impl Tpe {
    /// A sampler over `space`.
    pub fn new(space: Space, seed: u64) -> Self {
        Self { random: RandomSampler::new(space.clone(), seed), space, known: Vec::new() }
    }

    fn domains(&self) -> impl Iterator<Item = &Domain> {
        self.space.0.iter().map(|(_, domain)| domain)
    }

    /// Scott's rule: the more kernels and the fewer parameters, the narrower.
    fn width(&self, n_kernels: usize) -> f64 {
        WIDTH * power(n_kernels as f64, -1.0 / (self.space.0.len() as f64 + 4.0))
    }

    fn density(&self, point: &[f64], kernels: &[&[f64]]) -> f64 {
        let width = self.width(kernels.len());
        let at = |kernel: &&[f64]| -> f64 {
            let parts = self.domains().zip(point).zip(*kernel);
            parts.map(|((domain, at), center)| part(domain, *at, *center, width)).product()
        };
        FLAT + (1.0 - FLAT) * kernels.iter().map(at).sum::<f64>() / kernels.len().max(1) as f64
    }

    /// A point near one of these, or anywhere.
    fn draw(&self, random: &mut Pcg64, kernels: &[&[f64]]) -> Vec<f64> {
        let width = self.width(kernels.len());
        let is_flat = random.random_range(0.0..1.0) < FLAT;
        let center = (!is_flat).then(|| kernels[random.random_range(0..kernels.len())]);
        let coordinate = |(index, domain): (usize, &Domain)| {
            let anywhere = random.random_range(0.0..1.0);
            match center {
                None => anywhere,
                Some(_) if domain.n_words() > 0 && random.random_range(0.0..1.0) < SHARE_OF_OTHER_WORDS => {
                    anywhere
                }
                Some(center) if domain.n_words() > 0 => center[index],
                Some(center) => near(random, center[index], width),
            }
        };
        self.domains().enumerate().map(coordinate).collect()
    }
}

impl Sampler for Tpe {
    fn ask(&mut self, number: usize) -> Result<Params> {
        if number < N_STARTUP || self.known.is_empty() {
            return self.random.ask(number);
        }
        let mut random = self.random.random(number);
        let mut sorted: Vec<_> = self.known.iter().collect();
        sorted.sort_by(|a, b| a.1.total_cmp(&b.1));
        let points: Vec<_> = sorted.iter().map(|(point, _)| point.as_slice()).collect();
        let (good, others) = points.split_at((SHARE_OF_GOOD * points.len() as f64).ceil() as usize);
        let mut best = (f64::NEG_INFINITY, Vec::new());
        for _ in 0..N_CANDIDATES {
            let point = self.draw(&mut random, good);
            let gain = self.density(&point, good) / self.density(&point, others);
            if gain > best.0 {
                best = (gain, point);
            }
        }
        let mut params = Params::default();
        for ((name, domain), share) in self.space.0.iter().zip(best.1) {
            domain.set(&mut params, name, domain.at_share(share));
        }
        Ok(params)
    }

    fn tell(&mut self, params: &Params, value: f64) -> Result<()> {
        let shares = self.space.0.iter().map(|(name, domain)| domain.share(params, name));
        // What lacks a parameter was not proposed here and says nothing about this space.
        if let Some(point) = shares.collect() {
            self.known.push((point, value));
        }
        Ok(())
    }
}

/// A kernel's density along one parameter.
fn part(domain: &Domain, at: f64, center: f64, width: f64) -> f64 {
    let n_words = domain.n_words() as f64;
    if n_words > 0.0 {
        let is_same = (at * n_words).floor() == (center * n_words).floor();
        return SHARE_OF_OTHER_WORDS + if is_same { (1.0 - SHARE_OF_OTHER_WORDS) * n_words } else { 0.0 };
    }
    // A normal distribution cut off at the ends of the domain. The logistic function is near enough to its integral.
    let below = |z: f64| 1.0 / (1.0 + exp(-1.702 * z));
    let inside = below((1.0 - center) / width) - below(-center / width);
    exp(-0.5 * square((at - center) / width)) / (width * TAU.sqrt() * inside)
}

/// A normally distributed share around `center`, from 0 to 1.
fn near(random: &mut Pcg64, center: f64, width: f64) -> f64 {
    loop {
        // Box and Muller's transform (1958).
        let (u, v) = (random.random_range(f64::EPSILON..1.0), random.random_range(0.0..1.0));
        let share = center + width * (-2.0 * ln(u)).sqrt() * cos(TAU * v);
        if (0.0..1.0).contains(&share) {
            return share;
        }
    }
}
