//! Prices in another unit than ours, such as thousands or another currency: what such stones cost tells.

use crate::diamond::{Field, PricedDiamond};
use crate::math::{exp, ln};

use super::units::{FEWEST, SuspectUnit, median};

/// What a stone of one carat cost on average in the public data set, and the power of the weight with which the others
/// cost more: `ln price = ln 4,669 + 1.676 ln carat` is the line through its 53,940 rows; 99 of 100 stones are less than
/// 2.2 times off.
const PRICE_OF_ONE_CARAT: f64 = 4_669.0;
const POWER_OF_WEIGHT: f64 = 1.676;
/// Prices have moved since, but not by as much.
const MOST_PRICES_MOVED: f64 = 4.0;
/// How many times off from the factor that a unit makes a price in that unit may be.
const MOST_BESIDE_A_FACTOR: f64 = 5.0;
/// Factor from which a single price is one in another unit.
const MOST_ONE_PRICE_MOVED: f64 = 40.0;

/// What a stone weighs and was sold for.
#[derive(Clone, Copy)]
pub(super) struct Sold {
    carat: f64,
    price_usd: f64,
}

impl From<&PricedDiamond> for Sold {
    fn from(stone: &PricedDiamond) -> Self {
        Self { carat: stone.diamond().carat(), price_usd: stone.price_usd() }
    }
}

/// As many prices are enough to tell their unit.
pub(super) const MOST_PRICES: usize = 1 << 17;

/// Prices of every part of a file, however long it is: of all stones, then of every second one, of every fourth ...
pub(super) struct SoldSample {
    every: usize,
    n_seen: usize,
    sold: Vec<Sold>,
}

impl SoldSample {
    pub(super) const EMPTY: Self = Self { every: 1, n_seen: 0, sold: Vec::new() };

    /// The next stones of the file.
    pub(super) fn add(&mut self, stones: &[PricedDiamond]) {
        let n_passed_over = self.n_seen.next_multiple_of(self.every) - self.n_seen;
        self.sold.extend(stones.iter().skip(n_passed_over).step_by(self.every).map(Sold::from));
        self.n_seen += stones.len();
        while self.sold.len() > MOST_PRICES {
            let mut place = 0_usize;
            self.sold.retain(|_| {
                place += 1;
                !place.is_multiple_of(2)
            });
            self.every *= 2;
        }
    }

    /// Whether the file has more than a few stones, which may be odd without being in another unit.
    pub(super) fn is_telling(&self) -> bool {
        self.n_seen >= FEWEST
    }

    /// What is wrong with its prices.
    pub(super) fn suspect(self) -> Option<SuspectUnit> {
        suspect_prices(self.sold.into_iter())
    }
}

/// What is wrong with the prices of all stones together, if they look as if they had another unit.
pub(super) fn suspect_prices(sold: impl Iterator<Item = Sold>) -> Option<SuspectUnit> {
    let logs: Vec<(f64, f64)> = sold.map(|Sold { carat, price_usd }| (ln(carat), ln(price_usd))).collect();
    let off: Vec<f64> =
        logs.iter().map(|(carat, price)| price - ln(PRICE_OF_ONE_CARAT) - POWER_OF_WEIGHT * carat).collect();
    let factor = exp(median(off.clone())?);
    let suspect = |factor, reason| {
        let allowed = "prices of whole stones in US dollars";
        Some(SuspectUnit { field: Field::Price, factor, reason, allowed })
    };
    // For each factor that a unit makes: how many rows are off by about as much.
    let n_off =
        |factor: f64| off.iter().filter(|log| (**log - ln(factor)).abs() < ln(MOST_BESIDE_A_FACTOR)).count();
    let n = off.len();
    for (unit, name) in [
        (0.001, "thousands of dollars, or numbers whose point stands between thousands"),
        (100.0, "cents, or a currency such as rupees or yen"),
    ] {
        let n_off = n_off(unit);
        if (n_off > n / 50 && n_off >= 3) || (n_off == n && n > 0) {
            let times = if unit < 1.0 { "a thousandth" } else { "a hundred times" };
            let reason = format!(
                "{n_off} of {n} prices are about {times} of what such stones cost, which looks like {name}"
            );
            return suspect(unit, reason);
        }
    }
    if !(1.0 / MOST_PRICES_MOVED..=MOST_PRICES_MOVED).contains(&factor) {
        let reason = format!(
            "in the middle they are {factor:.2} times what such stones cost, which looks like another currency"
        );
        return suspect(factor, reason);
    }
    let n_odd = off.iter().filter(|log| log.abs() > ln(MOST_ONE_PRICE_MOVED)).count();
    if n_odd > n / 50 && n_odd >= 3 {
        let reason = format!("{n_odd} of {n} are more than {MOST_ONE_PRICE_MOVED} times too high or too low");
        return suspect(factor, reason);
    }
    per_carat(&logs).and_then(|power| {
        let reason = format!(
            "they hardly grow with the weight (as its power {power:.2}, where whole stones have {POWER_OF_WEIGHT}), \
             which looks like prices of one carat"
        );
        suspect(factor, reason)
    })
}

/// With which power of the weight prices grow, where that is so small that they are prices of one carat.
fn per_carat(logs: &[(f64, f64)]) -> Option<f64> {
    /// Fewer stones, or stones of nearly one weight, tell nothing.
    const FEWEST: usize = 50;
    const LEAST_SPREAD: f64 = 0.3;
    let n = logs.len() as f64;
    if logs.len() < FEWEST {
        return None;
    }
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / n;
    let (carat, price) = (mean(&|log| log.0), mean(&|log| log.1));
    let spread = mean(&|log| (log.0 - carat) * (log.0 - carat));
    let power = mean(&|log| (log.0 - carat) * (log.1 - price)) / spread;
    (spread > LEAST_SPREAD * LEAST_SPREAD && power < POWER_OF_WEIGHT - 0.6).then_some(power)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::diamond::Cell;

    #[test]
    fn a_long_file_is_judged_by_prices_of_every_part_of_it() {
        let raw = crate::diamond::RawDiamond::from_cells(|field| match field {
            Field::Cut => Cell::Text("Ideal"),
            Field::Color => Cell::Text("E"),
            Field::Clarity => Cell::Text("VS1"),
            _ => Cell::Number(1.0),
        });
        let stone = |price_usd: usize| raw.parse_priced(Cell::Number(1.0 + price_usd as f64)).unwrap();
        let stones: Vec<_> = (0..5 * MOST_PRICES / 2 + 3).map(stone).collect();
        let mut sample = SoldSample::EMPTY;
        stones.chunks(1_999).for_each(|chunk| sample.add(chunk));
        let kept: Vec<_> = sample.sold.iter().map(|sold| sold.price_usd as usize - 1).collect();
        assert_eq!(kept, (0..stones.len()).step_by(4).collect::<Vec<_>>());
    }

    #[test]
    fn prices_in_other_units_are_named_and_those_of_the_trade_are_not() {
        let stones = |price: &dyn Fn(usize, f64, f64) -> f64| {
            let stone = |number: usize| {
                let carat = 0.3 + 0.01 * (number % 150) as f64;
                let usual = 4_000.0 * exp(1.7 * ln(carat)) * (1.0 + 0.002 * (number % 7) as f64);
                let raw = crate::diamond::RawDiamond::from_cells(|field| match field {
                    Field::Carat => Cell::Number(carat),
                    Field::Cut => Cell::Text("Ideal"),
                    Field::Color => Cell::Text("E"),
                    Field::Clarity => Cell::Text("VS1"),
                    _ => Cell::Number(1.0),
                });
                raw.parse_priced(Cell::Number(price(number, usual, carat))).unwrap()
            };
            (0..400).map(stone).collect::<Vec<_>>()
        };
        let found =
            |price: &dyn Fn(usize, f64, f64) -> f64| suspect_prices(stones(price).iter().map(Sold::from));
        assert_eq!(found(&|_, usual, _| usual), None);
        assert_eq!(found(&|_, usual, _| 2.0 * usual), None);
        let factor = |price: &dyn Fn(usize, f64, f64) -> f64| found(price).map(|suspect| suspect.factor);
        // As a thousands mark that is read as a decimal point leaves them: prices below 1,000 are right.
        let with_mark = |_: usize, usual: f64, _: f64| if usual < 1000.0 { usual } else { usual / 1000.0 };
        assert_eq!(factor(&with_mark), Some(0.001));
        assert_eq!(factor(&|_, usual, _| 100.0 * usual), Some(100.0));
        assert_eq!(
            factor(&|number, usual, _| if number % 20 == 0 { usual / 1000.0 } else { usual }),
            Some(0.001)
        );
        assert!(found(&|_, usual, _| 7.0 * usual).unwrap().reason.contains("another currency"));
        assert!(found(&|_, usual, carat| usual / carat).unwrap().reason.contains("prices of one carat"));
    }
}
