//! The only door into [`Diamond`]: from cells as typed, all faults of a stone at once.

use super::cell_text::{is_missing, number_with_unit};
use super::decimal::{per_one, rounded};
use super::fault::Fault;
use super::field::Field;
use super::grade::{Clarity, Color, Cut, Grade};
use super::stone::{Diamond, FourCs, PricedDiamond};

/// A value as a file, a frame or a request gives it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Nothing was given.
    Missing,
    /// Text as typed.
    Text(&'a str),
    /// A number, perhaps not a finite one.
    Number(f64),
}

impl Cell<'_> {
    /// Whether nothing stands in it but blanks or a word for nothing (`NA`).
    pub fn is_blank(&self) -> bool {
        match self {
            Cell::Missing => true,
            Cell::Text(text) => is_missing(text),
            Cell::Number(_) => false,
        }
    }

    /// Whether it is a number, and zero.
    pub fn is_zero(&self) -> bool {
        match self {
            Cell::Number(number) => *number == 0.0,
            Cell::Text(text) => text.trim().parse() == Ok(0.0),
            Cell::Missing => false,
        }
    }

    /// Whether it gives no measurement: it is blank, or zero, as programs write what they do not know.
    pub fn is_unmeasured(&self) -> bool {
        self.is_blank() || self.is_zero()
    }

    /// The cell as text; `None` where nothing was given.
    pub fn as_written(&self) -> Option<String> {
        match self {
            Cell::Missing => None,
            Cell::Text(text) => Some((*text).to_owned()),
            Cell::Number(number) => Some(number.to_string()),
        }
    }
}

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

/// No stone's weight or measure comes near it, and nothing made of it turns infinite in the 32-bit
/// numbers that trees compare with.
pub(super) const LARGEST: f64 = 1e6;
/// The same for prices.
pub(super) const LARGEST_PRICE: f64 = 1e9;
/// Below this a number is a typing error too; it keeps quotients of two fields finite.
pub(super) const SMALLEST: f64 = 1e-6;

/// The number in a cell, to the places that its field has ([`per_one`]), or what is wrong with it.
#[inline]
pub(crate) fn number(field: Field, cell: Cell<'_>) -> Result<f64, Fault> {
    number_of(field, cell, per_one(field))
}

/// The same in so many units to one.
#[inline]
pub(super) fn number_of(field: Field, cell: Cell<'_>, per_one: f64) -> Result<f64, Fault> {
    let largest = if field == Field::Price { LARGEST_PRICE } else { LARGEST };
    if let Cell::Text(text) = cell
        && let Some((digits, n_behind)) = few_digits(text.as_bytes())
    {
        // Of no more places than the field has: nothing is left to be rounded.
        let value = f64::from(digits) / POWERS[n_behind];
        if digits > 0 && POWERS[n_behind] <= per_one && value <= largest {
            return Ok(value);
        }
    }
    let value = match cell {
        Cell::Missing => None,
        Cell::Number(value) => Some(value),
        Cell::Text(text) => {
            plain_decimal(text).or_else(|| text.trim().parse().ok()).or_else(|| number_with_unit(field, text))
        }
    };
    match value.filter(|value| (0.0..=largest).contains(value)).map(|value| rounded(value, per_one)) {
        Some(rounded) if rounded > 0.0 => Ok(rounded),
        _ => Err(fault(field, cell, value)),
    }
}

/// What is wrong with a cell and the number that was read in it, if any.
#[cold]
fn fault(field: Field, cell: Cell<'_>, value: Option<f64>) -> Fault {
    let is_given = |text: &String| !matches!(cell, Cell::Text(_)) || !is_missing(text);
    let written = cell.as_written().filter(is_given).unwrap_or_default();
    let reason = match value.filter(|_| !written.is_empty()) {
        None if written.is_empty() => "is missing",
        None => "is not a number",
        Some(value) if !value.is_finite() => "is not a finite number",
        Some(value) if value <= 0.0 => "is not greater than zero",
        Some(value) if value < 1.0 => "is smaller than any diamond's",
        Some(_) => "is larger than any diamond's",
    };
    let largest = if field == Field::Price { "1,000,000,000" } else { "1,000,000" };
    let allowed = format!("a number greater than 0 and at most {largest}, with a decimal point");
    Fault::wrong(field, &written, reason, allowed)
}

pub(super) const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// The number that a few digits with at most one point are, in a fraction of the time that the general way
/// takes; `None` of everything else. Digits and the power of ten are both exact in 64 bits, so their quotient
/// is the nearest number there is, as it is the general way.
fn plain_decimal(text: &str) -> Option<f64> {
    if text.len() > 15 {
        return None;
    }
    let (mut digits, mut point, mut n_digits) = (0_u64, None, 0);
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => {
                digits = 10 * digits + u64::from(byte - b'0');
                n_digits += 1;
            }
            b'.' if point.is_none() => point = Some(n_digits),
            _ => return None,
        }
    }
    let n_behind = n_digits - point.unwrap_or(n_digits);
    (n_digits > 0).then(|| digits as f64 / POWERS[n_behind])
}

/// The digits of a text of eight characters at most as one number, and how many of them stand behind the point.
#[inline]
fn few_digits(text: &[u8]) -> Option<(u32, usize)> {
    let n = text.len();
    let word = match n {
        1..=3 => {
            let at = |place: usize| u64::from(text[place]) << (8 * place);
            at(0) | at(n / 2) | at(n - 1)
        }
        4..=8 => {
            // What both hold is the same.
            let (first, last) = (text.first_chunk()?, text.last_chunk()?);
            u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << (8 * (n - 4))
        }
        _ => return None,
    };
    digits_of(word, n)
}

/// The same of a word of `n` characters (1 to 8), the first of them in its lowest byte and nothing behind the last. All
/// are looked at in one step, and nothing is decided by where the point stands or whether there is one.
#[inline]
pub(super) fn digits_of(word: u64, n: usize) -> Option<(u32, usize)> {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    // The highest bit of each byte that is a point (Hacker's Delight, 6-1).
    let (other, low) = (word ^ (EACH * u64::from(b'.')), EACH * 0x7F);
    let points = !(((other & low) + low) | other | low);
    // Behind the last character where there is none.
    let place = (points.trailing_zeros() as usize / 8).min(n);
    let n_digits = n - usize::from(place < n);
    let n_behind = n_digits - place;
    let behind = (word >> 8).checked_shr(8 * place as u32).unwrap_or(0);
    let before = word & 1_u64.checked_shl(8 * place as u32).unwrap_or(0).wrapping_sub(1);
    let word = before | behind.wrapping_shl(8 * place as u32);
    if n_digits == 0 {
        return None;
    }
    // Zeros before them make them eight.
    let n_missing = 8 * (8 - n_digits);
    let zeros = EACH * u64::from(b'0');
    let word = word << n_missing | zeros & ((1 << n_missing) - 1);
    let upper = EACH * 0xF0;
    if word & upper != zeros || (word + EACH * 6) & upper != zeros {
        return None;
    }
    // Neighbours become numbers of two digits, these of four, these of eight (Lemire, "Quickly parsing eight digits").
    let word = word - zeros;
    let pairs = word * 10 + (word >> 8);
    let every_fourth = 0x0000_00FF_0000_00FF;
    let digits = (pairs & every_fourth).wrapping_mul(100 + (1_000_000 << 32))
        + ((pairs >> 16) & every_fourth).wrapping_mul(1 + (10_000 << 32));
    Some(((digits >> 32) as u32, n_behind))
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
    fn the_quick_way_to_a_number_gives_the_same_bits_as_the_general_one() {
        let mut texts: Vec<String> =
            ["0", "00", "1", "1.", ".5", "0.1", "0.30", "326", "61.5", "999999999999999", "0.0000000000001"]
                .map(str::to_owned)
                .to_vec();
        for number in 0..200_000_u64 {
            let number = number * 7_368_787 % 1_000_000_007;
            texts.push(format!(
                "{}.{:0width$}",
                number / 1000,
                number % 1000,
                width = 3 + number as usize % 5
            ));
        }
        for text in &texts {
            let general = text.parse::<f64>().unwrap();
            assert_eq!(plain_decimal(text).unwrap().to_bits(), general.to_bits(), "{text}");
            if let Some((digits, n_behind)) = few_digits(text.as_bytes()) {
                assert_eq!(f64::from(digits) / POWERS[n_behind], general, "{text}");
            }
            for field in [Field::Carat, Field::Price] {
                let read = number(field, Cell::Text(text)).ok();
                let number = number(field, Cell::Number(general)).ok();
                assert_eq!(read.map(f64::to_bits), number.map(f64::to_bits), "{text} as {field}");
            }
        }
        for text in [
            "",
            ".",
            "..",
            "1.2.3",
            "1/",
            "1:",
            "12345:67",
            "0.\u{fe}",
            "\u{b0}1",
            "-1",
            "+1",
            "1e3",
            "nan",
            " 1",
            "1,2",
            "1234567890123456",
        ] {
            assert_eq!((plain_decimal(text), few_digits(text.as_bytes())), (None, None), "{text:?}");
        }
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
