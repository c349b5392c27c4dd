//! Stones as documents: an object of the nine features under their names (`carat` in ct; `depth` and `table` in percent;
//! `x`, `y`, `z` in mm), and of a sale the `price` in US dollars as `price_usd`,
//! and nothing (`null`) for what nobody measured. What is read goes through the parser.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::cell::Cell;
use super::field::Field;
use super::grade::{Clarity, Color, Cut, Grade};
use super::parse::RawDiamond;
use super::stone::{Diamond, PricedDiamond};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    carat: f64,
    cut: Cut,
    color: Color,
    clarity: Clarity,
    depth: Option<f64>,
    table: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    price_usd: Option<f64>,
    x: Option<f64>,
    y: Option<f64>,
    z: Option<f64>,
    /// Of a stone without a price, the measurements that are estimates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    estimated: Vec<Field>,
}

impl Document {
    fn of(stone: &Diamond, price_usd: Option<f64>) -> Self {
        let Diamond { carat, cut, color, clarity, .. } = *stone;
        // Of what was sold nothing is said that nobody measured.
        let number = |field| if price_usd.is_some() { stone.measured(field) } else { stone.number(field) };
        let [depth, table, x, y, z] = Field::MEASUREMENTS.map(number);
        let estimated = if price_usd.is_some() { Vec::new() } else { stone.estimated() };
        Self { carat, cut, color, clarity, depth, table, price_usd, x, y, z, estimated }
    }
}

impl Serialize for Diamond {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Document::of(self, None).serialize(serializer)
    }
}

impl Serialize for PricedDiamond {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Document::of(self.diamond(), Some(self.price_usd())).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Diamond {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let document = Document::deserialize(deserializer)?;
        let raw = RawDiamond {
            carat: Cell::Number(document.carat),
            cut: Cell::Text(document.cut.label()),
            color: Cell::Text(document.color.label()),
            clarity: Cell::Text(document.clarity.label()),
            depth: document.depth.map_or(Cell::Missing, Cell::Number),
            table: document.table.map_or(Cell::Missing, Cell::Number),
            x: document.x.map_or(Cell::Missing, Cell::Number),
            y: document.y.map_or(Cell::Missing, Cell::Number),
            z: document.z.map_or(Cell::Missing, Cell::Number),
            objections: &[],
        };
        let stone = raw.parse().map_err(|faults| serde::de::Error::custom(&faults[0]))?;
        Ok(stone.with_estimates(&document.estimated))
    }
}
