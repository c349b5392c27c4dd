//! The six numbers of a stone, by place.

use crate::diamond::field::Field;

/// The numbers of a stone in the order of [`NUMBERS`]; `None` where there is none to believe.
pub(super) type Numbers = [Option<f64>; 6];

pub(super) const NUMBERS: [Field; 6] =
    [Field::Carat, Field::Depth, Field::Table, Field::X, Field::Y, Field::Z];
pub(super) const CARAT: usize = 0;
pub(super) const DEPTH: usize = 1;
pub(super) const TABLE: usize = 2;
pub(super) const X: usize = 3;
pub(super) const Y: usize = 4;
pub(super) const Z: usize = 5;
