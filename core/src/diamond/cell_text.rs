//! What people and their programs write into cells beside a bare number or grade.

use std::borrow::Cow;

use super::field::Field;

/// What stands for nothing: in R, Excel, Python and by hand.
const MISSING: [&str; 8] = ["na", "n/a", "#n/a", "-", "--", "null", "none", "nan"];

/// Whether nothing was meant.
pub(super) fn is_missing(text: &str) -> bool {
    // Nearly all cells are numbers.
    if text.as_bytes().first().is_some_and(u8::is_ascii_digit) {
        return false;
    }
    let text = text.trim();
    text.is_empty() || MISSING.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// The number in a text that has its field's unit beside it, or digits of a full-width alphabet; `None` where it is no
/// number all the same.
#[cold]
pub(super) fn number_with_unit(field: Field, text: &str) -> Option<f64> {
    let text = usual_characters(text);
    let text = text.trim();
    let (before, units): (&[&str], &[&str]) = match field {
        Field::Carat => (&[], &["carats", "carat", "cts", "ct"]),
        Field::Depth | Field::Table => (&[], &["%"]),
        Field::X | Field::Y | Field::Z => (&[], &["mm"]),
        Field::Price => (&["US$", "USD", "$"], &["USD", "$"]),
        _ => (&[], &[]),
    };
    let text = before.iter().find_map(|sign| text.strip_prefix(sign)).unwrap_or(text);
    let without = |unit: &&str| {
        let (number, end) = text.split_at_checked(text.len().checked_sub(unit.len())?)?;
        end.eq_ignore_ascii_case(unit).then_some(number)
    };
    let text = units.iter().find_map(without).unwrap_or(text).trim();
    // What follows a unit must be a number of digits alone: a sign or an exponent there is a typing error.
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| is_number)
}

/// A text in which characters of full width (of Japanese and Chinese keyboards) are the usual ones.
pub(super) fn usual_characters(text: &str) -> Cow<'_, str> {
    const FULL_WIDTH: std::ops::RangeInclusive<char> = '\u{FF01}'..='\u{FF5E}';
    if !text.contains(|character| FULL_WIDTH.contains(&character)) {
        return text.into();
    }
    let usual = |character: char| match character {
        // They stand in the same order.
        wide if FULL_WIDTH.contains(&wide) => char::from_u32(wide as u32 - 0xFF01 + 0x21).unwrap_or(wide),
        other => other,
    };
    text.chars().map(usual).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_beside_a_number_is_understood_where_it_is_that_of_the_field() {
        for (field, text, number) in [
            (Field::Carat, "1.01 ct", Some(1.01)),
            (Field::Carat, "1.01CT", Some(1.01)),
            (Field::Carat, "０.７１", Some(0.71)),
            (Field::Depth, "62.1%", Some(62.1)),
            (Field::X, "6.41\u{a0}mm", Some(6.41)),
            (Field::Price, "$2757", Some(2757.0)),
            (Field::Price, "2757 USD", Some(2757.0)),
            (Field::Carat, "62.1%", None),
            (Field::Carat, "200 mg", None),
            (Field::X, "0.25 in", None),
            (Field::Price, "€2757", None),
            (Field::Price, "$-2757", None),
            (Field::Carat, "ct", None),
            (Field::Carat, "é", None),
        ] {
            assert_eq!(number_with_unit(field, text), number, "{field} {text:?}");
        }
    }
}
