//! From prices to what a model learns, and back.

use ndarray::Array1;
use serde::{Deserialize, Serialize};

use crate::diamond::PricedDiamond;
use crate::math::{exp, ln};

/// What the model learns in place of the price itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// The price in US dollars.
    Price,
    /// Its natural logarithm: errors count in proportion, and no prediction is negative.
    LogPrice,
    /// The natural logarithm of the price per carat. An error in proportion costs more dollars where the price is
    /// higher, so errors may count by it ([`super::Recipe::counts_by_price`]).
    LogPricePerCarat,
}

impl Target {
    /// What is learned in the place of the price (US dollars) of a stone of this weight.
    pub fn of_price(self, price_usd: f64, carat: f64) -> f64 {
        match self {
            Self::Price => price_usd,
            Self::LogPrice => ln(price_usd),
            Self::LogPricePerCarat => ln(price_usd / carat),
        }
    }

    /// The price in US dollars that a learned value stands for, of a stone of this weight.
    pub fn to_price(self, value: f64, carat: f64) -> f64 {
        match self {
            Self::Price => value,
            Self::LogPrice => exp(value),
            Self::LogPricePerCarat => exp(value) * carat,
        }
    }

    /// How much each stone's error counts, on average 1; `None` where all count alike.
    pub(super) fn weight(self, stones: &[PricedDiamond]) -> Option<Array1<f64>> {
        match self {
            Self::Price | Self::LogPrice => None,
            Self::LogPricePerCarat => {
                let prices: Array1<_> = stones.iter().map(PricedDiamond::price_usd).collect();
                let mean = prices.mean()?;
                Some(prices / mean)
            }
        }
    }
}
