//! Cells that follow from others: a length from three lengths in one text, a price from that of a carat.

use super::cell::Cell;
use super::field::Field;
use super::number::number;

/// The length at `place` (0 to 2) of a text such as `6.51 x 6.54 x 4.02` or `6.51-6.54*4.02`; all of the text where it
/// is no such three, so that whoever reads it refuses it.
pub(crate) fn measured_part(cell: Cell<'_>, place: usize) -> Cell<'_> {
    let Cell::Text(text) = cell else { return cell };
    if cell.is_blank() {
        return Cell::Missing;
    }
    let is_sign = |character: char| matches!(character, 'x' | 'X' | '*' | '\u{d7}' | '-' | '\u{2013}' | '/');
    let mut parts = text.split(is_sign).map(str::trim);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(x), Some(y), Some(z), None) => Cell::Text([x, y, z][place]),
        _ => cell,
    }
}

/// What the whole stone costs; the price as written where it is no number, or the weight is none.
pub(crate) fn total_price<'a>(per_carat: Cell<'a>, carat: Cell<'_>) -> Cell<'a> {
    if per_carat.is_blank() {
        return Cell::Missing;
    }
    match (number(Field::Price, per_carat), number(Field::Carat, carat)) {
        (Ok(per_carat), Ok(carat)) => Cell::Number(per_carat * carat),
        _ => per_carat,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_lengths_in_one_text_are_three() {
        for text in ["6.51 x 6.54 x 4.02", "6.51-6.54*4.02", "6.51\u{d7}6.54\u{d7}4.02", "6.51 - 6.54 x 4.02"]
        {
            let parts = [0, 1, 2].map(|place| measured_part(Cell::Text(text), place));
            assert_eq!(parts, ["6.51", "6.54", "4.02"].map(Cell::Text), "{text}");
        }
        assert_eq!(measured_part(Cell::Text("6.51 x 6.54"), 1), Cell::Text("6.51 x 6.54"));
        assert_eq!(measured_part(Cell::Text("n/a"), 1), Cell::Missing);
    }

    #[test]
    fn a_price_of_a_carat_becomes_one_of_the_stone() {
        assert_eq!(total_price(Cell::Text("$4000"), Cell::Text("0.5 ct")), Cell::Number(2000.0));
        assert_eq!(total_price(Cell::Text("on request"), Cell::Number(0.5)), Cell::Text("on request"));
        assert_eq!(total_price(Cell::Text("-"), Cell::Number(0.5)), Cell::Missing);
    }
}
