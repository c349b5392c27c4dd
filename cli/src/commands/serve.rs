//! `xtream serve`

use std::net::SocketAddr;

use anyhow::Result;
use xtream_core::{Error, Interrupt};
use xtream_server::exchange_log::{self, Durability, Retention};
use xtream_server::{Options, Server};

use super::{note, registry_folder};
use crate::args::{self, ServeArgs};
use crate::settings::Settings;

pub(crate) fn run(args: &ServeArgs, settings: &Settings, interrupt: &Interrupt) -> Result<()> {
    let options = options(args, settings)?;
    if !options.bind.ip().is_loopback() && options.admin_key.is_none() {
        note(
            "warning: everybody who reaches this address can ask; only a key (XTREAM_ADMIN_KEY) opens the administrators' part",
        );
    }
    let server = Server::build(options)?;
    let address = server.address();
    note(&format!("Listening on http://{address}; Ctrl-C ends it."));
    note(&format!("  A short guide:      http://{address}/"));
    note(&format!("  The documentation:  http://{address}/docs"));
    note("Try:");
    note(&format!(
        "  curl -s http://{address}/v1/valuations -H 'Content-Type: application/json' \\\n    \
         -d '{{\"carat\": 1.2, \"cut\": \"Premium\", \"color\": \"E\", \"clarity\": \"VS1\"}}'"
    ));
    Ok(server.run(interrupt)?)
}

fn options(args: &ServeArgs, settings: &Settings) -> Result<Options, Error> {
    let serve = &settings.serve;
    let bind = match args.bind {
        Some(bind) => bind,
        None => serve.bind.parse::<SocketAddr>().map_err(|_| Error::Usage {
            reason: format!("{:?} is no address to listen on", serve.bind),
            allowed: "an address and a port such as 127.0.0.1:8000".into(),
        })?,
    };
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    let positive = |number: f64| (number > 0.0).then_some(number);
    Ok(Options {
        registry: registry_folder(&args.registry, settings).into(),
        bind,
        exchange_log: exchange_log::Options {
            folder: args.exchange_log.clone().unwrap_or_else(|| serve.exchange_log.clone()),
            durability: args.durability.map_or(serve.durability, |choice| match choice {
                args::Durability::Fsync => Durability::Fsync,
                args::Durability::Os => Durability::Os,
            }),
            retention: Retention {
                max_days: positive(serve.keep_days),
                max_megabytes: Some(serve.keep_megabytes).filter(|megabytes| *megabytes > 0),
            },
            mongodb: args.mongodb.clone().or_else(|| some(&serve.mongodb)),
            mongodb_ttl_days: positive(serve.mongodb_ttl_days),
        },
        admin_key: some(&serve.admin_key),
    })
}
