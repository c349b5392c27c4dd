//! What a progress callback is told.

use serde_json::{Value, json};
use xtream_core::dataset::ReadEvent;
use xtream_core::progress::Event;

/// The event with its name under `event`; `None` for a kind that has no name here yet.
pub(crate) fn to_json(event: &Event<'_>) -> Option<Value> {
    Some(match event {
        Event::Read(ReadEvent::Reading { path, n_rows }) => {
            json!({"event": "reading", "path": path.to_string_lossy(), "n_rows": n_rows})
        }
        Event::Read(ReadEvent::FileRead { path, n_rows, understood, extra_columns }) => json!({
            "event": "file_read",
            "path": path.to_string_lossy(),
            "n_rows": n_rows,
            "understood": understood,
            "extra_columns": extra_columns,
        }),
        Event::Read(ReadEvent::DataReady { counts, n_train, n_test }) => {
            json!({
                "event": "data_ready",
                "counts": counts,
                "n_train": n_train,
                "n_test": n_test,
                "in_both": counts.in_both(),
            })
        }
        Event::SearchStarted { family, n_trials, n_kept, kept } => json!({
            "event": "search_started",
            "family": family,
            "n_trials": n_trials,
            "n_kept": n_kept,
            "kept": kept,
        }),
        Event::TrialFinished { family, n_finished, n_trials, best_mae_usd, trial } => json!({
            "event": "trial_finished",
            "family": family,
            "n_finished": n_finished,
            "n_trials": n_trials,
            "best_mae_usd": best_mae_usd,
            "trial": trial,
        }),
        Event::SearchFinished { family, n_trials, gained_nothing } => json!({
            "event": "search_finished",
            "family": family,
            "n_trials": n_trials,
            "gained_nothing": gained_nothing,
        }),
        Event::Fitting { family } => json!({"event": "fitting", "family": family}),
        Event::Tested { family, mae_usd, .. } => {
            json!({"event": "judged", "family": family, "mae_usd": mae_usd})
        }
        Event::Decided(decision) => json!({"event": "decided", "decision": decision}),
        _ => return None,
    })
}
