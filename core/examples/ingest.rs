//! Reads and validates files as one delivery and says what became of the rows:
//! `cargo run --example ingest -- FILE...`

use std::path::PathBuf;
use std::time::Instant;

use xtream_core::dataset::Source;
use xtream_core::progress::Silent;
use xtream_core::{Interrupt, Result};

#[allow(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<()> {
    let data: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    let started = Instant::now();
    let source = Source { data, ..Source::default() };
    let rows = source.read(&mut std::io::sink(), &Silent, &Interrupt::default())?;
    println!("{:?} in {:.1} s", rows.counts, started.elapsed().as_secs_f64());
    Ok(())
}
