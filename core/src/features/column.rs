//! One column of a feature matrix: what it computes of a stone, what it is called, and how it is
//! written down.

use serde::{Deserialize, Serialize};

use super::engineered::Engineered;
use crate::diamond::{Diamond, Field, labels};
use crate::error::{Error, Result};
use crate::model::FeatureKind;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Column {
    Number(Field),
    Category(Field),
    /// 1 when the grade's rank is in the mask, else 0.
    Indicator(Field, u8),
    /// The grade's rank, 0 the worst, as a quantity.
    Rank(Field),
    Engineered(Engineered),
    /// 1 from this weight (carat) on, 0 below.
    AtLeast(f64),
    /// Two to [`MOST_FACTORS`] columns multiplied; no products or categories among them.
    Product(Vec<Self>),
    /// A column that is missing (not a number) where a measurement that it follows from is an estimate.
    Measured(Box<Self>),
    /// A column that has this value where a measurement that it follows from is an estimate: one that does not follow
    /// from the weight or the cut.
    Typical(Box<Self>, f64),
    /// [`Self::Rank`] once more, asked about together with measurements.
    Beside(Field),
}

/// What a column speaks of, in a model that keeps weight and grades apart from measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Weight and grades alone.
    FourCs,
    /// What stays as it is when a stone grows as a whole or another grade is given to it.
    Proportions,
    /// The class of weight, beside proportions.
    Class,
    /// A grade, beside proportions.
    Grade(Field),
}

const MOST_FACTORS: usize = 3;

/// How a column is written down: by label, never by code.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum ColumnSpec {
    Number {
        field: Field,
    },
    Category {
        field: Field,
    },
    Indicator {
        field: Field,
        labels: Vec<String>,
    },
    Rank {
        field: Field,
    },
    #[serde(rename = "derived")]
    Engineered {
        quantity: Engineered,
    },
    AtLeast {
        carat: f64,
    },
    Product {
        of: Vec<Self>,
    },
    Measured {
        of: Box<Self>,
    },
    Typical {
        of: Box<Self>,
        value: f64,
    },
    Beside {
        field: Field,
    },
}

impl Column {
    /// The column's number for a stone.
    pub(super) fn value(&self, stone: &Diamond) -> f64 {
        // A column's field fits its kind: `Encoding::fit` and `TryFrom` make no others.
        match self {
            Self::Number(field) => stone.number(*field).unwrap_or(f64::NAN),
            Self::Category(field) | Self::Rank(field) | Self::Beside(field) => {
                stone.rank(*field).map_or(f64::NAN, |rank| rank as f64)
            }
            Self::Indicator(field, mask) => {
                stone.rank(*field).map_or(f64::NAN, |rank| f64::from(mask >> rank & 1))
            }
            Self::Engineered(quantity) => quantity.of(stone),
            Self::AtLeast(carat) => f64::from(u8::from(stone.carat() >= *carat)),
            Self::Product(factors) => factors.iter().map(|factor| factor.value(stone)).product(),
            Self::Measured(column) if column.is_estimated(stone) => f64::NAN,
            Self::Typical(column, value) if column.is_estimated(stone) => *value,
            Self::Measured(column) | Self::Typical(column, _) => column.value(stone),
        }
    }

    /// Whether a measurement that it follows from is an estimate.
    fn is_estimated(&self, stone: &Diamond) -> bool {
        stone.has_estimates() && self.measurements().iter().any(|field| stone.is_estimated(*field))
    }

    /// What it speaks of; `None` of one that has no place in such a model.
    pub(super) fn role(&self) -> Option<Role> {
        match self {
            Self::Beside(field) => Some(Role::Grade(*field)),
            Self::Engineered(Engineered::WeightClass) => Some(Role::Class),
            Self::Measured(column) | Self::Typical(column, _) => {
                column.is_of_proportions().then_some(Role::Proportions)
            }
            column if column.measurements().is_empty() => Some(Role::FourCs),
            _ => None,
        }
    }

    /// Whether it stays the same when a stone grows as a whole.
    fn is_of_proportions(&self) -> bool {
        matches!(
            self,
            Self::Number(Field::Depth | Field::Table)
                | Self::Engineered(Engineered::Density | Engineered::LengthToWidth)
        )
    }

    /// The measurements that it follows from.
    pub(super) fn measurements(&self) -> Vec<Field> {
        match self {
            Self::Number(field) if Field::MEASUREMENTS.contains(field) => vec![*field],
            Self::Engineered(quantity) => quantity.of_measurements().to_vec(),
            Self::Product(factors) => factors.iter().flat_map(Self::measurements).collect(),
            Self::Measured(column) | Self::Typical(column, _) => column.measurements(),
            _ => Vec::new(),
        }
    }

    /// This column where estimates count as missing.
    pub(super) fn measured(self) -> Self {
        if self.measurements().is_empty() { self } else { Self::Measured(Box::new(self)) }
    }

    pub(super) fn kind(&self) -> FeatureKind {
        match self {
            Self::Measured(column) | Self::Typical(column, _) => column.kind(),
            Self::Category(_) => FeatureKind::Category,
            _ => FeatureKind::Number,
        }
    }

    /// A readable name.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Number(field) | Self::Category(field) | Self::Rank(field) => field.name().to_owned(),
            Self::Indicator(field, mask) => format!("{field}={}", masked(*field, *mask).join("|")),
            Self::Engineered(quantity) => quantity.name().to_owned(),
            Self::AtLeast(carat) => format!("carat>={carat}"),
            Self::Product(factors) => factors.iter().map(Self::name).collect::<Vec<_>>().join(" * "),
            Self::Measured(column) | Self::Typical(column, _) => column.name(),
            Self::Beside(field) => format!("{} beside measurements", field.name()),
        }
    }
}

fn masked(field: Field, mask: u8) -> Vec<&'static str> {
    let labels = labels(field).into_iter().enumerate();
    labels.filter(|(rank, _)| mask >> rank & 1 == 1).map(|(_, label)| label).collect()
}

impl From<Column> for ColumnSpec {
    fn from(column: Column) -> Self {
        match column {
            Column::Number(field) => Self::Number { field },
            Column::Category(field) => Self::Category { field },
            Column::Indicator(field, mask) => {
                let labels = masked(field, mask).into_iter().map(str::to_owned).collect();
                Self::Indicator { field, labels }
            }
            Column::Rank(field) => Self::Rank { field },
            Column::Engineered(quantity) => Self::Engineered { quantity },
            Column::AtLeast(carat) => Self::AtLeast { carat },
            Column::Product(factors) => Self::Product { of: factors.into_iter().map(Self::from).collect() },
            Column::Measured(column) => Self::Measured { of: Box::new((*column).into()) },
            Column::Typical(column, value) => Self::Typical { of: Box::new((*column).into()), value },
            Column::Beside(field) => Self::Beside { field },
        }
    }
}

impl TryFrom<ColumnSpec> for Column {
    type Error = Error;

    fn try_from(stored: ColumnSpec) -> Result<Self> {
        let misfit = |field: Field| Error::model_file(format!("its encoder misuses the column {field}"));
        let refused = |what: &str| Error::model_file(format!("its encoder has {what}"));
        match stored {
            ColumnSpec::Number { field } if !field.is_grade() && field != Field::Price => {
                Ok(Self::Number(field))
            }
            ColumnSpec::Category { field } if field.is_grade() => Ok(Self::Category(field)),
            ColumnSpec::Rank { field } if field.is_grade() => Ok(Self::Rank(field)),
            ColumnSpec::Beside { field } if field.is_grade() => Ok(Self::Beside(field)),
            ColumnSpec::Indicator { field, labels: chosen } if field.is_grade() => {
                let known = labels(field);
                let mut mask = 0;
                for label in chosen {
                    let rank =
                        known.iter().position(|known| **known == label).ok_or_else(|| misfit(field))?;
                    mask |= 1 << rank;
                }
                Ok(Self::Indicator(field, mask))
            }
            ColumnSpec::Engineered { quantity } => Ok(Self::Engineered(quantity)),
            ColumnSpec::AtLeast { carat } if carat.is_finite() && carat > 0.0 => Ok(Self::AtLeast(carat)),
            ColumnSpec::AtLeast { .. } => Err(refused("a step at no possible weight")),
            ColumnSpec::Product { of } => {
                let factors = of.into_iter().map(Self::try_from).collect::<Result<Vec<_>>>()?;
                let is_simple = |factor: &Self| {
                    !matches!(
                        factor,
                        Self::Product(_) | Self::Category(_) | Self::Measured(_) | Self::Typical(..)
                    )
                };
                if (2..=MOST_FACTORS).contains(&factors.len()) && factors.iter().all(is_simple) {
                    Ok(Self::Product(factors))
                } else {
                    Err(refused("a product of what cannot be multiplied"))
                }
            }
            ColumnSpec::Measured { of } => match Self::try_from(*of)? {
                Self::Measured(_) | Self::Typical(..) => Err(refused("a column that is measured twice")),
                column if column.measurements().is_empty() => {
                    Err(refused("a measured column without a measurement"))
                }
                column => Ok(column.measured()),
            },
            ColumnSpec::Typical { of, value } => match Self::try_from(*of)? {
                column if column.is_of_proportions() && value.is_finite() => {
                    Ok(Self::Typical(Box::new(column), value))
                }
                _ => Err(refused("a typical value of what has none")),
            },
            ColumnSpec::Number { field }
            | ColumnSpec::Category { field }
            | ColumnSpec::Rank { field }
            | ColumnSpec::Beside { field }
            | ColumnSpec::Indicator { field, .. } => Err(misfit(field)),
        }
    }
}
