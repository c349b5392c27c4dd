//! How long work shows itself: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use xtream_core::dataset::ReadEvent;
use xtream_core::format::{grouped, in_minutes};
use xtream_core::progress::{Event, Progress};

use crate::output::note as line;

/// Shows events on standard error.
pub(crate) struct Shown {
    is_terminal: bool,
    state: Mutex<State>,
}

struct State {
    bar: ProgressBar,
    started: Instant,
    last_line: Instant,
    /// Trials that were there when the search began: they took no time now.
    n_kept: usize,
}

/// Time between two lines in a log.
const LINE_EVERY: Duration = Duration::from_secs(5);

impl Shown {
    pub(crate) fn new() -> Self {
        Self::on(std::io::stderr().is_terminal())
    }

    /// Lines on a terminal too, where somebody else writes there meanwhile.
    pub(crate) fn by_lines() -> Self {
        Self::on(false)
    }

    fn on(is_terminal: bool) -> Self {
        let now = Instant::now();
        let state = State { bar: ProgressBar::hidden(), started: now, last_line: now, n_kept: 0 };
        Self { is_terminal, state: Mutex::new(state) }
    }
}

impl Progress for Shown {
    fn report(&self, event: &Event<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Read(ReadEvent::Reading { path, n_rows }) => {
                let message = format!("reading {}: {} rows", path.display(), grouped(*n_rows));
                self.step(&mut state, message);
            }
            Event::Read(ReadEvent::FileRead { path, understood, extra_columns, .. }) => {
                if let Some(understood) = understood {
                    state.bar.finish_and_clear();
                    line(&format!("{}: read as {understood}", path.display()));
                }
                if !extra_columns.is_empty() {
                    state.bar.finish_and_clear();
                    line(&format!("{}: columns left aside: {}", path.display(), extra_columns.join(", ")));
                }
            }
            Event::Read(ReadEvent::DataReady { counts, n_train, n_test }) => {
                state.bar.finish_and_clear();
                line(&format!(
                    "{} rows read: {} kept, {} refused, {} duplicates; {} train and {} test",
                    grouped(counts.n_rows),
                    grouped(counts.n_kept),
                    grouped(counts.n_rejected),
                    grouped(counts.n_duplicates),
                    grouped(*n_train as u64),
                    grouped(*n_test as u64)
                ));
                if let Some(in_both) = counts.in_both() {
                    line(&format!("{in_both}."));
                }
            }
            Event::SearchStarted { family, n_trials, n_kept, .. } => {
                let found = match n_kept {
                    0 => String::new(),
                    n => format!(", {n} of them done by an earlier run"),
                };
                line(&format!("{family}: searching, at most {n_trials} trials{found}"));
                state.started = Instant::now();
                state.last_line = state.started;
                state.n_kept = *n_kept;
                if self.is_terminal {
                    state.bar = ProgressBar::new(*n_trials as u64).with_style(trial_style());
                    state.bar.set_position(*n_kept as u64);
                    state.bar.enable_steady_tick(Duration::from_millis(200));
                }
            }
            Event::TrialFinished { n_finished, n_trials, best_mae_usd, family, .. } => {
                let best = best_mae_usd.map_or("none yet".into(), |mae| format!("${mae:.2}"));
                let left = time_left(state.started, n_finished - state.n_kept, n_trials - n_finished);
                if self.is_terminal {
                    state.bar.set_position(*n_finished as u64);
                    state.bar.set_message(format!("best error {best}, {left} left"));
                } else if state.last_line.elapsed() > LINE_EVERY || n_finished == n_trials {
                    state.last_line = Instant::now();
                    line(&format!(
                        "{family}: {n_finished} of {n_trials} trials, best error {best}, {left} left"
                    ));
                }
            }
            Event::SearchFinished { family, n_trials, gained_nothing } => {
                state.bar.finish_and_clear();
                if let Some(n) = gained_nothing {
                    line(&format!(
                        "{family}: {n_trials} trials were enough: {n} one after the other were no better"
                    ));
                }
            }
            Event::Fitting { family } => line(&format!("{family}: training on all training rows")),
            Event::Tested { family, mae_usd, .. } => {
                line(&format!("{family}: mean error ${mae_usd:.2} on the test rows"));
            }
            _ => {}
        }
    }
}

impl Shown {
    /// A message that replaces the one before.
    fn step(&self, state: &mut State, message: String) {
        if self.is_terminal {
            if state.bar.is_hidden() || state.bar.is_finished() {
                state.bar = ProgressBar::new_spinner();
            }
            state.bar.set_message(message);
            state.bar.tick();
        } else if state.last_line.elapsed() > LINE_EVERY {
            state.last_line = Instant::now();
            line(&message);
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        // A bar must not stay on the screen under an error message.
        self.state.lock().unwrap_or_else(PoisonError::into_inner).bar.finish_and_clear();
    }
}

fn trial_style() -> ProgressStyle {
    let template = "  [{bar:30}] {pos}/{len} trials, {msg}";
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

fn time_left(started: Instant, n_done: usize, n_left: usize) -> String {
    in_minutes(started.elapsed().as_secs_f64() / n_done.max(1) as f64 * n_left as f64)
}
