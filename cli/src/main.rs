//! The program `xtream`: it reads the command line and the settings, wires them to the core and
//! shows what comes back. Results go to standard output, everything else to standard error.

mod args;
mod commands;
mod progress;
mod settings;
mod table;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;
use xtream_core::Interrupt;

use crate::args::{Cli, Command};
use crate::settings::Settings;

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(EnvFilter::try_from_env("XTREAM_LOG").unwrap_or_else(|_| EnvFilter::new("warn")))
        .init();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    let settings = Settings::load(cli.config.as_deref()).map_err(|error| WrongUsage(format!("{error:#}")))?;
    let interrupt = Interrupt::default();
    let raised = interrupt.clone();
    ctrlc::set_handler(move || {
        // Asked a second time, the user means at once; what is on disk is whole at any moment.
        if raised.is_raised() {
            std::process::exit(1);
        }
        raised.raise();
    })?;
    match &cli.command {
        Command::Train(args) => commands::train::run(args, &settings, &interrupt),
        Command::Models(args) => commands::models::run(&args.command, &settings),
        Command::Value(args) => commands::value::run(args, &settings, &interrupt),
        Command::Similar(args) => commands::similar::run(args, &settings),
        Command::Watch(args) => commands::watch::run(args, &settings, &interrupt),
    }
}

/// A request that cannot be carried out as it stands: exit status 2.
#[derive(Debug)]
struct WrongUsage(String);

impl std::fmt::Display for WrongUsage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUsage {}

/// Says what went wrong; 2 when the input or the request is to blame, else 1.
#[allow(clippy::print_stderr, reason = "this is where the program speaks to its user")]
fn report(error: &anyhow::Error) -> ExitCode {
    let is_closed_pipe = error.chain().any(|cause| {
        let io = cause.downcast_ref::<std::io::Error>();
        io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    });
    if is_closed_pipe {
        // `xtream models list | head`: the reader has seen enough.
        return ExitCode::SUCCESS;
    }
    eprintln!("error: {error:#}");
    let core = error.downcast_ref::<xtream_core::Error>();
    if core.is_some_and(xtream_core::Error::is_input) || error.is::<WrongUsage>() {
        ExitCode::from(2)
    } else {
        ExitCode::FAILURE
    }
}
