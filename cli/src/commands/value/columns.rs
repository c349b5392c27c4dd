//! The columns that are added to a file, by names that none of its own columns has.

use xtream_core::valuation::Valuation;

/// A column that is added, and its figure of a price.
type Figure = (&'static str, fn(&Valuation) -> Option<f64>);

const PRICE: Figure = ("price_usd", |priced| Some(priced.price_usd));
const LOW: Figure = ("low_usd", |priced| priced.range.map(|range| range.low_usd));
const HIGH: Figure = ("high_usd", |priced| priced.range.map(|range| range.high_usd));
/// Empty where the range has none, because the stone lies beyond what the model learned from.
const CONFIDENCE: Figure = ("confidence", |priced| priced.range.and_then(|range| range.confidence));
/// The column of what is odd about a stone, or why it has no price.
const WARNINGS: &str = "warnings";

/// The columns that are added, by the names that they get: the last one has the warnings.
pub(super) struct AddedColumns {
    pub(super) names: Vec<String>,
    pub(super) figures: &'static [Figure],
}

impl AddedColumns {
    /// Names that none of the file's own columns has: theirs stay.
    pub(super) fn beside(columns: &[String], with_range: bool) -> Self {
        let figures: &[Figure] = if with_range { &[PRICE, LOW, HIGH, CONFIDENCE] } else { &[PRICE] };
        let is_taken = |name: &str| columns.iter().any(|other| other.eq_ignore_ascii_case(name));
        let free = |name: &str| {
            let mut name = name.to_owned();
            while is_taken(&name) {
                name.insert_str(0, "xtream_");
            }
            name
        };
        let names = figures.iter().map(|(name, _)| *name).chain([WARNINGS]).map(free).collect();
        Self { names, figures }
    }

    pub(super) fn warnings(&self) -> &str {
        self.names.last().map_or(WARNINGS, String::as_str)
    }

    /// Our names that were taken, and those that the columns have in their place.
    pub(super) fn renamed(&self) -> impl Iterator<Item = (&str, &str)> {
        let names = self.figures.iter().map(|(name, _)| *name).chain([WARNINGS]);
        names.zip(self.names.iter().map(String::as_str)).filter(|(name, ours)| name != ours)
    }
}
