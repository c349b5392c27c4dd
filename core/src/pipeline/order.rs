//! Prices in order: a better cut, color or clarity or more weight never costs less, proportions as they are. A model is not
//! made to rise while it learns, which costs accuracy; what it learned is put in order when a price is asked for.
//!
//! Everything that such a model knows is a sum of two parts. One sees weight and grades alone; its values are a table.
//! The other sees proportions, the class of weight and the grades; its values for the proportions
//! of one stone are a small table too ([`OpenTrees`]). The table is put in order along the weight, once for each class of
//! weight. The logarithm of a price is the middle between the highest sum (of the table so put in order, and of proportions)
//! of all weights and grades that are no better than the stone's, and the lowest of all that are no worse. Where nothing
//! is out of order, both are the stone's own.
//!
//! Source: the mean of the running maximum and the running minimum is the middle of all functions that rise and are
//! nowhere further off than need be (Ubhaya, "Isotone optimization", 1974). That is so of either step; of both together it
//! is not, but they rise.

use std::any::Any;

use ndarray::{Array1, ArrayView1, ArrayView2};

use super::init_score::{self, InitScore};
use super::target::Target;
use crate::diamond::{Cell, Clarity, Color, Cut, Diamond, Field, Grade, PricedDiamond, RawDiamond};
use crate::error::{Error, Result};
use crate::features::{CLASSES_FROM_CARAT, Encoder, Role, weight_class};
use crate::math::ln;
use crate::model::trees::{Open, OpenTrees, TreeEnsemble};
use crate::model::{Params, Regressor};
use crate::parallel::map;

/// Name of the parameter that asks (with 1) for prices that never fall when a stone gets better or heavier.
pub const MONOTONE: &str = "monotone";

const N_CUTS: usize = Cut::ALL.len();
const N_COLORS: usize = Color::ALL.len();
const N_CLARITIES: usize = Clarity::ALL.len();
/// Combinations of grades.
const N_GRADES: usize = N_CUTS * N_COLORS * N_CLARITIES;
/// Classes of weight.
const N_CLASSES: usize = CLASSES_FROM_CARAT.len() + 1;
/// Weights of the table. Its memory is 2 KiB for each.
const MOST_WEIGHTS: usize = 640;

/// What puts a model's prices in order.
pub(super) struct Order {
    /// In carat, ascending.
    weights: Vec<f64>,
    /// Natural logarithm of the price in US dollars by what sees weight and grades alone, for each weight and combination
    /// of grades (by rank; clarity changes quickest). Within a class of weight it never falls along the weight.
    table: Vec<f64>,
    /// Those that have a weight, ascending.
    classes: Vec<Class>,
    /// What sees proportions, if anything does.
    beside: Option<OpenTrees>,
}

/// A class of weight and the places of its first and last weight.
struct Class {
    number: usize,
    first: usize,
    last: usize,
}

impl Order {
    /// Of a fitted model; `weights` are those of its table.
    ///
    /// # Errors
    /// [`Error::ModelFile`] when the model does not keep weight and grades apart from measurements.
    pub(super) fn new(
        weights: Vec<f64>,
        target: Target,
        encoder: &Encoder,
        init_score: Option<&InitScore>,
        regressor: &(dyn Regressor + 'static),
    ) -> Result<Self> {
        let refused =
            |reason: &str| Error::model_file(format!("its prices cannot be put in order: {reason}"));
        let are_sound = weights.iter().all(|weight| weight.is_finite() && *weight > 0.0)
            && weights.is_sorted_by(|a, b| a < b)
            && (1..=MOST_WEIGHTS).contains(&weights.len());
        if !are_sound {
            return Err(refused("its weights are none that ascend"));
        }
        if target != Target::LogPricePerCarat {
            return Err(refused("it does not learn the price per carat"));
        }
        let roles = encoder.roles().ok_or_else(|| refused("its columns mix weight and measurements"))?;
        let is_apart = |role: &Role| *role != Role::FourCs;
        let (alone, beside) =
            match (roles.iter().any(is_apart), (regressor as &dyn Any).downcast_ref::<TreeEnsemble>()) {
                (false, _) => (None, None),
                (true, None) => return Err(refused("it is no model of trees")),
                (true, Some(trees)) => {
                    let start = init_score.map(|_| false);
                    let is_apart: Vec<_> = roles.iter().map(is_apart).chain(start).collect();
                    let (alone, apart) = trees.parted(&is_apart)?;
                    let open = open(&roles)
                        .ok_or_else(|| refused("it does not have each grade once beside measurements"))?;
                    (Some(alone), Some(OpenTrees::new(&apart, open)?))
                }
            };
        let alone: &dyn Regressor = alone.as_ref().map_or(regressor, |alone| alone);
        let row = |place: usize| -> Result<Vec<f64>> {
            let weight = weights[place];
            let stones = every_grade(weight)?;
            let features = init_score::features(encoder, init_score, stones.iter());
            let values = alone.predict(features.view());
            let values = match init_score::starts(features.view(), init_score) {
                Some(starts) => starts + values,
                None => values,
            };
            Ok(values.iter().map(|value| value + ln(weight)).collect())
        };
        let n_workers = std::thread::available_parallelism().map_or(1, usize::from);
        let rows = map(weights.len(), n_workers, row)?.into_iter().collect::<Result<Vec<_>>>()?;
        let mut table = rows.concat();
        if !table.iter().all(|value| value.is_finite()) {
            return Err(refused("it knows a price without end"));
        }
        let mut classes: Vec<Class> = Vec::new();
        for (place, weight) in weights.iter().enumerate() {
            let number = weight_class(*weight);
            match classes.last_mut() {
                Some(class) if class.number == number => class.last = place,
                _ => classes.push(Class { number, first: place, last: place }),
            }
        }
        for Class { first, last, .. } in &classes {
            let rows = &mut table[first * N_GRADES..(last + 1) * N_GRADES];
            (0..N_GRADES).for_each(|grades| order_along_weight(&mut rows[grades..]));
        }
        Ok(Self { weights, table, classes, beside })
    }

    /// The weights of its table.
    pub(super) fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// Natural logarithm of the price per carat of each stone; `features` are what its model sees of them.
    pub(super) fn values(&self, stones: &[&Diamond], features: ArrayView2<'_, f64>) -> Array1<f64> {
        let value =
            |(stone, features): (&&Diamond, ArrayView1<'_, f64>)| self.value(stone, &single(features.iter()));
        stones.iter().zip(features.rows()).map(value).collect()
    }

    fn value(&self, stone: &Diamond, row: &[f32]) -> f64 {
        let (Some(least), Some(greatest)) = (self.weights.first(), self.weights.last()) else {
            return f64::NAN;
        };
        // Beyond the weights that were learned from, the price per carat stays.
        let weight = stone.carat().clamp(*least, *greatest);
        let at = self.weights.partition_point(|other| *other <= weight).saturating_sub(1);
        let own = self.classes.partition_point(|class| class.last < at);
        let Some(class) = self.classes.get(own) else { return f64::NAN };
        let grades = [stone.cut().rank(), stone.color().rank(), stone.clarity().rank()];
        let of_own = self.row_of(weight, at, class);
        let lighter = self.classes[..own].iter().map(|class| (class, self.row(class.last)));
        let heavier = self.classes[own + 1..].iter().map(|class| (class, self.row(class.first)));
        let [cut, color, clarity] = grades;
        let own = [class.number, cut, color, clarity];
        let beside = self.beside.as_ref().map(|beside| beside.sums(row, own));
        let beside = |class: &Class| {
            beside.as_ref().map_or(&NOTHING[..], |sums| &sums[class.number * N_GRADES..][..N_GRADES])
        };
        let highest = lighter
            .chain([(class, &of_own[..])])
            .map(|(class, row)| extreme(row, beside(class), grades, Side::Below))
            .fold(f64::NEG_INFINITY, f64::max);
        let lowest = heavier
            .chain([(class, &of_own[..])])
            .map(|(class, row)| extreme(row, beside(class), grades, Side::Above))
            .fold(f64::INFINITY, f64::min);
        (highest + lowest) / 2.0 - ln(weight)
    }

    fn row(&self, place: usize) -> &[f64] {
        &self.table[place * N_GRADES..][..N_GRADES]
    }

    /// Of a weight from one of the table's on: between two of one class in proportion to its logarithm.
    fn row_of(&self, weight: f64, at: usize, class: &Class) -> Vec<f64> {
        let below = self.row(at);
        if at == class.last || weight == self.weights[at] {
            return below.to_vec();
        }
        let (from, to) = (ln(self.weights[at]), ln(self.weights[at + 1]));
        let share = ((ln(weight) - from) / (to - from)).clamp(0.0, 1.0);
        below.iter().zip(self.row(at + 1)).map(|(below, above)| below + share * (above - below)).collect()
    }
}

/// XGBoost works in 32 bits.
fn single<'a>(features: impl Iterator<Item = &'a f64>) -> Vec<f32> {
    features.map(|value| *value as f32).collect()
}

/// Where proportions add nothing.
const NOTHING: [f64; N_GRADES] = [0.0; N_GRADES];

/// On which side of a stone's grades others are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// None of them is better.
    Below,
    /// None is worse.
    Above,
}

/// The highest sum of both rows of all grades that are no better than these, or the lowest of all that are no worse.
fn extreme(row: &[f64], beside: &[f64], [cut, color, clarity]: [usize; 3], side: Side) -> f64 {
    let (cuts, colors, clarities) = match side {
        Side::Below => (0..cut + 1, 0..color + 1, 0..clarity + 1),
        Side::Above => (cut..N_CUTS, color..N_COLORS, clarity..N_CLARITIES),
    };
    let mut found = if side == Side::Below { f64::NEG_INFINITY } else { f64::INFINITY };
    for cut in cuts {
        for color in colors.clone() {
            let first = (cut * N_COLORS + color) * N_CLARITIES;
            let of_clarities = first + clarities.start..first + clarities.end;
            let sums = row[of_clarities.clone()].iter().zip(&beside[of_clarities]).map(|(a, b)| a + b);
            // No value is NaN: the table was looked at, and leaves are finite and few enough.
            found = match side {
                Side::Below => sums.fold(found, |found, sum| if sum > found { sum } else { found }),
                Side::Above => sums.fold(found, |found, sum| if sum < found { sum } else { found }),
            };
        }
    }
    found
}

/// Puts every [`N_GRADES`]th value in order, from the first on.
fn order_along_weight(values: &mut [f64]) {
    let places = || (0..values.len()).step_by(N_GRADES);
    let mut highest: Vec<_> = places().map(|place| values[place]).collect();
    let mut lowest = highest.clone();
    for at in 1..highest.len() {
        highest[at] = highest[at].max(highest[at - 1]);
    }
    for at in (1..lowest.len()).rev() {
        lowest[at - 1] = lowest[at - 1].min(lowest[at]);
    }
    let middles = highest.into_iter().zip(lowest).map(|(highest, lowest)| (highest + lowest) / 2.0);
    values.iter_mut().step_by(N_GRADES).zip(middles).for_each(|(value, middle)| *value = middle);
}

/// Where a model's encoder has what its trees ask beside proportions.
fn open(roles: &[Role]) -> Option<[Open; 4]> {
    let at = |role: Role, n_values: usize| {
        let mut places = (0..roles.len()).filter(|place| roles[*place] == role);
        let feature = places.next()?;
        // A second one would be asked about the stone's own grade.
        places.next().is_none().then_some(Open { feature, n_values })
    };
    Some([
        at(Role::Class, N_CLASSES)?,
        at(Role::Grade(Field::Cut), N_CUTS)?,
        at(Role::Grade(Field::Color), N_COLORS)?,
        at(Role::Grade(Field::Clarity), N_CLARITIES)?,
    ])
}

/// A stone of this weight with each combination of grades, in the order of the table. Its proportions are some.
fn every_grade(carat: f64) -> Result<Vec<Diamond>> {
    let some = some_stone()?.scaled_to(carat);
    let mut stones = Vec::with_capacity(N_GRADES);
    for cut in Cut::ALL {
        for color in Color::ALL {
            let of_color = some.with_cut(*cut).with_color(*color);
            stones.extend(Clarity::ALL.iter().map(|clarity| of_color.with_clarity(*clarity)));
        }
    }
    Ok(stones)
}

fn some_stone() -> Result<Diamond> {
    let some = RawDiamond::from_cells(|field| match field {
        Field::Cut => Cell::Text(Cut::ALL[0].label()),
        Field::Color => Cell::Text(Color::ALL[0].label()),
        Field::Clarity => Cell::Text(Clarity::ALL[0].label()),
        Field::Carat => Cell::Number(1.0),
        Field::Depth => Cell::Number(61.8),
        Field::Table => Cell::Number(57.0),
        Field::X | Field::Y => Cell::Number(6.45),
        Field::Z => Cell::Number(3.99),
        _ => Cell::Missing,
    });
    some.parse().map_err(|_| Error::model_file("no stone can be made of a plausible one"))
}

/// The weights of a table for a model of these stones: theirs to the hundredth of a carat, thinned out where they are too
/// many; and between the least and the greatest of them where each class begins and where it ends, whether a stone has that
/// weight or not, since between two classes nothing is interpolated.
pub(super) fn weights_of(stones: &[PricedDiamond]) -> Vec<f64> {
    let hundredths = |carat: f64| (carat * 100.0).round().max(1.0) as u64;
    let mut of_stones: Vec<_> = stones.iter().map(|stone| hundredths(stone.diamond().carat())).collect();
    of_stones.sort_unstable();
    of_stones.dedup();
    let (Some(least), Some(greatest)) = (of_stones.first().copied(), of_stones.last().copied()) else {
        return Vec::new();
    };
    let ends = CLASSES_FROM_CARAT.into_iter().map(hundredths).flat_map(|from| [from - 1, from]);
    let ends = ends.filter(|weight| (least..=greatest).contains(weight)).chain([greatest]);
    let step = of_stones.len().div_ceil(MOST_WEIGHTS - 2 * N_CLASSES);
    let mut all: Vec<_> = of_stones.iter().copied().step_by(step).chain(ends).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter().map(|weight| weight as f64 / 100.0).collect()
}

/// These parameters without [`MONOTONE`], which no algorithm knows.
pub(super) fn of_estimator(params: &Params) -> Params {
    params.clone().without(MONOTONE)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::features::Encoding;
    use crate::model::LinearModel;

    /// An order over two columns, the logarithm of the weight and the rank of the color.
    fn order(weights: &[f64], of_weight: f64, of_color: f64) -> Result<Order> {
        let columns = r#"[{"kind":"derived","quantity":"log_carat"},{"kind":"rank","field":"color"}]"#;
        let encoder: Encoder = serde_json::from_str(columns).unwrap();
        let sum = LinearModel::new(8.0, vec![of_weight, of_color]).unwrap();
        Order::new(weights.to_vec(), Target::LogPricePerCarat, &encoder, None, &sum)
    }

    fn stones(carats: &mut dyn Iterator<Item = f64>) -> Vec<PricedDiamond> {
        let some = some_stone().unwrap();
        carats.map(|carat| some.scaled_to(carat).sold_at(Cell::Number(1000.0)).unwrap()).collect()
    }

    fn value(order: &Order, carat: f64, color: Color) -> f64 {
        let stone = some_stone().unwrap().scaled_to(carat).with_color(color);
        order.value(&stone, &[]) + ln(carat)
    }

    #[test]
    fn what_is_in_order_stays_as_it_is() {
        let order = order(&[0.5, 1.0, 1.19, 2.0], 0.7, 0.1).unwrap();
        for carat in [0.5, 1.0, 1.1, 2.0] {
            let expected = |color: Color| 8.0 + 0.7 * ln(carat) + 0.1 * color.rank() as f64 + ln(carat);
            for color in Color::ALL {
                let (is, should) = (value(&order, carat, *color), expected(*color));
                assert!((is - should).abs() < 1e-12, "{carat}: {is} and {should}");
            }
        }
    }

    #[test]
    fn a_weight_that_no_stone_has_is_priced_as_the_model_does_also_between_classes() {
        let order = order(&weights_of(&stones(&mut [0.32, 1.0, 2.3].into_iter())), 0.7, 0.1).unwrap();
        for hundredths in 32..=230 {
            let carat = f64::from(hundredths) / 100.0;
            let expected = 8.0 + 0.7 * ln(carat) + 0.1 * Color::G.rank() as f64 + ln(carat);
            let is = value(&order, carat, Color::G);
            assert!((is - expected).abs() < 1e-12, "{carat}: {is} and {expected}");
        }
    }

    #[test]
    fn what_falls_is_level_in_the_middle_between_both_ends() {
        let order = order(&[1.0, 1.1], 0.0, -0.1).unwrap();
        for color in Color::ALL {
            assert!((value(&order, 1.0, *color) - (8.0 - 0.3)).abs() < 1e-12);
        }
        // The price per carat falls by more than the weight brings.
        let order = super::tests::order(&[1.0, 1.1], -2.0, 0.0).unwrap();
        let middle = 8.0 - ln(1.1) / 2.0;
        assert!((value(&order, 1.0, Color::D) - middle).abs() < 1e-12);
        assert!((value(&order, 1.1, Color::D) - middle).abs() < 1e-12);
    }

    #[test]
    fn beyond_the_weights_of_the_table_the_price_per_carat_stays() {
        let order = order(&[0.5, 1.0], 0.7, 0.0).unwrap();
        let per_carat = |carat: f64| value(&order, carat, Color::G) - ln(carat);
        assert!((per_carat(4.0) - 8.0).abs() < 1e-12);
        assert!((per_carat(0.2) - (8.0 + 0.7 * ln(0.5))).abs() < 1e-12);
    }

    #[test]
    fn an_order_that_cannot_be_is_refused() {
        for weights in [&[][..], &[1.0, 1.0], &[1.0, 0.5], &[0.0, 1.0], &[1.0, f64::NAN], &[1.0; 700]] {
            assert!(order(weights, 1.0, 0.0).is_err(), "{weights:?}");
        }
        let endless = order(&[100.0], 1e308, 0.0).err().unwrap();
        assert!(endless.to_string().contains("a price without end"));
        let grades = [Field::Cut, Field::Color, Field::Clarity].map(Role::Grade);
        let once = [&[Role::Class][..], &grades].concat();
        assert!(open(&once).is_some());
        assert!(open(&[&once[..], &grades[..1]].concat()).is_none(), "a grade stands there twice");
        let stone = some_stone().unwrap();
        let mixed = Encoding::Engineered.fit(std::iter::once(&stone));
        let sum = LinearModel::new(8.0, vec![0.1; mixed.n_features()]).unwrap();
        let refused = Order::new(vec![1.0], Target::LogPricePerCarat, &mixed, None, &sum);
        assert!(refused.err().unwrap().to_string().contains("mix weight and measurements"));
        let apart = Encoding::Apart.fit(std::iter::once(&stone));
        let sum = LinearModel::new(8.0, vec![0.1; apart.n_features()]).unwrap();
        let refused = Order::new(vec![1.0], Target::LogPricePerCarat, &apart, None, &sum);
        assert!(refused.err().unwrap().to_string().contains("no model of trees"));
        let refused = Order::new(vec![1.0], Target::LogPrice, &apart, None, &sum);
        assert!(refused.err().unwrap().to_string().contains("per carat"));
    }

    #[test]
    fn the_weights_of_a_table_are_those_of_the_stones_and_not_too_many() {
        let few = weights_of(&stones(&mut [1.004, 0.7, 0.701, 1.4].into_iter()));
        assert_eq!(few, [0.7, 0.89, 0.9, 0.99, 1.0, 1.19, 1.2, 1.4]);
        assert_eq!(weights_of(&stones(&mut [0.25].into_iter())), [0.25]);
        let many = weights_of(&stones(&mut (20..2000).map(|hundredths| f64::from(hundredths) / 100.0)));
        assert!(many.len() <= MOST_WEIGHTS && many.len() > MOST_WEIGHTS / 2 && many.is_sorted());
        for from in CLASSES_FROM_CARAT {
            let end = ((from - 0.01) * 100.0).round() / 100.0;
            assert!(many.contains(&from) && many.contains(&end), "{from} and {end}");
        }
        assert_eq!(many.last(), Some(&19.99));
    }
}
