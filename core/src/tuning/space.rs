//! What may be tried.

use std::borrow::Cow;

use serde::Serialize;

use crate::math::{exp, ln};
use crate::model::Params;

/// The values that one parameter may take.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Domain {
    /// Any number in between, each equally likely.
    Uniform {
        /// Smallest.
        low: f64,
        /// Largest.
        high: f64,
    },
    /// Any number in between, each order of magnitude equally likely.
    LogUniform {
        /// Smallest, above zero.
        low: f64,
        /// Largest.
        high: f64,
    },
    /// A whole number from `low` to `high`, both included.
    Integer {
        /// Smallest.
        low: u32,
        /// Largest.
        high: u32,
    },
    /// One of these numbers.
    Choice(Cow<'static, [f64]>),
    /// One of these words.
    Words(Vec<String>),
}

/// Parameters by name, each with its domain.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Space(pub Vec<(Cow<'static, str>, Domain)>);

impl Domain {
    /// The interval in which samplers work.
    pub(super) fn interval(&self) -> (f64, f64) {
        match self {
            Self::Uniform { low, high } => (*low, *high),
            Self::LogUniform { low, high } => (ln(*low), ln(*high)),
            Self::Integer { low, high } => (f64::from(*low) - 0.5, f64::from(*high) + 0.5),
            Self::Choice(values) => (0.0, values.len() as f64),
            Self::Words(words) => (0.0, words.len() as f64),
        }
    }

    /// How many words there are to choose from; 0 where values have an order.
    pub(super) fn n_words(&self) -> usize {
        if let Self::Words(words) = self { words.len() } else { 0 }
    }

    /// Gives the parameter the value at a point of the interval.
    pub(super) fn set(&self, params: &mut Params, name: &str, point: f64) {
        match self {
            Self::Uniform { low, high } => params.set(name, point.clamp(*low, *high)),
            Self::LogUniform { low, high } => params.set(name, exp(point).clamp(*low, *high)),
            Self::Integer { low, high } => {
                params.set(name, point.round().clamp(f64::from(*low), f64::from(*high)));
            }
            Self::Choice(values) => params.set(name, values[(point as usize).min(values.len() - 1)]),
            Self::Words(words) => params.set_word(name, &*words[(point as usize).min(words.len() - 1)]),
        }
    }

    /// The point at this share of the interval, from 0 to 1.
    pub(super) fn at_share(&self, share: f64) -> f64 {
        let (low, high) = self.interval();
        low + share * (high - low)
    }

    /// Where in the interval the parameter's value lies, as a share; the middle of its step for a choice.
    pub(super) fn share(&self, params: &Params, name: &str) -> Option<f64> {
        let (low, high) = self.interval();
        let middle = |index: usize| index as f64 + 0.5;
        let point = match self {
            Self::Words(words) => {
                let word = params.word(name)?;
                words.iter().position(|other| other == word).map(middle)?
            }
            Self::Choice(values) => {
                let value = params.get(name)?;
                values.iter().position(|other| *other == value).map(middle)?
            }
            Self::LogUniform { .. } => ln(params.get(name)?),
            Self::Uniform { .. } | Self::Integer { .. } => params.get(name)?,
        };
        Some((point - low) / (high - low))
    }
}
