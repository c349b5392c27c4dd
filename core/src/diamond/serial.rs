//! Stones as documents: an object of the nine features under their names (`carat` in ct; `depth` and `table` in percent;
//! `x`, `y`, `z` in mm), and of a sale the `price` in US dollars as `price_usd`. What is read goes through the parser.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::grade::{Clarity, Color, Cut, Grade};
use super::parse::{Cell, RawDiamond};
use super::stone::{Diamond, PricedDiamond};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    carat: f64,
    cut: Cut,
    color: Color,
    clarity: Clarity,
    depth: f64,
    table: f64,
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    price_usd: Option<f64>,
    x: f64,
    y: f64,
    z: f64,
}

impl Document {
    fn of(stone: &Diamond, price_usd: Option<f64>) -> Self {
        let Diamond { carat, depth, table, x, y, z, cut, color, clarity } = *stone;
        Self { carat, cut, color, clarity, depth, table, price_usd, x, y, z }
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
            depth: Cell::Number(document.depth),
            table: Cell::Number(document.table),
            x: Cell::Number(document.x),
            y: Cell::Number(document.y),
            z: Cell::Number(document.z),
            objections: &[],
        };
        raw.parse().map_err(|faults| serde::de::Error::custom(&faults[0]))
    }
}
