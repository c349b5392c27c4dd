//! The same stone but for one thing: what a jeweller means by "and if it were a D?"

use crate::math::cbrt;

use super::decimal::{per_one, rounded};
use super::number::{LARGEST, SMALLEST};
use super::{Clarity, Color, Cut, Diamond, Field};

impl Diamond {
    /// This stone with another cut grade; its measurements stay.
    pub fn with_cut(self, cut: Cut) -> Self {
        Self { cut, ..self }
    }

    /// This stone with another color.
    pub fn with_color(self, color: Color) -> Self {
        Self { color, ..self }
    }

    /// This stone with another clarity.
    pub fn with_clarity(self, clarity: Clarity) -> Self {
        Self { clarity, ..self }
    }

    /// A stone of this one's shape that weighs as much as `like`: length, width and height grow with
    /// the cube root of the weight; depth and table, which are shares of them, stay.
    pub fn scaled_to_weight_of(self, like: &Self) -> Self {
        self.scaled_to(like.carat)
    }

    /// The same for a weight in carat, which is brought into the limits that the parser has.
    pub fn scaled_to(self, carat: f64) -> Self {
        let carat = carat.clamp(SMALLEST, LARGEST);
        // Exactly 1 for an equal weight, so that an unchanged stone keeps every bit.
        let growth = cbrt(carat / self.carat);
        let grown = |size: f64| (size * growth).clamp(SMALLEST, LARGEST);
        Self { carat, x: grown(self.x), y: grown(self.y), z: grown(self.z), ..self }
    }

    /// This stone as it is read when somebody types its numbers in: to the places that the parser takes.
    pub fn as_read(self) -> Self {
        let read = |field, value| {
            let value = rounded(value, per_one(field));
            if value > 0.0 { value } else { 1.0 / per_one(field) }
        };
        Self {
            carat: read(Field::Carat, self.carat),
            depth: read(Field::Depth, self.depth),
            table: read(Field::Table, self.table),
            x: read(Field::X, self.x),
            y: read(Field::Y, self.y),
            z: read(Field::Z, self.z),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Cell, Field, RawDiamond};
    use super::*;

    fn stone() -> Diamond {
        RawDiamond::from_cells(|field| match field {
            Field::Cut => Cell::Text("Ideal"),
            Field::Color => Cell::Text("E"),
            Field::Clarity => Cell::Text("VS1"),
            Field::Carat => Cell::Number(0.5),
            Field::Z => Cell::Number(3.1),
            Field::Depth => Cell::Number(62.0),
            _ => Cell::Number(5.0),
        })
        .parse()
        .unwrap()
    }

    #[test]
    fn eight_times_the_weight_is_twice_as_long_wide_and_high() {
        let scaled = stone().scaled_to(4.0);
        assert_eq!((scaled.carat(), scaled.x(), scaled.y(), scaled.z()), (4.0, 10.0, 10.0, 6.2));
        assert_eq!((scaled.depth(), scaled.table()), (62.0, 5.0));
    }

    #[test]
    fn a_stone_scaled_to_its_own_weight_keeps_every_bit() {
        assert_eq!(stone().scaled_to_weight_of(&stone()), stone());
    }

    #[test]
    fn no_weight_makes_a_stone_that_the_parser_would_refuse() {
        let heavy = stone().scaled_to(1e300);
        assert!(heavy.carat() <= 1e6 && heavy.x() <= 1e6);
        assert!(stone().scaled_to(0.0).z() >= 1e-6);
    }
}
