//! What may be tried.

use serde::Serialize;

/// The values that one parameter may take.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
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
    /// One of these.
    Choice(&'static [f64]),
}

/// Parameters by name, each with its domain.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Space(pub Vec<(&'static str, Domain)>);

impl Domain {
    /// The interval in which samplers work.
    pub(super) fn interval(&self) -> (f64, f64) {
        match *self {
            Self::Uniform { low, high } => (low, high),
            Self::LogUniform { low, high } => (low.ln(), high.ln()),
            Self::Integer { low, high } => (f64::from(low) - 0.5, f64::from(high) + 0.5),
            Self::Choice(values) => (0.0, values.len() as f64),
        }
    }

    /// The parameter's value at a point of the interval.
    pub(super) fn value(&self, point: f64) -> f64 {
        match *self {
            Self::Uniform { low, high } => point.clamp(low, high),
            Self::LogUniform { low, high } => point.exp().clamp(low, high),
            Self::Integer { low, high } => point.round().clamp(f64::from(low), f64::from(high)),
            Self::Choice(values) => values[(point as usize).min(values.len() - 1)],
        }
    }

    /// The point of the interval at which a value lies; the middle of the step for a choice.
    pub(super) fn point(&self, value: f64) -> f64 {
        match self {
            Self::Uniform { .. } | Self::Integer { .. } => value,
            Self::LogUniform { .. } => value.ln(),
            Self::Choice(values) => values.iter().position(|other| *other == value).unwrap_or(0) as f64,
        }
    }
}
