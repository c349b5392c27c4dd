//! What may have been meant: every stone from which one typing error makes the numbers that were typed.

use crate::math::power_of_ten;

use super::kind::Kind;
use super::likelihood::{estimate, estimate_width};
use super::numbers::{CARAT, DEPTH, Numbers, TABLE, X, Y, Z};

/// What may be changed at once: one number, or two that changed places.
pub(super) type Change = [Option<(usize, f64)>; 2];

/// Digits behind the decimal point that certificates give, in the order of [`super::numbers::NUMBERS`].
const DECIMALS: [usize; 6] = [2, 1, 1, 2, 2, 2];
/// What a polished stone can have, generously; a correction outside is none, and what was typed outside is wrong.
const POSSIBLE: [std::ops::RangeInclusive<f64>; 6] =
    [0.05..=60.0, 40.0..=85.0, 40.0..=96.0, 2.0..=30.0, 2.0..=30.0, 1.0..=20.0];
/// Millimetres in an inch, and carat in a gram.
const PER_INCH: f64 = 25.4;
const PER_GRAM: f64 = 5.0;
/// Longer texts are results of a calculation, and nobody drops a digit of those by hand.
const LONGEST: usize = 8;

/// Whether a polished stone can have this.
pub(super) fn is_possible(number: usize, value: f64) -> bool {
    POSSIBLE[number].contains(&value)
}

/// What a polished stone can have, for people.
pub(super) fn possible(number: usize) -> String {
    let unit = match number {
        CARAT => "ct",
        DEPTH | TABLE => "%",
        _ => "mm",
    };
    format!("from {} to {} {unit}", POSSIBLE[number].start(), POSSIBLE[number].end())
}

/// Offers each possible correction of `typed` of the kinds that are wanted, of one number or (`None`) of two. A weight
/// that can be is not corrected where no size is there to contradict it.
pub(super) fn offer(
    typed: &Numbers,
    wanted: impl Fn(Kind, Option<usize>) -> bool,
    mut offer: impl FnMut(Kind, Change),
) {
    let all_wanted = &wanted;
    let is_beyond_doubt = |number: usize, value: f64| {
        number == CARAT && is_possible(number, value) && [X, Y, Z].iter().all(|size| typed[*size].is_none())
    };
    for (number, value) in typed.iter().enumerate().filter_map(|(number, value)| Some((number, (*value)?))) {
        if is_beyond_doubt(number, value) {
            continue;
        }
        let wanted = |kind| all_wanted(kind, Some(number));
        if wanted(Kind::OtherUnit)
            && let Some(meant) = in_its_unit(number, value, typed)
        {
            offer(Kind::OtherUnit, [Some((number, meant)), None]);
        }
        digits(number, value, wanted, |kind, meant| offer(kind, [Some((number, meant)), None]));
        if number == TABLE || !(wanted(Kind::Repeated) || wanted(Kind::Unknown)) {
            // Nothing else tells of the table.
            continue;
        }
        let Some(meant) = estimate(number, typed).map(|meant| rounded(number, meant)) else { continue };
        if !POSSIBLE[number].contains(&meant) {
            continue;
        }
        if [X, Y, Z].contains(&number)
            && [CARAT, DEPTH, TABLE].into_iter().any(|other| typed[other] == Some(value))
        {
            offer(Kind::Repeated, [Some((number, meant)), None]);
        }
        offer(Kind::Unknown, [Some((number, meant)), None]);
    }
    if !wanted(Kind::Swapped, None) {
        return;
    }
    for one in 0..typed.len() {
        for other in one + 1..typed.len() {
            let (Some(first), Some(second)) = (typed[one], typed[other]) else { continue };
            if is_beyond_doubt(one, first) && is_possible(other, second) {
                continue;
            }
            // A number of more digits than a certificate gives is not the other one's.
            let fits = |number, value| is_possible(number, value) && rounded(number, value) == value;
            if fits(one, second) && fits(other, first) {
                offer(Kind::Swapped, [Some((one, second)), Some((other, first))]);
            }
        }
    }
}

/// What a number is that was given in another unit: a length in inches, a weight in grams, a depth in millimetres,
/// as the height is, and not in percent. Other wrong units (cm, points, fractions) are points that moved.
fn in_its_unit(number: usize, value: f64, typed: &Numbers) -> Option<f64> {
    let meant = match number {
        CARAT => PER_GRAM * value,
        X | Y | Z => PER_INCH * value,
        DEPTH if is_possible(Z, value) => {
            let others = Numbers::from([typed[CARAT], None, typed[TABLE], typed[X], typed[Y], Some(value)]);
            100.0 * value / estimate_width(&others)?
        }
        _ => return None,
    };
    Some(rounded(number, meant)).filter(|meant| is_possible(number, *meant))
}

/// A number rounded to the digits that certificates give.
pub(super) fn rounded(number: usize, value: f64) -> f64 {
    let unit = power_of_ten(DECIMALS[number] as u32);
    (value * unit).round() / unit
}

/// Offers what may have been meant by one number, by its digits alone, of the kinds that are wanted.
pub(super) fn digits(
    number: usize,
    value: f64,
    wanted: impl Fn(Kind) -> bool,
    mut offer: impl FnMut(Kind, f64),
) {
    const KINDS: [Kind; 5] =
        [Kind::Shifted, Kind::MissingDigit, Kind::WrongDigit, Kind::TurnedDigits, Kind::DoubledDigit];
    let wanted = KINDS.map(wanted);
    if wanted == [false; KINDS.len()] {
        return;
    }
    let [shifted, missing, wrong, turned, doubled] = wanted;
    let text = value.to_string();
    if text.len() > LONGEST {
        return;
    }
    let mut read = |kind, meant: &str| {
        let decimals = meant.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        let Ok(meant) = meant.parse::<f64>() else { return };
        let is_possible = decimals <= DECIMALS[number] || kind == Kind::Shifted;
        if is_possible && meant != value && POSSIBLE[number].contains(&meant) {
            offer(kind, meant);
        }
    };
    if shifted {
        // Read from text, the result is what a person would type: 68 / 10 is 6.8.
        for power in ["e1", "e2", "e-1", "e-2"] {
            read(Kind::Shifted, &format!("{text}{power}"));
        }
    }
    let mut changed = String::with_capacity(LONGEST + 2);
    if missing {
        for at in 0..=text.len() {
            let (before, behind) = text.split_at(at);
            for digit in "0123456789".chars() {
                changed.clear();
                changed.extend([before, behind]);
                changed.insert(at, digit);
                read(Kind::MissingDigit, &changed);
                if at == text.len() && !text.contains('.') {
                    changed.insert(at, '.');
                    read(Kind::MissingDigit, &changed);
                }
            }
        }
    }
    if wrong {
        for (at, typed) in text.char_indices().filter(|(_, typed)| typed.is_ascii_digit()) {
            for digit in "0123456789".chars().filter(|digit| *digit != typed) {
                changed.clear();
                changed.extend([&text[..at], &text[at + 1..]]);
                changed.insert(at, digit);
                read(Kind::WrongDigit, &changed);
            }
        }
    }
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    for at in (0..bytes.len()).filter(|at| is_digit(*at)) {
        // The next digit, with the decimal point between them or not.
        let next = if is_digit(at + 1) { at + 1 } else { at + 2 };
        if turned && is_digit(next) {
            let mut turned = bytes.to_vec();
            turned.swap(at, next);
            read(Kind::TurnedDigits, &String::from_utf8_lossy(&turned));
        }
        if doubled && bytes.get(at + 1) == Some(&bytes[at]) {
            read(Kind::DoubledDigit, &format!("{}{}", &text[..at], &text[at + 1..]));
        }
    }
}
