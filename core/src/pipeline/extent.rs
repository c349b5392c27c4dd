//! How far the sales reach that a pipeline learned from, and what is said of stones beyond them.
//!
//! A little beyond, a price is a guess and is told as one, without a confidence. Far beyond, a model makes of a
//! stone whatever its formula makes of it, and there is no price: how far that is was measured on the heaviest,
//! lightest, dearest and cheapest stones held out (docs/range.md).

use serde::{Deserialize, Serialize};

use crate::diamond::{Clarity, Color, Cut, Diamond, Fault, Field, Grade, PricedDiamond, possible_price};
use crate::format::in_dollars;

/// A stone is priced up to this many times the heaviest weight learned from, and down to the same share of the
/// lightest.
pub const MOST_TIMES_WEIGHT: f64 = 1.5;
/// A price is told up to this many times the dearest sale learned from, and down to the same share of the cheapest.
pub const MOST_TIMES_PRICE: f64 = 5.0;

/// The ends of what was learned from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extent {
    /// Least and greatest weight in carat.
    carat: [f64; 2],
    /// Least and greatest price in US dollars.
    price_usd: [f64; 2],
    /// The grades that there were, worst first.
    cut: Vec<Cut>,
    color: Vec<Color>,
    clarity: Vec<Clarity>,
}

impl Extent {
    /// That of these stones, of which there is at least one.
    pub fn of(stones: &[PricedDiamond]) -> Self {
        let bare = || stones.iter().map(PricedDiamond::diamond);
        Self {
            carat: ends(bare().map(Diamond::carat)),
            price_usd: ends(stones.iter().map(PricedDiamond::price_usd)),
            cut: seen(bare().map(Diamond::cut)),
            color: seen(bare().map(Diamond::color)),
            clarity: seen(bare().map(Diamond::clarity)),
        }
    }

    /// Whether they are ends of something.
    pub(super) fn is_sound(&self) -> bool {
        let is_pair = |[least, most]: [f64; 2]| least > 0.0 && least <= most && most.is_finite();
        let has_grades = !(self.cut.is_empty() || self.color.is_empty() || self.clarity.is_empty());
        is_pair(self.carat) && is_pair(self.price_usd) && has_grades
    }

    /// Whether a stone of this price lies within all of them.
    pub(super) fn holds(&self, stone: &Diamond, price_usd: f64) -> bool {
        (self.carat[0]..=self.carat[1]).contains(&stone.carat())
            && (self.price_usd[0]..=self.price_usd[1]).contains(&price_usd)
            && self.cut.contains(&stone.cut())
            && self.color.contains(&stone.color())
            && self.clarity.contains(&stone.clarity())
    }

    /// What is to be said of a stone of this price that does not.
    pub(super) fn beyond(&self, stone: &Diamond, price_usd: f64) -> Vec<Fault> {
        let mut found = Vec::new();
        if !(self.carat[0]..=self.carat[1]).contains(&stone.carat()) {
            let reason = format!("is beyond what the model knows: {}", self.weight_in_words(stone.carat()));
            found.push(Fault::beyond(Field::Carat, stone.carat().to_string(), reason));
        }
        fn grade<G: Grade + PartialEq>(found: &mut Vec<Fault>, seen: &[G], grade: G) {
            if !seen.contains(&grade) {
                let reason =
                    "is beyond what the model knows: no stone that it learned from has this grade".into();
                found.push(Fault::beyond(G::FIELD, grade.label().into(), reason));
            }
        }
        grade(&mut found, &self.cut, stone.cut());
        grade(&mut found, &self.color, stone.color());
        grade(&mut found, &self.clarity, stone.clarity());
        if !(self.price_usd[0]..=self.price_usd[1]).contains(&price_usd) {
            let reason = format!("is beyond what the model knows: {}", self.price_in_words(price_usd));
            found.push(Fault::beyond(Field::Price, format!("{price_usd:.2}"), reason));
        }
        found
    }

    /// Refuses a stone that is too heavy or too light for any price.
    ///
    /// # Errors
    /// A fault of its weight.
    pub(super) fn check_weight(&self, stone: &Diamond) -> Result<(), Fault> {
        // To the places that a weight has, and rather a little too far.
        let least = (1000.0 * self.carat[0] / MOST_TIMES_WEIGHT).floor() / 1000.0;
        let most = (1000.0 * self.carat[1] * MOST_TIMES_WEIGHT).ceil() / 1000.0;
        if (least..=most).contains(&stone.carat()) {
            return Ok(());
        }
        let carat = stone.carat();
        let reason = format!("is too far beyond what the model knows: {}", self.weight_in_words(carat));
        let allowed = format!("a weight from {least} to {most} ct");
        Err(Fault::wrong(Field::Carat, &carat.to_string(), &reason, allowed))
    }

    /// The price (US dollars) that a model made of a stone, to the cent.
    ///
    /// # Errors
    /// A fault of the price, when no diamond can have it or it is too far from every sale.
    pub(super) fn price(&self, price_usd: f64) -> Result<f64, Fault> {
        let price_usd = possible_price(price_usd)?;
        let [least, most] = [self.price_usd[0] / MOST_TIMES_PRICE, self.price_usd[1] * MOST_TIMES_PRICE];
        if (least..=most).contains(&price_usd) {
            return Ok(price_usd);
        }
        let reason = format!(
            "is what the model makes of this stone, too far beyond what it knows: {}",
            self.price_in_words(price_usd)
        );
        let allowed = format!("a price from {} to {}", in_dollars(least), in_dollars(most));
        Err(Fault::wrong(Field::Price, &format!("{price_usd:.2}"), &reason, allowed))
    }

    fn weight_in_words(&self, carat: f64) -> String {
        let [least, most] = self.carat;
        let (which, carat) = if carat > most { ("heaviest", most) } else { ("lightest", least) };
        format!("the {which} stone learned from has {carat} ct")
    }

    fn price_in_words(&self, price_usd: f64) -> String {
        let [least, most] = self.price_usd;
        let (which, price) = if price_usd > most { ("dearest", most) } else { ("cheapest", least) };
        format!("the {which} sale learned from is {}", in_dollars(price))
    }
}

fn ends(values: impl Iterator<Item = f64>) -> [f64; 2] {
    values.fold([f64::INFINITY, 0.0], |[least, most], value| [value.min(least), value.max(most)])
}

fn seen<G: Grade + PartialEq>(grades: impl Iterator<Item = G>) -> Vec<G> {
    let mut is_seen = vec![false; G::ALL.len()];
    grades.for_each(|grade| is_seen[grade.rank()] = true);
    G::ALL.iter().copied().filter(|grade| is_seen[grade.rank()]).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::diamond::{Cell, RawDiamond};

    fn sale(carat: f64, clarity: &str, price_usd: f64) -> PricedDiamond {
        let raw = RawDiamond::from_cells(|field| match field {
            Field::Carat => Cell::Number(carat),
            Field::Cut => Cell::Text("Ideal"),
            Field::Color => Cell::Text("D"),
            Field::Clarity => Cell::Text(clarity),
            _ => Cell::Number(5.0),
        });
        raw.parse_priced(Cell::Number(price_usd)).unwrap()
    }

    fn extent() -> Extent {
        Extent::of(&[sale(5.01, "SI2", 18_018.0), sale(0.2, "VS1", 326.0), sale(2.0, "SI1", 18_823.0)])
    }

    fn said(carat: f64, clarity: &str, price_usd: f64) -> Vec<String> {
        let stone = *sale(carat, clarity, 1.0).diamond();
        let found = extent().beyond(&stone, price_usd);
        assert_eq!(found.is_empty(), extent().holds(&stone, price_usd));
        found.iter().map(Fault::to_string).collect()
    }

    #[test]
    fn a_stone_beyond_an_end_is_told_which() {
        assert!(said(5.01, "VS1", 18_823.0).is_empty() && said(0.2, "SI2", 326.0).is_empty());
        assert_eq!(
            said(6.0, "IF", 57_475.119),
            [
                "carat = \"6\" is beyond what the model knows: the heaviest stone learned from has 5.01 ct",
                "clarity = \"IF\" is beyond what the model knows: no stone that it learned from has this grade",
                "price = \"57475.12\" is beyond what the model knows: the dearest sale learned from is $18,823",
            ]
        );
        assert!(said(0.19, "VS1", 300.0)[0].ends_with("the lightest stone learned from has 0.2 ct"));
        assert!(said(0.19, "VS1", 300.0)[1].ends_with("the cheapest sale learned from is $326"));
    }

    #[test]
    fn far_beyond_an_end_there_is_no_price() {
        let check = |carat: f64| extent().check_weight(sale(carat, "VS1", 1.0).diamond());
        assert!(check(7.515).is_ok() && check(0.133).is_ok());
        assert_eq!(check(7.516).unwrap_err().allowed, "a weight from 0.133 to 7.515 ct");
        for carat in [0.01, 30.0, 101.0] {
            assert_eq!(check(carat).unwrap_err().field, Field::Carat, "{carat}");
        }
        assert_eq!(extent().price(18_823.0 * MOST_TIMES_PRICE), Ok(18_823.0 * MOST_TIMES_PRICE));
        assert_eq!(extent().price(1234.567), Ok(1234.57));
        for price in [656_668.0, 3.0, f64::NAN, f64::INFINITY, -5.0] {
            assert_eq!(extent().price(price).unwrap_err().field, Field::Price, "{price}");
        }
    }

    #[test]
    fn ends_that_are_none_are_not_sound() {
        assert!(extent().is_sound());
        assert!(!Extent { carat: [2.0, 1.0], ..extent() }.is_sound());
        assert!(!Extent { price_usd: [0.0, 1.0], ..extent() }.is_sound());
        assert!(!Extent { carat: [1.0, f64::INFINITY], ..extent() }.is_sound());
        assert!(!Extent { color: Vec::new(), ..extent() }.is_sound());
    }
}
