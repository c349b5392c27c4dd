//! `xtream models`

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::json;
use xtream_core::Registry;
use xtream_core::format::grouped;
use xtream_core::registry::{BlobKind, Card, Location, Severity};
use xtream_core::training::compare_versions;

use super::{note, print, print_json, resolve, write_file};
use crate::args::{ModelsArgs, ModelsCommand, Version};
use crate::table::table;

pub(crate) fn run(args: &ModelsArgs, location: &Location) -> Result<()> {
    let (json, open) = (args.json, || Registry::open(location));
    match &args.command {
        ModelsCommand::List => list(&open()?, json),
        ModelsCommand::Show { version } => show(&open()?, *version, json),
        ModelsCommand::Compare { version, other } => compare(&open()?, *version, *other, json),
        ModelsCommand::Promote { version, reason } => promote(&open()?, *version, reason, json),
        ModelsCommand::Rollback { reason } => rollback(&open()?, reason, json),
        ModelsCommand::Export { version, out } => export(&open()?, *version, out, json),
        // It opens what can be opened, and says what cannot.
        ModelsCommand::Fsck => fsck(location, json),
        ModelsCommand::Prune { dry_run } => prune(&open()?, *dry_run, json),
    }
}

fn list(registry: &Registry, json: bool) -> Result<()> {
    let (mut cards, champion) = (registry.cards()?, registry.champion()?);
    cards.reverse();
    if json {
        return print_json(&json!({"models": cards, "champion": champion}));
    }
    let row = |card: &Card| {
        let details = &card.record;
        vec![
            if champion == Some(card.version) { "*".into() } else { String::new() },
            card.version.to_string(),
            details.family.clone(),
            details.created_at.format("%Y-%m-%d %H:%M").to_string(),
            format!("{:.2}", details.metrics.mae_usd),
            format!("{:.4}", details.metrics.r2),
            grouped(details.data.n_train as u64),
            grouped(details.data.n_test as u64),
        ]
    };
    let header = ["", ">version", "family", "trained (UTC)", ">MAE $", ">R2", ">train rows", ">test rows"];
    print(&table(&header, &cards.iter().map(row).collect::<Vec<_>>()))?;
    note(match champion {
        Some(_) => {
            "* the champion: the model that answers. Errors are comparable only on the same test rows."
        }
        None => "No model has been promoted yet.",
    });
    Ok(())
}

fn show(registry: &Registry, version: Version, json: bool) -> Result<()> {
    let card = registry.card(resolve(registry, version)?)?;
    if json {
        return print_json(&card);
    }
    let mut lines = Vec::new();
    flatten("", &serde_json::to_value(&card)?, &mut lines);
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in lines {
        print(&format!("{name:<width$}  {value}\n"))?;
    }
    let path = |kind, digest| registry.blob_path(kind, digest);
    note(&format!("\nModel file:    {}", path(BlobKind::Model, &card.record.model)));
    note(&format!("Its rows:      {}", path(BlobKind::Dataset, &card.record.data.digest)));
    note(&format!("Refused rows:  {}", path(BlobKind::Rejects, &card.record.data.rejects)));
    Ok(())
}

/// Nested names become `metrics.mae_usd` and the like.
fn flatten(prefix: &str, value: &serde_json::Value, lines: &mut Vec<(String, String)>) {
    let name = |key: &str| {
        if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
    };
    match value {
        serde_json::Value::Object(map) => {
            map.iter().for_each(|(key, value)| flatten(&name(key), value, lines))
        }
        serde_json::Value::Array(items) => {
            items.iter().enumerate().for_each(|(i, item)| flatten(&name(&i.to_string()), item, lines));
        }
        serde_json::Value::String(text) => lines.push((prefix.into(), text.clone())),
        other => lines.push((prefix.into(), other.to_string())),
    }
}

fn compare(registry: &Registry, version: Version, other: Version, json: bool) -> Result<()> {
    let (version, other) = (resolve(registry, version)?, resolve(registry, other)?);
    let comparison = compare_versions(registry, version, other)?;
    if json {
        return print_json(&json!({"version": version, "other": other, "comparison": comparison}));
    }
    let Some(figures) = comparison else {
        return print("There are too few test stones that neither model was trained on to compare them.\n");
    };
    let verdict = if figures.favours_candidate() {
        format!("Version {version} is better.")
    } else if figures.low_usd > 0.0 {
        format!("Version {other} is better.")
    } else {
        "Neither is shown to be better: the interval reaches across zero.".into()
    };
    print(&format!(
        "On {} stones that neither was trained on:\n\
         version {version}: mean error ${:.2}\nversion {other}: mean error ${:.2}\n\
         difference: ${:+.2} ({:.0} % interval {:+.2} to {:+.2})\n{verdict}\n",
        grouped(figures.n_stones as u64),
        figures.candidate_mae_usd,
        figures.champion_mae_usd,
        figures.difference_usd,
        100.0 * figures.confidence,
        figures.low_usd,
        figures.high_usd
    ))
}

fn promote(registry: &Registry, version: Version, reason: &str, json: bool) -> Result<()> {
    let decision = registry.promote(resolve(registry, version)?, reason)?;
    if json {
        return print_json(&decision);
    }
    if !decision.promoted {
        return print(&format!("{}\n", decision.reason));
    }
    print(&format!("Version {} is the champion now.\n", decision.candidate))
}

fn rollback(registry: &Registry, reason: &str, json: bool) -> Result<()> {
    let version = registry.rollback(reason)?;
    if json {
        return print_json(&json!({"champion": version}));
    }
    print(&format!("Version {version} is the champion again.\n"))
}

fn export(registry: &Registry, version: Version, out: &Path, json: bool) -> Result<()> {
    let card = registry.card(resolve(registry, version)?)?;
    let pipeline = registry.pipeline(card.version)?;
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let mut files = vec![
        write_file(&out.join("card.json"), serde_json::to_string_pretty(&card)?.as_bytes())?,
        write_file(&out.join("pipeline.xtream"), &pipeline.to_bytes()?)?,
    ];
    if let Some(model) = pipeline.xgboost_file() {
        files.push(write_file(&out.join("xgboost.ubj"), &model)?);
    }
    if json {
        return print_json(&json!({"version": card.version, "files": files}));
    }
    files.iter().try_for_each(|file| print(&format!("{}\n", file.display())))
}

fn fsck(location: &Location, json: bool) -> Result<()> {
    let findings = Registry::fsck(location)?;
    let n_faults = findings.iter().filter(|finding| finding.severity == Severity::Fault).count();
    if json {
        print_json(&json!({"sound": n_faults == 0, "findings": findings}))?;
    } else {
        for finding in &findings {
            let kind = if finding.severity == Severity::Fault { "FAULT" } else { "note" };
            print(&format!("{kind}: {}: {}\n", finding.subject, finding.message))?;
        }
    }
    if n_faults > 0 {
        bail!("the registry {location} has {n_faults} faults");
    }
    if !json {
        print(&format!("The registry {location} is sound.\n"))?;
    }
    Ok(())
}

fn prune(registry: &Registry, is_dry_run: bool, json: bool) -> Result<()> {
    let leftovers = registry.prune(std::time::SystemTime::now().into(), is_dry_run)?;
    let n_bytes: u64 = leftovers.iter().map(|leftover| leftover.n_bytes).sum();
    if json {
        return print_json(&json!({"dry_run": is_dry_run, "files": leftovers, "n_bytes": n_bytes}));
    }
    for leftover in &leftovers {
        let at = leftover.at.format("%Y-%m-%d %H:%M");
        print(&format!("{}  {} bytes, of {at} (UTC)\n", leftover.path, grouped(leftover.n_bytes)))?;
    }
    let done = if is_dry_run { "would be removed" } else { "removed" };
    let files = if leftovers.len() == 1 { "file" } else { "files" };
    print(&format!("{} {files}, {} bytes {done}.\n", grouped(leftovers.len() as u64), grouped(n_bytes)))
}
