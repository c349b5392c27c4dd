//! Sets of columns of what a gemmologist reads off a stone.

use super::column::Column;
use super::engineered::Engineered;
use crate::diamond::Field;
use crate::diamond::MAGIC_SIZES_CARAT;

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

/// Of the columns of [`for_trees`] and one behind them, the value of a sum over weight and grades: what trees may ask
/// about on one path. That value already tells weight and grades apart as finely as can be; asked together with
/// measurements it finds single stones.
pub(crate) fn paths_of_trees() -> Vec<Vec<usize>> {
    let columns = for_trees();
    let start = columns.len();
    let is_of_four_cs =
        |place: &usize| columns.get(*place).is_none_or(|column| column.measurements().is_empty());
    vec![(0..=start).filter(is_of_four_cs).collect(), (0..start).collect()]
}

/// Columns for a sum, besides the grades themselves. A polynomial in the logarithm of the weight; a step
/// at each magic size, for every stone and again for each rank of color and clarity and for their product; and the grades'
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
    for size in MAGIC_SIZES_CARAT {
        columns.push(Column::AtLeast(size));
        columns.push(Column::Product(vec![Column::AtLeast(size), rank(Field::Color)]));
        columns.push(Column::Product(vec![Column::AtLeast(size), rank(Field::Clarity)]));
        columns.push(Column::Product(vec![Column::AtLeast(size), rank(Field::Color), rank(Field::Clarity)]));
    }
    columns
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::diamond::{Cell, Diamond, RawDiamond};

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
    fn the_value_of_the_sum_is_asked_about_with_weight_and_grades_alone() {
        assert_eq!(paths_of_trees(), [vec![0, 6, 7, 8, 9, 10], (0..10).collect()]);
    }

    #[test]
    fn a_step_is_taken_at_the_magic_size_itself() {
        for size in MAGIC_SIZES_CARAT {
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
