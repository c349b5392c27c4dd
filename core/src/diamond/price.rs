//! Which prices a diamond can have. The parser holds the prices of a file to more or less the same; this is
//! for prices that a model makes.

use super::number::LARGEST_PRICE;
use super::{Fault, Field, to_cents};

/// No diamond that somebody would weigh costs less, in US dollars.
const SMALLEST_PRICE: f64 = 1.0;

/// The price (US dollars) that a model made of a stone, to the cent, unless no diamond can have it: such a stone
/// lies so far beyond those that the model learned from that the number means nothing.
///
/// # Errors
/// A fault of the field [`Field::Price`], which no stone that was given has by itself.
pub(crate) fn possible_price(price_usd: f64) -> Result<f64, Fault> {
    let price_usd = to_cents(price_usd);
    // No comparison holds for what is not a number.
    if (SMALLEST_PRICE..=LARGEST_PRICE).contains(&price_usd) {
        return Ok(price_usd);
    }
    let reason = "is what the model makes of this stone, which is too unlike those that it learned from";
    let allowed = "from 1 to 1,000,000,000 US dollars".into();
    Err(Fault::wrong(Field::Price, &price_usd.to_string(), reason, allowed))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_price_is_at_least_a_dollar_and_no_more_than_a_price_in_a_file_may_be() {
        for price in [1.0, 326.0, 9312.25, 1e9] {
            assert_eq!(possible_price(price), Ok(price));
        }
        assert_eq!(possible_price(9_312.244_999), Ok(9312.24));
        for price in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -5.0, 0.0, 0.99, 1e9 + 1.0] {
            let fault = possible_price(price).unwrap_err();
            assert_eq!((fault.field, fault.value), (Field::Price, price.to_string()));
        }
    }
}
