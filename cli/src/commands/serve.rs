//! `xtream serve`

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use anyhow::Result;
use xtream_core::dataset::Reading;
use xtream_core::{Error, Interrupt};
use xtream_server::exchanges::{self, Retention};
use xtream_server::{Limits, Options, Rate, Server};

use super::bootstrap::Bootstrap;
use super::{note, print, print_config};
use crate::args::ServeArgs;
use crate::layers::Layers;
use crate::settings::Settings;
use crate::wrong_usage::WrongUsage;

pub(crate) fn run(
    args: &ServeArgs,
    layers: &Layers,
    settings: &Settings,
    interrupt: &Interrupt,
) -> Result<()> {
    let options = options(settings)?;
    if args.print_config {
        return print(&print_config::shown(layers));
    }
    if !options.bind.ip().is_loopback() && options.admin_key.is_none() {
        note(
            "warning: everybody who reaches this address can ask; only a key (XTREAM_ADMIN_KEY) opens the administrators' part",
        );
    }
    let bootstrap = match &args.train[..] {
        [] => None,
        data => Bootstrap::prepare(data, &options.registry, settings, interrupt)?,
    };
    let server = Server::build(options).map_err(|error| match error {
        xtream_server::Error::AdminKey { reason } => WrongUsage(reason).into(),
        other => anyhow::Error::from(other),
    })?;
    let address = server.address();
    note(&format!("Listening on http://{address}; Ctrl-C ends it."));
    note(&format!("  In a browser:       http://{address}/"));
    note(&format!("  A short guide:      http://{address}/docs/guide"));
    note(&format!("  The documentation:  http://{address}/docs"));
    note("Try:");
    note(&format!(
        "  curl -s http://{address}/v1/valuations -H 'Content-Type: application/json' \\\n    \
         -d '{{\"carat\": 1.2, \"cut\": \"Premium\", \"color\": \"E\", \"clarity\": \"VS1\"}}'"
    ));
    let training = bootstrap.map(Bootstrap::start).transpose()?;
    let served = server.run(interrupt);
    if let Some(training) = training {
        training.stop();
    }
    Ok(served?)
}

fn options(settings: &Settings) -> Result<Options, Error> {
    let serve = &settings.serve;
    let bind = serve.bind.parse::<SocketAddr>().map_err(|_| Error::Usage {
        reason: "the setting serve.bind is no address to listen on".into(),
        allowed: "an address and a port such as 127.0.0.1:8000".into(),
    })?;
    let some = |text: &String| (!text.is_empty()).then(|| text.clone());
    let positive = |number: f64| (number > 0.0).then_some(number);
    let request_timeout =
        Duration::try_from_secs_f64(serve.request_timeout).ok().filter(|time| !time.is_zero());
    let request_timeout = request_timeout.ok_or_else(|| Error::Usage {
        reason: format!("request_timeout = {} is no time to wait", serve.request_timeout),
        allowed: "a number of seconds above 0".into(),
    })?;
    let rate = |per_minute, burst| NonZeroU32::new(per_minute).map(|per_minute| Rate { per_minute, burst });
    let allowed_origins = serve.allowed_origins.iter().zip(1..).map(|(origin, n)| checked_origin(origin, n));
    Ok(Options {
        registry: settings.location()?,
        bind,
        exchange_log: exchanges::Options {
            folder: serve.exchange_log.clone(),
            durability: serve.durability,
            retention: Retention {
                max_days: positive(serve.keep_days),
                max_megabytes: Some(serve.keep_megabytes).filter(|megabytes| *megabytes > 0),
            },
            mongodb: some(&serve.mongodb),
            mongodb_ttl_days: positive(serve.mongodb_ttl_days),
        },
        admin_key: some(&serve.admin_key),
        limits: Limits {
            max_connections: serve.max_connections.get(),
            max_in_flight: serve.max_in_flight.get(),
            request_timeout,
            rate: rate(serve.requests_per_minute, serve.burst),
            rows: rate(serve.rows_per_minute, serve.rows_burst),
        },
        allowed_origins: allowed_origins.collect::<Result<_, _>>()?,
        reading: Reading::of_shop(&settings.columns, &settings.grades)?,
        is_behind_proxy: serve.behind_proxy,
    })
}

/// A web site as browsers name it, the `n`-th of the setting: scheme and host, and the port where it is not the usual
/// one.
fn checked_origin(origin: &str, n: usize) -> Result<String, Error> {
    let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    match host {
        Some(host) if !host.is_empty() && host.chars().all(is_plain) => Ok(origin.to_ascii_lowercase()),
        _ => Err(Error::Usage {
            reason: format!("number {n} of the setting serve.allowed_origins is no web site"),
            allowed: "scheme and host such as https://shop.example, without a path".into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_site_and_not_a_page_or_a_pattern() {
        assert_eq!(checked_origin("https://Shop.example", 1).ok().as_deref(), Some("https://shop.example"));
        assert!(checked_origin("http://localhost:5173", 1).is_ok());
        for wrong in ["*", "shop.example", "https://", "https://shop.example/", "https://*.example", "null"] {
            assert!(checked_origin(wrong, 1).is_err(), "{wrong}");
        }
    }
}
