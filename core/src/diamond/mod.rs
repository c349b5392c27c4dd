//! A diamond, as the trade describes one. [`Diamond::parse`] is the only door: a value of these
//! types is always one that can exist, so nothing further in has to check again.

mod cell;
mod cell_text;
mod correction;
mod decimal;
mod fault;
mod field;
mod four_cs;
mod geometry;
mod grade;
mod grade_words;
mod made;
mod magic_sizes;
mod number;
mod objection;
mod parse;
mod plain_row;
mod price;
mod serial;
mod stone;
mod typo;
mod variant;

pub use cell::Cell;
pub use correction::Correction;
pub use decimal::{decimal_of_f16, decimal_of_f32, to_cents};
pub use fault::{Fault, Severity};
pub use field::Field;
pub use geometry::{CARAT_PER_MM3, depth_percent};
pub use grade::{Clarity, Color, Cut, Grade, labels};
pub(crate) use grade::{is_grade, short_form};
pub(crate) use made::{measured_part, total_price};
pub use magic_sizes::MAGIC_SIZES_CARAT;
pub(crate) use number::number;
pub(crate) use objection::objection;
pub use parse::RawDiamond;
pub(crate) use price::possible_price;
pub use stone::{Diamond, FourCs, PricedDiamond};
pub use typo::{Kind as TypoKind, Typo};
