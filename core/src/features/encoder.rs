//! Encoders. They are fitted on training rows and stored with the model that was fitted on their
//! output, so that a stone is encoded at prediction time exactly as it was in training.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

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
}

/// A fitted encoder: the columns of the feature matrix, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Stored>", into = "Vec<Stored>")]
pub struct Encoder {
    columns: Vec<Column>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Column {
    Number(Field),
    Category(Field),
    /// 1 when the grade's rank is in the mask, else 0.
    Indicator(Field, u8),
}

/// How a column is written down: by label, never by code.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Stored {
    Number { field: Field },
    Category { field: Field },
    Indicator { field: Field, labels: Vec<String> },
}

impl Encoding {
    /// Learns from the training stones which levels of each grade occur.
    ///
    /// A valid level that no training stone has is treated as its nearest neighbour that one has
    /// (the worse one of two): a model cannot know its price, and the neighbour is the honest guess.
    pub fn fit<'a>(self, stones: impl Iterator<Item = &'a Diamond> + Clone) -> Encoder {
        let columns = match self {
            Self::Categories => Field::ALL
                .into_iter()
                .filter(|field| *field != Field::Price)
                .map(|field| if field.is_grade() { Column::Category(field) } else { Column::Number(field) })
                .collect(),
            Self::OneHot(numbers) => {
                let mut columns: Vec<_> = numbers.iter().map(|field| Column::Number(*field)).collect();
                for field in Field::GRADES {
                    columns.extend(indicators(field, stones.clone()));
                }
                columns
            }
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
        let kind = |column: &Column| match column {
            Column::Category(_) => FeatureKind::Category,
            Column::Number(_) | Column::Indicator(..) => FeatureKind::Number,
        };
        self.columns.iter().map(kind).collect()
    }

    /// A readable name for each column.
    pub fn names(&self) -> Vec<String> {
        let name = |column: &Column| match column {
            Column::Number(field) | Column::Category(field) => field.name().to_owned(),
            Column::Indicator(field, mask) => {
                format!("{field}={}", masked(*field, *mask).join("|"))
            }
        };
        self.columns.iter().map(name).collect()
    }

    /// One row per stone, one column per feature.
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

impl Column {
    fn value(self, stone: &Diamond) -> f64 {
        // A column's field fits its kind: `Encoding::fit` and `TryFrom` make no others.
        match self {
            Self::Number(field) => stone.number(field).unwrap_or(f64::NAN),
            Self::Category(field) => stone.rank(field).map_or(f64::NAN, |rank| rank as f64),
            Self::Indicator(field, mask) => {
                stone.rank(field).map_or(f64::NAN, |rank| f64::from(mask >> rank & 1))
            }
        }
    }
}

fn masked(field: Field, mask: u8) -> Vec<&'static str> {
    let labels = labels(field).into_iter().enumerate();
    labels.filter(|(rank, _)| mask >> rank & 1 == 1).map(|(_, label)| label).collect()
}

impl From<Encoder> for Vec<Stored> {
    fn from(encoder: Encoder) -> Self {
        let stored = |column| match column {
            Column::Number(field) => Stored::Number { field },
            Column::Category(field) => Stored::Category { field },
            Column::Indicator(field, mask) => {
                let labels = masked(field, mask).into_iter().map(str::to_owned).collect();
                Stored::Indicator { field, labels }
            }
        };
        encoder.columns.into_iter().map(stored).collect()
    }
}

impl TryFrom<Vec<Stored>> for Encoder {
    type Error = Error;

    fn try_from(stored: Vec<Stored>) -> Result<Self> {
        let misfit = |field: Field| Error::model_file(format!("its encoder misuses the column {field}"));
        let column = |stored| match stored {
            Stored::Number { field } if !field.is_grade() && field != Field::Price => {
                Ok(Column::Number(field))
            }
            Stored::Category { field } if field.is_grade() => Ok(Column::Category(field)),
            Stored::Indicator { field, labels: chosen } if field.is_grade() => {
                let known = labels(field);
                let mut mask = 0;
                for label in chosen {
                    let rank =
                        known.iter().position(|known| **known == label).ok_or_else(|| misfit(field))?;
                    mask |= 1 << rank;
                }
                Ok(Column::Indicator(field, mask))
            }
            Stored::Number { field } | Stored::Category { field } | Stored::Indicator { field, .. } => {
                Err(misfit(field))
            }
        };
        let columns = stored.into_iter().map(column).collect::<Result<_>>()?;
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
        for encoding in [Encoding::Categories, Encoding::OneHot(&[Field::Carat, Field::X])] {
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
        for encoding in [Encoding::Categories, Encoding::OneHot(&[Field::Carat, Field::X])] {
            let encoder = encoding.fit(stones.iter());
            let text = serde_json::to_string(&encoder).unwrap();
            assert_eq!(serde_json::from_str::<Encoder>(&text).unwrap(), encoder);
        }
        for bad in [
            r#"[{"kind":"number","field":"cut"}]"#,
            r#"[{"kind":"category","field":"carat"}]"#,
            r#"[{"kind":"number","field":"price"}]"#,
            r#"[{"kind":"indicator","field":"cut","labels":["Shiny"]}]"#,
        ] {
            assert!(serde_json::from_str::<Encoder>(bad).is_err(), "{bad}");
        }
    }
}
