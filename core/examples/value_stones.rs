//! Prices the stones of a file one by one, as a Rust program does, and prints the bits of each price, or
//! `none` where the model has none: `value_stones REGISTRY VERSION FILE`.

use std::path::Path;

use xtream_core::dataset::Table;
use xtream_core::diamond::Field;
use xtream_core::valuation::{Options, value};
use xtream_core::{Error, Registry};

#[allow(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [registry, version, file] = arguments.as_slice() else {
        return Err("usage: value_stones REGISTRY VERSION FILE".into());
    };
    let pipeline = Registry::open(Path::new(registry))?.pipeline(version.parse()?)?;
    let mut table = Table::open(Path::new(file), &Default::default())?;
    while let Some(batch) = table.next_batch()? {
        for row in 0..batch.len() {
            match value(&pipeline, &batch.raw(row), &Options::PRICE_ALONE, None) {
                Ok(valuation) => println!("{:016x}", valuation.price_usd.to_bits()),
                // A price that no diamond has, or a weight too far beyond what was learned from.
                Err(refusal)
                    if refusal
                        .faults()
                        .iter()
                        .any(|fault| [Field::Price, Field::Carat].contains(&fault.field)) =>
                {
                    println!("none");
                }
                Err(refusal) => {
                    return Err(Error::InvalidDiamond { faults: refusal.into_faults() }.into());
                }
            }
        }
    }
    Ok(())
}
