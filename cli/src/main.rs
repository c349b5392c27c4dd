//! The program `xtream`: it reads the command line and the settings, wires them to the core and
//! shows what comes back. Results go to standard output, everything else to standard error.

mod args;
mod commands;
mod environment;
mod layers;
mod logging;
mod output;
mod progress;
mod settings;
mod table;
mod wrong_usage;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use xtream_core::Interrupt;

use crate::args::{Cli, Command};
use crate::layers::Layers;
use crate::wrong_usage::WrongUsage;

/// A request takes dozens of small allocations, which this one serves faster than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

impl Command {
    /// How long after Ctrl-C a step may take before the process ends without it, and what to say then; `None` where every
    /// step is short and ends in order. A step that waits for a store is not short.
    fn patience(&self) -> Option<(Duration, String)> {
        let said = match self {
            Self::Train(_) | Self::Watch(_) => xtream_core::Error::Interrupted.to_string(),
            Self::Models(_) | Self::Similar(_) | Self::Registry(_) => "stopped as asked".into(),
            _ => return None,
        };
        Some((Duration::from_millis(700), said))
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    let wrong = |error: anyhow::Error| WrongUsage(format!("{error:#}"));
    let layers = Layers::load(cli.config.as_deref(), cli.command.flags()).map_err(wrong)?;
    let settings = layers.settings().map_err(wrong)?;
    logging::start(&settings.log).map_err(wrong)?;
    let interrupt = Interrupt::default();
    let raised = interrupt.clone();
    let patience = cli.command.patience();
    ctrlc::set_handler(move || {
        // What is on disk is whole at any moment, so the process may end at any moment: when it is
        // asked a second time, or when a step takes longer than a user wants to wait.
        if raised.is_raised() {
            std::process::exit(1);
        }
        raised.raise();
        if let Some((patience, said)) = patience.clone() {
            std::thread::spawn(move || {
                std::thread::sleep(patience);
                output::note(&format!("error: {said}"));
                std::process::exit(1);
            });
        }
    })?;
    match &cli.command {
        Command::Train(args) => commands::train::run(args, &settings, &interrupt),
        Command::Models(args) => commands::models::run(args, &settings.location()?),
        Command::Value(args) => commands::value::run(args, &settings, &interrupt),
        Command::Inspect(args) => commands::inspect::run(args, &settings, &interrupt),
        Command::Similar(args) => commands::similar::run(args, &settings.location()?),
        Command::Serve(args) => commands::serve::run(args, &layers, &settings, &interrupt),
        Command::Registry(args) => commands::registry::run(&args.command, &settings),
        Command::Exchanges(args) => commands::exchanges::run(&args.command, &settings.serve.exchange_log),
        Command::Watch(args) => commands::watch::run(args, &settings, &interrupt),
    }
}

/// The error and its causes, each said once: some errors name their cause themselves.
fn in_words(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| {
        if text.is_empty() {
            cause
        } else if text.contains(&cause) {
            text
        } else {
            format!("{text}: {cause}")
        }
    })
}

/// Says what went wrong; 2 when the input or the request is to blame, else 1.
fn report(error: &anyhow::Error) -> ExitCode {
    let is_closed_pipe = error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    });
    if is_closed_pipe {
        // `xtream models list | head`: the reader has seen enough.
        return ExitCode::SUCCESS;
    }
    output::note(&format!("error: {}", in_words(error)));
    let core = match error.downcast_ref() {
        Some(xtream_server::Error::Registry(core)) => Some(core),
        _ => error.downcast_ref::<xtream_core::Error>(),
    };
    if core.is_some_and(xtream_core::Error::is_input) || error.is::<WrongUsage>() {
        ExitCode::from(2)
    } else {
        ExitCode::FAILURE
    }
}
