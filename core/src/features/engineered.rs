//! What a gemmologist reads off a stone besides what is written beside it, and the sets of columns
//! made of that.

use serde::{Deserialize, Serialize};

use super::column::Column;
use crate::diamond::{Diamond, Field};
use crate::metrics::JUMPS_CARAT;

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
}

impl Engineered {
    /// The quantity of a stone.
    pub(super) fn of(self, stone: &Diamond) -> f64 {
        let volume = || stone.x() * stone.y() * stone.z();
        match self {
            Self::LogCarat => stone.carat().ln(),
            Self::Volume => volume(),
            Self::Density => stone.carat() / volume(),
            Self::LengthToWidth => stone.x() / stone.y(),
        }
    }

    /// Whether it never falls when the weight grows and the rest stays, nor when the stone grows as a
    /// whole and keeps its shape.
    pub(super) fn rises(self) -> bool {
        matches!(self, Self::LogCarat | Self::Volume | Self::Density)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::LogCarat => "log(carat)",
            Self::Volume => "x*y*z",
            Self::Density => "carat/(x*y*z)",
            Self::LengthToWidth => "x/y",
        }
    }
}

/// Columns for trees. Those that speak of weight, color or clarity all rise with them, which a monotone
/// model builds on. A clean stone gains more by
/// being colorless than an included one, hence the product.
pub(super) fn for_trees() -> Vec<Column> {
    vec![
        Column::Engineered(Engineered::LogCarat),
        Column::Engineered(Engineered::Volume),
        Column::Engineered(Engineered::Density),
        Column::Engineered(Engineered::LengthToWidth),
        Column::Number(Field::Depth),
        Column::Number(Field::Table),
        Column::Rank(Field::Cut),
        Column::Rank(Field::Color),
        Column::Rank(Field::Clarity),
        Column::Product(vec![Column::Rank(Field::Color), Column::Rank(Field::Clarity)]),
    ]
}

/// Columns for a sum, besides the grades themselves. A polynomial in the logarithm of the weight; a step
/// at each magic size, for every stone and again for each rank of color and clarity; and the grades'
/// ranks and the product of the last two again, multiplied by the logarithm of the weight.
pub(super) fn polynomial() -> Vec<Column> {
    let log = || Column::Engineered(Engineered::LogCarat);
    let rank = Column::Rank;
    let mut columns = vec![
        log(),
        Column::Product(vec![log(), log()]),
        Column::Product(vec![log(), log(), log()]),
        Column::Product(vec![rank(Field::Color), rank(Field::Clarity)]),
        Column::Product(vec![rank(Field::Color), rank(Field::Clarity), log()]),
    ];
    columns.extend(Field::GRADES.into_iter().map(|field| Column::Product(vec![rank(field), log()])));
    for size in JUMPS_CARAT {
        columns.push(Column::AtLeast(size));
        columns.push(Column::Product(vec![Column::AtLeast(size), rank(Field::Color)]));
        columns.push(Column::Product(vec![Column::AtLeast(size), rank(Field::Clarity)]));
    }
    columns
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
        assert_eq!(Engineered::LogCarat.of(&stone), 1.25_f64.ln());
        assert_eq!(Engineered::Volume.of(&stone), 100.0);
        assert_eq!(Engineered::Density.of(&stone), 0.0125);
        assert_eq!(Engineered::LengthToWidth.of(&stone), 0.8);
    }

    #[test]
    fn a_step_is_taken_at_the_magic_size_itself() {
        for size in JUMPS_CARAT {
            assert_eq!(Column::AtLeast(size).value(&stone(size)), 1.0);
            assert_eq!(Column::AtLeast(size).value(&stone(size - 0.01)), 0.0);
        }
    }

    #[test]
    fn what_is_said_to_rise_with_the_weight_does() {
        for column in for_trees().into_iter().chain(polynomial()) {
            let rises = column.kind() == crate::model::FeatureKind::Rising;
            let values: Vec<_> =
                (10..300).map(|hundredths| column.value(&stone(f64::from(hundredths) / 100.0))).collect();
            if rises {
                assert!(values.is_sorted(), "{}", column.name());
            }
        }
    }
}
