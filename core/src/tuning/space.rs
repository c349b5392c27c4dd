//! What may be tried.

use std::borrow::Cow;

use serde::Serialize;

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
            Self::LogUniform { low, high } => (low.ln(), high.ln()),
            Self::Integer { low, high } => (f64::from(*low) - 0.5, f64::from(*high) + 0.5),
            Self::Choice(values) => (0.0, values.len() as f64),
            Self::Words(words) => (0.0, words.len() as f64),
        }
    }

    /// Whether the values have no order that a sampler could follow.
    pub(super) fn is_choice(&self) -> bool {
        matches!(self, Self::Choice(_) | Self::Words(_))
    }

    /// Gives the parameter the value at a point of the interval.
    pub(super) fn set(&self, params: &mut Params, name: &str, point: f64) {
        match self {
            Self::Uniform { low, high } => params.set(name, point.clamp(*low, *high)),
            Self::LogUniform { low, high } => params.set(name, point.exp().clamp(*low, *high)),
            Self::Integer { low, high } => {
                params.set(name, point.round().clamp(f64::from(*low), f64::from(*high)));
            }
            Self::Choice(values) => params.set(name, values[(point as usize).min(values.len() - 1)]),
            Self::Words(words) => params.set_word(name, &*words[(point as usize).min(words.len() - 1)]),
        }
    }

    /// The point of the interval at which the parameter's value lies; the beginning of the step for
    /// a choice.
    pub(super) fn point(&self, params: &Params, name: &str) -> Option<f64> {
        if let Self::Words(words) = self {
            let word = params.word(name)?;
            return words.iter().position(|other| other == word).map(|index| index as f64);
        }
        let value = params.get(name)?;
        match self {
            Self::LogUniform { .. } => Some(value.ln()),
            Self::Choice(values) => values.iter().position(|other| *other == value).map(|index| index as f64),
            _ => Some(value),
        }
    }
}
