//! The documentation says what the server does, and works without internet.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};
use ureq::http::Request;
use xtream_server::{Limits, Rate};

use crate::helpers::{ADMIN_KEY, Response, TestApp, assert_problem, read_response};

const SIMILAR: &str = "/v1/similar-diamonds";
const STONE: &str = "carat=1.2&cut=Premium&color=E&clarity=VS1";
/// Each page with its type.
const PAGES: [(&str, &str); 11] = [
    ("/", HTML),
    ("/batch", HTML),
    ("/models", HTML),
    ("/certificate", HTML),
    ("/docs/", HTML),
    ("/docs/guide", HTML),
    ("/docs/problems", HTML),
    ("/docs/style.css", "text/css; charset=utf-8"),
    ("/page/page.css", "text/css; charset=utf-8"),
    ("/page/counter.js", "text/javascript; charset=utf-8"),
    ("/openapi.json", "application/json; charset=utf-8"),
];
const HTML: &str = "text/html; charset=utf-8";

fn document(app: &TestApp) -> Value {
    app.get("/openapi.json").json()
}

/// Sends requests and holds the answers to the document.
struct Checker {
    document: Value,
    /// Route, method and status of the answers seen.
    seen: BTreeSet<(String, String, String)>,
}

impl Checker {
    /// Sends what an administrator sends to a path; the document names its route.
    fn send(&mut self, app: &TestApp, status: u16, asked: [&str; 3], body: &str) {
        let key = format!("Bearer {ADMIN_KEY}");
        let headers = [("content-type", "application/json"), ("authorization", &key)];
        self.send_with(&headers, app, status, asked, body);
    }

    fn send_with(
        &mut self,
        headers: &[(&str, &str)],
        app: &TestApp,
        status: u16,
        [method, route, path]: [&str; 3],
        body: &str,
    ) {
        let mut request = Request::builder().method(method).uri(app.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = app.send(request.body(body.as_bytes().to_vec()).unwrap());
        assert_eq!(response.status, status, "{method} {path}: {}", response.text);
        let methods = self.document["paths"][route].as_object().unwrap();
        // What no operation describes is 405, which each operation of the address names.
        let method =
            if status == 405 { methods.keys().next().unwrap().clone() } else { method.to_lowercase() };
        self.assert_described(route, &method, &response);
        self.seen.insert((route.to_owned(), method, status.to_string()));
    }

    fn assert_described(&self, route: &str, method: &str, response: &Response) {
        let responses = &self.document["paths"][route][method]["responses"];
        let described = &responses[response.status.to_string()];
        assert!(described.is_object(), "{method} {route} {} is not described", response.status);
        let described = resolved(&self.document, described);
        for name in described["headers"].as_object().unwrap().keys() {
            // There only of a number that another server may have given a moment ago.
            let is_always_there = (response.status, name.as_str()) != (404, "Retry-After");
            assert!(
                !is_always_there || !response.header(name).is_empty(),
                "{method} {route} {} has no {name}",
                response.status
            );
        }
        if response.status == 304 {
            assert_eq!((&described["content"], response.text.as_str()), (&Value::Null, ""));
            return;
        }
        let media_type = response.header("content-type").split(';').next().unwrap();
        let schema = &described["content"][media_type]["schema"];
        assert!(schema.is_object(), "{method} {route} {} is not {media_type}", response.status);
    }

    /// Sends a head, or a part of one, and reads the answer to what never gets complete.
    fn send_part(&mut self, app: &TestApp, status: u16, [method, route, path]: [&str; 3], rest: &str) {
        let mut stream = TcpStream::connect(app.address).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer {ADMIN_KEY}\r\n{rest}"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let response = read_response(&mut stream);
        assert_eq!(response.status, status, "{method} {path}: {}", response.text);
        self.assert_described(route, &method.to_lowercase(), &response);
        self.seen.insert((route.to_owned(), method.to_lowercase(), status.to_string()));
    }

    /// The answers that are described and were not seen; the server's own mistakes cannot be asked for.
    fn unseen(&self) -> Vec<(String, String, String)> {
        let mut described = Vec::new();
        for (route, methods) in self.document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let statuses = operation["responses"].as_object().unwrap().keys();
                let statuses = statuses.filter(|status| *status != "default");
                described.extend(statuses.map(|status| (route.clone(), method.clone(), status.clone())));
            }
        }
        described.into_iter().filter(|answer| !self.seen.contains(answer)).collect()
    }
}

#[test]
fn every_answer_that_is_described_is_given_and_is_as_it_is_described() {
    let (app, empty) = (TestApp::new(), TestApp::empty());
    let closed = TestApp::empty_with(|options| xtream_server::Options { admin_key: None, ..options });
    let mut checker = Checker { document: document(&app), seen: BTreeSet::new() };
    let c = &mut checker;
    let key = format!("Bearer {ADMIN_KEY}");
    let as_text = [("content-type", "text/plain"), ("authorization", key.as_str())];
    let stone =
        r#"{"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VS1", "x": 6.8, "y": 6.75, "z": 3}"#;
    let batch = format!(r#"{{"diamonds": [{stone}, {{"carat": 0}}]}}"#);
    let large = " ".repeat(1 << 21);
    let (one, many) = ("/v1/valuations", "/v1/valuations/batch");
    let (model, promote) = ("/v1/models/{version}", "/v1/models/{version}/promote");
    let (exchanges, exchange) = ("/v1/exchanges", "/v1/exchanges/{request_id}");

    for (route, path, body) in [
        (one, one, stone),
        (many, many, &batch),
        (promote, "/v1/models/1/promote", r#"{"reason": "a test"}"#),
    ] {
        c.send(&app, 200, ["POST", route, path], body);
        c.send(&app, 400, ["POST", route, path], "{");
        c.send(&app, 405, ["GET", route, path], "");
        c.send(&app, 413, ["POST", route, path], &large);
        c.send_with(&as_text, &app, 415, ["POST", route, path], body);
        c.send(&app, 422, ["POST", route, path], "{}");
    }
    let files = "/v1/files";
    let form = [("content-type", "multipart/form-data")];
    c.send(&app, 200, ["POST", files, files], "carat,cut,color,clarity\n1,Ideal,E,IF\n");
    c.send_part(&app, 400, ["POST", files, files], "Transfer-Encoding: chunked\r\n\r\nnone\r\n");
    c.send(&app, 405, ["GET", files, files], "");
    c.send(&app, 413, ["POST", files, files], &" ".repeat((20 << 20) + 1));
    c.send_with(&form, &app, 415, ["POST", files, files], "");
    c.send(&app, 422, ["POST", files, files], "{");
    c.send(&app, 404, ["POST", promote, "/v1/models/9/promote"], r#"{"reason": "a test"}"#);

    let recorded = app.post(one, &json!({})).header("x-request-id").to_owned();
    let found = format!("/v1/exchanges/{recorded}");
    let certificate = "/v1/valuations/{request_id}";
    let valued = app.post_bytes(one, "application/json", stone.into()).header("x-request-id").to_owned();
    let certified = format!("/v1/valuations/{valued}");
    c.send(&app, 404, ["GET", certificate, "/v1/valuations/9"], "");
    c.send(&app, 422, ["GET", certificate, &format!("{certified}?row=1")], "");
    for (route, path) in [
        (SIMILAR, format!("{SIMILAR}?{STONE}&n=100")),
        ("/v1/models", "/v1/models".into()),
        ("/v1/models/champion", "/v1/models/champion".into()),
        (model, "/v1/models/1".into()),
        (exchanges, format!("{exchanges}?limit=1000")),
        (exchange, found),
        (certificate, certified),
        ("/livez", "/livez".into()),
        ("/readyz", "/readyz".into()),
        ("/metrics", "/metrics".into()),
    ] {
        c.send(&app, 200, ["GET", route, &path], "");
        c.send(&app, 405, ["DELETE", route, &path], "");
    }
    let all = "include=reasons,comparables,what_if&confidence=0.95";
    c.send(&app, 200, ["POST", one, &format!("{one}?{all}")], stone);
    c.send(&app, 422, ["POST", one, &format!("{one}?confidence=90")], stone);
    c.send(&app, 200, ["POST", many, &format!("{many}?confidence=0.5")], &batch);
    c.send(&app, 422, ["POST", many, &format!("{many}?{all}")], &batch);
    c.send(&app, 422, ["GET", SIMILAR, &format!("{SIMILAR}?{STONE}&n=0")], "");
    c.send(&app, 422, ["GET", exchanges, "/v1/exchanges?status=good"], "");
    c.send(&app, 422, ["GET", "/v1/models", "/v1/models?limit=0"], "");
    for asked in [
        ["GET", "/v1/models", "/v1/models"],
        ["GET", "/v1/models/champion", "/v1/models/champion"],
        ["GET", model, "/v1/models/1"],
    ] {
        c.send_with(&[("if-none-match", "*")], &app, 304, asked, "");
    }
    c.send_with(
        &[("accept", "application/openmetrics-text")],
        &app,
        200,
        ["GET", "/metrics", "/metrics"],
        "",
    );
    c.send(&app, 404, ["GET", model, "/v1/models/9"], "");
    c.send(&app, 404, ["GET", exchange, "/v1/exchanges/9"], "");

    let administrative = [
        ["POST", promote, "/v1/models/1/promote"],
        ["GET", exchanges, exchanges],
        ["GET", exchange, "/v1/exchanges/9"],
    ];
    for asked in administrative {
        c.send_with(&[("authorization", "Bearer a guess")], &app, 401, asked, "{}");
        c.send_with(&[], &closed, 403, asked, "{}");
    }

    let patient = TestApp::empty_with(|options| {
        let limits = Limits { request_timeout: Duration::from_millis(500), ..options.limits };
        xtream_server::Options { limits, ..options }
    });
    patient.train(0);
    patient.wait_for(1);
    let strict = TestApp::empty_with(|options| {
        let once = NonZeroU32::MIN;
        let rate = Some(Rate { per_minute: once, burst: once });
        let limits = Limits { rate, ..options.limits };
        xtream_server::Options { limits, ..options }
    });
    strict.get("/v1/models");
    for asked in [
        ["POST", one, one],
        ["POST", many, many],
        ["POST", files, files],
        ["POST", promote, "/v1/models/1/promote"],
        ["GET", SIMILAR, SIMILAR],
        ["GET", "/v1/models", "/v1/models"],
        ["GET", "/v1/models/champion", "/v1/models/champion"],
        ["GET", model, "/v1/models/1"],
        ["GET", exchanges, exchanges],
        ["GET", exchange, "/v1/exchanges/9"],
        ["GET", certificate, "/v1/valuations/9"],
    ] {
        c.send(&strict, 429, asked, "");
        if asked[0] == "POST" {
            c.send_part(&patient, 408, asked, "Content-Length: 5\r\n\r\n{");
        }
    }

    c.send(&empty, 503, ["POST", one, one], stone);
    c.send(&empty, 503, ["POST", many, many], &batch);
    c.send(&empty, 503, ["GET", SIMILAR, &format!("{SIMILAR}?{STONE}")], "");
    c.send(&empty, 503, ["GET", "/v1/models/champion", "/v1/models/champion"], "");
    c.send(&empty, 503, ["GET", "/readyz", "/readyz"], "");
    // An entry of the registry's log that nobody wrote.
    let commits = app.folder.path().join("commits");
    let n = std::fs::read_dir(&commits).unwrap().count() + 1;
    std::fs::write(commits.join(format!("{n:08}.json")), "{}").unwrap();
    c.send(&app, 503, ["GET", "/v1/models", "/v1/models"], "");
    c.send(&app, 503, ["GET", model, "/v1/models/1"], "");
    c.send(&app, 503, ["POST", promote, "/v1/models/1/promote"], r#"{"reason": "a test"}"#);
    // An exchange log whose table is gone.
    let log = rusqlite::Connection::open(empty.folder.path().join("exchange-log/exchanges.sqlite")).unwrap();
    log.execute_batch("DROP TABLE exchange").unwrap();
    c.send(&empty, 503, ["GET", exchanges, exchanges], "");
    c.send(&empty, 503, ["POST", files, files], "{");
    let unread = "/v1/exchanges/0197f2a4-8c1b-7e52-9d3a-5b6c7d8e9f01";
    c.send(&empty, 503, ["GET", exchange, unread], "");
    c.send(&empty, 503, ["GET", certificate, "/v1/valuations/0197f2a4-8c1b-7e52-9d3a-5b6c7d8e9f01"], "");

    assert!(checker.unseen().is_empty(), "{:?}", checker.unseen());
}

/// What a reference of the document points to, or the value itself where it is none.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let Some(reference) = value["$ref"].as_str() else { return value };
    document.pointer(&reference[1..]).unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

#[test]
fn the_document_is_the_one_that_was_looked_at() {
    let document = document(&TestApp::empty());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi.json");
    let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
    if std::env::var_os("XTREAM_UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let snapshot = std::fs::read_to_string(&path).unwrap();
    let differing = snapshot.lines().zip(text.lines()).enumerate().find(|(_, (was, is))| was != is);
    assert!(
        snapshot == text,
        "what users see of the API has changed, first here: {differing:?}. If that is meant, run this test with \
         XTREAM_UPDATE_OPENAPI=1 and commit server/tests/openapi.json."
    );
}

#[test]
fn every_reference_leads_somewhere_and_every_part_is_used() {
    let document = document(&TestApp::empty());
    let mut used = BTreeSet::new();
    references(&document, &mut used);
    for reference in &used {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
    }
    for (kind, parts) in document["components"].as_object().unwrap() {
        let unused = parts.as_object().unwrap().keys().map(|name| format!("#/components/{kind}/{name}"));
        let unused: Vec<_> =
            unused.filter(|part| kind != "securitySchemes" && !used.contains(part)).collect();
        assert!(unused.is_empty(), "{unused:?}");
    }
}

/// Everything that is referred to in `value`.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

#[test]
fn every_operation_and_parameter_says_what_it_is_and_every_kind_of_problem_is_shown() {
    let document = document(&TestApp::empty());
    let mut shown = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for operation in methods.as_object().unwrap().values() {
            for part in ["summary", "description", "operationId"] {
                assert!(operation[part].is_string(), "{path} has no {part}");
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let parameter = resolved(&document, parameter);
                assert!(parameter["description"].is_string(), "{path}: {parameter}");
            }
            for (status, response) in operation["responses"].as_object().unwrap() {
                let response = resolved(&document, response);
                assert!(!response["description"].as_str().unwrap().is_empty(), "{path} {status}");
                for content in response["content"].as_object().into_iter().flat_map(Map::values) {
                    let examples = content["examples"].as_object().into_iter().flat_map(Map::values);
                    let examples: Vec<_> =
                        examples.map(|example| &example["value"]).chain(content.get("example")).collect();
                    assert!(!examples.is_empty(), "{path} {status} has no example");
                    for problem in examples.iter().filter(|example| example["code"].is_string()) {
                        assert!(
                            status == "default" || problem["status"] == status.parse::<u16>().unwrap(),
                            "{problem}"
                        );
                        shown.insert(problem["code"].clone().to_string());
                    }
                }
            }
        }
    }
    let kinds = &document["components"]["schemas"]["Problem"]["properties"]["code"];
    // An open list: a client must bear a code that it does not know.
    assert_eq!(kinds.get("enum"), None);
    let kinds = kinds["examples"].as_array().unwrap().iter().map(Value::to_string);
    let unshown: Vec<_> = kinds.filter(|code| !shown.contains(code)).collect();
    // It is the answer of no route, so there is no place for an example of it.
    assert_eq!(unshown, ["\"unknown_route\""]);
}

#[test]
fn the_requests_of_the_examples_are_answered_with_200() {
    let app = TestApp::new();
    let document = document(&app);
    for path in ["/v1/valuations", "/v1/valuations/batch"] {
        let examples =
            &document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["examples"];
        for example in examples.as_object().unwrap().values() {
            let answer = app.post(path, &example["value"]);
            assert_eq!(answer.status, 200, "{example}: {}", answer.text);
        }
    }
}

/// The text of the snippet with this id, as a browser shows it.
fn snippet(page: &str, id: &str) -> String {
    let (_, rest) = page.split_once(&format!("<pre id=\"{id}\" tabindex=\"0\"><code>")).unwrap();
    let (text, _) = rest.split_once("</code></pre>").unwrap();
    assert!(!text.contains(['<', '&']), "{text}");
    text.to_owned()
}

#[test]
fn the_snippets_of_the_guide_work_as_they_are() {
    let app = TestApp::new();
    let page = app.get("/docs/guide").text;
    for (id, path) in [("curl", "/v1/valuations"), ("curl-batch", "/v1/valuations/batch")] {
        let command = snippet(&page, id);
        assert!(command.starts_with(&format!("curl {} \\\n", app.url(path))), "{command}");
        assert!(command.contains("-H 'Content-Type: application/json'"), "{command}");
        let body = command.split_once("-d '").and_then(|(_, rest)| rest.strip_suffix('\'')).unwrap();
        assert!(!body.contains('\''), "{body}");
        let answer = app.post_bytes(path, "application/json", body.into());
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json()["n_refused"].as_u64().unwrap_or_default(), 0, "{}", answer.text);
    }
    for id in ["python", "javascript"] {
        assert!(snippet(&page, id).contains(&format!("\"{}\"", app.url("/v1/valuations"))));
    }
    assert!(!page.contains("{{"), "something was not filled in");
}

#[test]
fn a_host_that_is_none_does_not_reach_the_snippets() {
    let app = TestApp::empty();
    for host in ["$(reboot)", "x';reboot;'", "<script>alert(1)</script>"] {
        let request = Request::get(app.url("/docs/guide")).header("x-forwarded-host", host);
        let request = request.body(Vec::new()).unwrap();
        let answer = app.send(request);
        assert_eq!(answer.status, 200);
        assert!(!answer.text.contains(host), "{host}");
        assert!(snippet(&answer.text, "curl").contains(&app.url("/v1/valuations")));
    }
}

#[test]
fn what_a_proxy_says_of_the_address_counts_only_where_there_is_one() {
    for (is_behind_proxy, expected) in [(true, "https://shop.example"), (false, "")] {
        let app = TestApp::empty_with(|options| xtream_server::Options { is_behind_proxy, ..options });
        for headers in [
            [("forwarded", "proto=https;host=shop.example"), ("x-nothing", "")],
            [("x-forwarded-proto", "https"), ("x-forwarded-host", "shop.example")],
        ] {
            let mut request = Request::get(app.url("/docs/guide"));
            for (name, value) in headers {
                request = request.header(name, value);
            }
            let page = app.send(request.body(Vec::new()).unwrap()).text;
            let shown = if expected.is_empty() { app.url("") } else { expected.into() };
            let command = snippet(&page, "curl");
            assert!(command.starts_with(&format!("curl {shown}/v1/valuations")), "{headers:?}: {command}");
        }
    }
}

/// The answer as it came, packed, and unpacked.
fn packed(app: &TestApp, method: &str, path: &str, coding: &str, body: &str) -> (Response, Vec<u8>) {
    let request = Request::builder().method(method).uri(app.url(path)).header("accept-encoding", coding);
    let request = request.header("content-type", "application/json");
    let response = app.send(request.body(body.as_bytes().to_vec()).unwrap());
    let mut content = Vec::new();
    match response.header("content-encoding") {
        "br" => {
            let mut unpacked = brotli::Decompressor::new(&response.bytes[..], 4096);
            unpacked.read_to_end(&mut content).unwrap();
        }
        "gzip" => {
            flate2::read::GzDecoder::new(&response.bytes[..]).read_to_end(&mut content).unwrap();
        }
        _ => content.clone_from(&response.bytes),
    }
    (response, content)
}

#[test]
fn files_are_sent_packed_to_those_who_take_them_so_each_with_its_own_tag() {
    let app = TestApp::empty();
    for path in ["/", "/openapi.json", "/docs/swagger-ui-standalone-preset.js", "/page/page.css"] {
        let (plain, content) = packed(&app, "GET", path, "identity", "");
        assert_eq!(plain.header("content-encoding"), "", "{path}");
        let mut tags = BTreeSet::from([plain.header("etag").to_owned()]);
        for coding in ["br", "gzip"] {
            let (answer, unpacked) = packed(&app, "GET", path, coding, "");
            assert_eq!(answer.header("content-encoding"), coding, "{path}");
            assert!(unpacked == content, "{path} {coding}");
            assert!(answer.bytes.len() < content.len() / 2, "{path} {coding}: {}", answer.bytes.len());
            assert!(answer.header("vary").contains("Accept-Encoding"), "{path}");
            let tag = answer.header("etag").to_owned();
            let known = Request::get(app.url(path)).header("accept-encoding", coding);
            let known = app.send(known.header("if-none-match", &tag).body(Vec::new()).unwrap());
            assert_eq!((known.status, known.bytes.len()), (304, 0), "{path} {coding}");
            assert!(tags.insert(tag), "{path} {coding} has the tag of another");
        }
        assert!(plain.header("vary").contains("Accept-Encoding"), "{path}");
    }
    let (icon, _) = packed(&app, "GET", "/docs/favicon-16x16.png", "br", "");
    assert_eq!((icon.header("content-encoding"), icon.header("vary")), ("", ""));
}

#[test]
fn large_answers_are_packed_and_recorded_as_they_are() {
    let app = TestApp::new();
    let stone = r#"{"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VS1"}"#;
    let batch = format!(r#"{{"diamonds": [{}]}}"#, vec![stone; 100].join(","));
    for coding in ["br", "gzip"] {
        let (answer, content) = packed(&app, "POST", "/v1/valuations/batch", coding, &batch);
        assert_eq!((answer.status, answer.header("content-encoding")), (200, coding));
        assert!(answer.bytes.len() < content.len() / 4, "{} of {}", answer.bytes.len(), content.len());
        assert!(answer.header("vary").contains("Accept-Encoding"));
        let content: Value = serde_json::from_slice(&content).unwrap();
        let record = app.recorded().into_iter().find(|record| record["_id"] == content["request_id"]);
        assert_eq!(record.unwrap()["response"]["body"], content);
    }
    let (small, _) = packed(&app, "POST", "/v1/valuations", "br", stone);
    assert_eq!((small.header("content-encoding"), small.header("vary")), ("", "Accept-Encoding"));
    let (refused, content) = packed(&app, "POST", "/v1/valuations/batch", "identity;q=0", &batch);
    assert_eq!((refused.status, refused.bytes == content), (200, true));
}

#[test]
fn pages_name_their_type_and_allow_nothing_from_other_hosts() {
    let app = TestApp::empty();
    for (path, content_type) in PAGES {
        let page = app.get(path);
        assert_eq!((page.status, page.header("content-type")), (200, content_type), "{path}");
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("http"), "{path}: {policy}");
        let head = app.send(Request::head(app.url(path)).body(Vec::new()).unwrap());
        assert_eq!((head.status, head.text.as_str()), (200, ""), "{path}");
    }
    for (path, _) in PAGES.iter().filter(|(_, content_type)| *content_type == HTML) {
        let page = app.get(path).text;
        assert!(page.contains("<html lang=\"en\">"), "{path}");
        for outside in ["src=\"http", "href=\"http", "src=\"//", "href=\"//", "@import"] {
            assert!(!page.contains(outside), "{path} has {outside}");
        }
    }
}

#[test]
fn what_a_browser_has_is_not_sent_again() {
    let app = TestApp::empty();
    let ask = |head: bool, path: &str, tags: &str| {
        let request = if head { Request::head(app.url(path)) } else { Request::get(app.url(path)) };
        app.send(request.header("if-none-match", tags).body(Vec::new()).unwrap())
    };
    let viewer = ["/docs/swagger-ui.css", "/docs/favicon-16x16.png"];
    let paths = PAGES.map(|(path, _)| path).into_iter().chain(viewer);
    let mut seen = BTreeSet::new();
    for path in paths.filter(|path| *path != "/docs/guide") {
        let tag = app.get(path).header("etag").to_owned();
        assert!(tag.len() > 10 && tag.starts_with('"') && tag.ends_with('"'), "{path}: {tag}");
        assert_eq!(app.get(path).header("etag"), tag, "{path}");
        for known in [tag.clone(), format!("\"other\", W/{tag}"), "*".into()] {
            for head in [false, true] {
                let answer = ask(head, path, &known);
                assert_eq!((answer.status, answer.text.as_str()), (304, ""), "{path}: {known}");
                assert_eq!(answer.header("etag"), tag, "{path}");
                assert_eq!(answer.header("cache-control"), "no-cache", "{path}");
                assert!(!answer.header("content-security-policy").is_empty(), "{path}");
            }
        }
        for other in ["\"other\"", tag.trim_matches('"'), "\"", "W/"] {
            let answer = ask(false, path, other);
            assert_eq!(answer.status, 200, "{path}: {other}");
            assert!(!answer.text.is_empty(), "{path}: {other}");
            let head = ask(true, path, other);
            assert_eq!((head.status, head.header("etag")), (200, tag.as_str()), "{path}: {other}");
        }
        assert!(seen.insert(tag), "{path} has the tag of another");
    }
    // It is another page for everyone who asks, so none but the one who asked may keep it.
    let tag = app.get("/docs/guide").header("etag").to_owned();
    let guide = ask(false, "/docs/guide", &tag);
    assert_eq!((guide.status, guide.text.as_str(), guide.header("etag")), (304, "", tag.as_str()));
    assert_eq!(guide.header("cache-control"), "private, no-cache");
    let request =
        Request::get(app.url("/docs/guide")).header("host", "shop.example").header("if-none-match", &tag);
    let elsewhere = app.send(request.body(Vec::new()).unwrap());
    assert!(
        elsewhere.status == 200 && elsewhere.text.contains("http://shop.example"),
        "{}",
        elsewhere.status
    );
}

#[test]
fn every_link_of_the_pages_leads_somewhere() {
    let app = TestApp::new();
    for (path, _) in PAGES.iter().filter(|(_, content_type)| *content_type == HTML) {
        let page = app.get(path).text;
        let mut n_links = 0;
        for (_, rest) in page
            .match_indices("href=\"")
            .chain(page.match_indices("src=\""))
            .map(|(at, found)| page[at..].split_at(found.len()))
        {
            let link = rest.split('"').next().unwrap().replace("&amp;", "&");
            if let Some(id) = link.strip_prefix('#') {
                assert!(page.contains(&format!("id=\"{id}\"")), "{path}: {link}");
            } else if !link.starts_with("data:") {
                // The viewer names its files relative to its folder.
                let link = if link.starts_with('/') {
                    link
                } else {
                    format!("/docs/{}", link.trim_start_matches("./"))
                };
                let target = app.get(&link);
                assert_eq!(target.status, 200, "{path}: {link}");
                if let Some((_, id)) = link.split_once('#') {
                    assert!(target.text.contains(&format!("id=\"{id}\"")), "{path}: {link}");
                }
            }
            n_links += 1;
        }
        assert!(n_links > 4, "{path}");
    }
}

#[test]
fn the_description_leads_to_the_guide_and_fills_in_nothing_that_narrows_an_answer() {
    let document = document(&TestApp::empty());
    let words = document["info"]["description"].as_str().unwrap();
    assert!(words.contains("[guide](/docs/guide)"), "{words}");
    let operations = document["paths"].as_object().unwrap().values().filter_map(|path| path.get("get"));
    let parameters = operations.filter_map(|operation| operation["parameters"].as_array()).flatten();
    let optional = parameters.filter(|parameter| parameter["in"] == "query" && parameter["required"] != true);
    let filled: Vec<_> =
        optional.filter(|one| one.get("example").is_some()).map(|one| &one["name"]).collect();
    assert!(filled.is_empty(), "{filled:?}: the viewer sends examples unless they are taken out");
}

#[test]
fn the_viewer_shows_this_servers_document_and_asks_nobody_else() {
    let app = TestApp::empty();
    let start = app.get("/docs/swagger-initializer.js").text;
    assert!(start.contains("\"url\": \"/openapi.json\""), "{start}");
    assert!(start.contains("\"validatorUrl\": \"none\""), "{start}");
    assert_eq!(app.get("/docs").status, 200, "the redirect to /docs/ is followed");
    assert_problem(&app.get("/docs/nothing.js"), 404, "unknown_route");
    assert_problem(&app.post("/docs/problems", &json!({})), 405, "method_not_allowed");
}

#[test]
fn the_type_of_a_problem_leads_to_its_section() {
    let app = TestApp::empty();
    let problem = app.get("/v1/nothing").json();
    let (path, id) = problem["type"].as_str().unwrap().split_once('#').unwrap();
    assert!(app.get(path).text.contains(&format!("<section id=\"{id}\">")));
}

#[test]
fn no_answer_is_sniffed_and_none_of_the_api_is_taken_from_a_store_unasked() {
    let app = TestApp::new();
    let paths = [
        "/v1/models",
        "/v1/models/champion",
        "/v1/models/9",
        "/v1/valuations",
        "/v1/exchanges",
        "/v1/nothing",
    ];
    let pages = PAGES.map(|(path, _)| path);
    for path in paths.iter().chain(&pages).chain(&["/livez", "/readyz", "/docs/favicon-16x16.png"]) {
        let answer = app.get(path);
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
        let expected = match *path {
            "/docs/guide" => "private, no-cache",
            path if path.starts_with("/docs/") || pages.contains(&path) => "no-cache",
            // They may be kept, with their tag.
            "/v1/models" | "/v1/models/champion" => "no-cache",
            _ => "no-store",
        };
        assert_eq!(answer.header("cache-control"), expected, "{path}");
    }
    assert_eq!(app.post("/v1/valuations", &json!({})).header("cache-control"), "no-store");
}

#[test]
fn the_counts_come_in_the_format_that_is_asked_for() {
    let app = TestApp::empty();
    app.get("/v1/models");
    let ask = |accept: &str| {
        app.send(Request::get(app.url("/metrics")).header("accept", accept).body(Vec::new()).unwrap())
    };
    let (open, plain) = (ask("application/openmetrics-text; version=1.0.0, */*;q=0.1"), ask("*/*"));
    assert_eq!(open.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_eq!(plain.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert!(open.text.ends_with("# EOF\n") && !plain.text.contains("# EOF"));
    assert!(open.text.contains("# TYPE xtream_exchanges counter\n"), "{}", open.text);
    assert!(plain.text.contains("# TYPE xtream_exchanges_total counter\n"), "{}", plain.text);
    let sample = "xtream_exchanges_total{method=\"GET\",route=\"/v1/models\",status=\"200\"} 1\n";
    assert!(open.text.contains(sample) && plain.text.contains(sample));
}

#[test]
fn reading_the_documentation_is_no_exchange() {
    let app = TestApp::new();
    for path in PAGES.map(|(path, _)| path).iter().chain(&[
        "/docs",
        "/page/nothing.js",
        "/docs/swagger-ui.css",
        "/docs/nothing.js",
    ]) {
        app.get(path);
    }
    let request =
        Request::get(app.url("/v1/exchanges")).header("authorization", format!("Bearer {ADMIN_KEY}"));
    let answer = app.send(request.body(Vec::new()).unwrap());
    assert_eq!(answer.json()["exchanges"], json!([]));
}

#[test]
fn the_mistakes_on_the_page_of_problems_have_their_code_and_the_cures_work() {
    let app = TestApp::new();
    let page = app.get("/docs/problems").text;
    for code in ["malformed_json", "invalid_request", "beyond_the_model"] {
        let (_, section) = page.split_once(&format!("<section id=\"{code}\">")).unwrap();
        let requests = section.split("<code>POST /v1/valuations\nContent-Type: application/json\n\n").skip(1);
        let bodies: Vec<_> = requests.take(2).map(|rest| rest.split("</code>").next().unwrap()).collect();
        let mistake = app.post_bytes("/v1/valuations", "application/json", bodies[0].into());
        assert_problem(&mistake, mistake.status, code);
        let cured = app.post_bytes("/v1/valuations", "application/json", bodies[1].into());
        assert_eq!(cured.status, 200, "{}", cured.text);
    }
}
