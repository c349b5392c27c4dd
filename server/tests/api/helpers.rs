//! An isolated server for each test: its own registry in its own folder, its own port.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use ureq::http::Request;
use xtream_core::dataset::Reading;
use xtream_core::dataset::Source;
use xtream_core::model::xgboost::Locations;
use xtream_core::progress::Silent;
use xtream_core::training::{Promotes, Training, built_in, choose};
use xtream_core::{Interrupt, Registry};
use xtream_server::{Error, Limits, Options, Server, exchanges};

/// The key that administrators of a test's server send.
pub const ADMIN_KEY: &str = "a secret of the tests";

/// Rows that a test's model is trained on.
pub const N_ROWS: usize = 1500;

pub struct TestApp {
    pub folder: TempDir,
    pub registry: Registry,
    pub address: SocketAddr,
    interrupt: Interrupt,
    server: Option<JoinHandle<Result<(), Error>>>,
}

pub struct Response {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub text: String,
    /// The body as it came.
    pub bytes: Vec<u8>,
}

impl Response {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl TestApp {
    /// A server whose registry is empty.
    pub fn empty() -> Self {
        Self::empty_with(|options| options)
    }

    /// The same, with some of its options changed.
    pub fn empty_with(change: impl Fn(Options) -> Options) -> Self {
        Self::on(tempfile::tempdir().unwrap(), change)
    }

    fn on(folder: TempDir, change: impl Fn(Options) -> Options) -> Self {
        let registry = Registry::open_or_create(folder.path()).unwrap();
        let server = Server::build(change(Self::options(folder.path()))).unwrap();
        let (address, interrupt) = (server.address(), Interrupt::default());
        let raised = interrupt.clone();
        let server = Some(std::thread::spawn(move || server.run(&raised)));
        Self { folder, registry, address, interrupt, server }
    }

    /// A server on the registry in `folder`, with its log beside it and a key for administrators.
    pub fn options(folder: &Path) -> Options {
        let log = exchanges::Options { folder: folder.join("exchange-log"), ..Default::default() };
        let bind = (Ipv4Addr::LOCALHOST, 0).into();
        Options {
            registry: folder.into(),
            bind,
            exchange_log: log,
            admin_key: Some(ADMIN_KEY.into()),
            limits: Limits::default(),
            allowed_origins: Vec::new(),
            reading: Reading::default(),
            is_behind_proxy: false,
        }
    }

    /// A server with version 1 as its champion.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in TRAINED.iter() {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let app = Self::on(folder, |options| options);
        app.wait_for(1);
        app
    }

    /// Trains the linear family on rows from `skip`; the first model becomes the champion.
    pub fn train(&self, skip: usize) -> u64 {
        train(&self.registry, self.folder.path(), skip)
    }

    /// Waits until this version answers, as long as a promotion may take at most.
    pub fn wait_for(&self, version: u64) {
        let begun = Instant::now();
        while self.get("/readyz").json()["model"]["version"] != version {
            assert!(begun.elapsed() < Duration::from_secs(30), "version {version} does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn get(&self, path: &str) -> Response {
        self.send(Request::get(self.url(path)).body(Vec::new()).unwrap())
    }

    pub fn post(&self, path: &str, body: &Value) -> Response {
        self.post_bytes(path, "application/json", body.to_string().into_bytes())
    }

    pub fn post_bytes(&self, path: &str, content_type: &str, body: Vec<u8>) -> Response {
        let request = Request::post(self.url(path)).header("content-type", content_type);
        self.send(request.body(body).unwrap())
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn send(&self, request: Request<Vec<u8>>) -> Response {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        let mut response = ureq::Agent::new_with_config(config).run(request).unwrap();
        let body = response.body_mut().read_to_vec().unwrap();
        let text = String::from_utf8_lossy(&body).into_owned();
        Response {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text,
            bytes: body,
        }
    }

    /// The value of a series at `/metrics`, with its labels as they are written there.
    pub fn metric(&self, series: &str) -> f64 {
        let text = self.get("/metrics").text;
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{series} is not in\n{text}")).parse().unwrap()
    }

    /// What is recorded, newest first.
    pub fn recorded(&self) -> Vec<Value> {
        let request = Request::get(self.url("/v1/exchanges?limit=1000"));
        let request = request.header("authorization", format!("Bearer {ADMIN_KEY}"));
        let answer = self.send(request.body(Vec::new()).unwrap());
        let list = answer.json()["exchanges"].as_array().cloned();
        list.unwrap_or_else(|| panic!("{}", answer.text))
    }

    /// Asks the server to stop and waits for its end.
    pub fn stop(mut self) -> Result<(), Error> {
        self.interrupt.raise();
        self.server.take().unwrap().join().unwrap()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.interrupt.raise();
    }
}

/// A registry with version 1 as its champion, by the names of its files: trained once for all tests.
static TRAINED: LazyLock<Vec<(PathBuf, Vec<u8>)>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::open_or_create(folder.path()).unwrap();
    train(&registry, folder.path(), 0);
    files(folder.path())
        .into_iter()
        .map(|path| {
            let content = std::fs::read(&path).unwrap();
            (path.strip_prefix(folder.path()).unwrap().into(), content)
        })
        .collect()
});

/// All files in a folder and in those in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Trains the linear family on rows from `skip`, which are left as a file in `folder`.
fn train(registry: &Registry, folder: &Path, skip: usize) -> u64 {
    let data = folder.join(format!("rows-from-{skip}.csv"));
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/diamonds.csv");
    let text = std::fs::read_to_string(all).unwrap();
    let mut file = std::fs::File::create(&data).unwrap();
    // Rows from end to end: the file is sorted by price, and what lies beyond those learned from is a guess.
    let rows = text.lines().skip(1 + skip).step_by(53_940 / N_ROWS).take(N_ROWS);
    for line in text.lines().take(1).chain(rows) {
        writeln!(file, "{line}").unwrap();
    }
    let source = Source { data: vec![data], ..Source::default() };
    let families = choose(built_in(&Locations::default()), &["linear".into()]).unwrap();
    let training = Training {
        max_rejects_percent: 5.0,
        n_trials: 0,
        promotes: Promotes::First,
        ..Training::new(source, families)
    };
    let report = training.run(registry, &Silent, &Interrupt::default()).unwrap();
    report.leaderboard[0].version
}

/// Reads one answer, up to the end of the connection; requests that are none need bare sockets.
pub fn read_response(stream: &mut TcpStream) -> Response {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut received = Vec::new();
    // An answer may come while a request is still being sent, and the rest is refused then.
    if let Err(error) = stream.read_to_end(&mut received) {
        assert!(!received.is_empty(), "{error}");
    }
    parse_response(&received)
}

/// An answer, head and body.
pub fn parse_response(received: &[u8]) -> Response {
    let received = std::str::from_utf8(received).unwrap();
    let (head, text) = received.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{received:?}"));
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let pairs = lines.map(|line| line.split_once(": ").unwrap());
    let headers = pairs.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    Response { status, headers, text: text.to_owned(), bytes: text.as_bytes().to_vec() }
}

/// What every problem document must be; returns it.
pub fn assert_problem(response: &Response, status: u16, code: &str) -> Value {
    assert_eq!(response.status, status, "{}", response.text);
    assert_eq!(response.header("content-type"), "application/problem+json");
    let problem = response.json();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["code"], code, "{problem}");
    assert_eq!(problem["request_id"], response.header("x-request-id"));
    for field in ["type", "title", "detail"] {
        assert!(!problem[field].as_str().unwrap().is_empty(), "{field}: {problem}");
    }
    for error in problem["errors"].as_array().unwrap() {
        assert!(error["pointer"].is_string() && error["message"].is_string(), "{problem}");
    }
    problem
}

/// The pointers of a problem's errors, in order.
pub fn pointers(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect()
}
