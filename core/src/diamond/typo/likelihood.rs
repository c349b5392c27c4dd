//! How usual six numbers are together. A stone says the same thing twice: its weight follows from its
//! size, its depth from its dimensions, and its width is close to its length. What is left over in each
//! of these is a little noise, whose shape was measured on real stones.
//!
//! The constants are those of the greatest likelihood on the even rows of the public data
//! (`data/diamonds.csv`, implausible stones left out); figures are told of the odd rows alone.

use super::numbers::{CARAT, DEPTH, Numbers, TABLE, X, Y, Z};
use crate::diamond::geometry::depth_percent;
use crate::math::{cbrt, exp, ln, square};

/// Middle and spread of depth and table in percent.
const USUAL_DEPTH: (f64, f64) = (61.8, 1.08);
const USUAL_TABLE: (f64, f64) = (57.3, 1.97);
/// Middle and spread of the logarithm of the weight.
const USUAL_LN_CARAT: (f64, f64) = (-0.395, 0.585);
/// More than the density of any weight that a correction can have, which is .05 carat or more.
const MOST_OF_CARAT: f64 = 0.741;
/// `|ln(x / y)|`: a stone is a little longer than wide or the other way round, hardly ever neither.
const USUAL_OVAL: (f64, f64) = (0.0073, 0.0026);
/// Spread of `ln(carat / (x * y * z))` around [`ln_carat_per_mm3`].
const WEIGHT_SPREAD: f64 = 0.0114;
/// A depth is calculated from the dimensions and rounded to a tenth; one in nine stones was measured otherwise.
const ROUNDING: f64 = 0.052;
const MEASURED_OTHERWISE: (f64, f64) = (0.111, 0.074);
/// One number in 500 is far from where it should be and nobody knows why; it need not be wrong.
const ODD: f64 = 0.002;

/// The logarithm of a density: larger for more usual stones. What is missing takes no part, so only stones
/// of which the same numbers are there can be compared.
pub(super) fn likelihood(numbers: &Numbers) -> f64 {
    let [carat, others @ ..] = densities(numbers);
    let carat = carat.zip(numbers[CARAT]).map(|(density, carat)| ln(density) - ln(carat));
    std::iter::once(carat).chain(others.map(|density| density.map(ln))).flatten().sum()
}

/// By how much no other numbers in their places can exceed the [`likelihood`] of these, as factors of the density of
/// each thing that a stone says: one logarithm in place of one for each of them.
pub(super) struct MostGains([f64; 6]);

impl MostGains {
    pub(super) fn new(numbers: &Numbers) -> Self {
        let looseness = ln_volume(numbers).map_or(1.0, |(_, looseness)| looseness);
        let both = numbers[X].is_some() && numbers[Y].is_some();
        let peaks = [
            MOST_OF_CARAT * numbers[CARAT].unwrap_or(1.0),
            depth(USUAL_DEPTH.0),
            table(USUAL_TABLE.0),
            // The two parts of this one have their peaks in different places.
            oval(USUAL_OVAL.0, 0.0),
            slope(0.0, both),
            weight(0.0, looseness),
        ];
        let densities = densities(numbers);
        // A density may be beyond its peak as it was typed (a weight of a millionth of a carat), and stay so.
        let gain = |density: f64, peak: f64| (peak / density).max(1.0);
        Self(std::array::from_fn(|what| densities[what].map_or(1.0, |density| gain(density, peaks[what]))))
    }

    /// When all numbers may change.
    pub(super) fn of_all(&self) -> f64 {
        ln(self.0.iter().product())
    }

    /// When this number alone may change: in what it takes part. The weight per cubic millimetre follows from all.
    pub(super) fn of(&self, number: usize) -> f64 {
        let [carat, depth, table, oval, slope, weight] = self.0;
        let others = match number {
            CARAT => carat,
            DEPTH => depth * slope,
            TABLE => table,
            X | Y => oval * slope,
            _ => slope,
        };
        ln(others * weight)
    }
}

/// The density of each thing that a stone says, the first one of the logarithm of the weight.
fn densities(numbers: &Numbers) -> [Option<f64>; 6] {
    let [carat, depth_typed, table_typed, x, y, z] = *numbers;
    let ln_carat = carat.map(ln);
    let ln_ratio = x.zip(y).map(|(x, y)| ln(x / y));
    let mut densities = [None; 6];
    densities[0] = ln_carat.map(|ln_carat| {
        let (middle, spread) = USUAL_LN_CARAT;
        let off = (ln_carat - middle) / spread;
        0.99 * exp(-0.5 * off * off) / 2.507 + 0.01 * cauchy(off, 2.0)
    });
    densities[1] = depth_typed.map(depth);
    densities[2] = table_typed.map(table);
    densities[3] = ln_ratio.map(|ln_ratio| oval(ln_ratio.abs(), ln_ratio));
    if let (Some(depth), Some(width), Some(z)) = (depth_typed, width(x, y), z) {
        densities[4] = Some(slope(depth - depth_percent(width, width, z), x.is_some() && y.is_some()));
    }
    if let (Some(ln_carat), Some((ln_mm3, looseness))) = (ln_carat, ln_volume(numbers)) {
        let ln_density = ln_carat_per_mm3(numbers, Some(ln_carat), ln_ratio);
        densities[5] = Some(weight(ln_carat - ln_mm3 - ln_density, looseness));
    }
    densities
}

fn depth(percent: f64) -> f64 {
    with_odd(student5(percent, USUAL_DEPTH), cauchy(percent - USUAL_DEPTH.0, 4.0))
}

fn table(percent: f64) -> f64 {
    with_odd(student9(percent, USUAL_TABLE), cauchy(percent - USUAL_TABLE.0, 4.0))
}

/// Of the logarithm of length over width, without its sign and with it.
fn oval(without_sign: f64, ln_ratio: f64) -> f64 {
    with_odd(student3(without_sign, USUAL_OVAL) / 2.0, cauchy(ln_ratio, 0.03))
}

/// Of how far the depth is from what the dimensions say, in points, where `both` x and y are there or one.
fn slope(off: f64, both: bool) -> f64 {
    if !both {
        // The other one of the two is within a percent, not the same.
        return with_odd(student5(off, (0.0, 0.3)), cauchy(off, 1.0));
    }
    let (share, spread) = MEASURED_OTHERWISE;
    let rounded = 10.0 / (1.0 + exp((off.abs() - ROUNDING) / 0.002));
    with_odd((1.0 - share) * rounded + share * student3(off, (0.0, spread)), cauchy(off, 0.7))
}

/// Of how far the logarithm of the weight is from what the size says.
fn weight(off: f64, looseness: f64) -> f64 {
    with_odd(student7(off, (0.0, WEIGHT_SPREAD * looseness)), cauchy(off, 0.05 * looseness))
}

/// What a number would be if it were as the others say; `None` where they do not tell.
pub(super) fn estimate(number: usize, numbers: &Numbers) -> Option<f64> {
    let mut others = *numbers;
    others[number] = None;
    let [carat, depth, _, x, y, z] = others;
    let ln_density = ln_carat_per_mm3(&others, carat.map(ln), x.zip(y).map(|(x, y)| ln(x / y)));
    let slope = depth.unwrap_or(USUAL_DEPTH.0) / 100.0;
    match number {
        CARAT => ln_volume(&others).map(|(ln_mm3, _)| exp(ln_mm3 + ln_density)),
        DEPTH => Some(depth_percent(width(x, y)?, width(x, y)?, z?)),
        Z => match (depth, width(x, y)) {
            (Some(depth), Some(width)) => Some(depth * width / 100.0),
            (None, Some(width)) => Some(carat? / (exp(ln_density) * width * width)),
            (_, None) => Some(cbrt(carat?) * cbrt(slope * slope / exp(ln_density))),
        },
        X | Y => match (x.or(y), z, depth) {
            (Some(other), Some(z), Some(depth)) => Some(200.0 * z / depth - other),
            (Some(other), ..) => Some(other),
            (None, Some(z), Some(depth)) => Some(100.0 * z / depth),
            (None, Some(z), None) => Some((carat? / (exp(ln_density) * z)).sqrt()),
            (None, None, _) => Some(cbrt(carat? / (exp(ln_density) * slope))),
        },
        _ => None,
    }
}

/// The mean of length and width, which follow from weight and height where neither is there.
pub(super) fn estimate_width(numbers: &Numbers) -> Option<f64> {
    width(numbers[X], numbers[Y]).or_else(|| estimate(X, numbers))
}

/// Logarithm of the carats that a cubic millimetre of `x * y * z` weighs. A deep stone has more of its box, a
/// wide table less is cut away from, and large stones have thicker girdles: a regression on the public data.
/// `ln_carat` and `ln_ratio` of length to width are those of the same numbers.
fn ln_carat_per_mm3(numbers: &Numbers, ln_carat: Option<f64>, ln_ratio: Option<f64>) -> f64 {
    let [_, depth, table, x, y, z] = *numbers;
    let from_size = || Some(depth_percent(width(x, y)?, width(x, y)?, z?));
    let depth = depth.or_else(from_size).unwrap_or(USUAL_DEPTH.0);
    let table = table.unwrap_or(USUAL_TABLE.0);
    let oval = ln_ratio.map_or(USUAL_OVAL.0, f64::abs);
    let ln_carat = ln_carat.unwrap_or(USUAL_LN_CARAT.0);
    -5.0946 + 0.0080 * (depth - 61.8) + 0.0043 * (table - 57.0) + 0.0062 * ln_carat - 0.0211 * oval
}

/// Logarithm of `x * y * z` in cubic millimetres as far as it is known, and how much looser it is than where all
/// three were measured.
fn ln_volume(numbers: &Numbers) -> Option<(f64, f64)> {
    let [_, depth, _, x, y, z] = *numbers;
    let slope = depth.unwrap_or(USUAL_DEPTH.0) / 100.0;
    let both = x.is_some() && y.is_some();
    match (width(x, y), z) {
        (Some(width), z) => {
            let area = x.unwrap_or(width) * y.unwrap_or(width);
            let looseness = if z.is_none() && depth.is_none() { 2.5 } else { 1.0 };
            let volume = area * z.unwrap_or(slope * width);
            Some((ln(volume), if both { looseness } else { looseness.max(1.4) }))
        }
        (None, Some(z)) => {
            let volume = z * (z / slope) * (z / slope);
            Some((ln(volume), if depth.is_some() { 1.4 } else { 4.5 }))
        }
        (None, None) => None,
    }
}

fn width(x: Option<f64>, y: Option<f64>) -> Option<f64> {
    match (x, y) {
        (Some(x), Some(y)) => Some((x + y) / 2.0),
        (one, other) => one.or(other),
    }
}

fn with_odd(usual: f64, odd: f64) -> f64 {
    (1.0 - ODD) * usual + ODD * odd
}

/// Cauchy's density: it never gets so small that nothing else counts.
fn cauchy(off: f64, spread: f64) -> f64 {
    1.0 / (std::f64::consts::PI * spread * (1.0 + square(off / spread)))
}

/// Student's density with `freedom` degrees, an odd number; `peak` is its height where the spread is 1.
fn student(freedom: u32, peak: f64, value: f64, (middle, spread): (f64, f64)) -> f64 {
    let base = 1.0 + square((value - middle) / spread) / f64::from(freedom);
    let power = (0..freedom.div_ceil(2)).fold(1.0, |power, _| power * base);
    peak / (spread * power)
}

fn student3(value: f64, usual: (f64, f64)) -> f64 {
    student(3, 0.367_553, value, usual)
}

fn student5(value: f64, usual: (f64, f64)) -> f64 {
    student(5, 0.379_607, value, usual)
}

fn student7(value: f64, usual: (f64, f64)) -> f64 {
    student(7, 0.384_992, value, usual)
}

fn student9(value: f64, usual: (f64, f64)) -> f64 {
    student(9, 0.388_035, value, usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_weight_that_a_correction_can_have_is_denser_than_the_bound() {
        for step in 0..100_000 {
            let carat = 0.05 * exp(f64::from(step) * 1e-4);
            let alone = likelihood(&[Some(carat), None, None, None, None, None]);
            assert!(alone < ln(MOST_OF_CARAT), "{carat}: {alone}");
        }
    }
}
