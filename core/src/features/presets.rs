//! Sets of columns of what a gemmologist reads off a stone.

use super::column::Column;
use super::engineered::Engineered;
use crate::diamond::Field;
use crate::diamond::MAGIC_SIZES_CARAT;

/// Columns for trees. A clean stone gains more by being colorless than an included one, hence the product.
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

/// Columns for trees that keep weight and grades apart from measurements: those of weight and grades, what stays as it is
/// when a stone grows as a whole, and its class of weight and its grades once more, to be asked about together with that.
pub(super) fn for_trees_apart() -> Vec<Column> {
    let mut columns = of_four_cs();
    columns.extend([
        Column::Engineered(Engineered::Density),
        Column::Engineered(Engineered::LengthToWidth),
        Column::Number(Field::Depth),
        Column::Number(Field::Table),
        Column::Engineered(Engineered::WeightClass),
    ]);
    columns.extend(Field::GRADES.map(Column::Beside));
    columns
}

fn of_four_cs() -> Vec<Column> {
    vec![
        Column::Engineered(Engineered::LogCarat),
        Column::Rank(Field::Cut),
        Column::Rank(Field::Color),
        Column::Rank(Field::Clarity),
        Column::Product(vec![Column::Rank(Field::Color), Column::Rank(Field::Clarity)]),
    ]
}

/// Of the columns of [`for_trees_apart`] and a sum behind them: what trees may ask about on one path.
pub(crate) fn paths_of_trees_apart() -> Vec<Vec<usize>> {
    let (n, first) = (for_trees_apart().len(), of_four_cs().len());
    vec![(0..first).chain([n]).collect(), (first..n).collect()]
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
        assert_eq!(paths_of_trees_apart(), [vec![0, 1, 2, 3, 4, 13], (5..13).collect()]);
    }

    #[test]
    fn a_step_is_taken_at_the_magic_size_itself() {
        for size in MAGIC_SIZES_CARAT {
            assert_eq!(Column::AtLeast(size).value(&stone(size)), 1.0);
            assert_eq!(Column::AtLeast(size).value(&stone(size - 0.01)), 0.0);
        }
    }
}
