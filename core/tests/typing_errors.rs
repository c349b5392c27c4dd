//! Typing errors, made from real stones as a tired hand would make them: how many are found, how many are put
//! right, and how many good stones are suspected. Constants of the search come from the even rows of the public
//! data; the mistakes are made from the odd ones.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::collections::BTreeMap;
use std::path::Path;

use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use xtream_core::diamond::{Cell, Field, RawDiamond};

const NUMBERS: [Field; 6] = [Field::Carat, Field::Depth, Field::Table, Field::X, Field::Y, Field::Z];
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
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/diamonds.csv");
    let text = std::fs::read_to_string(path).unwrap();
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
        let slip = raw(&typed).slip();
        // The digits of a carat typed for millimetres are gone: within a percent is as near as one can come. The
        // same holds for a digit that is missing. All else comes back to the digit.
        let tolerance =
            if matches!(mistake, Mistake::CaratForMm | Mistake::MissingDigit) { 0.01 } else { 0.0 };
        let is_right = slip.as_ref().is_some_and(|slip| {
            slip.likely.0.len() == wrong.len()
                && wrong.iter().all(|number| {
                    let meant: f64 = meant[*number].parse().unwrap();
                    slip.likely
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
            tally.n_found += usize::from(slip.is_some());
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
    let flagged = stones.iter().filter(|(_, typed)| raw(typed).slip().is_some());
    let (odd, even): (Vec<_>, Vec<_>) = flagged.partition(|(row, _)| row % 2 == 1);
    println!("{} of the even rows, {} of the odd ones", even.len(), odd.len());
    assert!(odd.len() + even.len() <= 53, "{} flagged", odd.len() + even.len());
}
