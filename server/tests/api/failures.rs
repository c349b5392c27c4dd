//! What is wrong is refused with its own status and code, and nothing a client sends is a 5xx.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;
use ureq::http::Request;

use crate::helpers::{TestApp, assert_problem};

#[test]
fn an_unknown_route_is_404() {
    let app = TestApp::new();
    for path in
        ["/docs/nothing", "/v1", "/v2/valuations", "/v1/valuations/", "/v1/models/1/2", "/%2e%2e/etc/passwd"]
    {
        assert_problem(&app.get(path), 404, "unknown_route");
    }
}

#[test]
fn a_known_route_with_another_method_is_405_and_names_those_allowed() {
    let app = TestApp::new();
    for (method, path, allowed) in [
        ("GET", "/v1/valuations", "POST"),
        ("PUT", "/v1/valuations/batch", "POST"),
        ("POST", "/v1/similar-diamonds", "GET, HEAD"),
        ("DELETE", "/v1/models", "GET, HEAD"),
        ("PATCH", "/v1/models/1", "GET, HEAD"),
        ("POST", "/v1/models/champion", "GET, HEAD"),
        ("OPTIONS", "/livez", "GET, HEAD"),
        ("BREW", "/readyz", "GET, HEAD"),
    ] {
        let request = Request::builder().method(method).uri(app.url(path)).body(Vec::new()).unwrap();
        let response = app.send(request);
        assert_problem(&response, 405, "method_not_allowed");
        assert_eq!(response.header("allow"), allowed, "{method} {path}");
    }
}

#[test]
fn head_is_get_without_the_body() {
    let app = TestApp::new();
    let response = app.send(Request::head(app.url("/v1/models")).body(Vec::new()).unwrap());
    assert_eq!((response.status, response.text.as_str()), (200, ""));
    assert!(!response.header("x-request-id").is_empty());
}

#[test]
fn text_that_is_no_json_is_400() {
    let app = TestApp::new();
    let deep = "[".repeat(60_000);
    let bodies: [&[u8]; 12] = [
        b"",
        b"  ",
        b"{",
        b"{\"carat\": 1.2,}",
        b"{\"carat\": NaN}",
        b"{\"carat\": 1e999}",
        b"{'carat': 1}",
        b"carat=1.2",
        b"{} {}",
        b"\xff\xfe{}",
        b"{\"cut\": \"\xc3\x28\"}",
        deep.as_bytes(),
    ];
    for body in bodies {
        for path in ["/v1/valuations", "/v1/valuations/batch"] {
            assert_problem(&app.post_bytes(path, "application/json", body.into()), 400, "malformed_json");
        }
    }
}

#[test]
fn json_that_is_no_diamond_is_422_whatever_it_is() {
    let app = TestApp::new();
    let full = json!({"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VS1"});
    let hostile = [
        json!(null),
        json!(true),
        json!(""),
        json!([]),
        json!({}),
        json!(-1),
        json!(1e300),
        json!(0),
        json!(u64::MAX),
        json!("NaN"),
        json!("1e39"),
        json!("\u{0}"),
        json!("💎".repeat(1000)),
        json!([full.clone()]),
        json!({"carat": {"carat": [1]}}),
    ];
    for value in &hostile {
        if !value.is_object() {
            assert_problem(&app.post("/v1/valuations", value), 422, "invalid_request");
        }
        for field in ["carat", "cut", "color", "clarity"] {
            let mut diamond = full.clone();
            diamond[field] = value.clone();
            let response = app.post("/v1/valuations", &diamond);
            assert_problem(&response, 422, "invalid_request");
            assert!(response.text.len() < 4096, "{}", response.text);
        }
        for field in ["depth", "table", "x", "y", "z"] {
            let mut diamond = full.clone();
            diamond[field] = value.clone();
            // A word for nothing, or zero, is as good as nothing: it is estimated, and named in `assumed`.
            let is_missing = [json!(null), json!(""), json!("NaN"), json!(0)].contains(value);
            let expected = if is_missing { 200 } else { 422 };
            let response = app.post("/v1/valuations", &diamond);
            assert_eq!(response.status, expected, "{field} = {value}: {}", response.text);
        }
    }
}

#[test]
fn the_answer_to_a_thousand_unknown_fields_is_short() {
    let app = TestApp::new();
    let fields: serde_json::Map<_, _> = (0..5000).map(|i| (format!("f{i}"), json!(i))).collect();
    let response = app.post("/v1/valuations", &fields.into());
    let problem = assert_problem(&response, 422, "invalid_request");
    assert!(response.text.len() < 8192, "{}", response.text.len());
    let last = problem["errors"].as_array().unwrap().last().unwrap();
    assert!(last["message"].as_str().unwrap().starts_with("4990 more names"), "{last}");
}

#[test]
fn a_body_above_the_limit_is_413() {
    let app = TestApp::new();
    let spaces = |n: usize| [vec![b' '; n], b"{}".to_vec()].concat();
    let send = |path: &str, n| app.post_bytes(path, "application/json", spaces(n));
    assert_problem(&send("/v1/valuations", 64 * 1024 - 2), 422, "invalid_request");
    assert_problem(&send("/v1/valuations", 64 * 1024 - 1), 413, "body_too_large");
    assert_problem(&send("/v1/valuations", 8 * 1024 * 1024), 413, "body_too_large");
    assert_problem(&send("/v1/valuations/batch", 1024 * 1024 - 2), 422, "invalid_request");
    let problem = assert_problem(&send("/v1/valuations/batch", 1024 * 1024), 413, "body_too_large");
    assert!(problem["detail"].as_str().unwrap().contains("1024 KiB"), "{problem}");
}

#[test]
fn a_body_of_unknown_length_is_held_to_the_same_limit() {
    let app = TestApp::new();
    let mut stream = TcpStream::connect(app.address).unwrap();
    let head = "POST /v1/valuations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
    for _ in 0..3 {
        stream.write_all(chunk.as_bytes()).unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 413");
}

#[test]
fn a_body_that_is_not_sent_as_json_is_415() {
    let app = TestApp::new();
    for content_type in
        ["text/plain", "application/x-www-form-urlencoded", "", "application/xml; a=application/json"]
    {
        let response = app.post_bytes("/v1/valuations", content_type, b"{}".to_vec());
        assert_problem(&response, 415, "unsupported_media_type");
    }
    let request = Request::post(app.url("/v1/valuations")).header("content-type", "application/json");
    let compressed = request.header("content-encoding", "gzip").body(b"\x1f\x8b".to_vec()).unwrap();
    assert_problem(&app.send(compressed), 415, "unsupported_media_type");
    for content_type in ["application/json; charset=utf-8", "Application/JSON", "application/ld+json"] {
        let response = app.post_bytes("/v1/valuations", content_type, b"{}".to_vec());
        assert_problem(&response, 422, "invalid_request");
    }
}

#[test]
fn every_answer_has_its_own_number_that_the_client_cannot_choose() {
    let app = TestApp::new();
    let mut seen = Vec::new();
    for path in ["/livez", "/readyz", "/v1/models", "/v1/nothing", "/livez"] {
        let request = Request::get(app.url(path)).header("x-request-id", "mine");
        let response = app.send(request.body(Vec::new()).unwrap());
        let id = response.header("x-request-id").to_owned();
        assert_eq!(response.json()["request_id"], id);
        assert_eq!((id.len(), id.as_bytes()[14]), (36, b'7'), "{id} is no UUIDv7");
        seen.push(id);
    }
    // UUIDv7: numbers sort by time.
    assert!(seen.is_sorted_by(|a, b| a < b), "{seen:?}");
}
