//! Encoders. They are fitted on training rows and stored with the model that was fitted on their
//! output, so that a stone is encoded at prediction time exactly as it was in training.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::column::{Column, ColumnSpec, Role};
use super::imputer::median;
use super::presets;
use crate::diamond::{Diamond, Field, labels};
use crate::error::{Error, Result};
use crate::model::FeatureKind;

/// How to turn stones into features; [`Encoding::fit`] makes it an [`Encoder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// These numbers as they are, and each grade as one 0/1 column per level, the alphabetically
    /// first level left out as the base that the others are measured against.
    OneHot(&'static [Field]),
    /// All nine features, each grade as one category column holding its rank.
    Categories,
    /// What a gemmologist reads off a stone, for trees: logarithm of the weight, size, weight for the
    /// size, shape, and grades as ranks in the trade's order.
    Engineered,
    /// The same, with weight and grades apart from what is measured: for trees whose prices are put in order.
    Apart,
    /// What a sum needs to say as much: powers of the logarithm of the weight, a step at each magic
    /// size, and grades that count for more in heavier and otherwise better stones.
    Polynomial,
}

/// A fitted encoder: the columns of the feature matrix, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<ColumnSpec>", into = "Vec<ColumnSpec>")]
pub struct Encoder {
    columns: Vec<Column>,
}

impl Encoding {
    /// Learns from the training stones which levels of each grade occur.
    ///
    /// A valid level that no training stone has is treated as its nearest neighbour that one has
    /// (the worse one of two): a model cannot know its price, and the neighbour is the honest guess.
    pub fn fit<'a>(self, stones: impl Iterator<Item = &'a Diamond> + Clone) -> Encoder {
        let grades = || Field::GRADES.into_iter().flat_map(|field| indicators(field, stones.clone()));
        // Trees learn what it means that nobody measured; who never saw it is given estimates.
        let has_gaps = stones.clone().any(Diamond::has_estimates);
        let for_trees = |column: Column| if has_gaps { column.measured() } else { column };
        let columns = match self {
            Self::Categories => Field::FEATURES
                .into_iter()
                .map(|field| if field.is_grade() { Column::Category(field) } else { Column::Number(field) })
                .map(for_trees)
                .collect(),
            Self::OneHot(numbers) => {
                numbers.iter().map(|field| Column::Number(*field)).chain(grades()).collect()
            }
            Self::Engineered => presets::for_trees().into_iter().map(for_trees).collect(),
            Self::Apart => {
                let apart = |column: Column| match column.measurements().is_empty() {
                    true => column,
                    false if has_gaps => column.measured(),
                    false => {
                        let typical =
                            median(stones.clone().map(|stone| column.value(stone))).unwrap_or_default();
                        Column::Typical(Box::new(column), typical)
                    }
                };
                presets::for_trees_apart().into_iter().map(apart).collect()
            }
            Self::Polynomial => grades().chain(presets::polynomial()).collect(),
        };
        Encoder { columns }
    }
}

fn indicators<'a>(field: Field, stones: impl Iterator<Item = &'a Diamond>) -> Vec<Column> {
    let labels = labels(field);
    let mut is_seen = vec![false; labels.len()];
    for rank in stones.filter_map(|stone| stone.rank(field)) {
        is_seen[rank] = true;
    }
    let mut seen: Vec<usize> = (0..labels.len()).filter(|rank| is_seen[*rank]).collect();
    let nearest = |rank: usize| seen.iter().copied().min_by_key(|other| other.abs_diff(rank));
    let owner: Vec<_> = (0..labels.len()).map(nearest).collect();
    seen.sort_by_key(|rank| labels[*rank]);
    let mask = |level: usize| {
        let owned = owner.iter().enumerate().filter(|(_, owner)| **owner == Some(level));
        owned.fold(0, |mask, (rank, _)| mask | 1 << rank)
    };
    seen.iter().skip(1).map(|level| Column::Indicator(field, mask(*level))).collect()
}

impl Encoder {
    /// Number of columns.
    pub fn n_features(&self) -> usize {
        self.columns.len()
    }

    /// What each column holds.
    pub fn kinds(&self) -> Vec<FeatureKind> {
        self.columns.iter().map(Column::kind).collect()
    }

    /// What each column speaks of; `None` when one of them has no place in a model that keeps weight and grades apart.
    pub(crate) fn roles(&self) -> Option<Vec<Role>> {
        self.columns.iter().map(Column::role).collect()
    }

    /// A readable name for each column.
    pub fn names(&self) -> Vec<String> {
        self.columns.iter().map(Column::name).collect()
    }

    /// The feature matrix, shape (n_stones, n_features); units are those of the columns, as [`Encoder::names`] says.
    pub fn encode<'a>(&self, stones: impl ExactSizeIterator<Item = &'a Diamond>) -> Array2<f64> {
        let mut matrix = Array2::zeros((stones.len(), self.columns.len()));
        for (mut row, stone) in matrix.rows_mut().into_iter().zip(stones) {
            for (slot, column) in row.iter_mut().zip(&self.columns) {
                *slot = column.value(stone);
            }
        }
        matrix
    }
}

impl From<Encoder> for Vec<ColumnSpec> {
    fn from(encoder: Encoder) -> Self {
        encoder.columns.into_iter().map(ColumnSpec::from).collect()
    }
}

impl TryFrom<Vec<ColumnSpec>> for Encoder {
    type Error = Error;

    fn try_from(stored: Vec<ColumnSpec>) -> Result<Self> {
        let columns = stored.into_iter().map(Column::try_from).collect::<Result<_>>()?;
        Ok(Self { columns })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::diamond::{Cell, RawDiamond};

    fn stone(cut: &'static str, color: &'static str, clarity: &'static str) -> Diamond {
        RawDiamond::from_cells(|field| match field {
            Field::Cut => Cell::Text(cut),
            Field::Color => Cell::Text(color),
            Field::Clarity => Cell::Text(clarity),
            Field::Carat => Cell::Number(0.5),
            _ => Cell::Number(5.0),
        })
        .parse()
        .unwrap()
    }

    const ENCODINGS: [Encoding; 5] = [
        Encoding::Categories,
        Encoding::OneHot(&[Field::Carat, Field::X]),
        Encoding::Engineered,
        Encoding::Apart,
        Encoding::Polynomial,
    ];

    #[test]
    fn the_alphabetically_first_level_is_the_base_as_in_pandas() {
        let stones = [stone("Ideal", "E", "VS1"), stone("Fair", "D", "I1"), stone("Good", "E", "I1")];
        let encoder = Encoding::OneHot(&[Field::Carat]).fit(stones.iter());
        let names = encoder.names();
        // Levels that never occurred join their nearest neighbour, the worse one of two.
        assert_eq!(
            names,
            [
                "carat",
                "cut=Good|Very Good",
                "cut=Premium|Ideal",
                "color=J|I|H|G|F|E",
                "clarity=VS2|VS1|VVS2|VVS1|IF"
            ]
        );
        let matrix = encoder.encode(stones.iter());
        assert_eq!(matrix.row(0).to_vec(), [0.5, 0.0, 1.0, 1.0, 1.0]);
        assert_eq!(matrix.row(1).to_vec(), [0.5, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn a_stone_is_encoded_alone_as_it_is_among_others() {
        let stones = [stone("Ideal", "E", "VS1"), stone("Fair", "D", "I1")];
        for encoding in ENCODINGS {
            let encoder = encoding.fit(stones.iter());
            let together = encoder.encode(stones.iter());
            for (row, stone) in stones.iter().enumerate() {
                assert_eq!(encoder.encode(std::iter::once(stone)).row(0), together.row(row));
            }
        }
    }

    #[test]
    fn an_encoder_survives_being_stored() {
        let stones = [stone("Ideal", "E", "VS1"), stone("Fair", "D", "I1")];
        for encoding in ENCODINGS {
            let encoder = encoding.fit(stones.iter());
            let text = serde_json::to_string(&encoder).unwrap();
            assert_eq!(serde_json::from_str::<Encoder>(&text).unwrap(), encoder);
        }
        for bad in [
            r#"[{"kind":"number","field":"cut"}]"#,
            r#"[{"kind":"category","field":"carat"}]"#,
            r#"[{"kind":"number","field":"price"}]"#,
            r#"[{"kind":"indicator","field":"cut","labels":["Shiny"]}]"#,
            r#"[{"kind":"rank","field":"carat"}]"#,
            r#"[{"kind":"derived","quantity":"sparkle"}]"#,
            r#"[{"kind":"beside","field":"depth"}]"#,
            r#"[{"kind":"typical","of":{"kind":"number","field":"x"},"value":5.0}]"#,
            r#"[{"kind":"typical","of":{"kind":"number","field":"depth"},"value":1e400}]"#,
            r#"[{"kind":"at_least","carat":0.0}]"#,
            r#"[{"kind":"at_least","carat":-1.0}]"#,
            r#"[{"kind":"at_least","carat":1e400}]"#,
            r#"[{"kind":"product","of":[]}]"#,
            r#"[{"kind":"product","of":[{"kind":"rank","field":"cut"}]}]"#,
            r#"[{"kind":"product","of":[{"kind":"rank","field":"cut"},{"kind":"category","field":"cut"}]}]"#,
            r#"[{"kind":"product","of":[{"kind":"rank","field":"cut"},{"kind":"product","of":[{"kind":"rank","field":"cut"},{"kind":"rank","field":"cut"}]}]}]"#,
            r#"[{"kind":"product","of":[{"kind":"rank","field":"cut"},{"kind":"rank","field":"cut"}],"more":1}]"#,
        ] {
            assert!(serde_json::from_str::<Encoder>(bad).is_err(), "{bad}");
        }
    }
}
