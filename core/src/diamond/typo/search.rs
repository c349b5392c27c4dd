//! The best of all corrections, if it is so much better than what was typed that it must be named.

use std::cell::LazyCell;

use super::candidates::{Change, is_possible, offer, rounded};
use super::kind::{Kind, Typo};
use super::likelihood::{MostGains, estimate, likelihood};
use super::numbers::{NUMBERS, Numbers};
use crate::diamond::correction::Correction;

/// How much better a correction must be than what was typed, as a difference of logarithms. Of the even rows
/// of the public data (`likelihood`), 24 in 26,928 exceed it.
const EVIDENCE: f64 = 3.0;
/// A corrected stone must be one that could be met: 99.98 % of real stones are above this.
const FLOOR: f64 = -20.0;
/// A second correction is named when it is at least half as likely.
const CLOSE: f64 = 0.7;

/// The corrections that are needed of numbers that are all believed to be numbers: at most one, unless several of
/// them cannot be, of which each is corrected by itself.
pub(super) fn search(typed: &Numbers) -> Vec<Typo> {
    let wrong = impossible(typed);
    let typo = search_with(typed, &wrong);
    if typo.is_some() || wrong.is_empty() {
        return typo.into_iter().collect();
    }
    let by_itself = |number: &usize| {
        let mut believed = *typed;
        wrong.iter().filter(|other| *other != number).for_each(|other| believed[*other] = None);
        search_with(&believed, std::slice::from_ref(number))
    };
    wrong.iter().filter_map(by_itself).collect()
}

/// The numbers that no polished stone has.
pub(super) fn impossible(typed: &Numbers) -> Vec<usize> {
    let is_wrong = |number: &usize| typed[*number].is_some_and(|value| !is_possible(*number, value));
    (0..typed.len()).filter(is_wrong).collect()
}

/// The best correction that changes all of `wrong`, if it is needed.
fn search_with(typed: &Numbers, wrong: &[usize]) -> Option<Typo> {
    let gains = MostGains::new(typed);
    // Most stones are so usual as they are that hardly any kind of typo could be told, and of others one number
    // alone: a few formulas in place of hundreds of corrections. The tiny amount is for what was rounded.
    let (of_all, of_one) =
        (gains.of_all(), LazyCell::new(|| std::array::from_fn::<_, 6, _>(|number| gains.of(number))));
    let could_be_told = |kind: Kind, number: Option<usize>| {
        let is_enough = |gain: f64| gain + kind.prior() >= EVIDENCE - CLOSE - 1e-9;
        is_enough(of_all) && number.is_none_or(|number| is_enough(of_one[number]))
    };
    best_of(typed, wrong, could_be_told)
}

/// The best correction of the kinds that are wanted, of one number or (`None`) of two.
fn best_of(typed: &Numbers, wrong: &[usize], wanted: impl Fn(Kind, Option<usize>) -> bool) -> Option<Typo> {
    // Asked for only where there is a correction to compare with.
    let as_typed = LazyCell::new(|| likelihood(typed));
    let mut best: Option<(f64, Kind, Change)> = None;
    let mut second: Option<(f64, Change)> = None;
    offer(typed, wanted, |kind, change| {
        let changes = |number: &usize| change.iter().flatten().any(|(changed, _)| changed == number);
        if !wrong.iter().all(changes) {
            return;
        }
        let corrected = changed(typed, change);
        let likelihood = likelihood(&corrected);
        let score = likelihood + kind.prior();
        if likelihood < FLOOR || score < *as_typed + EVIDENCE - CLOSE {
            return;
        }
        match best {
            Some((best, _, of_best)) if score <= best => {
                if second.is_none_or(|(second, _)| score > second) && !is_much_the_same(change, of_best) {
                    second = Some((score, change));
                }
            }
            former => {
                best = Some((score, kind, change));
                let beaten = former.map(|(score, _, change)| (score, change)).into_iter().chain(second);
                let others = beaten.filter(|(_, other)| !is_much_the_same(*other, change));
                second = others.max_by(|one, other| one.0.total_cmp(&other.0));
            }
        }
    });
    let (score, kind, change) = best.filter(|(score, ..)| *score >= *as_typed + EVIDENCE)?;
    let alternative = second.filter(|(second, _)| *second >= score - CLOSE);
    Some(Typo {
        kind,
        likely: correction(change),
        alternative: alternative.map(|(_, change)| correction(change)),
    })
}

/// What was meant by a text that is no possible number, beside the others; `None` if they do not tell.
pub(super) fn meant(number: usize, text: &str, others: &Numbers) -> Option<f64> {
    // A second typo in the same number would be a guess: of -3 nobody says that .3 is meant. Where the text has no
    // number that could be, the others tell.
    let mended = mended(text).filter(|value| is_possible(number, *value));
    let meant = mended.or_else(|| estimate(number, others).map(|value| rounded(number, value)))?;
    (likelihood(&changed(others, [Some((number, meant)), None])) >= FLOOR).then_some(meant)
}

/// The number in a text such as `6,8` or `6.8 mm` or `-6.8`; not the day in `01.Feb`, which Excel makes of 1.2 and of 2.1.
pub(super) fn mended(text: &str) -> Option<f64> {
    let text = text.trim().trim_start_matches(['-', '+']);
    let text = text.trim_end_matches(|c: char| c.is_alphabetic() || c == '%').trim();
    if text.ends_with(['.', '-', '/']) {
        return None;
    }
    let text = if text.contains('.') { text.to_owned() } else { text.replacen(',', ".", 1) };
    text.parse().ok().filter(|value: &f64| value.is_finite() && *value > 0.0)
}

fn changed(numbers: &Numbers, change: Change) -> Numbers {
    let mut changed = *numbers;
    change.into_iter().flatten().for_each(|(number, value)| changed[number] = Some(value));
    changed
}

/// Whether two corrections differ by no more than what a hand-held gauge does.
fn is_much_the_same(one: Change, other: Change) -> bool {
    one.iter().zip(&other).all(|(one, other)| match (one, other) {
        (None, None) => true,
        (Some((one, value)), Some((other, other_value))) => {
            one == other && (value / other_value - 1.0).abs() < 0.01
        }
        _ => false,
    })
}

fn correction(change: Change) -> Correction {
    Correction(change.into_iter().flatten().map(|(number, value)| (NUMBERS[number], value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_no_number_with_a_unit() {
        assert_eq!(["6,8", "6.8 mm", "-6.8"].map(mended), [Some(6.8); 3]);
        assert_eq!(["01.Feb", "2-Jan", "1/Feb", "mm"].map(mended), [None; 4]);
    }

    /// Compares with a search of all kinds; gives how often there is a typo.
    fn compare(numbers: &Numbers) -> usize {
        let wrong = impossible(numbers);
        let all = best_of(numbers, &wrong, |_, _| true);
        assert_eq!(search_with(numbers, &wrong), all, "{numbers:?}");
        usize::from(all.is_some())
    }

    #[test]
    fn no_typo_is_lost_by_leaving_out_kinds_that_could_not_be_told() {
        /// A real stone.
        const STONE: Numbers = [Some(1.2), Some(62.2), Some(58.0), Some(6.79), Some(6.74), Some(4.21)];
        const TYPED: [f64; 14] =
            [1e-6, 0.05, 0.23, 1.2, 3.0, 4.21, 5.5, 6.4, 6.74, 12.0, 57.0, 62.2, 67.9, 622.0];
        let mut n_typos = 0;
        for (one, other) in (0..6).flat_map(|one| (0..6).map(move |other| (one, other))) {
            for (value, other_value) in TYPED.into_iter().flat_map(|v| TYPED.map(|w| (v, w))) {
                n_typos += compare(&changed(&STONE, [Some((one, value)), Some((other, other_value))]));
            }
        }
        for missing in 0..64_usize {
            for (number, value) in (0..6).flat_map(|number| TYPED.map(|value| (number, value))) {
                let mut numbers = changed(&STONE, [Some((number, value)), None]);
                (0..6).filter(|n| missing >> n & 1 == 1).for_each(|n| numbers[n] = None);
                n_typos += compare(&numbers);
            }
        }
        assert!(n_typos > 3000, "{n_typos}");
    }
}
