//! Stones that were sold and are like the one asked about, each with how it differs and what it would
//! have been sold for if it did not, as an auction house writes an estimate.

use super::{Neighbour, Prices, SimilarIndex};
use crate::diamond::{Clarity, Color, Cut, Diamond, FourCs, Grade, PricedDiamond, possible_price, to_cents};

/// A stone that was sold.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparable {
    /// The stone and what it was sold for.
    pub stone: PricedDiamond,
    /// Its row among those searched, from 0.
    pub row: usize,
    /// `|carat - carat asked|`, in carat.
    pub carat_difference: f64,
    /// The weight and each grade that is another than asked, such as `weight 1.05 ct instead of 1.2 ct` and
    /// `color G instead of E`; none for a stone of the very same weight and grades. It may still differ in
    /// measurements, and is adjusted for them.
    pub differences: Vec<String>,
    /// Its price in US dollars, times what the model says of the stone asked about over what it says
    /// of this one.
    pub adjusted_price_usd: f64,
}

/// How many are shown at most.
pub const N_COMPARABLES: usize = 5;

/// A stone whose price would have to be adjusted by more than this share of it is none to compare with.
pub const MOST_ADJUSTED: f64 = 1.0 / 3.0;

/// Stones of one cell that are looked at, so that of many with the very same weight the best is found.
const MOST_TIED: usize = 256;

/// Distance of one grade step, in shares of the weight asked for. In the public data a step in color or
/// clarity moves the price by about a tenth, as 5 % of weight do; it counts double here, so that a
/// stone of other grades is taken only where those of the same are few.
const PER_CUT: f64 = 0.05;
const PER_COLOR: f64 = 0.1;
const PER_CLARITY: f64 = 0.15;

/// The [`N_COMPARABLES`] stones of the index nearest to `stone`, nearest first; as [`nearest_comparables`].
pub fn comparables(
    stone: &Diamond,
    price_usd: f64,
    index: &SimilarIndex,
    prices: Prices<'_>,
) -> Vec<Comparable> {
    nearest_comparables(stone, price_usd, index, prices, N_COMPARABLES)
}

/// The `n` stones of the index nearest to `stone`, nearest first. The distance is that of weights, as a
/// share of the weight asked for, plus that of each grade; equally near ones by depth
/// and table, then by price and row (the cheapest of them first would make all comparables cheap).
/// `price_usd` is the model's price of `stone`. A stone that the model has no price for is left out, since it cannot be
/// adjusted, and so is one that would have to be adjusted by more than [`MOST_ADJUSTED`]: where there are no others,
/// there are fewer than `n`.
pub fn nearest_comparables(
    stone: &Diamond,
    price_usd: f64,
    index: &SimilarIndex,
    prices: Prices<'_>,
    n: usize,
) -> Vec<Comparable> {
    let found = nearest(stone, index, n);
    let diamonds: Vec<_> = found.iter().map(|neighbour| *neighbour.stone.diamond()).collect();
    let priced = found.into_iter().zip(prices(&diamonds));
    priced
        .filter(|(_, theirs)| possible_price(*theirs).is_ok())
        .filter(|(_, theirs)| (price_usd / theirs - 1.0).abs() <= MOST_ADJUSTED)
        .map(|(neighbour, theirs)| Comparable {
            stone: neighbour.stone,
            row: neighbour.row,
            carat_difference: neighbour.carat_difference,
            differences: differences(stone, neighbour.stone.diamond()),
            adjusted_price_usd: to_cents(neighbour.stone.price_usd() * price_usd / theirs),
        })
        .collect()
}

fn nearest(stone: &Diamond, index: &SimilarIndex, n: usize) -> Vec<Neighbour> {
    let mut cells = Vec::with_capacity(Cut::ALL.len() * Color::ALL.len() * Clarity::ALL.len());
    for cut in Cut::ALL {
        for color in Color::ALL {
            for clarity in Clarity::ALL {
                let distance = steps(*cut, stone.cut()) * PER_CUT
                    + steps(*color, stone.color()) * PER_COLOR
                    + steps(*clarity, stone.clarity()) * PER_CLARITY;
                cells.push((distance, *cut, *color, *clarity));
            }
        }
    }
    cells.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut found: Vec<(f64, Neighbour)> = Vec::new();
    for (by_grade, cut, color, clarity) in cells {
        // No stone of this cell or of those behind it is nearer than its grades alone.
        if found.len() == n && by_grade > found[n - 1].0 {
            break;
        }
        let in_cell = index.nearest(FourCs { carat: stone.carat(), cut, color, clarity }, n.max(MOST_TIED));
        found.extend(
            in_cell
                .into_iter()
                .map(|neighbour| (by_grade + neighbour.carat_difference / stone.carat(), neighbour)),
        );
        found.sort_by(|(a, theirs), (b, others)| {
            let shape = |other: &Neighbour| unlikeness(stone, other.stone.diamond());
            let by_shape = shape(theirs).total_cmp(&shape(others));
            let by_price = theirs.stone.price_usd().total_cmp(&others.stone.price_usd());
            a.total_cmp(b).then(by_shape).then(by_price).then(theirs.row.cmp(&others.row))
        });
        found.truncate(n);
    }
    found.into_iter().map(|(_, neighbour)| neighbour).collect()
}

/// How far two stones' proportions are apart, in percentage points of depth and table.
fn unlikeness(a: &Diamond, b: &Diamond) -> f64 {
    (a.depth() - b.depth()).abs() + (a.table() - b.table()).abs()
}

fn steps<G: Grade>(a: G, b: G) -> f64 {
    a.rank().abs_diff(b.rank()) as f64
}

fn differences(asked: &Diamond, theirs: &Diamond) -> Vec<String> {
    fn of<G: Grade + PartialEq>(asked: G, theirs: G) -> Option<String> {
        (asked != theirs).then(|| format!("{} {} instead of {}", G::FIELD, theirs.label(), asked.label()))
    }
    let [carat, theirs_carat] = [asked, theirs].map(Diamond::carat);
    let weight = (carat != theirs_carat).then(|| format!("weight {theirs_carat} ct instead of {carat} ct"));
    let all = [
        weight,
        of(asked.cut(), theirs.cut()),
        of(asked.color(), theirs.color()),
        of(asked.clarity(), theirs.clarity()),
    ];
    all.into_iter().flatten().collect()
}
