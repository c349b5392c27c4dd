//! The number in a cell: the general way, and quick ones to the same bits.

use super::cell::Cell;
use super::cell_text::{is_missing, number_with_unit};
use super::decimal::{per_one, rounded};
use super::fault::Fault;
use super::field::Field;

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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

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
}
