//! The samplers there are, by name.

use serde::{Deserialize, Serialize};

use super::contract::Sampler;
use super::random::RandomSampler;
use super::tpe::Tpe;
use crate::error::{Error, Result};
use crate::tuning::space::Space;

/// The samplers there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SamplerKind {
    /// Tree-structured Parzen estimator.
    #[default]
    Tpe,
    /// At random.
    Random,
}

impl SamplerKind {
    /// A sampler of this kind.
    ///
    /// # Errors
    /// When a domain of the space is empty.
    pub fn sampler(self, space: &Space, seed: u64) -> Result<Box<dyn Sampler>> {
        for (name, domain) in &space.0 {
            let (low, high) = domain.interval();
            if !(low < high && (high - low).is_finite()) {
                let reason = format!("the domain of {name} from {low} to {high}");
                return Err(Error::Usage { reason, allowed: "a lower end below the upper one".into() });
            }
        }
        Ok(match self {
            Self::Tpe => Box::new(Tpe::new(space.clone(), seed)),
            Self::Random => Box::new(RandomSampler::new(space.clone(), seed)),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::borrow::Cow;

    use super::*;
    use crate::math::{ln, square};
    use crate::tuning::Domain;

    fn space() -> Space {
        Space(vec![
            ("rate".into(), Domain::LogUniform { low: 1e-8, high: 1.0 }),
            ("depth".into(), Domain::Integer { low: 3, high: 9 }),
            ("share".into(), Domain::Choice(Cow::Borrowed(&[0.3, 0.4, 0.5, 0.7]))),
            ("weight".into(), Domain::Uniform { low: 1.0, high: 2.0 }),
            ("shade".into(), Domain::Words(vec!["dark".into(), "light".into()])),
        ])
    }

    /// What every sampler promises.
    fn conforms(kind: SamplerKind) {
        let mut sampler = kind.sampler(&space(), 3).unwrap();
        let mut twin = kind.sampler(&space(), 3).unwrap();
        let mut other = kind.sampler(&space(), 4).unwrap();
        let (mut depths, mut shares, mut shades) = (Vec::new(), Vec::new(), Vec::new());
        let mut n_equal = 0;
        for number in 0..200 {
            let params = sampler.ask(number).unwrap();
            assert_eq!(params, twin.ask(number).unwrap(), "the seed decides");
            assert_eq!(params, twin.ask(number).unwrap(), "asking consumes nothing");
            n_equal += i32::from(params == other.ask(number).unwrap());
            let get = |name| params.get(name).unwrap();
            assert!((1e-8..=1.0).contains(&get("rate")) && (1.0..=2.0).contains(&get("weight")));
            depths.push(get("depth"));
            shares.push(get("share"));
            shades.push(params.word("shade").unwrap().to_owned());
            for sampler in [&mut sampler, &mut twin, &mut other] {
                // A long flat stretch: every value must remain possible.
                sampler.tell(&params, 1.0).unwrap();
            }
        }
        assert_eq!(n_equal, 0, "another seed proposes something else");
        for wanted in [3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0] {
            assert!(depths.contains(&wanted), "{kind:?} never tried depth {wanted}");
        }
        for wanted in [0.3, 0.4, 0.5, 0.7] {
            assert!(shares.contains(&wanted), "{kind:?} never tried share {wanted}");
        }
        for wanted in ["dark", "light"] {
            assert!(shades.iter().any(|shade| shade == wanted), "{kind:?} never tried {wanted}");
        }
    }

    #[test]
    fn random_conforms() {
        conforms(SamplerKind::Random);
    }

    #[test]
    fn tpe_conforms() {
        conforms(SamplerKind::Tpe);
    }

    #[test]
    fn tpe_finds_a_valley_that_random_draws_miss() {
        let best = |kind: SamplerKind, seed| {
            let mut sampler = kind.sampler(&space(), seed).unwrap();
            (0..80).fold(f64::INFINITY, |best, number| {
                let params = sampler.ask(number).unwrap();
                let get = |name| params.get(name).unwrap();
                let value = square(ln(get("rate")) / std::f64::consts::LN_10 + 5.0)
                    + square(get("weight") - 1.3) * 20.0
                    + (get("depth") - 7.0).abs()
                    + (get("share") - 0.5).abs() * 5.0;
                sampler.tell(&params, value).unwrap();
                best.min(value)
            })
        };
        let mean = |kind| (0..10).map(|seed| best(kind, seed)).sum::<f64>() / 10.0;
        let (tpe, random) = (mean(SamplerKind::Tpe), mean(SamplerKind::Random));
        assert!(tpe < 0.5 * random, "tpe {tpe}, random {random}");
    }
}
