//! `xtream similar`

use anyhow::Result;
use serde_json::json;
use xtream_core::diamond::{Cell, Field, FourCs, Grade};
use xtream_core::format::grouped;
use xtream_core::registry::Location;
use xtream_core::similar::{Neighbour, SimilarIndex};
use xtream_core::{Error, Registry};

use super::{note, print, print_json, resolve};
use crate::args::SimilarArgs;
use crate::table::table;

pub(crate) fn run(args: &SimilarArgs, registry: &Location) -> Result<()> {
    let registry = Registry::open(registry)?;
    let version = resolve(&registry, args.version)?;
    let asked = asked(args)?;
    let stones = registry.dataset(version)?.train();
    let n_rows = stones.len();
    let n = usize::try_from(args.n)?;
    let index = SimilarIndex::new(stones);
    let found = index.nearest(asked, n);
    if args.json {
        let digest = registry.card(version)?.record.data.digest;
        return print_json(&json!({
            "n": found.len(),
            "diamonds": found,
            "dataset": {"digest": digest, "n_rows": n_rows},
        }));
    }
    if found.len() < n {
        let stone = format!("{} {} {}", asked.cut, asked.color, asked.clarity);
        note(&format!("Only {} of the {} training stones are {stone}.", found.len(), grouped(n_rows as u64)));
    }
    let header = [
        ">price $",
        ">carat",
        ">difference",
        "cut",
        "color",
        "clarity",
        ">depth",
        ">table",
        ">x",
        ">y",
        ">z",
    ];
    print(&table(&header, &found.iter().map(as_row).collect::<Vec<_>>()))
}

/// What was asked for, checked by the same door as every stone.
fn asked(args: &SimilarArgs) -> Result<FourCs, Error> {
    let raw = xtream_core::diamond::RawDiamond::from_cells(|field| match field {
        Field::Carat => Cell::Text(&args.carat),
        Field::Cut => Cell::Text(&args.cut),
        Field::Color => Cell::Text(&args.color),
        Field::Clarity => Cell::Text(&args.clarity),
        _ => Cell::Missing,
    });
    raw.four_cs().map_err(|faults| Error::InvalidDiamond { faults })
}

fn as_row(neighbour: &Neighbour) -> Vec<String> {
    let stone = neighbour.stone.diamond();
    // Nothing where nobody measured.
    let measured = |field| stone.measured(field).map_or(String::new(), |number| number.to_string());
    vec![
        format!("{:.0}", neighbour.stone.price_usd()),
        stone.carat().to_string(),
        format!("{:.2}", neighbour.carat_difference),
        stone.cut().label().into(),
        stone.color().label().into(),
        stone.clarity().label().into(),
        measured(Field::Depth),
        measured(Field::Table),
        measured(Field::X),
        measured(Field::Y),
        measured(Field::Z),
    ]
}
