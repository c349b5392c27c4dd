//! The sale in a row of text that is written as ours are, in a fraction of the time that the general way (`parse`) takes.
//!
//! Each cell is taken as one word, and looked at without a branch that depends on what stands in it: of ten million rows
//! the processor guesses such branches wrongly some hundred million times.

use std::ops::Range;

use super::decimal::per_one;
use super::number::{LARGEST, LARGEST_PRICE, POWERS, digits_of};
use super::{Clarity, Color, Cut, Diamond, Field, Grade, PricedDiamond};

/// Characters of the longest cell that is taken, a grade's.
const LONGEST: usize = 16;
/// Characters of the longest number that is taken.
const LONGEST_NUMBER: usize = size_of::<u64>();

impl PricedDiamond {
    /// The sale whose cells stand in these places of `text`, perhaps in quotation marks, in the order of [`Field::ALL`].
    /// `None` of every row of which there may be more to say, and of one at the very end of `text`, where no whole word
    /// can be read: those are for the general way, which makes the same of the rows that are taken here.
    #[inline]
    pub(crate) fn of_plain_row(text: &[u8], cells: [Range<usize>; Field::ALL.len()]) -> Option<Self> {
        let [carat, cut, color, clarity, depth, table, price, x, y, z] = cells;
        let diamond = Diamond {
            carat: number(Field::Carat, text, carat)?,
            cut: grade::<Cut>(text, cut)?,
            color: grade::<Color>(text, color)?,
            clarity: grade::<Clarity>(text, clarity)?,
            depth: number(Field::Depth, text, depth)?,
            table: number(Field::Table, text, table)?,
            x: number(Field::X, text, x)?,
            y: number(Field::Y, text, y)?,
            z: number(Field::Z, text, z)?,
            estimated: 0,
        };
        let price_usd = number(Field::Price, text, price)?;
        diamond.is_consistent().then_some(Self { diamond, price_usd })
    }
}

/// Without the quotation marks around it.
#[inline]
fn unquoted(text: &[u8], cell: Range<usize>) -> Option<Range<usize>> {
    let n_marks = usize::from(*text.get(cell.start)? == b'"');
    Some(cell.start + n_marks..cell.end.checked_sub(n_marks)?)
}

#[inline]
fn number(field: Field, text: &[u8], cell: Range<usize>) -> Option<f64> {
    let cell = unquoted(text, cell)?;
    let n = cell.len();
    if n == 0 || n > LONGEST_NUMBER {
        return None;
    }
    let word =
        u64::from_le_bytes(*text[cell.start..].first_chunk()?) & (u64::MAX >> (u64::BITS as usize - 8 * n));
    let (digits, n_behind) = digits_of(word, n)?;
    let largest = if field == Field::Price { LARGEST_PRICE } else { LARGEST };
    let value = f64::from(digits) / POWERS[n_behind];
    (digits > 0 && POWERS[n_behind] <= per_one(field) && value <= largest).then_some(value)
}

#[inline]
fn grade<G: Grade>(text: &[u8], cell: Range<usize>) -> Option<G> {
    let cell = unquoted(text, cell)?;
    let n = cell.len();
    if n == 0 || n > LONGEST {
        return None;
    }
    let word = u128::from_le_bytes(*text[cell.start..].first_chunk()?)
        & (u128::MAX >> (u128::BITS as usize - 8 * n));
    if word >> (8 * (n - 1)) == 0 {
        // Nothing at the end of a word is not seen.
        return None;
    }
    let place =
        G::WORDS.iter().zip(1..).fold(0, |found, (label, place)| if *label == word { place } else { found });
    G::ALL.get(usize::checked_sub(place, 1)?).copied()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use rand::{RngExt, SeedableRng};
    use rand_pcg::Pcg64;

    use super::super::{Cell, RawDiamond};
    use super::*;

    /// What stands in cells of files, and what almost does.
    const NUMBERS: &str = "0.23|1|61.5|326.00|18823.00|0.30|3.955|55|2.4|.5|5.|.||0|0.0|00.30|1234567.|99999999|0.0001|\
                           3.9555|1e3|-1|+1|1,2| 1|1 |NA|12345678.9|1.2.3|é1|1000000|1000001|55.\0";
    const GRADES: &str = "Fair|Good|Very Good|Premium|Ideal|J|I|H|G|F|E|D|I1|SI2|SI1|VS2|VS1|VVS2|VVS1|IF|ideal|\
                          Very good|VG||K|SI3| Ideal|Very GoodVery Good|Ideal\0|é";

    #[test]
    fn a_row_that_is_taken_is_the_stone_of_the_general_way_without_anything_to_say_of_it() {
        let seed = 12;
        let mut random = Pcg64::seed_from_u64(seed);
        let mut n_taken = 0;
        for _ in 0..200_000 {
            let mut pick = |all: &'static str, usual: &'static str| {
                let all: Vec<_> = all.split('|').collect();
                if random.random_bool(0.85) { usual } else { all[random.random_range(0..all.len())] }
            };
            let number = |usual| (usual, NUMBERS);
            let usual = [
                number("0.23"),
                ("Ideal", GRADES),
                ("E", GRADES),
                ("SI2", GRADES),
                number("61.5"),
                number("55"),
                number("326.00"),
                number("3.95"),
                number("3.98"),
                number("2.43"),
            ];
            let cells = usual.map(|(usual, all)| pick(all, usual));
            let mut text = String::new();
            let places = cells.map(|cell| {
                let start = text.len();
                text += &if random.random_bool(0.3) { format!("\"{cell}\",") } else { format!("{cell},") };
                start..text.len() - 1
            });
            // The end of a block.
            text += &"0,1.5\n"[..random.random_range(0..7)].repeat(3);
            let cell = |field: Field| {
                let place = Field::ALL.iter().position(|other| *other == field).unwrap();
                if cells[place].is_empty() { Cell::Missing } else { Cell::Text(cells[place]) }
            };
            let general = RawDiamond::from_cells(cell).parse_priced(cell(Field::Price));
            match PricedDiamond::of_plain_row(text.as_bytes(), places) {
                Some(stone) => {
                    n_taken += 1;
                    assert_eq!(general, Ok(stone), "seed {seed}: {text:?}");
                    assert_eq!(stone.diamond().suspicions(), [], "seed {seed}: {text:?}");
                    let labels = [stone.diamond().cut().label(), stone.diamond().color().label()];
                    assert_eq!([cells[1], cells[2]], labels, "seed {seed}: {text:?}");
                }
                None => assert!(
                    cells != usual.map(|(usual, _)| usual) || text.ends_with(','),
                    "seed {seed}: {text:?} is as plain as can be"
                ),
            }
        }
        assert!((20_000..100_000).contains(&n_taken), "{n_taken} were taken");
    }

    #[test]
    fn every_label_is_taken_for_its_grade() {
        fn check<G: Grade + PartialEq + std::fmt::Debug>() {
            for one in G::ALL {
                let text = format!("{}{}", one.label(), " ".repeat(LONGEST));
                assert_eq!(grade::<G>(text.as_bytes(), 0..one.label().len()), Some(*one));
            }
        }
        check::<Cut>();
        check::<Color>();
        check::<Clarity>();
    }
}
