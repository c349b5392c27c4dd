//! What a stone most likely measures when nobody measured it: geometry, and the typical
//! proportions of training stones of the same cut.

use serde::{Deserialize, Serialize};

use crate::diamond::{Cell, Cut, Diamond, Fault, Field, Grade, RawDiamond, depth_percent};
use crate::math::cbrt;

/// Typical proportions by cut, learned from training stones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Imputer {
    /// In the order of [`Cut::ALL`].
    by_cut: [Typical; 5],
}

/// Medians over the stones of one cut.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Typical {
    depth: f64,
    table: f64,
    carat_per_mm3: f64,
}

impl Imputer {
    /// Learns the medians. A cut without stones gets the medians of all; without any stones, those
    /// of a round brilliant in a textbook.
    pub fn fit<'a>(stones: impl Iterator<Item = &'a Diamond> + Clone) -> Self {
        let textbook = Typical { depth: 61.8, table: 57.0, carat_per_mm3: crate::diamond::CARAT_PER_MM3 };
        let all = Typical::of(stones.clone()).unwrap_or(textbook);
        let of_cut =
            |cut: Cut| Typical::of(stones.clone().filter(move |stone| stone.cut() == cut)).unwrap_or(all);
        Self { by_cut: [Cut::Fair, Cut::Good, Cut::VeryGood, Cut::Premium, Cut::Ideal].map(of_cut) }
    }

    /// Whether every figure is one that stones can have.
    pub(crate) fn is_sound(&self) -> bool {
        let numbers = self.by_cut.iter().flat_map(|t| [t.depth, t.table, t.carat_per_mm3]);
        numbers.into_iter().all(|number| number.is_finite() && number > 0.0)
    }

    /// The whole stone, and the names of the measurements that were estimated.
    ///
    /// A known dimension is used as far as it goes: length stands in for width and the other way
    /// round, depth follows from the dimensions (`100 * z / mean(x, y)`), and the size that is still
    /// unknown follows from the weight, `carat = k * x * y * z` with the typical `k` of the cut. A measurement of zero
    /// is one that nobody made.
    ///
    /// # Errors
    /// Every fault of what was given, and of a missing weight or grade.
    pub fn complete(&self, stone: &RawDiamond<'_>) -> Result<(Diamond, Vec<Field>), Vec<Fault>> {
        self.completed(stone).map_err(|faults| stone.explained(faults))
    }

    fn completed(&self, raw: &RawDiamond<'_>) -> Result<(Diamond, Vec<Field>), Vec<Fault>> {
        let missing = [raw.depth, raw.table, raw.x, raw.y, raw.z].map(|cell| cell.is_unmeasured());
        let assumed: Vec<_> = Field::MEASUREMENTS
            .into_iter()
            .zip(missing)
            .filter(|(_, missing)| *missing)
            .map(|(field, _)| field)
            .collect();
        if assumed.is_empty() {
            return Ok((raw.parse()?, assumed));
        }
        // A stand-in for each missing cell lets the parser find every fault of those that are there.
        let stand_in = |cell, missing| if missing { Cell::Number(1.0) } else { cell };
        let given = RawDiamond {
            depth: stand_in(raw.depth, missing[0]),
            table: stand_in(raw.table, missing[1]),
            x: stand_in(raw.x, missing[2]),
            y: stand_in(raw.y, missing[3]),
            z: stand_in(raw.z, missing[4]),
            ..*raw
        }
        .parse()?;
        let typical = self.by_cut[given.cut().rank()];
        let known = |value: f64, missing: bool| (!missing).then_some(value);
        let [x, y, z] = typical.dimensions(
            given.carat(),
            known(given.depth(), missing[0]),
            [known(given.x(), missing[2]), known(given.y(), missing[3]), known(given.z(), missing[4])],
        );
        let depth = known(given.depth(), missing[0])
            .unwrap_or_else(|| if missing[4] { typical.depth } else { depth_percent(x, y, z) });
        let whole = RawDiamond {
            carat: Cell::Number(given.carat()),
            cut: Cell::Text(given.cut().label()),
            color: Cell::Text(given.color().label()),
            clarity: Cell::Text(given.clarity().label()),
            depth: Cell::Number(depth),
            table: Cell::Number(known(given.table(), missing[1]).unwrap_or(typical.table)),
            x: Cell::Number(x),
            y: Cell::Number(y),
            z: Cell::Number(z),
            objections: &[],
        };
        Ok((whole.parse()?.with_estimates(&assumed), assumed))
    }
}

impl Typical {
    fn of<'a>(stones: impl Iterator<Item = &'a Diamond> + Clone) -> Option<Self> {
        Some(Self {
            depth: median(stones.clone().map(Diamond::depth))?,
            table: median(stones.clone().map(Diamond::table))?,
            carat_per_mm3: median(stones.map(|s| s.carat() / (s.x() * s.y() * s.z())))?,
        })
    }

    fn dimensions(&self, carat: f64, depth: Option<f64>, [x, y, z]: [Option<f64>; 3]) -> [f64; 3] {
        let slope = depth.unwrap_or(self.depth) / 100.0;
        let width = match (x, y, z, depth) {
            (Some(x), Some(y), ..) => (x + y) / 2.0,
            (Some(width), None, ..) | (None, Some(width), ..) => width,
            (None, None, Some(z), Some(_)) => z / slope,
            (None, None, Some(z), None) => (carat / (self.carat_per_mm3 * z)).sqrt(),
            (None, None, None, _) => cbrt(carat / (self.carat_per_mm3 * slope)),
        };
        [x.unwrap_or(width), y.unwrap_or(width), z.unwrap_or(slope * width)]
    }
}

/// The middle value (the lower one of two); `None` of nothing.
pub(super) fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<_> = values.collect();
    let middle = values.len().checked_sub(1)? / 2;
    Some(*values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const FOUR_CS: RawDiamond<'_> = RawDiamond {
        carat: Cell::Number(1.2),
        cut: Cell::Text("Premium"),
        color: Cell::Text("E"),
        clarity: Cell::Text("VS1"),
        depth: Cell::Missing,
        table: Cell::Text(" "),
        x: Cell::Missing,
        y: Cell::Missing,
        z: Cell::Missing,
        objections: &[],
    };

    fn textbook() -> Imputer {
        Imputer::fit(std::iter::empty())
    }

    #[test]
    fn the_four_cs_alone_make_a_plausible_stone() {
        let (stone, assumed) = textbook().complete(&FOUR_CS).unwrap();
        assert_eq!(assumed, Field::MEASUREMENTS);
        assert_eq!(stone.suspicions(), []);
        assert!((6.7..7.0).contains(&stone.x()), "{stone:?}");
    }

    #[test]
    fn each_choice_of_known_measurements_is_kept_and_makes_a_plausible_stone() {
        let real = [
            Cell::Number(62.0),
            Cell::Number(58.0),
            Cell::Number(6.8),
            Cell::Number(6.75),
            Cell::Number(4.2),
        ];
        for choice in 0..32_usize {
            let pick = |i: usize| {
                if choice >> i & 1 == 1 { real[i] } else { Cell::Missing }
            };
            let raw =
                RawDiamond { depth: pick(0), table: pick(1), x: pick(2), y: pick(3), z: pick(4), ..FOUR_CS };
            let (stone, assumed) = textbook().complete(&raw).unwrap();
            assert_eq!(stone.suspicions(), [], "choice {choice}: {stone:?}");
            for (i, field) in Field::MEASUREMENTS.into_iter().enumerate() {
                let is_kept = Cell::Number(stone.number(field).unwrap()) == real[i];
                assert_eq!(assumed.contains(&field), choice >> i & 1 == 0);
                assert!(is_kept || assumed.contains(&field), "choice {choice}: {field} was changed");
            }
        }
    }

    #[test]
    fn a_missing_weight_and_a_wrong_measurement_are_faults_at_once() {
        let raw = RawDiamond { carat: Cell::Missing, x: Cell::Number(-1.0), ..FOUR_CS };
        let faults = textbook().complete(&raw).unwrap_err();
        assert_eq!(faults.iter().map(|fault| fault.field).collect::<Vec<_>>(), [Field::Carat, Field::X]);
    }
}
