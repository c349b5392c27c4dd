//! Typing errors, made from real stones as a tired hand would make them: how many are found, how many are put
//! right, and how many good stones are suspected. Constants of the search come from the even rows of the public
//! data; the mistakes are made from the odd ones.

use std::collections::BTreeMap;

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use xtream_core::diamond::{Cell, Fault, Field, RawDiamond};
use xtream_core::features::Imputer;

use crate::helpers::public;

const NUMBERS: [Field; 6] = [Field::Carat, Field::Depth, Field::Table, Field::X, Field::Y, Field::Z];
const DEPTH: usize = 1;
const X: usize = 3;
const Z: usize = 5;

/// The numbers of a stone, as text.
type Typed = [String; 6];

fn raw(typed: &Typed) -> RawDiamond<'_> {
    RawDiamond::from_cells(|field| match NUMBERS.iter().position(|number| *number == field) {
        Some(number) => Cell::Text(&typed[number]),
        None => Cell::Text(["Ideal", "E", "VS1"][field as usize - Field::Cut as usize]),
    })
}

/// Every stone that validation keeps as not suspect, with its row.
fn good_stones() -> Vec<(usize, Typed)> {
    let text = std::fs::read_to_string(public()).unwrap();
    let stone = |line: &str| {
        let cells: Vec<_> = line.split(',').collect();
        [0, 4, 5, 7, 8, 9].map(|column| cells[column].to_owned())
    };
    let stones = text.lines().skip(1).map(stone).enumerate();
    stones.filter(|(_, typed)| raw(typed).parse().is_ok_and(|stone| stone.suspicions().is_empty())).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mistake {
    Shifted,
    SwappedXz,
    SwappedOther,
    CaratForMm,
    MissingDigit,
}

/// What was typed, and which numbers are wrong; `None` when nothing came of it.
fn mistype(meant: &Typed, mistake: Mistake, random: &mut Pcg64) -> Option<(Typed, Vec<usize>)> {
    let mut typed = meant.clone();
    let wrong = match mistake {
        Mistake::Shifted => {
            let number = random.random_range(0..6);
            let power = ["e1", "e2", "e-1", "e-2"].choose(random).unwrap();
            typed[number] = format!("{}{power}", meant[number]).parse::<f64>().unwrap().to_string();
            vec![number]
        }
        Mistake::SwappedXz => {
            typed.swap(X, Z);
            vec![X, Z]
        }
        Mistake::SwappedOther => {
            let (one, other) = (random.random_range(0..6), random.random_range(0..6));
            if one == other || one + other == X + Z && one.abs_diff(other) == Z - X {
                return None;
            }
            typed.swap(one, other);
            vec![one, other]
        }
        Mistake::CaratForMm => {
            let number = random.random_range(X..=Z);
            typed[number] = meant[0].clone();
            vec![number]
        }
        Mistake::MissingDigit => {
            let number = random.random_range(0..6);
            let digits: Vec<_> = meant[number].char_indices().filter(|(_, c)| c.is_ascii_digit()).collect();
            typed[number].remove(digits.choose(random).unwrap().0);
            vec![number]
        }
    };
    let values = |typed: &Typed| typed.clone().map(|text| text.parse::<f64>().ok());
    let is_one =
        values(&typed) != values(meant) && values(&typed).iter().all(|value| value.is_some_and(|v| v > 0.0));
    is_one.then_some((typed, wrong))
}

#[derive(Default)]
struct Tally {
    n: usize,
    n_found: usize,
    n_right: usize,
}

#[test]
fn ninety_five_of_a_hundred_mistakes_are_found_and_eighty_five_put_right() {
    let stones: Vec<_> = good_stones().into_iter().filter(|(row, _)| row % 2 == 1).collect();
    let mut random = Pcg64::seed_from_u64(20_081_124);
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let kinds = [
        Mistake::Shifted,
        Mistake::SwappedXz,
        Mistake::SwappedOther,
        Mistake::CaratForMm,
        Mistake::MissingDigit,
    ];
    for mistake in kinds.into_iter().cycle().take(10_000) {
        let (meant, typed, wrong) = loop {
            let (_, meant) = stones.choose(&mut random).unwrap();
            if let Some((typed, wrong)) = mistype(meant, mistake, &mut random) {
                break (meant, typed, wrong);
            }
        };
        let typo = raw(&typed).typos().into_iter().next();
        // The digits of a carat typed for millimetres are gone: within a percent is as near as one can come. The
        // same holds for a digit that is missing. All else comes back to the digit.
        let tolerance =
            if matches!(mistake, Mistake::CaratForMm | Mistake::MissingDigit) { 0.01 } else { 0.0 };
        let is_right = typo.as_ref().is_some_and(|typo| {
            typo.likely.0.len() == wrong.len()
                && wrong.iter().all(|number| {
                    let meant: f64 = meant[*number].parse().unwrap();
                    typo.likely
                        .of(NUMBERS[*number])
                        .is_some_and(|value| (value / meant - 1.0).abs() <= tolerance)
                })
        });
        let which = if mistake == Mistake::SwappedOther && wrong.iter().all(|number| [X, 4].contains(number))
        {
            "  of these x and y"
        } else {
            ""
        };
        for name in ["all".to_owned(), format!("{mistake:?}"), which.to_owned()] {
            let tally = tallies.entry(name).or_default();
            tally.n += 1;
            tally.n_found += usize::from(typo.is_some());
            tally.n_right += usize::from(is_right);
        }
    }
    for (name, Tally { n, n_found, n_right }) in &tallies {
        let share = |part: &usize| 100.0 * *part as f64 / *n as f64;
        println!("{name:24} {n:6} found {:6.2} % right {:6.2} %", share(n_found), share(n_right));
    }
    let all = &tallies["all"];
    assert_eq!(all.n, 10_000);
    assert!(all.n_found >= 9500, "{} found", all.n_found);
    assert!(all.n_right >= 8500, "{} right", all.n_right);
}

#[test]
fn at_most_one_good_stone_in_a_thousand_is_suspected() {
    let stones = good_stones();
    assert_eq!(stones.len(), 53_854);
    let flagged = stones.iter().filter(|(_, typed)| !raw(typed).typos().is_empty());
    let (odd, even): (Vec<_>, Vec<_>) = flagged.partition(|(row, _)| row % 2 == 1);
    println!("{} of the even rows, {} of the odd ones", even.len(), odd.len());
    assert!(odd.len() + even.len() <= 53, "{} flagged", odd.len() + even.len());
}

/// A number as it is typed in a wrong unit, and the unit's name.
type WrongUnit = (&'static str, fn(f64) -> f64);

/// The wrong units of a number, in the order of [`NUMBERS`].
fn wrong_units(number: usize) -> &'static [WrongUnit] {
    match number {
        0 => &[("points", |carat| 100.0 * carat), ("grams", |carat| carat / 5.0)],
        1 => &[("a fraction", |depth| depth / 100.0), ("tenths", |depth| depth / 10.0)],
        2 => &[("a fraction", |table| table / 100.0), ("tenths", |table| table / 10.0)],
        _ => &[("cm", |mm| mm / 10.0), ("inches", |mm| mm / 25.4)],
    }
}

fn to_places(value: f64) -> String {
    ((value * 1e4).round() / 1e4).to_string()
}

/// The stone with some of its numbers, of which some are typed in a wrong unit.
fn only(meant: &Typed, there: usize, wrong: &[(usize, String)]) -> Typed {
    let mut typed = meant.clone();
    (0..6).filter(|number| there >> number & 1 == 0).for_each(|number| typed[number].clear());
    wrong.iter().for_each(|(number, text)| typed[*number].clone_from(text));
    typed
}

/// A stone as it is priced: what is missing is estimated.
fn warnings(typed: &Typed) -> Vec<Fault> {
    let textbook = Imputer::fit(std::iter::empty());
    let (stone, _) = textbook.complete(&raw(typed)).unwrap();
    stone.warnings(&raw(typed))
}

/// The rules of every warning: it is about a number that was typed wrong, and quotes none that was not typed.
#[track_caller]
fn assert_fair(typed: &Typed, wrong: &[usize], what: &str) -> Vec<Fault> {
    let said = warnings(typed);
    for fault in &said {
        let number = NUMBERS.iter().position(|number| *number == fault.field).unwrap();
        assert!(wrong.contains(&number), "{what}: {typed:?} is told {fault}");
        let likely = fault.likely.iter().flat_map(|likely| likely.0.iter());
        likely.for_each(|(field, _)| assert!(wrong.iter().any(|number| NUMBERS[*number] == *field)));
        if let Some((_, size)) = fault.reason.split_once("a stone of ") {
            let size: Vec<_> = size.trim_end_matches(" mm").split(" x ").collect();
            assert!(
                size.iter().all(|mm| typed.iter().any(|text| text.parse() == mm.parse::<f64>())),
                "{fault}"
            );
        }
    }
    said
}

const CARAT_ALONE: usize = 1;

fn some_stones() -> Vec<Typed> {
    let stones = good_stones().into_iter().filter(|(row, _)| row % 2 == 1);
    // Those that look mistyped as they are have warnings of their own.
    stones.map(|(_, typed)| typed).filter(|typed| warnings(typed).is_empty()).step_by(131).collect()
}

#[test]
fn a_weight_alone_contradicts_nothing() {
    for thousandths in 1..200_000 {
        let carat = f64::from(thousandths) / 1000.0;
        let mut typed = Typed::default();
        typed[0] = carat.to_string();
        for fault in warnings(&typed) {
            assert!(!fault.reason.contains("other numbers"), "{fault}");
            assert!(!(0.05..=60.0).contains(&carat), "{fault}");
        }
    }
}

#[test]
fn good_stones_have_no_more_warnings_when_numbers_are_missing() {
    let stones: Vec<_> = good_stones().into_iter().step_by(17).collect();
    let (mut n, mut n_suspected) = (0, 0);
    for (_, meant) in &stones {
        for there in (1..64).filter(|there| there & CARAT_ALONE == 1) {
            n += 1;
            n_suspected += usize::from(!warnings(&only(meant, there, &[])).is_empty());
        }
    }
    println!("{n_suspected} of {n} are suspected");
    assert!(n_suspected * 1000 <= n, "{n_suspected} of {n}");
}

/// With the weight and any choice of further numbers, each number in each wrong unit, alone and in pairs.
#[test]
fn a_number_in_a_wrong_unit_is_told_as_that_number_or_not_at_all() {
    let (mut n_wrong, mut n_told, mut n_right) = (0, 0, 0);
    let (mut n_whole, mut n_whole_right) = (0, 0);
    for meant in some_stones() {
        let value = |number: usize| meant[number].parse::<f64>().unwrap();
        for there in (1..64).filter(|there| there & CARAT_ALONE == 1) {
            for number in (0..6).filter(|number| there >> number & 1 == 1) {
                for (unit, change) in wrong_units(number) {
                    let wrong = to_places(change(value(number)));
                    let said = assert_fair(&only(&meant, there, &[(number, wrong)]), &[number], unit);
                    let right = said.iter().any(|fault| {
                        let likely = fault.likely.as_ref().and_then(|likely| likely.of(NUMBERS[number]));
                        likely.is_some_and(|likely| (likely / value(number) - 1.0).abs() < 0.02)
                    });
                    n_wrong += 1;
                    n_told += usize::from(!said.is_empty());
                    n_right += usize::from(right);
                    if there == 63 {
                        n_whole += 1;
                        n_whole_right += usize::from(right);
                    }
                }
            }
            let both = |one: usize, other: usize| there >> one & there >> other & 1 == 1;
            for (one, other) in (0..6).flat_map(|one| (one + 1..6).map(move |other| (one, other))) {
                if !both(one, other) {
                    continue;
                }
                for (unit, change) in wrong_units(one) {
                    for (other_unit, other_change) in wrong_units(other) {
                        let texts = [
                            (one, to_places(change(value(one)))),
                            (other, to_places(other_change(value(other)))),
                        ];
                        let what = format!("{unit} and {other_unit}");
                        assert_fair(&only(&meant, there, &texts), &[one, other], &what);
                    }
                }
            }
        }
    }
    println!(
        "{n_wrong} wrong units: {n_told} told, {n_right} put right; of whole stones {n_whole_right} of {n_whole}"
    );
    assert!(n_whole_right * 100 >= n_whole * 98, "{n_whole_right} of {n_whole}");
}

#[test]
fn a_depth_in_millimetres_or_a_tenth_of_it_is_told_as_a_depth() {
    for meant in some_stones() {
        for there in (1..64).filter(|there| there & CARAT_ALONE == 1 && there >> DEPTH & 1 == 1) {
            let tenth = to_places(meant[DEPTH].parse::<f64>().unwrap() / 10.0);
            for wrong in [meant[Z].clone(), tenth] {
                let typed = only(&meant, there, &[(DEPTH, wrong)]);
                let said = assert_fair(&typed, &[DEPTH], "a depth in mm or tenths");
                assert_eq!(said.len(), 1, "{typed:?}");
            }
        }
    }
}

#[test]
fn what_was_typed_with_a_minus_is_never_told_to_be_a_tenth() {
    let mut typed = Typed::default();
    typed[0] = "-3".into();
    let said = |typed: &Typed| {
        let faults = raw(typed).explained(raw(typed).parse().unwrap_err());
        faults.into_iter().find(|fault| fault.field == Field::Carat).unwrap().likely
    };
    assert_eq!(said(&typed).unwrap().of(Field::Carat), Some(3.0));
    for mm in ["9.3", "4.3"] {
        let with_size = [3, 4].into_iter().fold(typed.clone(), |mut typed, number| {
            typed[number] = mm.into();
            typed
        });
        assert_ne!(said(&with_size).and_then(|likely| likely.of(Field::Carat)), Some(0.3), "{mm} mm");
    }
}
