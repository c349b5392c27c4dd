//! The columns of a data file, by name.

use serde::{Deserialize, Serialize};

/// A column of the data: nine features and the price; and what else is said of a stone that would change its price.
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
    /// Shape of the outline; ours are round.
    Shape,
    /// Whether it grew in the earth or in a laboratory; ours grew in the earth.
    Origin,
    /// The name of a fancy color; ours have none.
    Fancy,
    /// The currency of the price; ours are US dollars.
    Currency,
    /// The three lengths in mm in one text, such as `6.51 x 6.54 x 4.02`.
    Measurements,
    /// Price of a carat in US dollars.
    #[serde(rename = "price_per_carat")]
    PricePerCarat,
    /// No column, but the row as a whole.
    Row,
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

    /// The columns that are no features, and that say of some stones that they are none of ours.
    pub const TELLING: [Self; 4] = [Self::Shape, Self::Origin, Self::Fancy, Self::Currency];

    /// All columns that mean something to us and are not among [`Self::ALL`]: of the last two others are made.
    pub const BESIDE: [Self; 6] =
        [Self::Shape, Self::Origin, Self::Fancy, Self::Currency, Self::Measurements, Self::PricePerCarat];

    /// So many kinds of columns mean something to us.
    pub const N_COLUMNS: usize = Self::ALL.len() + Self::BESIDE.len();

    /// The columns that hold a grade.
    pub const GRADES: [Self; 3] = [Self::Cut, Self::Color, Self::Clarity];

    /// The columns without which a stone cannot be priced.
    pub const CERTAIN: [Self; 4] = [Self::Carat, Self::Cut, Self::Color, Self::Clarity];

    /// What must be known of a stone to learn from it.
    pub const OF_A_SALE: [Self; 5] = [Self::Carat, Self::Cut, Self::Color, Self::Clarity, Self::Price];

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
            Self::Shape => "shape",
            Self::Origin => "origin",
            Self::Fancy => "fancy color",
            Self::Currency => "currency",
            Self::Measurements => "measurements",
            Self::PricePerCarat => "price per carat",
            Self::Row => "row",
        }
    }

    /// The column of that name, regardless of case and surrounding blanks.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.trim();
        Self::ALL.into_iter().find(|field| field.name().eq_ignore_ascii_case(name))
    }

    /// The column of that name, one that is no feature too.
    pub fn of_any_name(name: &str) -> Option<Self> {
        let name = name.trim();
        let all = Self::ALL.into_iter().chain(Self::BESIDE);
        all.into_iter().find(|field| field.name().eq_ignore_ascii_case(name))
    }

    /// Whether the column holds a grade rather than a number.
    pub fn is_grade(self) -> bool {
        Self::GRADES.contains(&self)
    }

    /// The unit of its numbers, in words; `None` where it has none.
    pub fn unit(self) -> Option<&'static str> {
        match self {
            Self::Carat => Some("carat"),
            Self::Depth | Self::Table => Some("percent"),
            Self::Price | Self::PricePerCarat => Some("US dollars"),
            Self::X | Self::Y | Self::Z | Self::Measurements => Some("mm"),
            _ => None,
        }
    }

    /// Whether it holds numbers: lengths, weights, percents, prices.
    pub fn is_number(self) -> bool {
        let is_beside = matches!(self, Self::Measurements | Self::PricePerCarat);
        is_beside || (Self::ALL.contains(&self) && !self.is_grade())
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
