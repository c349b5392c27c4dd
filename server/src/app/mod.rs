//! Build, address, run.

mod application;
mod http;
mod options;

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use actix_web::rt::{System, spawn, time::sleep};
use actix_web::web;
use tokio::sync::Semaphore;
use xtream_core::{Interrupt, Registry};

use self::application::Shared;
pub use self::options::{Limits, Options};
use crate::admin::AdminKey;
use crate::connections::Connections;
use crate::docs::guide::Listening;
use crate::docs::openapi;
use crate::error::Error;
use crate::exchanges::ExchangeLog;
use crate::limits::{Counted, FILES_AT_ONCE, Limiters, Load, RateLimiter};
use crate::request::body::Deadline;
use crate::request::client::BehindProxy;
use crate::request_id::Numbers;
use crate::routes::api;
use crate::serving::State;
use crate::serving::watcher::{Promoted, Watcher};
use crate::telemetry::Telemetry;

/// How often a request to stop is looked for.
const INTERRUPT_INTERVAL: Duration = Duration::from_millis(100);
/// Time that requests which have begun to arrive still have when the server stops.
const LAST_BODIES: Duration = Duration::from_secs(1);
/// Seconds that requests have to be answered then; each takes milliseconds, under load more.
const SHUTDOWN_TIMEOUT_S: u64 = 8;
/// File descriptors that are not connections: the log, the registry, the database, the workers.
const OTHER_FILES: u64 = 256;

/// A server that holds its port and its model and waits to be run.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    connections: Arc<Connections>,
    shared: Shared,
    watcher: Watcher,
    /// Where the watcher hears of promotions; it ends with the last of those who may tell.
    told: mpsc::Receiver<Promoted>,
}

impl Server {
    /// Takes the port, opens the exchange log and the registry, and loads the champion. Without a
    /// champion, or with one that cannot be loaded, the server says so to those who ask and waits
    /// for a good one. MongoDB, where one is configured, need not be there yet.
    ///
    /// # Errors
    /// When the port is taken, the exchange log or the registry's log cannot be opened, or the administrator's key is
    /// too short.
    pub fn build(options: Options) -> Result<Self, Error> {
        let Options {
            registry,
            bind,
            exchange_log,
            admin_key,
            limits,
            allowed_origins,
            reading,
            is_behind_proxy,
        } = options;
        let secret = admin_key;
        let admin_key = AdminKey::new(secret.as_deref())
            .map_err(|too_short| Error::AdminKey { reason: too_short.to_string() })?;
        let refused = |source| Error::Bind { address: bind, source };
        let listener = TcpListener::bind(bind).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let telemetry = Arc::new(Telemetry::new());
        let state =
            State::new(Registry::open_or_create(registry)?).map_err(|source| Error::Run { source })?;
        let state = Arc::new(state);
        let numbers = Arc::new(Numbers::default());
        let log = ExchangeLog::open(&exchange_log, secret.as_deref())
            .map_err(|reason| Error::ExchangeLog { reason })?;
        let log = Arc::new(log);
        let mut watcher = Watcher::new(Arc::clone(&state), Arc::clone(&telemetry));
        watcher.look();
        let max_connections = affordable(limits.max_connections);
        let connections = Connections::new(max_connections, limits.request_timeout, Arc::clone(&telemetry));
        let connections = Arc::new(connections);
        let limiters = web::Data::new(Limiters {
            load: Arc::new(Load::new(limits.max_in_flight)),
            rate: limits.rate.map(|rate| RateLimiter::new(Counted::Requests, rate)),
            rows: limits.rows.map(|rate| RateLimiter::new(Counted::Rows, rate)),
            files: Semaphore::new(FILES_AT_ONCE),
            telemetry,
        });
        let (watcher_told, told) = mpsc::channel();
        let described = api().into_iter().map(|(described, _)| described).collect();
        let shared = Shared {
            listening: web::Data::new(Listening(address)),
            document: web::Data::new(openapi::Document::new(described)),
            connections: web::Data::from(Arc::clone(&connections)),
            state: web::Data::from(state),
            model_cache: web::Data::default(),
            watcher: web::Data::new(watcher_told),
            log: web::Data::from(log),
            body_deadline: web::Data::new(Deadline(limits.request_timeout)),
            limiters,
            behind_proxy: web::Data::new(BehindProxy(is_behind_proxy)),
            admin_key: web::Data::new(admin_key),
            numbers: web::Data::from(numbers),
            shops_reading: web::Data::new(reading),
            allowed_origins: allowed_origins.into(),
        };
        Ok(Self { listener, address, connections, shared, watcher, told })
    }

    /// The address that requests go to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `interrupt` is raised, then finishes those that are under way.
    ///
    /// Signals stay with the program that owns the process: it raises `interrupt` on SIGINT and
    /// SIGTERM alike, where actix would cut requests off on the former. Blocks, and brings its own
    /// runtime: call it from a plain thread.
    ///
    /// # Errors
    /// When the operating system refuses threads or sockets.
    pub fn run(self, interrupt: &Interrupt) -> Result<(), Error> {
        let failed = |source| Error::Run { source };
        let Self { listener, connections, shared, watcher, told, .. } = self;
        thread::Builder::new()
            .name("registry-watcher".into())
            .spawn(move || watcher.run(&told))
            .map_err(failed)?;
        let interrupt = interrupt.clone();
        let guarding = Arc::clone(&connections);
        let until_interrupted = async move {
            while !interrupt.is_raised() {
                sleep(INTERRUPT_INTERVAL).await;
            }
            connections.close();
            spawn(async move {
                sleep(LAST_BODIES).await;
                connections.hang_up();
            });
        };
        System::new().block_on(async move {
            let serve = move || http::service(&guarding, &shared);
            let server = actix_server::Server::build()
                // `Connections` counts them.
                .max_concurrent_connections(usize::MAX)
                .shutdown_signal(until_interrupted)
                .shutdown_timeout(SHUTDOWN_TIMEOUT_S)
                .listen("http", listener, serve)
                .map_err(failed)?;
            server.run().await.map_err(failed)
        })
    }
}

/// The connections that the operating system grants files for, up to as many as are wanted.
fn affordable(wanted: usize) -> usize {
    let files = u64::try_from(wanted).unwrap_or(u64::MAX).saturating_add(OTHER_FILES);
    let granted = rlimit::increase_nofile_limit(files).unwrap_or(u64::MAX);
    let affordable = usize::try_from(granted.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX).max(1);
    if affordable < wanted {
        tracing::warn!(wanted, affordable, "the operating system allows fewer connections than the settings");
    }
    affordable.min(wanted)
}
