//! Build, address, run; and the only route table.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::rt::{System, time::sleep};
use actix_web::{App, HttpResponse, HttpServer, Resource, Route, guard, web};
use xtream_core::{Interrupt, Registry};

use crate::admin::AdminKey;
use crate::docs::{self, guide, openapi, problems};
use crate::error::Error;
use crate::exchange_log::{self, ExchangeLog, middleware::record};
use crate::problem::Problem;
use crate::request_id::{identify, word};
use crate::routes::{exchanges, models, probes, similar, valuations};
use crate::state::State;
use crate::watcher::Watcher;

/// How often a request to stop is looked for.
const INTERRUPT_INTERVAL: Duration = Duration::from_millis(100);
/// Seconds that unfinished requests get when the server stops; each takes milliseconds.
const SHUTDOWN_TIMEOUT_S: u64 = 1;

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
}

/// A server that holds its port and its model and waits to be run.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    state: Arc<State>,
    log: web::Data<ExchangeLog>,
    admin_key: web::Data<AdminKey>,
    watcher: Watcher,
}

impl Server {
    /// Takes the port, opens the exchange log and the registry, and loads the champion. Without a
    /// champion, or with one that cannot be loaded, the server says so to those who ask and waits
    /// for a good one. MongoDB, where one is configured, need not be there yet.
    ///
    /// # Errors
    /// When the port is taken, or the exchange log or the registry's log cannot be opened.
    pub fn build(options: Options) -> Result<Self, Error> {
        let Options { registry, bind, exchange_log, admin_key } = options;
        let refused = |source| Error::Bind { address: bind, source };
        let listener = TcpListener::bind(bind).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let state = Arc::new(State::new(Registry::open_or_create(&registry)?));
        let log = ExchangeLog::open(&exchange_log).map_err(|reason| Error::ExchangeLog { reason })?;
        let mut watcher = Watcher::new(Arc::clone(&state));
        watcher.look();
        let (log, admin_key) = (web::Data::new(log), web::Data::new(AdminKey::new(admin_key)));
        Ok(Self { listener, address, state, log, admin_key, watcher })
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
        let Self { listener, state, log, admin_key, watcher, .. } = self;
        // The thread ends when this end of the channel is dropped.
        let (_running, stopped) = mpsc::channel();
        thread::Builder::new()
            .name("registry-watcher".into())
            .spawn(move || watcher.run(&stopped))
            .map_err(failed)?;
        let interrupt = interrupt.clone();
        let until_interrupted = async move {
            while !interrupt.is_raised() {
                sleep(INTERRUPT_INTERVAL).await;
            }
        };
        System::new().block_on(async move {
            let app = move || {
                App::new()
                    .app_data(web::Data::from(Arc::clone(&state)))
                    .app_data(log.clone())
                    .app_data(admin_key.clone())
                    // The last is the outermost: number, record, word, route.
                    .wrap(from_fn(word))
                    .wrap(from_fn(record))
                    .wrap(from_fn(identify))
                    .configure(routes)
                    .default_service(web::to(unknown_route))
            };
            let server = HttpServer::new(app)
                .shutdown_signal(until_interrupted)
                .shutdown_timeout(SHUTDOWN_TIMEOUT_S)
                .listen(listener)
                .map_err(failed)?;
            server.run().await.map_err(failed)
        })
    }
}

/// A path, the methods that it takes, and what answers them.
pub(crate) type Entry = (&'static str, &'static str, Route);

const READ: &str = "GET, HEAD";

/// What programs ask; `assets/openapi.json` describes each.
pub(crate) fn api() -> Vec<Entry> {
    vec![
        ("/v1/valuations", "POST", web::post().to(valuations::one)),
        ("/v1/valuations/batch", "POST", web::post().to(valuations::batch)),
        ("/v1/similar-diamonds", READ, get().to(similar::nearest)),
        ("/v1/models", READ, get().to(models::list)),
        ("/v1/models/champion", READ, get().to(models::champion)),
        ("/v1/models/{version}", READ, get().to(models::one)),
        ("/v1/models/{version}/promote", "POST", web::post().to(models::promote)),
        ("/v1/exchanges", READ, get().to(exchanges::list)),
        ("/v1/exchanges/{request_id}", READ, get().to(exchanges::one)),
        ("/livez", READ, get().to(probes::live)),
        ("/readyz", READ, get().to(probes::ready)),
    ]
}

/// What people read.
fn pages() -> Vec<Entry> {
    vec![
        ("/", READ, get().to(guide::page)),
        ("/openapi.json", READ, get().to(openapi::document)),
        ("/docs", READ, get().to(openapi::entrance)),
        ("/docs/problems", READ, get().to(problems::page)),
        ("/docs/style.css", READ, get().to(docs::style)),
        // The empty name is the folder itself.
        ("/docs/{file:[^/]*}", READ, get().to(openapi::viewer)),
    ]
}

fn routes(config: &mut web::ServiceConfig) {
    for (path, allowed, route) in api().into_iter().chain(pages()) {
        config.service(at(path, allowed, route));
    }
}

/// A path with its one route; every other method is answered with those that are allowed.
fn at(path: &str, allowed: &'static str, route: Route) -> Resource {
    let refuse = move || async move { Err::<HttpResponse, _>(Problem::method_not_allowed(allowed)) };
    web::resource(path).route(route).default_service(web::to(refuse))
}

/// Whoever may read a thing may ask for its headers alone.
fn get() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

async fn unknown_route(request: actix_web::HttpRequest) -> Result<HttpResponse, Problem> {
    Err(Problem::unknown_route(request.path()))
}
