//! Why this price: how far size, color, clarity, cut and proportions move it away from the average
//! stone, in US dollars, as exact Shapley values over these five groups.
//!
//! The value of a set of groups is the mean price of stones that have these groups from the stone
//! asked about and the others from a background stone, over all background stones (the
//! *interventional* value). A group's Shapley value is what it adds to such a set, averaged over all
//! orders in which the groups may come. With five groups there are 32 sets, so nothing is sampled.
//!
//! Sources: Shapley, "A value for n-person games" (1953); Lundberg and Lee, "A unified approach to
//! interpreting model predictions" (2017).

use std::collections::HashMap;

use serde::Serialize;

use crate::diamond::{Diamond, Grade, PricedDiamond};
use crate::format::in_dollars;
use crate::similar::Prices;

/// What a price is made of. Each may be exchanged without the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Weight; length, width and height grow with its cube root.
    Size,
    /// Color grade.
    Color,
    /// Clarity grade.
    Clarity,
    /// Cut grade.
    Cut,
    /// Depth, table, and what length, width and height are to each other and to the weight.
    Proportions,
}

/// How one group moves the price.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Contribution {
    /// The group.
    pub group: Group,
    /// US dollars added (or taken away) against the average stone.
    pub amount_usd: f64,
    /// The same for a customer.
    pub sentence: String,
}

/// Why a price is what it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reasons {
    /// Price of the average stone in US dollars: the mean over the background stones.
    pub average_usd: f64,
    /// One for each group; with the average they add up to the price.
    pub contributions: Vec<Contribution>,
}

impl Group {
    /// Every group, in the order of answers.
    pub const ALL: [Self; 5] = [Self::Size, Self::Color, Self::Clarity, Self::Cut, Self::Proportions];

    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Color => "color",
            Self::Clarity => "clarity",
            Self::Cut => "cut",
            Self::Proportions => "proportions",
        }
    }

    fn in_words(self, stone: &Diamond) -> String {
        match self {
            Self::Size => format!("its weight of {:.2} ct", stone.carat()),
            Self::Color => format!("color {}", stone.color()),
            Self::Clarity => format!("clarity {}", stone.clarity()),
            Self::Cut => format!("cut {}", stone.cut()),
            Self::Proportions => "its proportions".into(),
        }
    }
}

/// Background stones that a model keeps. Each costs 32 prices a question.
pub const N_BACKGROUND: usize = 16;

/// Stones that stand for all: the stones in the order of their prices are cut into equal parts, and
/// the middle one of each is taken, so that the mean price of few is near the mean price of all.
pub fn background(stones: &[PricedDiamond]) -> Vec<Diamond> {
    let mut by_price: Vec<_> = stones.iter().collect();
    // Rows come in the order of the files; the weight and size settle what equal prices leave open.
    by_price.sort_by(|a, b| {
        let key = |stone: &PricedDiamond| [stone.price_usd(), stone.diamond().carat(), stone.diamond().x()];
        key(a).partial_cmp(&key(b)).unwrap_or(std::cmp::Ordering::Equal)
    });
    let n = N_BACKGROUND.min(by_price.len());
    (0..n).map(|part| *by_price[(2 * part + 1) * by_price.len() / (2 * n)].diamond()).collect()
}

const N_GROUPS: usize = Group::ALL.len();
const N_SETS: usize = 1 << N_GROUPS;

/// Why `stone` has its price. `None` without background stones, and for a stone so far beyond those of the
/// training data that the model has no finite price for its mixtures with them.
pub fn explain(stone: &Diamond, background: &[Diamond], prices: Prices<'_>) -> Option<Reasons> {
    if background.is_empty() {
        return None;
    }
    let worth = worth_of_sets(stone, background, prices);
    if !worth.iter().all(|worth| worth.is_finite()) {
        return None;
    }
    let contribution = |(number, group): (usize, Group)| {
        let amount_usd = shapley_value(number, &worth);
        Contribution { group, amount_usd, sentence: sentence(amount_usd, &group.in_words(stone)) }
    };
    let contributions = Group::ALL.into_iter().enumerate().map(contribution).collect();
    Some(Reasons { average_usd: worth[0], contributions })
}

/// The value of each set; bit `g` of its number says whether it holds group `g`.
fn worth_of_sets(stone: &Diamond, background: &[Diamond], prices: Prices<'_>) -> Vec<f64> {
    // Mixtures that agree (a background stone with the same color makes two sets alike) are priced once.
    let mut places = HashMap::new();
    let mut mixtures = Vec::new();
    let mut place_of = |mixture: Diamond| {
        *places.entry(bits(&mixture)).or_insert_with(|| {
            mixtures.push(mixture);
            mixtures.len() - 1
        })
    };
    let places: Vec<Vec<usize>> = (0..N_SETS)
        .map(|set| background.iter().map(|other| place_of(mix(stone, other, set))).collect())
        .collect();
    let prices = prices(&mixtures);
    let mean =
        |places: &Vec<usize>| places.iter().map(|place| prices[*place]).sum::<f64>() / places.len() as f64;
    places.iter().map(mean).collect()
}

/// The groups of the set from `stone`, the others from `other`, as somebody would type the stone in.
fn mix(stone: &Diamond, other: &Diamond, set: usize) -> Diamond {
    let is_in = |group: Group| set >> (group as usize) & 1 == 1;
    let of = |group| if is_in(group) { stone } else { other };
    of(Group::Proportions)
        .scaled_to_weight_of(of(Group::Size))
        .as_read()
        .with_color(of(Group::Color).color())
        .with_clarity(of(Group::Clarity).clarity())
        .with_cut(of(Group::Cut).cut())
}

/// What tells two stones apart, to the last bit.
fn bits(stone: &Diamond) -> ([u64; 6], [usize; 3]) {
    let numbers = [stone.carat(), stone.depth(), stone.table(), stone.x(), stone.y(), stone.z()];
    (numbers.map(f64::to_bits), [stone.cut().rank(), stone.color().rank(), stone.clarity().rank()])
}

/// Mean of what the group adds, over the orders in which groups may come: a set of `s` others comes
/// before it in `s! (4 - s)!` of the `5!` orders.
fn shapley_value(group: usize, worth: &[f64]) -> f64 {
    const SHARE: [f64; N_GROUPS] = [24.0 / 120.0, 6.0 / 120.0, 4.0 / 120.0, 6.0 / 120.0, 24.0 / 120.0];
    let without = (0..N_SETS).filter(|set| set >> group & 1 == 0);
    without.map(|set| SHARE[set.count_ones() as usize] * (worth[set | 1 << group] - worth[set])).sum()
}

fn sentence(amount_usd: f64, what: &str) -> String {
    let sign = match amount_usd.round() {
        amount if amount > 0.0 => "+ ",
        amount if amount < 0.0 => "- ",
        _ => return format!("no difference for {what} against an average stone"),
    };
    format!("{sign}{} for {what} against an average stone", in_dollars(amount_usd))
}
