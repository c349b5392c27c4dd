//! Numbers as a certificate gives them: decimals of few places, whatever type of number they came in.
//!
//! `1.2 - 0.3` is a tiny bit less than `0.9`, a column of 32-bit numbers holds a tiny bit less than `0.7`, and
//! prices jump at both weights. So what is read is taken to more places than any certificate has, before anything
//! asks for it.

use crate::math::{exponent_of_two, power_of_ten, power_of_two};

use super::Field;

/// Units in one: a weight is taken to .001 ct, a length to .001 mm, a share to .01 %, a price to the cent.
pub(super) fn per_one(field: Field) -> f64 {
    match field {
        Field::Carat | Field::X | Field::Y | Field::Z => 1000.0,
        _ => 100.0,
    }
}

/// The number (not negative, below a million millions) that is a whole number of units and nearest to `value`, half
/// of a unit being rounded up. It is the number that its decimal is read as: a quotient of two exact numbers is the
/// nearest one there is, and a product with .001 would not be.
pub(super) fn rounded(value: f64, per_one: f64) -> f64 {
    ((value * per_one + 0.5) as i64) as f64 / per_one
}

/// An amount in US dollars to the cent, half a cent away from zero, as a till rounds. This is the one place
/// where prices are rounded; what is no number or too large for cents stays what it is.
pub fn to_cents(amount_usd: f64) -> f64 {
    let cents = (amount_usd * 100.0).round();
    // From here on the cents of a 64-bit number are none.
    if cents.abs() < 1e15 { cents / 100.0 } else { amount_usd }
}

/// The number that was meant by a 32-bit one: its shortest decimal, so that .7 is .7 and not .699999988079071.
pub fn decimal_of_f32(value: f32) -> f64 {
    decimal(f64::from(value), f32::MANTISSA_DIGITS)
}

/// The same for a number that was held in 16 bits (IEEE 754 binary16), given as the 64-bit number that it equals.
pub fn decimal_of_f16(value: f64) -> f64 {
    const MANTISSA_DIGITS: u32 = 11;
    decimal(value, MANTISSA_DIGITS)
}

/// The decimal of the fewest places that is nearer to `value` than to any other number of so many binary digits.
fn decimal(value: f64, mantissa_digits: u32) -> f64 {
    /// More places are not looked for: no field has as many.
    const MOST_PLACES: u32 = 9;
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let exponent = exponent_of_two(value);
    // Half the distance to the next number; half of that below a power of two.
    let half = power_of_two(exponent - mantissa_digits as i32);
    let half = if value.abs() == power_of_two(exponent) { half / 2.0 } else { half };
    let of_places = |places: u32| {
        let power = power_of_ten(places);
        (value * power).round() / power
    };
    (0..=MOST_PLACES).map(of_places).find(|decimal| (decimal - value).abs() < half).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_weight_is_the_number_that_its_decimal_is_read_as() {
        for thousandths in 1..=100_000_u32 {
            let text = format!("{}.{:03}", thousandths / 1000, thousandths % 1000);
            let read: f64 = text.parse().unwrap_or_default();
            for noisy in [read, read.next_up(), read.next_down(), read + 1e-12, read - 1e-12] {
                assert_eq!(rounded(noisy, 1000.0).to_bits(), read.to_bits(), "{text}");
            }
            assert_eq!(rounded(decimal_of_f32(read as f32), 1000.0).to_bits(), read.to_bits(), "{text}");
        }
        assert_eq!([1.2 - 0.3, 0.1 + 0.2, 1.0005].map(|carat| rounded(carat, 1000.0)), [0.9, 0.3, 1.001]);
    }

    #[test]
    fn a_number_of_fewer_bits_is_its_shortest_decimal() {
        for decimal in [0.7_f32, 61.5, 3.95, 326.0, 18_823.0, 0.001, 123_456.79, 1e-6] {
            assert_eq!(decimal_of_f32(decimal), decimal.to_string().parse().unwrap_or(0.0), "{decimal}");
        }
        // 4.01 and 61.5 in 16 bits; the neighbours of the first are 4.0078125 and 4.015625.
        assert_eq!([4.011_718_75, 61.5, 0.700_195_312_5].map(decimal_of_f16), [4.01, 61.5, 0.7]);
        assert_eq!([f64::INFINITY, 0.0, -1.0].map(decimal_of_f16), [f64::INFINITY, 0.0, -1.0]);
        assert!(decimal_of_f32(f32::NAN).is_nan());
    }

    #[test]
    fn prices_are_rounded_as_a_till_does_it() {
        let rounded = [0.125, 0.375, 2.675, -0.125, 9_312.004_999, 1e9 + 0.126, 1e300].map(to_cents);
        // 2.675 is a tiny bit less than that as a number, and is so rounded where it is seen as cents: 267.5.
        assert_eq!(rounded, [0.13, 0.38, 2.68, -0.13, 9312.0, 1e9 + 0.13, 1e300]);
        assert!(to_cents(f64::NAN).is_nan());
    }
}
