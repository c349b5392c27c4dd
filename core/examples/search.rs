//! Searches the notebook's space, learning from one file and judging on another, and says after each trial
//! how many seconds have passed and how good the best one is: `search LEARNERS JUDGES SEED TRIALS`.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::ops::ControlFlow;
use std::time::Instant;

use xtream_core::dataset::{Duplicates, Policy, Source, Suspect};
use xtream_core::metrics::mean_absolute_error;
use xtream_core::model::Params;
use xtream_core::model::xgboost::Locations;
use xtream_core::progress::Silent;
use xtream_core::training::{Preset, built_in, choose};
use xtream_core::tuning::{
    Measured, Milestone, OnMilestone, Parallel, SamplerKind, Search, Study, StudyHeader, Trial,
};
use xtream_core::{Interrupt, PricedDiamond};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [learners, judges, seed, n_trials] = &arguments[..] else { return };
    let library = std::env::var_os("XTREAM_XGBOOST_LIB").unwrap();
    let started = Instant::now();
    let family =
        choose(built_in(&Locations::new(vec![library.into()])), &["xgboost".into()]).unwrap().remove(0);
    let plan = (family.plan.as_ref().unwrap())(Preset::Notebook);
    let stop = plan.early_stopping.unwrap();
    let source = Source {
        data: vec![learners.into()],
        test: vec![judges.into()],
        policy: Policy { suspect: Suspect::Keep, duplicates: Duplicates::Keep, ..Policy::default() },
        ..Source::default()
    };
    let interrupt = Interrupt::default();
    let rows = source.read(&mut std::io::sink(), &Silent, &interrupt).unwrap().dataset;
    let (train, test) = (rows.train(), rows.test());
    let actual: Vec<_> = test.iter().map(PricedDiamond::price_usd).collect();
    let prepared = family.recipe.prepare(&train, &test, &Params::default(), &interrupt).unwrap();
    let fitting = family.recipe.estimator.prepare(prepared.samples(), prepared.eval()).unwrap();
    let objective = |params: &Params, report: OnMilestone<'_>| {
        let (mut errors, mut is_given_up) = (Vec::new(), false);
        let mut after_round = |round: usize, prices: &[f64]| {
            errors.push(mean_absolute_error(&actual, prices));
            is_given_up = report(Milestone::Rounds(round), errors[round - 1]).is_break();
            let is_over = is_given_up || stop.is_stale(&errors);
            Ok(if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        let mut params = params.clone();
        params.set(stop.rounds, stop.most as f64);
        prepared.fit(&*fitting, &params, 42, &mut after_round, &interrupt)?;
        let value = stop.best(&errors).map_or(f64::INFINITY, |(_, error)| error);
        Ok((!is_given_up).then_some(Measured { value, refit: params }))
    };
    let after_trial = |_: &Trial, _: usize, best: Option<f64>| {
        println!("{}", serde_json::json!({"s": started.elapsed().as_secs_f64(), "mae": best}));
    };
    let header = StudyHeader {
        format: 1,
        objective: "benchmark".into(),
        space: plan.space,
        sampler: SamplerKind::Tpe,
        seed: seed.parse().unwrap(),
        parallel: Parallel::default(),
    };
    let folder = tempfile::tempdir().unwrap();
    let mut study = Study::open(&folder.path().join("study"), &header).unwrap();
    let mut sampler = header.sampler.sampler(&header.space, header.seed).unwrap();
    let search = Search {
        n_trials: n_trials.parse().unwrap(),
        patience: usize::MAX,
        parallel: header.parallel,
        n_workers: std::thread::available_parallelism().unwrap().get(),
        n_rounds: stop.most,
        measure: &|job| job.run(&objective, false),
        after_trial: &after_trial,
        interrupt: &interrupt,
    };
    search.run(&mut study, &mut *sampler).unwrap();
}
