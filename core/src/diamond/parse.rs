//! The only door into [`Diamond`]: from cells as typed, all faults of a stone at once.

use super::cell::Cell;
use super::fault::Fault;
use super::field::Field;
use super::grade::{Clarity, Color, Cut, Grade};
use super::number::number;
use super::stone::{Diamond, FourCs, PricedDiamond};

/// The nine features of a stone as given, before anything is believed.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names are those of `Diamond`")]
pub struct RawDiamond<'a> {
    pub carat: Cell<'a>,
    pub cut: Cell<'a>,
    pub color: Cell<'a>,
    pub clarity: Cell<'a>,
    pub depth: Cell<'a>,
    pub table: Cell<'a>,
    pub x: Cell<'a>,
    pub y: Cell<'a>,
    pub z: Cell<'a>,
    /// What was found wrong before with the row as a whole: then it is no stone, whatever its cells are.
    pub objections: &'a [Fault],
}

impl<'a> RawDiamond<'a> {
    /// Fills each field by asking for its cell.
    pub fn from_cells(mut cell: impl FnMut(Field) -> Cell<'a>) -> Self {
        Self {
            carat: cell(Field::Carat),
            cut: cell(Field::Cut),
            color: cell(Field::Color),
            clarity: cell(Field::Clarity),
            depth: cell(Field::Depth),
            table: cell(Field::Table),
            x: cell(Field::X),
            y: cell(Field::Y),
            z: cell(Field::Z),
            objections: &[],
        }
    }

    /// The stone, or every fault that keeps it from being one.
    pub fn parse(&self) -> Result<Diamond, Vec<Fault>> {
        self.is_whole()?;
        let mut faults = Vec::new();
        let diamond = self.collect(&mut faults);
        diamond.ok_or(faults)
    }

    /// The stone with its price, or every fault of both.
    pub fn parse_priced(&self, price: Cell<'_>) -> Result<PricedDiamond, Vec<Fault>> {
        self.is_whole()?;
        let mut faults = Vec::new();
        let diamond = self.collect(&mut faults);
        let price_usd = number(Field::Price, price).map_err(|fault| faults.push(fault));
        match (diamond, price_usd) {
            (Some(diamond), Ok(price_usd)) => Ok(PricedDiamond { diamond, price_usd }),
            _ => Err(faults),
        }
    }

    /// Of a row whose cells may stand in wrong columns nothing else is said.
    fn is_whole(&self) -> Result<(), Vec<Fault>> {
        match self.objections {
            [fault, ..] if fault.field == Field::Row => Err(vec![fault.clone()]),
            _ => Ok(()),
        }
    }

    /// Weight and grades; what is wrong with them goes to `faults`.
    pub(super) fn collect_four_cs(&self, faults: &mut Vec<Fault>) -> Option<FourCs> {
        faults.extend_from_slice(self.objections);
        let mut keep = |fault| faults.push(fault);
        let carat = number(Field::Carat, self.carat).map_err(&mut keep).ok();
        let cut = grade::<Cut>(self.cut).map_err(&mut keep).ok();
        let color = grade::<Color>(self.color).map_err(&mut keep).ok();
        let clarity = grade::<Clarity>(self.clarity).map_err(&mut keep).ok();
        let four_cs = FourCs { carat: carat?, cut: cut?, color: color?, clarity: clarity? };
        self.objections.is_empty().then_some(four_cs)
    }

    fn collect(&self, faults: &mut Vec<Fault>) -> Option<Diamond> {
        let four_cs = self.collect_four_cs(faults);
        let mut keep = |fault| faults.push(fault);
        let depth = number(Field::Depth, self.depth).map_err(&mut keep).ok();
        let table = number(Field::Table, self.table).map_err(&mut keep).ok();
        let x = number(Field::X, self.x).map_err(&mut keep).ok();
        let y = number(Field::Y, self.y).map_err(&mut keep).ok();
        let z = number(Field::Z, self.z).map_err(&mut keep).ok();
        let (depth, table, x, y, z) = (depth?, table?, x?, y?, z?);
        let FourCs { carat, cut, color, clarity } = four_cs?;
        Some(Diamond { carat, cut, color, clarity, depth, table, x, y, z, estimated: 0 })
    }
}

impl Diamond {
    /// The stone with what it was sold for.
    ///
    /// # Errors
    /// What is wrong with the price.
    pub fn sold_at(self, price: Cell<'_>) -> Result<PricedDiamond, Fault> {
        Ok(PricedDiamond { diamond: self, price_usd: number(Field::Price, price)? })
    }
}

fn grade<G: Grade>(cell: Cell<'_>) -> Result<G, Fault> {
    match cell {
        Cell::Missing => G::parse(""),
        Cell::Text(text) => G::parse(text),
        Cell::Number(value) => G::parse(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn raw() -> RawDiamond<'static> {
        RawDiamond {
            carat: Cell::Text("0.23"),
            cut: Cell::Text("Ideal"),
            color: Cell::Text("E"),
            clarity: Cell::Text("SI2"),
            depth: Cell::Number(61.5),
            table: Cell::Text(" 55 "),
            x: Cell::Text("3.95"),
            y: Cell::Text("3.98"),
            z: Cell::Text("2.43"),
            objections: &[],
        }
    }

    #[test]
    fn a_row_as_typed_becomes_a_stone() {
        let stone = raw().parse_priced(Cell::Text("326")).unwrap();
        assert_eq!(stone.price_usd(), 326.0);
        assert_eq!(stone.diamond().carat(), 0.23);
        assert_eq!(stone.diamond().table(), 55.0);
        assert_eq!(stone.diamond().clarity(), Clarity::SI2);
    }

    #[test]
    fn all_faults_of_a_row_are_named_at_once() {
        let raw =
            RawDiamond { carat: Cell::Text("1,2"), cut: Cell::Text("Shiny"), z: Cell::Text("0.0"), ..raw() };
        let faults = raw.parse_priced(Cell::Number(-1.0)).unwrap_err();
        let named: Vec<_> = faults.iter().map(|fault| (fault.field, fault.reason.as_str())).collect();
        assert_eq!(
            named,
            [
                (Field::Carat, "is not a number"),
                (Field::Cut, "is not a known grade"),
                (Field::Z, "is not greater than zero"),
                (Field::Price, "is not greater than zero"),
            ]
        );
        assert_eq!(faults[3].value, "-1");
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        for text in ["NaN", "inf", "-inf", "1e39", "1e999", "0", "-3", "", "  ", "0x10", "1e-40"] {
            let raw = RawDiamond { carat: Cell::Text(text), ..raw() };
            assert_eq!(raw.parse().unwrap_err()[0].field, Field::Carat, "{text:?}");
        }
        for value in [f64::NAN, f64::INFINITY, 1e39, 0.0, -0.0] {
            let raw = RawDiamond { y: Cell::Number(value), ..raw() };
            assert_eq!(raw.parse().unwrap_err()[0].field, Field::Y, "{value}");
        }
    }
}
