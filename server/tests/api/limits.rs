//! Too much, too often, too slow: refused in words, and nobody else waits.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::http::Request;
use xtream_server::{Limits, Options, Rate};

use crate::helpers::{ADMIN_KEY, TestApp, assert_problem, parse_response, read_response};

const POST: &str = "POST /v1/valuations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";

fn app_with(change: impl Fn(Limits) -> Limits) -> TestApp {
    TestApp::empty_with(|options| Options { limits: change(options.limits), ..options })
}

/// A server that waits half a second for a request.
fn hasty() -> TestApp {
    app_with(|limits| Limits { request_timeout: Duration::from_secs(1), ..limits })
}

fn connect(app: &TestApp, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(app.address).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

/// The one record of it.
fn record_of(app: &TestApp, request_id: &Value) -> Value {
    let found: Vec<_> = app.recorded().into_iter().filter(|record| record["_id"] == *request_id).collect();
    assert_eq!(found.len(), 1, "{request_id}");
    found.into_iter().next().unwrap()
}

/// Everything that comes before the end of the connection.
fn received(mut stream: TcpStream) -> String {
    let mut received = String::new();
    stream.read_to_string(&mut received).unwrap();
    received
}

#[test]
fn what_is_no_http_is_refused_and_counted_and_no_exchange() {
    let app = TestApp::empty();
    let odd = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this is TLS".as_slice(),
        b"nonsense\r\n\r\n",
        b"GET /v1/models?n=1 HTTP/9.9\r\n\r\n",
        b"POST /v1/valuations HTTP/1.1\r\nbad header\r\n\r\n",
        b"POST /v1/valuations HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/valuations HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ];
    for bytes in odd {
        let answer = received(connect(&app, bytes));
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
    }
    assert_eq!(app.metric("xtream_unreadable_total"), odd.len() as f64);
    assert!(app.recorded().is_empty());
}

#[test]
fn a_good_request_before_a_bad_one_keeps_its_answer() {
    let app = TestApp::empty();
    let both = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n";
    let answers = received(connect(&app, both));
    assert!(answers.starts_with("HTTP/1.1 200 OK"), "{answers}");
    assert!(answers.contains("HTTP/1.1 400 Bad Request"), "{answers}");
    assert_eq!(app.metric("xtream_unreadable_total"), 1.0);
    let statuses: Vec<_> = app.recorded().iter().map(|record| record["response"]["status"].clone()).collect();
    assert_eq!(statuses, [200]);
}

#[test]
fn a_body_that_cannot_be_read_has_one_answer_in_words_and_one_record() {
    let app = TestApp::new();
    for rest in ["zz\r\n", "zz\r\n\r\nGET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let request = format!("{POST}Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n{rest}");
        let answer = received(connect(&app, request.as_bytes()));
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
        let answer = parse_response(answer.as_bytes());
        let problem = assert_problem(&answer, 400, "malformed_request");
        let record = record_of(&app, &problem["request_id"]);
        assert_eq!(record["request"]["body"], json!(12345));
        assert_eq!(record["response"]["body"], problem);
    }
    assert_eq!(app.metric("xtream_unreadable_total"), 0.0);
}

#[test]
fn a_body_that_cannot_be_read_is_answered_however_much_of_it_is_still_to_come() {
    let app = TestApp::new();
    let mut stream = connect(&app, format!("{POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n").as_bytes());
    // The server may have ended the connection before all of this is sent.
    let _ = stream.write_all(&vec![b'x'; 4 << 20]);
    let problem = assert_problem(&read_response(&mut stream), 400, "malformed_request");
    record_of(&app, &problem["request_id"]);
}

#[test]
fn a_head_that_does_not_end_is_408_and_counted_also_after_other_requests() {
    let app = hasty();
    let begun = Instant::now();
    for before in ["", "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let mut stream = connect(&app, before.as_bytes());
        if !before.is_empty() {
            stream.read_exact(&mut [0; 12]).unwrap();
            std::thread::sleep(Duration::from_millis(200));
        }
        stream.write_all(b"GET /v1/mod").unwrap();
        let answers = received(stream);
        assert!(answers.contains("HTTP/1.1 408 Request Timeout\r\n"), "{answers}");
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(app.metric("xtream_unreadable_total"), 2.0);
    assert!(app.recorded().is_empty());
}

#[test]
fn a_head_that_dribbles_is_not_waited_for_any_longer() {
    let app = hasty();
    let mut stream = connect(&app, b"GET / HTTP/1.1\r\nX: ");
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) && stream.write_all(b"x").is_ok() {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[test]
fn a_client_that_says_nothing_is_hung_up_on_without_a_record() {
    let app = hasty();
    let begun = Instant::now();
    let mut received = Vec::new();
    connect(&app, b"").read_to_end(&mut received).unwrap();
    assert!(received.is_empty() && begun.elapsed() < Duration::from_secs(15));
    assert!(app.recorded().is_empty());
}

#[test]
fn a_body_that_does_not_come_is_408_and_recorded() {
    let app = hasty();
    app.train(0);
    app.wait_for(1);
    let response = read_response(&mut connect(&app, format!("{POST}Content-Length: 9\r\n\r\n{{").as_bytes()));
    let problem = assert_problem(&response, 408, "request_timeout");
    assert_eq!(record_of(&app, &problem["request_id"])["request"]["body"], "{");
}

#[test]
fn an_idle_connection_makes_room_for_a_new_one() {
    let app = app_with(|limits| Limits { max_connections: 20, ..limits });
    let mut idle: Vec<_> = (0..200).map(|_| connect(&app, b"")).collect();
    // Heads and bodies that are not complete hold no place either.
    idle.extend((0..50).map(|_| connect(&app, b"GET /v1/mod")));
    idle.extend((0..50).map(|_| connect(&app, format!("{POST}Content-Length: 9\r\n\r\n{{").as_bytes())));
    let begun = Instant::now();
    for _ in 0..50 {
        assert_eq!(app.get("/v1/models").status, 200);
    }
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert!(app.metric("xtream_connections") <= 20.0);
    assert!(app.metric("xtream_connections_displaced_total") >= 280.0);
    assert_eq!(app.metric("xtream_connections_refused_total"), 0.0);
}

#[test]
fn a_client_that_asks_too_often_is_told_how_long_to_wait() {
    let rate = |n| NonZeroU32::new(n).unwrap();
    let app =
        app_with(|limits| Limits { rate: Some(Rate { per_minute: rate(30), burst: rate(3) }), ..limits });
    let answers: Vec<_> = (0..4).map(|_| app.get("/v1/models")).collect();
    for (answer, n_left) in answers.iter().zip([2, 1, 0]) {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("ratelimit-policy"), "\"default\";q=3;w=6");
        assert!(answer.header("ratelimit").starts_with(&format!("\"default\";r={n_left};t=")));
    }
    let refused = &answers[3];
    let problem = assert_problem(refused, 429, "too_many_requests");
    assert_eq!(refused.header("retry-after"), "2");
    assert_eq!(refused.header("ratelimit"), "\"default\";r=0;t=2");
    record_of_limited(&app, &problem);
    assert_eq!(app.metric("xtream_rate_limited_total"), 1.0);
    for _ in 0..10 {
        assert_eq!(app.get("/livez").status, 200, "probes are not counted");
    }
}

fn record_of_limited(app: &TestApp, problem: &Value) {
    // Asking for the records takes a share too.
    std::thread::sleep(Duration::from_millis(2100));
    record_of(app, &problem["request_id"]);
}

#[test]
fn more_at_once_than_can_be_answered_is_503_with_a_time_to_come_back() {
    let app = app_with(|limits| Limits { max_in_flight: 1, ..limits });
    app.train(0);
    app.wait_for(1);
    let stone = json!({"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VS1"});
    let batch = json!({"diamonds": vec![stone; 1000]});
    let answers: Vec<_> = std::thread::scope(|scope| {
        let ask = |_| scope.spawn(|| app.post("/v1/valuations/batch", &batch));
        let clients: Vec<_> = (0..16).map(ask).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let (answered, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert!(!answered.is_empty() && !refused.is_empty(), "{} answered", answered.len());
    for answer in &refused {
        let problem = assert_problem(answer, 503, "overloaded");
        assert_eq!(answer.header("retry-after"), "1");
        record_of(&app, &problem["request_id"]);
    }
    assert_eq!(app.metric("xtream_shed_total"), refused.len() as f64);
}

#[test]
fn pages_of_listed_sites_may_ask_and_read_every_answer() {
    let site = "https://shop.example";
    let app = TestApp::empty_with(|options| Options { allowed_origins: vec![site.into()], ..options });
    let ask = |method: &str, path: &str, origin: &str| {
        let request = Request::builder().method(method).uri(app.url(path)).header("origin", origin);
        app.send(request.header("access-control-request-method", "POST").body(Vec::new()).unwrap())
    };
    let leave = ask("OPTIONS", "/v1/valuations", site);
    assert_eq!((leave.status, leave.header("access-control-allow-origin")), (200, site));
    assert!(leave.header("access-control-allow-methods").contains("POST"));
    for path in ["/v1/models", "/v1/models/9", "/v1/nothing"] {
        let answer = ask("GET", path, site);
        assert_eq!(answer.header("access-control-allow-origin"), site, "{path}");
        assert!(answer.header("access-control-expose-headers").to_lowercase().contains("x-request-id"));
        assert!(answer.header("vary").to_lowercase().contains("origin"));
        let foreign = ask("GET", path, "https://elsewhere.example");
        assert_eq!((foreign.status, foreign.header("access-control-allow-origin")), (answer.status, ""));
    }
    let foreign = ask("OPTIONS", "/v1/valuations", "https://elsewhere.example");
    let problem = assert_problem(&foreign, 403, "origin_not_allowed");
    record_of(&app, &problem["request_id"]);
}

#[test]
fn what_browsers_and_libraries_send_along_is_let_through_and_anything_else_is_named() {
    let site = "https://shop.example";
    let app = TestApp::empty_with(|options| Options { allowed_origins: vec![site.into()], ..options });
    let leave = |method: &str, headers: &str| {
        let request = Request::options(app.url("/v1/models")).header("origin", site);
        let request = request.header("access-control-request-method", method);
        let request = request.header("access-control-request-headers", headers);
        app.send(request.body(Vec::new()).unwrap())
    };
    let usual = "accept,accept-language,authorization,content-type,if-none-match,traceparent,x-request-id,\
                 x-requested-with";
    assert_eq!(leave("GET", usual).status, 200);
    let exposed = Request::get(app.url("/v1/models")).header("origin", site).body(Vec::new()).unwrap();
    let exposed = app.send(exposed);
    assert!(exposed.header("access-control-expose-headers").to_lowercase().contains("etag"));
    let problem = assert_problem(&leave("GET", "content-type, X-Shop"), 403, "header_not_allowed");
    let words = problem["detail"].as_str().unwrap();
    assert!(words.contains("may not send x-shop here") && words.contains("traceparent"), "{words}");
    assert_problem(&leave("PUT", "content-type"), 405, "method_not_allowed");
}

#[test]
fn without_a_list_no_page_of_another_site_may_ask() {
    let app = TestApp::empty();
    let request = Request::options(app.url("/v1/valuations")).header("origin", "https://shop.example");
    let request = request.header("access-control-request-method", "POST").body(Vec::new()).unwrap();
    let answer = app.send(request);
    assert_problem(&answer, 405, "method_not_allowed");
    assert_eq!(answer.header("access-control-allow-origin"), "");
}

#[test]
fn the_client_is_who_the_proxy_says_only_where_there_is_one() {
    for (is_behind_proxy, expected) in [(true, "203.0.113.9"), (false, "127.0.0.1")] {
        let app = TestApp::empty_with(|options| Options { is_behind_proxy, ..options });
        let request = Request::get(app.url("/v1/models")).header("x-forwarded-for", "10.9.9.9, 203.0.113.9");
        app.send(request.body(Vec::new()).unwrap());
        assert_eq!(app.recorded()[0]["client"], expected);
    }
}

#[test]
fn what_is_asked_and_answered_is_counted() {
    let app = TestApp::new();
    app.post("/v1/valuations", &json!({}));
    app.get("/v1/nothing/at/all");
    app.get("/v1/something/else");
    received(connect(&app, b"nonsense\r\n\r\n"));
    let count = |labels: &str| app.metric(&format!("xtream_exchanges_total{{{labels}}}"));
    assert_eq!(count(r#"method="POST",route="/v1/valuations",status="422""#), 1.0);
    assert_eq!(count(r#"method="GET",route="none",status="404""#), 2.0);
    assert_eq!(app.metric("xtream_unreadable_total"), 1.0);
    assert_eq!(app.metric("xtream_model_version"), 1.0);
    assert_eq!(app.metric("xtream_model_swaps_total"), 1.0);
    assert_eq!(app.metric("xtream_log_records"), 3.0);
    assert_eq!(app.metric("xtream_mongodb_up"), 0.0);
    assert_eq!(app.recorded().len(), 3, "looking at the counts is no exchange");
}

#[test]
fn pages_count_as_requests_and_probes_do_not() {
    let rate = |n| NonZeroU32::new(n).unwrap();
    let app =
        app_with(|limits| Limits { rate: Some(Rate { per_minute: rate(1), burst: rate(3) }), ..limits });
    for path in ["/", "/page/counter.js", "/docs/swagger-ui-bundle.js"] {
        let answer = app.get(path);
        assert_eq!(answer.status, 200);
        assert!(answer.header("ratelimit").starts_with("\"default\";r="), "{path}");
    }
    for path in ["/", "/docs/guide", "/openapi.json", "/v1/models"] {
        assert_problem(&app.get(path), 429, "too_many_requests");
    }
    assert_eq!(app.get("/readyz").status, 503, "a probe is answered");
    assert_eq!(app.metric("xtream_rate_limited_total"), 4.0);
}

/// A batch of so many stones from this address, which a proxy tells.
fn batch(app: &TestApp, client: &str, n: usize) -> crate::helpers::Response {
    let stone = json!({"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VS1"});
    let body = json!({"diamonds": vec![stone; n]}).to_string().into_bytes();
    let request = Request::post(app.url("/v1/valuations/batch")).header("content-type", "application/json");
    app.send(request.header("x-forwarded-for", client).body(body).unwrap())
}

#[test]
fn stones_of_batches_have_a_share_of_their_own() {
    let rate = |n| NonZeroU32::new(n).unwrap();
    let rows = Some(Rate { per_minute: rate(60), burst: rate(10) });
    let with = |is_behind_proxy| {
        let app = TestApp::empty_with(|options| {
            let limits = Limits { rows, ..options.limits };
            Options { limits, is_behind_proxy, ..options }
        });
        app.train(0);
        app.wait_for(1);
        app
    };
    let app = with(true);
    assert_eq!(batch(&app, "203.0.113.9", 7).status, 200);
    let refused = batch(&app, "203.0.113.9", 7);
    let problem = assert_problem(&refused, 429, "too_many_requests");
    assert!(problem["detail"].as_str().unwrap().starts_with("Your share of stones in batches is used up."));
    assert_eq!((refused.header("retry-after"), refused.header("ratelimit")), ("4", "\"rows\";r=0;t=4"));
    assert_eq!(refused.header("ratelimit-policy"), "\"rows\";q=10;w=10");
    assert_eq!(batch(&app, "203.0.113.9", 3).status, 200, "what was refused took nothing");
    assert_eq!(batch(&app, "198.51.100.1", 7).status, 200, "another client has its own share");
    assert_eq!(batch(&app, "198.51.100.2", 100).status, 200, "more than there can be takes all there is");
    assert_problem(&batch(&app, "198.51.100.2", 1), 429, "too_many_requests");
    assert_eq!(batch(&app, "127.0.0.1", 10).status, 200);
    assert_problem(&batch(&app, "127.0.0.1", 10), 429, "too_many_requests");
    // Without a proxy, who asks from this machine is the shop itself.
    let own = with(false);
    for _ in 0..3 {
        assert_eq!(batch(&own, "203.0.113.9", 100).status, 200);
    }
}

#[test]
fn wrong_keys_are_slowed_and_the_client_alone_that_sends_them() {
    let app = TestApp::empty_with(|options| Options { is_behind_proxy: true, ..options });
    let ask = |client: &str, key: &str| {
        let request = Request::get(app.url("/v1/exchanges?limit=1")).header("x-forwarded-for", client);
        app.send(request.header("authorization", format!("Bearer {key}")).body(Vec::new()).unwrap())
    };
    for n in 0..10 {
        assert_problem(&ask("203.0.113.9", &format!("guess number {n}")), 401, "administrators_only");
    }
    for key in ["another guess", ADMIN_KEY] {
        let refused = ask("203.0.113.9", key);
        let problem = assert_problem(&refused, 429, "too_many_requests");
        assert!(problem["detail"].as_str().unwrap().contains("wrong administrator's keys"));
        let wait: u64 = refused.header("retry-after").parse().unwrap();
        assert!((50..=60).contains(&wait), "{wait}");
    }
    assert_eq!(ask("198.51.100.1", ADMIN_KEY).status, 200);
    assert_eq!(app.metric("xtream_wrong_keys_total"), 10.0);
}

#[test]
fn a_key_that_is_sent_twice_is_no_key() {
    let app = TestApp::empty();
    for (path, status) in [("/v1/exchanges", 400), ("/v1/models", 400), ("/", 400), ("/livez", 400)] {
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {ADMIN_KEY}\r\n\
             Authorization: Bearer {ADMIN_KEY}\r\n\r\n"
        );
        let answer = read_response(&mut connect(&app, head.as_bytes()));
        let problem = assert_problem(&answer, status, "malformed_request");
        assert!(problem["detail"].as_str().unwrap().contains("Authorization is there more than once"));
    }
}

#[test]
fn a_server_does_not_start_with_a_key_that_can_be_guessed() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { admin_key: Some("0123456789abcde".into()), ..TestApp::options(folder.path()) };
    let error = xtream_server::Server::build(options).err().unwrap().to_string();
    assert!(error.contains("XTREAM_ADMIN_KEY") && error.contains("16 characters"), "{error}");
    assert!(!error.contains("0123456789abcde"), "{error}");
}

#[test]
fn numbers_of_exchanges_are_in_the_order_of_the_requests() {
    let app = TestApp::empty();
    let mut stream = connect(&app, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n".repeat(199).as_bytes());
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut received = String::new();
    stream.read_to_string(&mut received).unwrap();
    let numbers: Vec<_> = received.lines().filter_map(|line| line.strip_prefix("x-request-id: ")).collect();
    assert_eq!(numbers.len(), 200);
    assert!(numbers.is_sorted_by(|earlier, later| earlier < later), "{numbers:?}");
}
