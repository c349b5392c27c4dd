//! A stone, and a stone with its price. What makes them is `parse`.

use super::field::Field;
use super::grade::{Clarity, Color, Cut, Grade};

/// Weight and grades: what every certificate has, and what similar stones are looked for by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FourCs {
    /// Weight in carat.
    pub carat: f64,
    /// Quality of the cut.
    pub cut: Cut,
    /// Color grade.
    pub color: Color,
    /// Clarity grade.
    pub clarity: Clarity,
}

impl FourCs {
    /// The rank of a grade in its scale, 0 the worst; `None` for a number.
    #[inline]
    pub fn rank(&self, field: Field) -> Option<usize> {
        match field {
            Field::Cut => Some(self.cut.rank()),
            Field::Color => Some(self.color.rank()),
            Field::Clarity => Some(self.clarity.rank()),
            _ => None,
        }
    }
}

/// One cut stone with all nine of its features. Every number is finite and positive; those that nobody measured are
/// estimates, and known to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Diamond {
    pub(super) carat: f64,
    pub(super) depth: f64,
    pub(super) table: f64,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) z: f64,
    pub(super) cut: Cut,
    pub(super) color: Color,
    pub(super) clarity: Clarity,
    /// A bit for each of [`Field::MEASUREMENTS`] that is an estimate.
    pub(super) estimated: u8,
}

impl Diamond {
    /// This stone, of which these measurements are estimates.
    pub(crate) fn with_estimates(self, fields: &[Field]) -> Self {
        let bits = fields.iter().filter_map(|field| estimate_bit(*field));
        Self { estimated: bits.fold(0, |all, bit| all | bit), ..self }
    }

    /// Whether a number of it is an estimate.
    pub fn is_estimated(&self, field: Field) -> bool {
        self.estimated != 0 && estimate_bit(field).is_some_and(|bit| self.estimated & bit != 0)
    }

    /// Whether any is.
    pub fn has_estimates(&self) -> bool {
        self.estimated != 0
    }

    /// The measurements of it that are estimates.
    pub fn estimated(&self) -> Vec<Field> {
        Field::MEASUREMENTS.into_iter().filter(|field| self.is_estimated(*field)).collect()
    }

    /// A number that somebody measured or weighed.
    pub fn measured(&self, field: Field) -> Option<f64> {
        self.number(field).filter(|_| !self.is_estimated(field))
    }

    /// Weight in carat (1 ct = 200 mg).
    pub fn carat(&self) -> f64 {
        self.carat
    }

    /// Total depth in percent: `100 * z / mean(x, y)`.
    pub fn depth(&self) -> f64 {
        self.depth
    }

    /// Width of the table (the flat top) in percent of the widest point.
    pub fn table(&self) -> f64 {
        self.table
    }

    /// Length in mm.
    pub fn x(&self) -> f64 {
        self.x
    }

    /// Width in mm.
    pub fn y(&self) -> f64 {
        self.y
    }

    /// Height in mm.
    pub fn z(&self) -> f64 {
        self.z
    }

    /// Quality of the cut.
    pub fn cut(&self) -> Cut {
        self.cut
    }

    /// Color grade.
    pub fn color(&self) -> Color {
        self.color
    }

    /// Clarity grade.
    pub fn clarity(&self) -> Clarity {
        self.clarity
    }

    /// Its weight and grades.
    pub fn four_cs(&self) -> FourCs {
        FourCs { carat: self.carat, cut: self.cut, color: self.color, clarity: self.clarity }
    }

    /// The rank of a grade in its scale, 0 the worst; `None` for a number.
    pub fn rank(&self, field: Field) -> Option<usize> {
        self.four_cs().rank(field)
    }

    /// The value of a numeric feature; `None` for a grade and for the price, which a stone
    /// without one does not have.
    pub fn number(&self, field: Field) -> Option<f64> {
        match field {
            Field::Carat => Some(self.carat),
            Field::Depth => Some(self.depth),
            Field::Table => Some(self.table),
            Field::X => Some(self.x),
            Field::Y => Some(self.y),
            Field::Z => Some(self.z),
            _ => None,
        }
    }
}

fn estimate_bit(field: Field) -> Option<u8> {
    Field::MEASUREMENTS.iter().position(|measurement| *measurement == field).map(|place| 1 << place)
}

/// A stone and what it was sold for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PricedDiamond {
    pub(super) diamond: Diamond,
    pub(super) price_usd: f64,
}

impl PricedDiamond {
    /// The stone.
    pub fn diamond(&self) -> &Diamond {
        &self.diamond
    }

    /// Price in US dollars, finite and positive.
    pub fn price_usd(&self) -> f64 {
        self.price_usd
    }
}
