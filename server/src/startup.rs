//! Build, address, run; and the only route table.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use actix_cors::Cors;
use actix_http::error::DispatchError;
use actix_http::{HttpService, KeepAlive, Protocol};
use actix_service::{
    IntoServiceFactory, Service, ServiceFactory, ServiceFactoryExt, apply_fn_factory, map_config,
};
use actix_web::body::BoxBody;
use actix_web::dev::{AppConfig, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::middleware::{Condition, from_fn};
use actix_web::rt::net::TcpStream;
use actix_web::rt::{System, spawn, time::sleep};
use actix_web::{App, HttpResponse, Resource, Route, web};
use xtream_core::{Interrupt, Registry};

use crate::admin::AdminKey;
use crate::admission::{Admission, Counted, Load, Rate, RateLimiter, admit};
use crate::compression::pack;
use crate::connections::{Connections, Guarded, PIECE};
use crate::docs::guide::Listening;
use crate::docs::{self, guide, openapi, problems};
use crate::error::Error;
use crate::exchange_log::{self, ExchangeLog, Recording, record};
use crate::page;
use crate::past_models::PastModels;
use crate::problem::Problem;
use crate::request_id::{Numbers, identify, word};
use crate::routes::{Entry, api, get};
use crate::state::State;
use crate::telemetry::Telemetry;
use crate::watcher::{Changed, Watcher};

/// How often a request to stop is looked for.
const INTERRUPT_INTERVAL: Duration = Duration::from_millis(100);
/// Time that requests which have begun to arrive still have when the server stops.
const LAST_BODIES: Duration = Duration::from_secs(1);
/// Seconds that requests have to be answered then; each takes milliseconds, under load more.
const SHUTDOWN_TIMEOUT_S: u64 = 8;
/// Time that a client has for reading the end of an answer when its connection is closed.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// File descriptors that are not connections: the log, the registry, the database, the workers.
const OTHER_FILES: u64 = 256;

/// What a server is told at its start.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of the registry; an empty one is made if there is none.
    pub registry: PathBuf,
    /// Where to listen. Port 0 takes any free port; [`Server::address`] tells which.
    pub bind: SocketAddr,
    /// How exchanges are recorded.
    pub exchange_log: exchange_log::Options,
    /// The key that administrators send; without one their routes are closed.
    pub admin_key: Option<String>,
    /// What is too much.
    pub limits: Limits,
    /// Web sites whose pages may ask, such as `https://shop.example`; none by default.
    pub allowed_origins: Vec<String>,
    /// Whether a proxy of the shop's own stands before the server and tells who the client is.
    pub is_behind_proxy: bool,
}

/// Bounds on what is taken on.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once; the one that waits longest makes room for a new one.
    pub max_connections: usize,
    /// Requests under way at once; more are answered 503.
    pub max_in_flight: usize,
    /// Time in which a request's head, and then its body, must have arrived.
    pub request_timeout: Duration,
    /// What one client may ask; `None` is as much as it likes.
    pub rate: Option<Rate>,
    /// Stones that one client may send in batches; `None` is as many as it likes. Clients on this machine may do so in
    /// any case, unless they are a proxy.
    pub rows: Option<Rate>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 4096,
            max_in_flight: 1024,
            request_timeout: Duration::from_secs(10),
            rate: None,
            rows: None,
        }
    }
}

/// A server that holds its port and its model and waits to be run.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    connections: Arc<Connections>,
    shared: Shared,
    watcher: Watcher,
    /// Where the watcher hears of changes; it ends with the last of those who may tell.
    told: mpsc::Receiver<Changed>,
}

/// What all requests share.
#[derive(Clone)]
struct Shared {
    listening: web::Data<Listening>,
    document: web::Data<openapi::Document>,
    connections: web::Data<Connections>,
    state: web::Data<State>,
    past_models: web::Data<PastModels>,
    watcher: web::Data<mpsc::Sender<Changed>>,
    log: web::Data<ExchangeLog>,
    recording: web::Data<Recording>,
    admission: web::Data<Admission>,
    admin_key: web::Data<AdminKey>,
    numbers: web::Data<Numbers>,
    allowed_origins: Arc<[String]>,
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
        let Options { registry, bind, exchange_log, admin_key, limits, allowed_origins, is_behind_proxy } =
            options;
        let secret = admin_key;
        let admin_key = AdminKey::new(secret.as_deref())
            .map_err(|too_short| Error::AdminKey { reason: too_short.to_string() })?;
        let refused = |source| Error::Bind { address: bind, source };
        let listener = TcpListener::bind(bind).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let telemetry = Arc::new(Telemetry::new());
        let state =
            State::new(Registry::open_or_create(&registry)?).map_err(|source| Error::Run { source })?;
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
        let admission = web::Data::new(Admission {
            load: Arc::new(Load::new(limits.max_in_flight)),
            rate: limits.rate.map(|rate| RateLimiter::new(Counted::Requests, rate)),
            rows: limits.rows.map(|rate| RateLimiter::new(Counted::Rows, rate)),
            is_behind_proxy,
            telemetry,
        });
        let recording = Recording {
            log: Arc::clone(&log),
            admission: admission.clone(),
            is_behind_proxy,
            request_timeout: limits.request_timeout,
        };
        let (watcher_told, told) = mpsc::channel();
        let described = api().into_iter().map(|(described, _)| described).collect();
        let shared = Shared {
            listening: web::Data::new(Listening(address)),
            document: web::Data::new(openapi::Document::new(described)),
            connections: web::Data::from(Arc::clone(&connections)),
            state: web::Data::from(state),
            past_models: web::Data::default(),
            watcher: web::Data::new(watcher_told),
            log: web::Data::from(log),
            recording: web::Data::new(recording),
            admission,
            admin_key: web::Data::new(admin_key),
            numbers: web::Data::from(numbers),
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
            let serve = move || {
                let (connections, shared) = (Arc::clone(&guarding), shared.clone());
                let app = application(shared).into_factory().map_err(|error| error.error_response());
                let app = map_config(app, |()| AppConfig::default());
                let http = HttpService::build()
                    // `Guarded` has the deadlines.
                    .keep_alive(KeepAlive::Os)
                    .client_request_timeout(Duration::ZERO)
                    .client_disconnect_timeout(DISCONNECT_TIMEOUT)
                    .h1_write_buffer_size(PIECE)
                    .on_connect_ext(|stream: &Guarded, data| drop(data.insert(stream.connection())))
                    .finish(app);
                apply_fn_factory(http, move |stream: TcpStream, http| {
                    let connections = Arc::clone(&connections);
                    let peer = stream.peer_addr().ok();
                    let ended = Guarded::admit(stream, &connections)
                        .map(|guarded| http.call((guarded, Protocol::Http1, peer)));
                    async move {
                        // What cannot be read is counted before the client sees the end.
                        let mut ended = pin!(ended.ok_or(DispatchError::InternalError)?);
                        ended.as_mut().await.inspect_err(|error| {
                            if let DispatchError::Parse(reason) = error {
                                connections.cannot_read(peer, reason);
                            }
                        })
                    }
                })
            };
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

/// What a request goes through, from the last of the wraps to the first: number, packing, record, wording of
/// what the rules for other sites refuse, those rules, wording of every other refusal, admission; and
/// then its route.
fn application(
    shared: Shared,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let Shared {
        listening,
        document,
        connections,
        state,
        past_models,
        watcher,
        log,
        recording,
        admission,
        admin_key,
        numbers,
        allowed_origins,
    } = shared;
    App::new()
        .app_data(listening)
        .app_data(document)
        .app_data(connections)
        .app_data(state)
        .app_data(past_models)
        .app_data(watcher)
        .app_data(log)
        .app_data(recording)
        .app_data(admission)
        .app_data(admin_key)
        .app_data(numbers)
        .wrap(from_fn(admit))
        .wrap(from_fn(word))
        .wrap(Condition::new(!allowed_origins.is_empty(), other_sites(&allowed_origins)))
        .wrap(from_fn(word))
        .wrap(from_fn(record))
        .wrap(from_fn(pack))
        .wrap(from_fn(identify))
        .configure(routes)
        .default_service(web::to(unknown_route))
}

/// Headers that pages of other web sites may send: what this server reads, and what browsers, libraries and tracing
/// add by themselves.
pub(crate) const LET_THROUGH: [&str; 13] = [
    "accept",
    "accept-language",
    "authorization",
    "baggage",
    "cache-control",
    "content-language",
    "content-type",
    "if-none-match",
    "pragma",
    "traceparent",
    "tracestate",
    "x-request-id",
    "x-requested-with",
];

/// The rules for pages of other web sites (CORS): those that are listed may ask and read the answers.
fn other_sites(allowed: &[String]) -> Cors {
    let rules = Cors::default()
        .allowed_methods([Method::GET, Method::HEAD, Method::POST])
        .allowed_headers(LET_THROUGH)
        .expose_headers(["ETag", "X-Request-Id", "Retry-After", "RateLimit", "RateLimit-Policy"])
        // A page that is not listed gets its answer without the words that let it be read.
        .block_on_origin_mismatch(false)
        .max_age(3600);
    allowed.iter().fold(rules, |rules, origin| rules.allowed_origin(origin))
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

const READ: &str = "GET, HEAD";

/// What people read.
fn pages() -> [Entry; 11] {
    let entries = [
        ("/", READ, get().to(page::counter)),
        ("/batch", READ, get().to(page::batch)),
        ("/models", READ, get().to(page::models)),
        ("/certificate", READ, get().to(page::certificate)),
        ("/page/{file:[^/]*}", READ, get().to(page::file)),
        ("/openapi.json", READ, get().to(openapi::document)),
        ("/docs", READ, get().to(openapi::entrance)),
        ("/docs/guide", READ, get().to(guide::page)),
        ("/docs/problems", READ, get().to(problems::page)),
        ("/docs/style.css", READ, get().to(docs::style)),
        // The empty name is the folder itself.
        ("/docs/{file:[^/]*}", READ, get().to(openapi::viewer)),
    ];
    entries.map(|(path, allowed, route)| (path.to_owned(), allowed, route))
}

fn routes(config: &mut web::ServiceConfig) {
    for (path, allowed, route) in api().into_iter().map(|(_, entry)| entry).chain(pages()) {
        config.service(at(&path, allowed, route));
    }
}

/// A path with its one route; every other method is answered with those that are allowed.
fn at(path: &str, allowed: &'static str, route: Route) -> Resource {
    let refuse = move || async move { Err::<HttpResponse, _>(Problem::method_not_allowed(allowed)) };
    web::resource(path).route(route).default_service(web::to(refuse))
}

async fn unknown_route(request: actix_web::HttpRequest) -> Result<HttpResponse, Problem> {
    Err(Problem::unknown_route(request.path()))
}
