//! Which prices a diamond can have. The parser holds the prices of a file to more or less the same; this is
//! for prices that a model makes.

use super::parse::LARGEST_PRICE;
use super::{Fault, Field};

/// No diamond that somebody would weigh costs less, in US dollars.
const SMALLEST_PRICE: f64 = 1.0;

/// The price (US dollars) that a model made of a stone, unless no diamond can have it: such a stone lies so
/// far beyond those that the model learned from that the number means nothing.
///
/// # Errors
/// A fault of the field [`Field::Price`] alone, which no stone that was given has by itself.
pub(crate) fn possible_price(price_usd: f64) -> Result<f64, Vec<Fault>> {
    // No comparison holds for what is not a number.
    if (SMALLEST_PRICE..=LARGEST_PRICE).contains(&price_usd) {
        return Ok(price_usd);
    }
    let reason = "is what the model makes of this stone, which is too unlike those that it learned from";
    let allowed = "from 1 to 1,000,000,000 US dollars".into();
    Err(vec![Fault::wrong(Field::Price, &price_usd.to_string(), reason, allowed)])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_price_is_at_least_a_dollar_and_no_more_than_a_price_in_a_file_may_be() {
        for price in [1.0, 326.0, 1e9] {
            assert_eq!(possible_price(price), Ok(price));
        }
        for price in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -5.0, 0.0, 0.999, 1e9 + 1.0] {
            let faults = possible_price(price).unwrap_err();
            assert_eq!(faults.len(), 1);
            assert_eq!((faults[0].field, &faults[0].value), (Field::Price, &price.to_string()));
        }
    }
}
