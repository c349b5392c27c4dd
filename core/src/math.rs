//! The one place of exp, ln and their kin: in Rust alone, so that a price has the same bits on every machine and
//! after every update of its system, whose own functions may move by a last bit.
//!
//! What is rounded correctly everywhere (`+ - * /`, `sqrt`, `floor`, `round`) needs no door here.

/// e to the power of `x`.
pub(crate) fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// The natural logarithm.
pub(crate) fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// The cube root.
pub(crate) fn cbrt(x: f64) -> f64 {
    libm::cbrt(x)
}

/// `x` to the power of `y`.
pub(crate) fn power(x: f64, y: f64) -> f64 {
    libm::pow(x, y)
}

/// The cosine of an angle in radians.
pub(crate) fn cos(x: f64) -> f64 {
    libm::cos(x)
}

/// `x * x`.
pub(crate) fn square(x: f64) -> f64 {
    x * x
}

/// The largest whole number `n` of which 2 to the power of `n` is not above `x`, for finite numbers other than 0.
pub(crate) fn exponent_of_two(x: f64) -> i32 {
    libm::ilogb(x)
}

/// 2 to the power of `n`, exactly.
pub(crate) fn power_of_two(n: i32) -> f64 {
    libm::ldexp(1.0, n)
}

/// 10 to the power of `n`, exactly, for `n` from 0 to 22.
pub(crate) fn power_of_ten(n: u32) -> f64 {
    (0..n).fold(1.0, |power, _| power * 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits of the results, which no system and no update may move.
    #[test]
    fn results_are_the_same_bits_everywhere() {
        let golden: [(f64, u64); 10] = [
            (exp(1.0), 0x4005_bf0a_8b14_576a),
            (exp(9.138_522_593_601_258), 0x40c2_2d80_9b5b_7ed5),
            (exp(-0.1), 0x3fec_f46d_99d5_2b3a),
            (ln(2.0), 0x3fe6_2e42_fefa_39ef),
            (ln(0.7), 0xbfd6_d3c3_24e1_3f50),
            (ln(18_823.0), 0x4023_af88_0b29_9883),
            (cbrt(1.2), 0x3ff1_00a6_4597_4168),
            (power(1.2, 1.7), 0x3ff5_d04a_93d6_8363),
            (power(0.5, -1.0 / 3.0), 0x3ff4_28a2_f98d_728b),
            (cos(1.0), 0x3fe1_4a28_0fb5_068c),
        ];
        for (number, (value, bits)) in golden.into_iter().enumerate() {
            assert_eq!(value.to_bits(), bits, "number {number}: {value} has the bits {:#x}", value.to_bits());
        }
    }

    #[test]
    fn powers_of_two_and_ten_are_exact() {
        assert_eq!([-1074, -3, 0, 5].map(power_of_two), [f64::from_bits(1), 0.125, 1.0, 32.0]);
        assert_eq!([0.7, 1.0, 4.01, 1e-3].map(exponent_of_two), [-1, 0, 2, -10]);
        assert_eq!([0, 3, 9, 22].map(power_of_ten), [1.0, 1e3, 1e9, 1e22]);
    }
}
