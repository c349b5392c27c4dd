//! What a gemmologist reads off a stone besides what is written beside it.

use serde::{Deserialize, Serialize};

use crate::diamond::{Diamond, Field, MAGIC_SIZES_CARAT};
use crate::math::ln;

/// A quantity that follows from a stone's measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Engineered {
    /// Natural logarithm of the weight in carat: prices grow by factors.
    LogCarat,
    /// `x * y * z` in mm3, the box around the stone.
    Volume,
    /// `carat / (x * y * z)` in ct/mm3: how much of its box the stone fills. Heavy for its size means
    /// a thick girdle or a deep pavilion; the weight is paid for and not seen.
    Density,
    /// `x / y`: how far from round.
    LengthToWidth,
    /// Its class of weight: how many of [`CLASSES_FROM_CARAT`] it reaches.
    WeightClass,
}

impl Engineered {
    /// The quantity of a stone.
    pub(super) fn of(self, stone: &Diamond) -> f64 {
        let volume = || stone.x() * stone.y() * stone.z();
        match self {
            Self::LogCarat => ln(stone.carat()),
            Self::Volume => volume(),
            Self::Density => stone.carat() / volume(),
            Self::LengthToWidth => stone.x() / stone.y(),
            Self::WeightClass => weight_class(stone.carat()) as f64,
        }
    }

    /// The measurements that it follows from.
    pub(super) fn of_measurements(self) -> &'static [Field] {
        match self {
            Self::LogCarat | Self::WeightClass => &[],
            Self::Volume | Self::Density => &[Field::X, Field::Y, Field::Z],
            Self::LengthToWidth => &[Field::X, Field::Y],
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::LogCarat => "log(carat)",
            Self::Volume => "x*y*z",
            Self::Density => "carat/(x*y*z)",
            Self::LengthToWidth => "x/y",
            Self::WeightClass => "class of weight",
        }
    }
}

/// Where classes of weight begin after the first one, in carat: among the small stones, which are the most, and at the
/// magic sizes.
pub(crate) const CLASSES_FROM_CARAT: [f64; 2 + MAGIC_SIZES_CARAT.len()] = {
    let [a, b, c, d, e, f, g] = MAGIC_SIZES_CARAT;
    [0.3, 0.4, a, b, c, d, e, f, g]
};

/// The class of a weight in carat.
pub(crate) fn weight_class(carat: f64) -> usize {
    CLASSES_FROM_CARAT.partition_point(|size| *size <= carat)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::diamond::{Cell, RawDiamond};

    fn stone(carat: f64) -> Diamond {
        RawDiamond::from_cells(|field| match field {
            Field::Cut => Cell::Text("Ideal"),
            Field::Color => Cell::Text("H"),
            Field::Clarity => Cell::Text("VS1"),
            Field::Carat => Cell::Number(carat),
            Field::X => Cell::Number(4.0),
            _ => Cell::Number(5.0),
        })
        .parse()
        .unwrap()
    }

    #[test]
    fn quantities_worked_out_by_hand() {
        let stone = stone(1.25);
        assert_eq!(Engineered::LogCarat.of(&stone), ln(1.25));
        assert_eq!(Engineered::Volume.of(&stone), 100.0);
        assert_eq!(Engineered::Density.of(&stone), 0.0125);
        assert_eq!(Engineered::LengthToWidth.of(&stone), 0.8);
        assert_eq!(Engineered::WeightClass.of(&stone), 7.0);
    }
}
