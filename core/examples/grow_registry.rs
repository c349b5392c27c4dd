//! Registers the newest model of a registry again and again until there are so many versions, for measuring what a long
//! history costs: `cargo run --example grow_registry -- PLACE N`

use std::path::PathBuf;

use xtream_core::registry::{Location, S3Settings};
use xtream_core::{Error, Registry, Result};

#[allow(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().unwrap_or_default();
    let wanted = arguments.next().and_then(|n| n.parse().ok()).unwrap_or_default();
    let variable = |name: &str| std::env::var(name).ok();
    let cache = S3Settings::cache_folder(variable).unwrap_or_else(|| PathBuf::from("cache"));
    let registry = Registry::open(Location::parse(&place, || S3Settings::from_variables(variable, cache))?)?;
    let newest = registry.totals()?.n_versions;
    let card = registry.card(newest).map_err(|_| Error::NoChampion)?;
    for _ in newest..wanted {
        registry.register(std::slice::from_ref(&card.record))?;
    }
    println!("{:?}", registry.totals()?);
    Ok(())
}
