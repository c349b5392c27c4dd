//! The same stone with one thing changed: a grade better or worse, or the next weight at which
//! prices jump.

use serde::Serialize;

use crate::diamond::MAGIC_SIZES_CARAT;
use crate::diamond::{Clarity, Color, Cut, Diamond, Grade, possible_price, to_cents};
use crate::similar::Prices;

/// The one thing that is different.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Another color.
    Color(Color),
    /// Another clarity.
    Clarity(Clarity),
    /// Another cut.
    Cut(Cut),
    /// Another weight in carat, at the same proportions.
    Carat(f64),
}

/// The price of the changed stone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Counterfactual {
    /// What is changed.
    pub change: Change,
    /// The same in words.
    pub label: String,
    /// Price of the changed stone in US dollars.
    pub price_usd: f64,
    /// That price less the price of the stone as it is.
    pub difference_usd: f64,
}

/// Color, clarity and cut one grade up and one down, where there is one, and the next heavier weight
/// at which prices jump, if there is one. A change whose price no diamond can have is left out.
pub fn counterfactuals(stone: &Diamond, price_usd: f64, prices: Prices<'_>) -> Vec<Counterfactual> {
    let mut changes = Vec::new();
    changes.extend(beside(stone.color()).map(|(grade, how)| (Change::Color(grade), label(grade, how))));
    changes.extend(beside(stone.clarity()).map(|(grade, how)| (Change::Clarity(grade), label(grade, how))));
    changes.extend(beside(stone.cut()).map(|(grade, how)| (Change::Cut(grade), label(grade, how))));
    if let Some(carat) = MAGIC_SIZES_CARAT.into_iter().find(|jump| *jump > stone.carat()) {
        changes.push((Change::Carat(carat), format!("{carat:.2} ct, the next weight at which prices jump")));
    }
    let changed: Vec<_> = changes.iter().map(|(change, _)| change.of(stone)).collect();
    let priced = changes.into_iter().zip(prices(&changed));
    priced
        .filter(|(_, changed_usd)| possible_price(*changed_usd).is_ok())
        .map(|((change, label), changed_usd)| Counterfactual {
            change,
            label,
            price_usd: changed_usd,
            difference_usd: to_cents(changed_usd - price_usd),
        })
        .collect()
}

impl Change {
    fn of(self, stone: &Diamond) -> Diamond {
        match self {
            Self::Color(color) => stone.with_color(color),
            Self::Clarity(clarity) => stone.with_clarity(clarity),
            Self::Cut(cut) => stone.with_cut(cut),
            Self::Carat(carat) => stone.scaled_to(carat).as_read(),
        }
    }
}

/// The next better grade and the next worse one, as far as there are such.
fn beside<G: Grade>(grade: G) -> impl Iterator<Item = (G, &'static str)> {
    let better = G::ALL.get(grade.rank() + 1).map(|grade| (*grade, "better"));
    let worse = grade.rank().checked_sub(1).and_then(|rank| G::ALL.get(rank)).map(|grade| (*grade, "worse"));
    [better, worse].into_iter().flatten()
}

fn label<G: Grade>(grade: G, how: &str) -> String {
    format!("{} {}, one grade {how}", G::FIELD, grade.label())
}
