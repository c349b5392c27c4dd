//! Every request has exactly one record, whatever became of it, and it is there before the answer.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ureq::http::Request;
use xtream_server::Server;

use crate::helpers::{ADMIN_KEY, Response, TestApp, assert_problem, pointers};

fn stone() -> Value {
    json!({"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VS1"})
}

impl TestApp {
    fn as_administrator(&self, method: &str, path: &str, body: Option<&Value>) -> Response {
        let request = Request::builder().method(method).uri(self.url(path));
        let request = request.header("authorization", format!("Bearer {ADMIN_KEY}"));
        let request = request.header("content-type", "application/json");
        self.send(request.body(body.map_or(Vec::new(), |body| body.to_string().into_bytes())).unwrap())
    }

    /// The records that a query selects, newest first, without those of such queries themselves.
    fn records(&self, query: &str) -> Vec<Value> {
        let mut records = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/v1/exchanges?limit=1000{query}{cursor}");
            let answer = self.as_administrator("GET", &path, None);
            assert_eq!(answer.status, 200, "{}", answer.text);
            records.extend(answer.json()["exchanges"].as_array().unwrap().iter().cloned());
            match answer.json()["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        records.into_iter().filter(|exchange| exchange["request"]["path"] != "/v1/exchanges").collect()
    }

    fn record_of(&self, response: &Response) -> Value {
        let id = response.header("x-request-id");
        let found: Vec<_> = self.records("").into_iter().filter(|exchange| exchange["_id"] == id).collect();
        assert_eq!(found.len(), 1, "exactly one record of {id}");
        found[0].clone()
    }
}

#[test]
fn a_valuation_is_recorded_with_its_body_its_answer_and_its_model() {
    let app = TestApp::new();
    let answer = app.post("/v1/valuations", &stone());
    let record = app.record_of(&answer);
    assert_eq!(record["request"]["method"], "POST");
    assert_eq!(record["request"]["path"], "/v1/valuations");
    assert_eq!(record["request"]["body"], stone());
    assert_eq!(record["response"]["status"], 200);
    assert_eq!(record["response"]["body"], answer.json());
    assert_eq!(record["model"]["version"], 1);
    assert_eq!(record["model"]["digest"], answer.json()["model"]["digest"]);
    assert_eq!(record["client"], "127.0.0.1");
    assert_eq!(record["route"], "/v1/valuations");
    assert!(record["duration_ms"].as_f64().unwrap() > 0.0);
    assert!(record["received_at"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn refused_requests_are_recorded_with_their_bodies_too() {
    let app = TestApp::new();
    let big = "x".repeat(70 << 10);
    for (status, answer, body) in [
        (422, app.post("/v1/valuations", &json!({"carat": -1})), json!({"carat": -1})),
        (400, app.post_bytes("/v1/valuations", "application/json", b"{carat".to_vec()), json!("{carat")),
        (404, app.post("/v1/unknown", &stone()), stone()),
        (405, app.send(Request::delete(app.url("/v1/valuations")).body(Vec::new()).unwrap()), Value::Null),
        (415, app.post_bytes("/v1/valuations", "text/plain", b"hello".to_vec()), json!("hello")),
        (413, app.post_bytes("/v1/valuations", "application/json", big.clone().into()), json!(big[..65_536])),
        (401, app.get("/v1/exchanges/nothing"), Value::Null),
    ] {
        assert_eq!(answer.status, status, "{}", answer.text);
        let record = app.record_of(&answer);
        assert_eq!(record["response"]["status"], status);
        assert_eq!(record["request"]["body"], body, "{status}");
        assert_eq!(record["response"]["body"], answer.json(), "what is recorded is what was sent");
    }
}

#[test]
fn a_body_beyond_what_is_kept_is_cut_in_the_record_and_says_so() {
    let app = TestApp::new();
    let answer = app.post_bytes("/v1/valuations/batch", "application/json", vec![b' '; 3 << 20]);
    assert_problem(&answer, 413, "body_too_large");
    let record = app.record_of(&answer);
    assert_eq!(record["request"]["truncated"], true);
    assert_eq!(record["request"]["body"].as_str().unwrap().len(), 65_536);
}

#[test]
fn a_client_that_hangs_up_half_way_has_its_record() {
    let app = TestApp::new();
    let mut half = TcpStream::connect(app.address).unwrap();
    let head = "POST /v1/valuations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n";
    half.write_all(format!("{head}{{\"carat\": 1.2").as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    half.shutdown(Shutdown::Both).unwrap();
    drop(half);
    let mut whole = TcpStream::connect(app.address).unwrap();
    let body = stone().to_string();
    let head = head.replace("90", &body.len().to_string());
    whole.write_all(format!("{head}{body}").as_bytes()).unwrap();
    drop(whole);
    let begun = Instant::now();
    let records = loop {
        let records = app.records("");
        if records.len() == 2 || begun.elapsed() > Duration::from_secs(30) {
            break records;
        }
    };
    assert_eq!(records.len(), 2, "{records:?}");
    assert!(records.iter().any(|record| record["request"]["body"] == "{\"carat\": 1.2"), "{records:?}");
    assert!(records.iter().any(|record| record["request"]["body"] == stone()), "{records:?}");
}

#[test]
fn an_address_that_is_written_with_escapes_is_recorded_like_any_other() {
    let app = TestApp::new();
    let answer = app.get("/%76%31/models");
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(app.record_of(&answer)["route"], "/v1/models");
}

#[test]
fn probes_are_no_exchanges() {
    let app = TestApp::new();
    for path in ["/livez", "/readyz"] {
        assert_eq!(app.get(path).status, 200);
    }
    assert_eq!(app.records(""), Vec::<Value>::new());
}

#[test]
fn records_are_kept_across_a_restart() {
    let log = tempfile::tempdir().unwrap();
    let with_log = |mut options: xtream_server::Options| {
        options.exchange_log.folder = log.path().into();
        options
    };
    let first = TestApp::empty_with(with_log);
    let id = first.post("/v1/valuations", &stone()).header("x-request-id").to_owned();
    first.stop().unwrap();
    let second = TestApp::empty_with(with_log);
    assert!(second.records("").iter().any(|record| record["_id"] == *id));
}

#[test]
fn a_record_that_changed_on_the_disk_is_left_out_and_told() {
    let app = TestApp::new();
    let ids = [0, 1].map(|_| app.post("/v1/valuations", &stone()).header("x-request-id").to_owned());
    let file = rusqlite::Connection::open(app.folder.path().join("exchange-log/exchanges.sqlite")).unwrap();
    let changed = "UPDATE exchange SET document = replace(document, '1.2', '2.1') WHERE id = ?1";
    assert_eq!(file.execute(changed, [&ids[0]]).unwrap(), 1);
    let page = app.as_administrator("GET", "/v1/exchanges?route=/v1/valuations", None).json();
    let shown: Vec<_> = page["exchanges"].as_array().unwrap().iter().map(|one| &one["_id"]).collect();
    assert_eq!(shown, [&ids[1]]);
    let missing = page["missing"].as_str().unwrap();
    assert!(missing.contains("1 of these exchanges are damaged on the disk"), "{missing}");
    let one = app.as_administrator("GET", &format!("/v1/exchanges/{}", ids[0]), None);
    assert_problem(&one, 503, "log_unavailable");
}

#[test]
fn records_are_paged_and_filtered() {
    let app = TestApp::new();
    let ids: Vec<_> =
        (0..7).map(|_| app.post("/v1/valuations", &stone()).header("x-request-id").to_owned()).collect();
    app.post("/v1/valuations", &json!({}));
    let filter = "&route=/v1/valuations&status=200";
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/exchanges?limit=3{filter}{cursor}");
        let page = app.as_administrator("GET", &path, None).json();
        let exchanges = page["exchanges"].as_array().unwrap();
        assert!(exchanges.len() <= 3);
        seen.extend(exchanges.iter().map(|exchange| exchange["_id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ids.iter().rev().cloned().collect::<Vec<_>>(), "newest first, each once");
    let first = app.records(filter).pop().unwrap();
    let at = first["received_at"].as_str().unwrap();
    assert_eq!(app.records(&format!("{filter}&until={at}")), Vec::<Value>::new());
    assert_eq!(app.records(&format!("{filter}&since={at}")).len(), 7);
    let one = app.as_administrator("GET", &format!("/v1/exchanges/{}", ids[3]), None);
    assert_eq!(one.json()["exchange"]["_id"], *ids[3]);
    let none = app.as_administrator("GET", "/v1/exchanges/00000000-0000-7000-8000-000000000000", None);
    assert_problem(&none, 404, "unknown_exchange");
    let wrong = app.as_administrator("GET", "/v1/exchanges?limit=0&status=x&since=noon&colour=E", None);
    let problem = assert_problem(&wrong, 422, "invalid_request");
    assert_eq!(pointers(&problem), ["/colour", "/since", "/status", "/limit"]);
}

#[test]
fn a_page_of_large_records_ends_early_and_the_next_one_goes_on() {
    let app = TestApp::new();
    let large = format!("\"{}\"", "x".repeat(1_000_000)).into_bytes();
    let ids: Vec<_> = (0..10)
        .map(|_| {
            let answer = app.post_bytes("/v1/valuations/batch", "application/json", large.clone());
            answer.header("x-request-id").to_owned()
        })
        .collect();
    let page = app.as_administrator("GET", "/v1/exchanges?limit=1000&route=/v1/valuations/batch", None);
    assert!((3_000_000..4_500_000).contains(&page.text.len()), "{}", page.text.len());
    assert_eq!(page.json()["exchanges"].as_array().unwrap().len(), 4);
    assert_eq!(page.json()["next_cursor"], ids[6]);
    let all = app.records("&route=/v1/valuations/batch");
    let found: Vec<_> = all.iter().map(|record| record["_id"].as_str().unwrap()).collect();
    assert_eq!(found, ids.iter().rev().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn a_page_has_fifty_exchanges_unless_more_are_asked_for() {
    let app = TestApp::empty();
    for _ in 0..60 {
        app.post("/v1/valuations", &stone());
    }
    let page = app.as_administrator("GET", "/v1/exchanges", None);
    assert_eq!(page.json()["exchanges"].as_array().unwrap().len(), 50);
    assert!(page.json()["next_cursor"].is_string());
    assert_eq!(app.records("").len(), 60);
}

#[test]
fn the_key_is_blanked_wherever_somebody_put_it() {
    let app = TestApp::new();
    let escaped = ADMIN_KEY.replace(' ', "%20");
    let plus = ADMIN_KEY.replace(' ', "+");
    app.get(&format!("/v1/valuations/{escaped}?key={plus}"));
    app.post("/v1/valuations", &json!({"carat": format!("my key is {ADMIN_KEY}"), ADMIN_KEY: [ADMIN_KEY]}));
    app.post_bytes("/v1/valuations", "text/plain", format!("key={ADMIN_KEY}").into_bytes());
    let unicode: String = ADMIN_KEY.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect();
    app.post_bytes("/v1/valuations", "application/json", format!("{{\"a\": \"{unicode}\"}}").into_bytes());
    let records = app.records("");
    assert_eq!(records.len(), 4, "{records:?}");
    for record in records {
        let text = record.to_string();
        for form in [ADMIN_KEY, &escaped, &plus] {
            assert!(!text.contains(form), "{text}");
        }
        assert!(text.contains("[key]"), "{text}");
    }
}

#[test]
fn a_log_that_is_taken_away_is_told_and_nothing_is_answered_unrecorded() {
    let app = TestApp::new();
    let log = app.folder.path().join("exchange-log");
    std::fs::rename(&log, app.folder.path().join("elsewhere")).unwrap();
    let until_ready_is = |status| {
        let begun = Instant::now();
        while app.get("/readyz").status != status {
            assert!(begun.elapsed() < Duration::from_secs(30), "/readyz does not become {status}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    until_ready_is(503);
    assert_problem(&app.post("/v1/valuations", &stone()), 503, "log_unavailable");
    let ready = app.get("/readyz");
    let problem = assert_problem(&ready, 503, "log_unavailable");
    assert!(problem["detail"].as_str().unwrap().contains("its folder is gone"), "{problem}");
    std::fs::create_dir(&log).unwrap();
    until_ready_is(200);
    app.post("/v1/valuations", &stone());
    assert_eq!(app.records("&status=200").len(), 1);
}

#[test]
fn a_second_server_on_the_same_log_is_refused_in_words() {
    let app = TestApp::empty();
    let error = Server::build(TestApp::options(app.folder.path())).err().unwrap().to_string();
    assert!(error.contains("another server is using it"), "{error}");
}

#[test]
fn records_are_for_administrators_and_never_hold_a_key() {
    let app = TestApp::new();
    let refused = app.get("/v1/exchanges");
    assert_problem(&refused, 401, "administrators_only");
    assert_eq!(refused.header("www-authenticate"), "Bearer");
    for header in ["Bearer wrong", "Bearer", "Basic dXNlcg==", &format!("Basic {ADMIN_KEY}")] {
        let request = Request::get(app.url("/v1/exchanges")).header("authorization", header);
        assert_problem(&app.send(request.body(Vec::new()).unwrap()), 401, "administrators_only");
    }
    let all = app.as_administrator("GET", "/v1/exchanges?limit=1000", None).text;
    assert!(!all.contains(ADMIN_KEY) && !all.contains("dXNlcg"));
    let closed =
        TestApp::empty_with(|options| xtream_server::Options { admin_key: Some(String::new()), ..options });
    let refused = closed.get("/v1/exchanges");
    let problem = assert_problem(&refused, 403, "no_administrators");
    assert!(problem["detail"].as_str().unwrap().contains("XTREAM_ADMIN_KEY"));
}

#[test]
fn an_administrator_promotes_a_model_with_a_reason() {
    let app = TestApp::new();
    let second = app.train(3);
    let path = format!("/v1/models/{second}/promote");
    assert_problem(&app.post(&path, &json!({"reason": "x"})), 401, "administrators_only");
    let wrong = app.as_administrator("POST", &path, Some(&json!({"reason": " ", "why": 1})));
    let problem = assert_problem(&wrong, 422, "invalid_request");
    assert_eq!(pointers(&problem), ["/why", "/reason"]);
    let unknown = app.as_administrator("POST", "/v1/models/99/promote", Some(&json!({"reason": "x"})));
    assert_problem(&unknown, 404, "unknown_model");
    let promoted = app.as_administrator("POST", &path, Some(&json!({"reason": "seen at the counter"})));
    assert_eq!(promoted.status, 200, "{}", promoted.text);
    assert_eq!(promoted.json()["decision"]["reason"], "seen at the counter");
    app.wait_for(second);
}

#[test]
fn a_log_that_cannot_be_opened_keeps_the_server_from_starting() {
    let app = TestApp::empty();
    let mut options = TestApp::options(app.folder.path());
    let file = app.folder.path().join("in the way");
    std::fs::write(&file, "").unwrap();
    options.exchange_log.folder = file.join("log");
    let error = Server::build(options).err().unwrap().to_string();
    assert!(error.starts_with("the exchange log: cannot open"), "{error}");
}
