//! How long the parts of core take, for benches/core, as one line of JSON: `stopwatch fit LIBRARY CSV TREES
//! DEPTH MODEL`, `stopwatch trees MODEL ROWS`, `stopwatch similar CSV N`, `stopwatch ingest CSV` or
//! `stopwatch appraise MODEL CSV`.

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use xtream_core::dataset::{Policy, Source, Suspect};
use xtream_core::diamond::{Cell, Field, FourCs, Grade, RawDiamond};
use xtream_core::model::xgboost::Locations;
use xtream_core::model::{Params, Regressor, TreeEnsemble};
use xtream_core::progress::Silent;
use xtream_core::similar::SimilarIndex;
use xtream_core::training::{built_in, choose};
use xtream_core::valuation::{Options, value};
use xtream_core::{Diamond, Interrupt, Pipeline, PricedDiamond};

type Figures = serde_json::Map<String, serde_json::Value>;

#[allow(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let figures = match arguments.as_slice() {
        ["fit", library, csv, n_trees, depth, model] => {
            fit(library, csv, [("n_estimators", n_trees.parse()?), ("max_depth", depth.parse()?)], model)?
        }
        ["trees", model, rows] => trees(model, rows)?,
        ["similar", csv, n] => similar(csv, n.parse()?)?,
        ["ingest", csv] => ingest(csv)?,
        ["appraise", model, csv] => appraise(model, csv)?,
        _ => return Err("usage: see the source".into()),
    };
    println!("{}", serde_json::Value::Object(figures));
    Ok(())
}

/// The least of the times of `repeats` calls, in seconds: other work on the machine only ever adds.
fn least<T>(repeats: usize, mut action: impl FnMut() -> T) -> f64 {
    let times = (0..repeats).map(|_| {
        let started = Instant::now();
        black_box(action());
        started.elapsed().as_secs_f64()
    });
    times.fold(f64::INFINITY, f64::min)
}

/// Fits the family `xgboost` and writes MODEL.pipeline as the registry keeps it, and MODEL.ubj.
fn fit(library: &str, csv: &str, params: [(&str, f64); 2], model: &str) -> Result<Figures, Box<dyn Error>> {
    let families = choose(built_in(&Locations::new(vec![library.into()])), &["xgboost".into()])?;
    let (stones, params) = (stones(csv)?, Params::from(params));
    let started = Instant::now();
    let pipeline = families[0].recipe.fit("xgboost", &stones, &params, 1, &Interrupt::default())?;
    let seconds = started.elapsed().as_secs_f64();
    std::fs::write(format!("{model}.pipeline"), pipeline.to_bytes()?)?;
    std::fs::write(format!("{model}.ubj"), pipeline.xgboost_file().unwrap_or_default())?;
    Ok(Figures::from_iter([("fit_s".into(), seconds.into())]))
}

/// Loading MODEL.pipeline with all checks, then MODEL.ubj for one row at a time and for all rows at once, on
/// one thread. ROWS are 32-bit floats in little endian, row by row; the sums go to MODEL.f32.
fn trees(model: &str, rows: &str) -> Result<Figures, Box<dyn Error>> {
    let pipeline = std::fs::read(format!("{model}.pipeline"))?;
    let n_bytes = pipeline.len();
    let mut copies = vec![pipeline; 20];
    let load = least(copies.len(), || Pipeline::from_bytes(copies.pop().unwrap_or_default()));
    let ensemble = TreeEnsemble::from_xgboost(std::fs::read(format!("{model}.ubj"))?)?;
    let bytes = std::fs::read(rows)?;
    let rows: Vec<_> = bytes.as_chunks().0.iter().map(|word| f32::from_le_bytes(*word)).collect();
    let n_features = ensemble.n_features();
    // A new row each time, as requests bring them; a hundred between two looks at the clock.
    let some = &rows[..rows.len().min(100 * n_features)];
    let one = least(200, || {
        some.chunks_exact(n_features).map(|row| ensemble.predict_row(black_box(row))).sum::<f32>()
    });
    let all = least(20, || ensemble.predict_rows(&rows));
    let sums = ensemble.predict_rows(&rows);
    std::fs::write(
        format!("{model}.f32"),
        sums.iter().flat_map(|sum| sum.to_le_bytes()).collect::<Vec<_>>(),
    )?;
    Ok(Figures::from_iter([
        ("file_mb".into(), (1e-6 * n_bytes as f64).into()),
        ("load_ms".into(), (1e3 * load).into()),
        ("one_row_us".into(), (1e6 * one / (some.len() / n_features) as f64).into()),
        ("all_us_per_row".into(), (1e6 * all / sums.len() as f64).into()),
    ]))
}

fn stones(csv: &str) -> Result<Vec<PricedDiamond>, Box<dyn Error>> {
    let policy = Policy { suspect: Suspect::Keep, ..Policy::default() };
    let source = Source { data: vec![csv.into()], policy, ..Source::default() };
    let rows = source.read(&mut std::io::sink(), &Silent, &Interrupt::default())?;
    Ok(rows.dataset.rows().map(|(stone, _)| *stone).collect())
}

/// Reading and validating a delivery, duplicates and all.
fn ingest(csv: &str) -> Result<Figures, Box<dyn Error>> {
    let source = Source { data: vec![csv.into()], ..Source::default() };
    let started = Instant::now();
    let rows = source.read(&mut std::io::sink(), &Silent, &Interrupt::default())?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(Figures::from_iter([
        ("n_rows".into(), rows.counts.n_rows.into()),
        ("n_kept".into(), rows.counts.n_kept.into()),
        ("ingest_s".into(), seconds.into()),
    ]))
}

/// Building an index over N stones and asking it for ten, where each weight is another and where they are as
/// round as in the file, so that thousands share one.
fn similar(csv: &str, n: usize) -> Result<Figures, Box<dyn Error>> {
    let public = stones(csv)?;
    let mut figures = Figures::new();
    for (weights, step) in [("own", 1e-7), ("round", 0.0)] {
        let stones: Vec<_> = (0..n)
            .map(|row| {
                let lap = (row / public.len()) as f64;
                again(&public[row % public.len()], lap * step, lap)
            })
            .collect::<Option<_>>()
            .ok_or("a stone was refused")?;
        let started = Instant::now();
        let index = SimilarIndex::new(stones);
        figures.insert(format!("{weights}_build_s"), started.elapsed().as_secs_f64().into());
        let asked: Vec<_> = public.iter().step_by(53).map(|stone| *stone.diamond()).collect();
        let seconds = least(9, || {
            for stone in &asked {
                black_box(index.nearest(FourCs { carat: stone.carat() + 0.005, ..stone.four_cs() }, 10));
            }
        });
        figures.insert(format!("{weights}_query_us"), (1e6 * seconds / asked.len() as f64).into());
    }
    figures.insert("n_stones".into(), n.into());
    Ok(figures)
}

/// A price, and the same with each thing that can be asked for besides, one stone at a time. MODEL is a whole
/// pipeline file; the stones of CSV are asked about and looked up.
fn appraise(model: &str, csv: &str) -> Result<Figures, Box<dyn Error>> {
    let (pipeline, stones) = (Pipeline::from_bytes(std::fs::read(model)?)?, stones(csv)?);
    let asked: Vec<_> = stones.iter().step_by(331).map(|stone| cells(stone.diamond())).collect();
    let sold = SimilarIndex::new(stones);
    let plain = Options::default();
    let questions = [
        ("range_us", plain),
        ("reasons_us", Options { reasons: true, ..plain }),
        ("comparables_us", Options { comparables: true, ..plain }),
        ("what_if_us", Options { what_if: true, ..plain }),
    ];
    let each = |seconds: f64| (1e6 * seconds / asked.len() as f64).into();
    let price = least(9, || {
        asked.iter().filter(|stone| value(&pipeline, stone, &Options::PRICE_ALONE, None).is_ok()).count()
    });
    let mut figures = Figures::from_iter([("price_us".into(), each(price))]);
    for (name, question) in questions {
        let appraise = |stone| value(&pipeline, stone, &question, Some(&sold));
        let seconds = least(5, || asked.iter().filter(|stone| appraise(stone).is_ok()).count());
        figures.insert(name.into(), each(seconds));
    }
    Ok(figures)
}

fn cells(stone: &Diamond) -> RawDiamond<'static> {
    RawDiamond::from_cells(|field| match field {
        Field::Cut => Cell::Text(stone.cut().label()),
        Field::Color => Cell::Text(stone.color().label()),
        Field::Clarity => Cell::Text(stone.clarity().label()),
        _ => stone.number(field).map_or(Cell::Missing, Cell::Number),
    })
}

/// The same stone with a little more weight and another price.
fn again(stone: &PricedDiamond, carat: f64, price_usd: f64) -> Option<PricedDiamond> {
    let mut raw = cells(stone.diamond());
    raw.carat = Cell::Number(stone.diamond().carat() + carat);
    raw.parse_priced(Cell::Number(stone.price_usd() + price_usd)).ok()
}
