//! How far off prices are beyond what was learned from: stones above a weight or a price (or below) are held out,
//! models are trained on the others and price those. docs/range.md has the tables, and the bounds of
//! `pipeline::MOST_TIMES_WEIGHT` and `MOST_TIMES_PRICE` come from them.
//!
//!     XTREAM_XGBOOST_LIB=... cargo run --release -p xtream-core --example edge -- data/diamonds.csv

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use std::collections::BTreeMap;

use xtream_core::dataset::Source;
use xtream_core::diamond::{Cell, RawDiamond, labels};
use xtream_core::model::Params;
use xtream_core::model::xgboost::Locations;
use xtream_core::progress::Silent;
use xtream_core::training::{Calibration, Family, built_in};
use xtream_core::valuation::{Options, value};
use xtream_core::{Diamond, Interrupt, Pipeline, PricedDiamond};

/// Ends of the bands of how many times the end of what was learned from a stone has.
const TIMES: [f64; 9] = [1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 1e9];

fn main() {
    let data = vec![std::env::args().nth(1).expect("a file of sales").into()];
    let source = Source { data, ..Source::default() };
    let rows = source.read(&mut std::io::sink(), &Silent, &Interrupt::default()).unwrap().dataset;
    let stones: Vec<_> = rows.rows().map(|(stone, _)| *stone).collect();
    let library = std::env::var_os("XTREAM_XGBOOST_LIB").expect("XTREAM_XGBOOST_LIB names the library");
    for family in built_in(&Locations::new(vec![library.into()])) {
        let carat = |stone: &PricedDiamond, _| stone.diamond().carat();
        held_out(&family, &stones, "heavier, by weight", &[0.5, 0.7, 1.0, 1.5], true, carat, carat);
        held_out(&family, &stones, "lighter, by weight", &[0.4, 0.7, 1.0, 1.5], false, carat, carat);
        let (actual, told) = (|stone: &PricedDiamond, _| stone.price_usd(), |_: &PricedDiamond, told| told);
        held_out(&family, &stones, "dearer, by price told", &[1e3, 2.5e3, 5e3, 1e4], true, actual, told);
        held_out(&family, &stones, "cheaper, by price told", &[1e3, 2.5e3, 5e3], false, actual, told);
    }
}

/// Of one band: prices told over those that were paid, and of the ranges there are how many hold.
#[derive(Default)]
struct Band {
    quotients: Vec<f64>,
    n_ranges: usize,
    n_held: usize,
}

/// Trains on the stones on one side of each end and prices the others. `side` says on which one a stone is, `by` how
/// far it is from there, given the price that was told.
fn held_out(
    family: &Family,
    stones: &[PricedDiamond],
    what: &str,
    ends: &[f64],
    is_above: bool,
    side: impl Fn(&PricedDiamond, f64) -> f64,
    by: impl Fn(&PricedDiamond, f64) -> f64,
) {
    let mut bands: BTreeMap<usize, Band> = BTreeMap::new();
    for end in ends {
        let times = |value: f64| if is_above { value / end } else { end / value };
        let (asked, learned): (Vec<_>, Vec<_>) =
            stones.iter().copied().partition(|stone| times(side(stone, 0.0)) > 1.0);
        let pipeline = calibrated(family, &learned);
        let told = pipeline.predict(asked.iter().map(PricedDiamond::diamond));
        for (stone, told) in asked.iter().zip(told) {
            let times = times(by(stone, told));
            let number = TIMES.iter().filter(|end| **end < times).count();
            let band = bands.entry(number).or_default();
            band.quotients.push(told / stone.price_usd());
            let appraised = value(&pipeline, &cells(stone.diamond()), &Options::default(), None);
            if let Some(range) = appraised.ok().and_then(|appraised| appraised.range) {
                band.n_ranges += 1;
                band.n_held += usize::from((range.low_usd..=range.high_usd).contains(&stone.price_usd()));
            }
        }
    }
    println!(
        "\n{}, {what}\n| times | stones | median off | 95 % off by | median told / paid | ranges | hold |",
        family.name
    );
    for (number, mut band) in bands {
        let from = if number == 0 { 0.0 } else { TIMES[number - 1] };
        let mut off: Vec<_> = band.quotients.iter().map(|quotient| (quotient - 1.0).abs()).collect();
        let n = off.len();
        off.sort_by(f64::total_cmp);
        band.quotients.sort_by(f64::total_cmp);
        println!(
            "| {from} to {} | {n} | {:.0} % | {:.0} % | {:.2} | {} | {:.0} % |",
            TIMES.get(number).unwrap_or(&f64::INFINITY),
            100.0 * off[n / 2],
            100.0 * off[n * 95 / 100],
            band.quotients[n / 2],
            band.n_ranges,
            100.0 * band.n_held as f64 / band.n_ranges as f64,
        );
    }
}

fn calibrated(family: &Family, stones: &[PricedDiamond]) -> Pipeline {
    let (params, interrupt) = (Params::default(), Interrupt::default());
    let recipe = &family.recipe;
    let calibration =
        Calibration { recipe, stones, params: &params, seed: 1, n_workers: 2, interrupt: &interrupt };
    calibration.fit(&family.name).unwrap()
}

fn cells(stone: &Diamond) -> RawDiamond<'static> {
    RawDiamond::from_cells(|field| match stone.rank(field) {
        Some(rank) => Cell::Text(labels(field)[rank]),
        None => stone.number(field).map_or(Cell::Missing, Cell::Number),
    })
}
