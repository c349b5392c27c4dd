//! The weights that people ask for.

/// Weights in carat at which the price per carat jumps: a stone of 1.00 ct costs more a carat than
/// one of .99.
pub const MAGIC_SIZES_CARAT: [f64; 7] = [0.5, 0.7, 0.9, 1.0, 1.2, 1.5, 2.0];
