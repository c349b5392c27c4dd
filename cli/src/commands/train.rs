//! `xtream train`

use std::path::{Path, PathBuf};

use anyhow::Result;
use xtream_core::dataset::{Duplicates, Policy, Source, Split, Suspect, expand};
use xtream_core::model::xgboost::Locations;
use xtream_core::registry::BlobKind;
use xtream_core::training::{LeaderboardRow, Preset, Promotes, Report, Training, built_in, choose, monotone};
use xtream_core::tuning::SamplerKind;
use xtream_core::{Interrupt, Registry};

use super::{note, print, print_json, registry_folder};
use crate::args::{self, TrainArgs, TrainOptions};
use crate::progress::Shown;
use crate::settings::{Settings, xgboost_candidates};
use crate::table::table;

pub(crate) fn run(args: &TrainArgs, settings: &Settings, interrupt: &Interrupt) -> Result<()> {
    // Before anything is made: a misspelt path leaves no empty registry behind.
    expand(&args.data)?;
    expand(&args.test)?;
    let training = training(&args.data, &args.test, &args.options, settings)?;
    let registry = Registry::open_or_create(registry_folder(&args.options.registry, settings))?;
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
    let defaults = &settings.train;
    let locations = Locations::new(xgboost_candidates(&settings.xgboost_lib));
    let names = if options.models.is_empty() { &defaults.models } else { &options.models };
    let jobs = options.jobs.unwrap_or(defaults.jobs);
    let all_cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let policy = Policy {
        suspect: options.suspect.map_or(defaults.suspect, |choice| match choice {
            args::Suspect::Reject => Suspect::Reject,
            args::Suspect::Keep => Suspect::Keep,
        }),
        duplicates: options.duplicates.map_or(defaults.duplicates, |choice| match choice {
            args::Duplicates::Drop => Duplicates::Drop,
            args::Duplicates::Keep => Duplicates::Keep,
        }),
        ..Policy::default()
    };
    let max_rejects_percent = options.max_rejects.unwrap_or(defaults.max_rejects);
    if !(0.0..=100.0).contains(&max_rejects_percent) {
        return Err(xtream_core::Error::Usage {
            reason: format!("{max_rejects_percent} % of refused rows"),
            allowed: "a percentage from 0 to 100".into(),
        }
        .into());
    }
    let split = Split::new(settings.split.seed, settings.split.test_share)?;
    let chosen = choose(built_in(&locations), names)?;
    Ok(Training {
        source: Source { data: data.to_vec(), test: test.to_vec(), policy, split, ..Source::default() },
        max_rejects_percent,
        rejects: options.rejects.clone(),
        families: if options.monotone { monotone(chosen, !names.is_empty())? } else { chosen },
        n_trials: options.trials.unwrap_or(defaults.trials),
        preset: options.space.map_or(defaults.space, |choice| match choice {
            args::Space::Narrow => Preset::Narrow,
            args::Space::Notebook => Preset::Notebook,
        }),
        sampler: options.sampler.map_or(defaults.sampler, |choice| match choice {
            args::Sampler::Tpe => SamplerKind::Tpe,
            args::Sampler::Random => SamplerKind::Random,
        }),
        n_workers: if jobs == 0 { all_cores() } else { jobs },
        seed: options.seed.unwrap_or(defaults.seed),
        n_repeats: options.repeats.unwrap_or(defaults.repeats),
        promotes: if options.no_promote { Promotes::Nothing } else { Promotes::Better },
        is_monotone: options.monotone,
    })
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
            format!("{:.1}", standing.duration_s),
        ]
    };
    let header =
        ["", ">version", "family", ">MAE $", ">RMSE $", ">R2", ">MAPE", ">worst tenth $", ">seconds"];
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
        lines.push(format!(
            "{} refused rows with their reasons: {}",
            report.data.n_rejected,
            rejects.display()
        ));
    }
    let program = std::env::args().next().unwrap_or_else(|| "xtream".into());
    let place = match registry.folder() {
        folder if folder == Path::new("registry") => String::new(),
        folder => format!(" --registry {}", folder.display()),
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
