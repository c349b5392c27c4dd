//! `xtream train`

use std::path::{Path, PathBuf};

use anyhow::Result;
use xtream_core::dataset::{Policy, Source, Split, expand};
use xtream_core::model::xgboost::Locations;
use xtream_core::registry::BlobKind;
use xtream_core::training::{Family, LeaderboardRow, Promotes, Report, Training, built_in, choose};
use xtream_core::{Error, Interrupt, Registry};

use super::reading::reading;
use super::{note, print, print_json};
use crate::args::{TrainArgs, TrainOptions};
use crate::environment::xgboost_candidates;
use crate::progress::Shown;
use crate::settings::Settings;
use crate::table::table;

pub(crate) fn run(args: &TrainArgs, settings: &Settings, interrupt: &Interrupt) -> Result<()> {
    // Before anything is made: a misspelt path leaves no empty registry behind.
    expand(&args.data)?;
    expand(&args.test)?;
    let training = training(&args.data, &args.test, &args.options, settings)?;
    let registry = Registry::open_or_create(settings.location()?)?;
    let report = training.run(&registry, &Shown::new(), interrupt)?;
    if args.json {
        return print_json(&report);
    }
    print(&leaderboard(&report))?;
    note(&afterwards(&report, &registry));
    Ok(())
}

/// The run that flags and settings describe.
pub(super) fn training(
    data: &[PathBuf],
    test: &[PathBuf],
    options: &TrainOptions,
    settings: &Settings,
) -> Result<Training> {
    let train = &settings.train;
    if !(0.0..=100.0).contains(&train.max_rejects) {
        return Err(Error::Usage {
            reason: format!("{} % of refused rows", train.max_rejects),
            allowed: "a percentage from 0 to 100".into(),
        }
        .into());
    }
    let all_cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let policy = Policy { suspect: train.suspect, duplicates: train.duplicates, ..Policy::default() };
    let split = Split::new(settings.split.seed, settings.split.test_share)?;
    let families = families(&train.models, settings)?;
    let source = Source {
        data: data.to_vec(),
        test: test.to_vec(),
        reading: reading(&options.reading, options.accept_units, settings)?,
        policy,
        split,
        ..Source::default()
    };
    Ok(Training {
        max_rejects_percent: train.max_rejects,
        rejects: options.rejects.clone(),
        n_trials: train.trials,
        preset: train.space,
        sampler: train.sampler,
        parallel: train.parallel,
        n_workers: if train.jobs == 0 { all_cores() } else { train.jobs },
        seed: train.seed,
        n_repeats: train.repeats,
        promotes: if options.no_promote { Promotes::Nothing } else { Promotes::Better },
        is_monotone: !options.free,
        ranges: train.ranges,
        ..Training::new(source, families)
    })
}

/// The families of these names; all that are built in where there is none.
pub(super) fn families(names: &[String], settings: &Settings) -> Result<Vec<Family>, Error> {
    choose(built_in(&Locations::new(xgboost_candidates(&settings.xgboost_lib))), names)
}

pub(super) fn leaderboard(report: &Report) -> String {
    let champion = report.champion.as_ref().map(|champion| champion.version);
    let row = |standing: &LeaderboardRow| {
        vec![
            if champion == Some(standing.version) { "*".into() } else { String::new() },
            standing.version.to_string(),
            standing.family.clone(),
            format!("{:.2}", standing.mae_usd),
            format!("{:.2}", standing.rmse_usd),
            format!("{:.4}", standing.r2),
            format!("{:.2} %", 100.0 * standing.mape),
            format!("{:.2}", standing.worst_decile_usd),
            standing.range_width_usd.map_or_else(|| "-".to_owned(), |width| format!("{width:.0}")),
            format!("{:.1}", standing.duration_s),
        ]
    };
    let header = [
        "",
        ">version",
        "family",
        ">MAE $",
        ">RMSE $",
        ">R2",
        ">MAPE",
        ">worst tenth $",
        ">range $",
        ">seconds",
    ];
    let rows: Vec<_> = report.leaderboard.iter().map(row).collect();
    format!("\n{}", table(&header, &rows))
}

/// The decision, and what to do next.
pub(super) fn afterwards(report: &Report, registry: &Registry) -> String {
    let mut lines = vec![String::new()];
    lines.push(report.promotion.clone());
    if let Some(champion) = &report.champion {
        lines.push(format!("* The champion is version {} ({}).", champion.version, champion.family));
    }
    if report.data.n_rejected > 0 {
        let rejects = registry.blob_path(BlobKind::Rejects, &report.data.rejects);
        lines.push(format!("{} refused rows with their reasons: {rejects}", report.data.n_rejected));
    }
    let program = std::env::args().next().unwrap_or_else(|| "xtream".into());
    let place = match registry.location() {
        place if place.folder() == Some(Path::new("registry")) => String::new(),
        place => format!(" --registry {place}"),
    };
    let stone = "--carat 1.2 --cut premium --color e --clarity vs1";
    lines.extend([
        String::new(),
        "Next: price every stone of a file, find similar stones, see every model so far".into(),
        format!("  {program} value FILE --out PRICED.csv{place}"),
        format!("  {program} similar {stone}{place}"),
        format!("  {program} models list{place}"),
    ]);
    lines.join("\n")
}
