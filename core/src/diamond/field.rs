//! The ten columns of a data file, by name.

use serde::{Deserialize, Serialize};

/// A column of the data: nine features and the price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Field {
    /// Weight in carat.
    Carat,
    /// Quality of the cut.
    Cut,
    /// Color grade.
    Color,
    /// Clarity grade.
    Clarity,
    /// Total depth in percent.
    Depth,
    /// Table width in percent.
    Table,
    /// Price in US dollars.
    Price,
    /// Length in mm.
    X,
    /// Width in mm.
    Y,
    /// Height in mm.
    Z,
}

impl Field {
    /// Every column, in the order of the public data set.
    pub const ALL: [Self; 10] = [
        Self::Carat,
        Self::Cut,
        Self::Color,
        Self::Clarity,
        Self::Depth,
        Self::Table,
        Self::Price,
        Self::X,
        Self::Y,
        Self::Z,
    ];

    /// Every column but the price, those that must be there first.
    pub const FEATURES: [Self; 9] = [
        Self::Carat,
        Self::Cut,
        Self::Color,
        Self::Clarity,
        Self::Depth,
        Self::Table,
        Self::X,
        Self::Y,
        Self::Z,
    ];

    /// The columns that hold a grade.
    pub const GRADES: [Self; 3] = [Self::Cut, Self::Color, Self::Clarity];

    /// The columns without which a stone cannot be priced.
    pub const CERTAIN: [Self; 4] = [Self::Carat, Self::Cut, Self::Color, Self::Clarity];

    /// The columns that can be estimated when they are missing.
    pub const MEASUREMENTS: [Self; 5] = [Self::Depth, Self::Table, Self::X, Self::Y, Self::Z];

    /// The column's name in files, requests and frames.
    pub fn name(self) -> &'static str {
        match self {
            Self::Carat => "carat",
            Self::Cut => "cut",
            Self::Color => "color",
            Self::Clarity => "clarity",
            Self::Depth => "depth",
            Self::Table => "table",
            Self::Price => "price",
            Self::X => "x",
            Self::Y => "y",
            Self::Z => "z",
        }
    }

    /// The column of that name, regardless of case and surrounding blanks.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.trim();
        Self::ALL.into_iter().find(|field| field.name().eq_ignore_ascii_case(name))
    }

    /// Whether the column holds a grade rather than a number.
    pub fn is_grade(self) -> bool {
        Self::GRADES.contains(&self)
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
