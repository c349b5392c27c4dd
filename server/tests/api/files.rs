//! A file of stones is sent as it is: what it is understood as, and its stones.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use xtream_core::dataset::Reading;
use xtream_server::{Limits, Options};

use crate::helpers::{Response, TestApp, assert_problem, read_response};

const PATH: &str = "/v1/files";
const PLAIN: &str = "id,carat,cut,color,clarity,x\na,1.2,Premium,E,VS1,6.80\n\"b, c\",0.5,very good,d,IF,\n";

fn send(app: &TestApp, bytes: impl Into<Vec<u8>>) -> Response {
    app.post_bytes(PATH, "application/octet-stream", bytes.into())
}

/// The lines of an answer: what was understood, and the rows.
fn lines(answer: &Response) -> (Value, Vec<Value>) {
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, "application/x-ndjson"),
        "{}",
        answer.text
    );
    assert!(answer.text.ends_with('\n'));
    let mut lines = answer.text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let first = lines.next().unwrap();
    assert_eq!(first["request_id"], answer.header("x-request-id"));
    (first, lines.collect())
}

fn refused(answer: &Response) -> String {
    assert_problem(answer, 422, "unreadable_file")["detail"].as_str().unwrap().to_owned()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

#[test]
fn the_answer_tells_how_a_file_is_understood_and_has_its_rows_in_order() {
    let app = TestApp::empty();
    let (first, rows) = lines(&app.post_bytes(&format!("{PATH}?name=stones.csv"), "text/csv", PLAIN.into()));
    let understood = &first["understood"];
    assert_eq!((&understood["file"], &understood["n_rows"]), (&json!("stones.csv"), &json!(2)));
    assert_eq!((&understood["n_usable"], &understood["n_refused"]), (&json!(2), &json!(0)));
    assert_eq!(understood["columns"][1]["unit"], "carat");
    assert_eq!(first["signs"], json!({"separator": ",", "decimal": "."}));
    let head = PLAIN.split_inclusive('\n').next().unwrap();
    assert_eq!(first["text"], json!({"encoding": "UTF-8", "head": head}));
    let texts: String = rows.iter().map(|row| row["text"].as_str().unwrap()).collect();
    assert_eq!(head.to_owned() + &texts, PLAIN);
    let stone = json!({"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VS1", "x": 6.8});
    assert_eq!(
        rows[0],
        json!({"line": 2, "cells": ["a", "1.2", "Premium", "E", "VS1", "6.80"], "text": rows[0]["text"], "diamond": stone})
    );
    let stone = json!({"carat": 0.5, "cut": "very good", "color": "d", "clarity": "IF"});
    assert_eq!(
        rows[1],
        json!({"line": 3, "cells": ["b, c", "0.5", "very good", "d", "IF", null], "text": rows[1]["text"], "diamond": stone})
    );
}

#[test]
fn every_form_of_text_is_read_to_the_same_stones() {
    let app = TestApp::empty();
    let stones = |bytes: Vec<u8>| {
        let (first, rows) = lines(&send(&app, bytes));
        (first, rows.into_iter().map(|row| row["diamond"].clone()).collect::<Vec<_>>())
    };
    let (_, expected) = stones(PLAIN.into());
    let semicolons = "id;carat;cut;color;clarity;x\r\na;1,2;Premium;E;VS1;6,80\r\nb;0,5;very good;d;IF;\r\n";
    let utf_16 = |text: &str| {
        let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect::<Vec<_>>()
    };
    for (form, bytes) in [
        ("semicolons, decimal comma, UTF-8", semicolons.as_bytes().to_vec()),
        ("commas, UTF-16LE", utf_16(PLAIN)),
        ("gzip", gzip(PLAIN.as_bytes())),
        ("commas, UTF-8, lines ended by a carriage return", PLAIN.replace('\n', "\r").into()),
        ("commas, UTF-8, the header on line 3", format!("Stones\n\n{PLAIN}").into()),
    ] {
        let (first, found) = stones(bytes);
        let understood = first["understood"]["understood"].as_str().unwrap();
        assert!(understood.starts_with(form), "{understood}");
        assert_eq!(found, expected, "{form}");
    }
    // A row is given back as it stood, with its own decimal sign.
    let (first, rows) = lines(&send(&app, semicolons));
    assert_eq!(first["signs"], json!({"separator": ";", "decimal": ","}));
    assert_eq!(rows[0]["cells"][5], "6,80");
}

#[test]
fn the_stones_are_what_a_batch_takes() {
    let app = TestApp::new();
    let (_, rows) = lines(&send(&app, PLAIN));
    let diamonds: Vec<_> = rows.iter().map(|row| row["diamond"].clone()).collect();
    let answer = app.post("/v1/valuations/batch", &json!({ "diamonds": diamonds })).json();
    assert_eq!((&answer["n_valued"], &answer["n_refused"]), (&json!(2), &json!(0)), "{answer}");
}

#[test]
fn a_row_that_is_no_stone_of_ours_is_told_and_the_others_are_stones() {
    let app = TestApp::empty();
    let text = "carat,cut,color,clarity,shape\n1.2,Premium,E,VS1,Heart\n1.2,Premium,E,VS1,round\n1,2,Premium,E,VS1,round\n";
    let (first, rows) = lines(&send(&app, text));
    assert_eq!((&rows[0]["errors"][0]["pointer"], &rows[0]["diamond"]), (&json!("/shape"), &Value::Null));
    assert!(rows[0]["errors"][0]["message"].as_str().unwrap().contains("Heart"), "{}", rows[0]);
    assert_eq!((&rows[1]["diamond"]["carat"], &rows[1]["errors"]), (&json!(1.2), &Value::Null));
    let misfit = rows[2]["errors"][0]["message"].as_str().unwrap();
    assert!(misfit.contains("6 values, and the header 5 names"), "{misfit}");
    assert_eq!((&rows[2]["line"], &first["understood"]["n_refused"]), (&json!(4), &json!(2)));
}

#[test]
fn prices_in_a_file_are_left_aside_and_other_units_are_told() {
    let app = TestApp::empty();
    let text = "carat,cut,color,clarity,price,total price\n0.7,Ideal,E,VS1,NA,x\n";
    let (first, rows) = lines(&send(&app, text));
    let understood = &first["understood"];
    assert_eq!(
        (&understood["n_usable"], &understood["has_prices"]),
        (&json!(1), &json!(false)),
        "{understood}"
    );
    assert_eq!(rows[0]["diamond"], json!({"carat": 0.7, "cut": "Ideal", "color": "E", "clarity": "VS1"}));
    let odd = "carat,cut,color,clarity,x,y,z\n1.2,Ideal,E,VS1,6.8,6.75,2.4\n";
    let understood = &lines(&send(&app, odd)).0["understood"];
    assert_eq!(understood["n_usable"], 1, "what looks odd is priced with a warning: {understood}");
    let points = "carat,cut,color,clarity\n".to_owned() + &"71,Ideal,E,VS1\n".repeat(30);
    let (first, rows) = lines(&send(&app, points));
    assert_eq!(first["understood"]["units"][0]["field"], "carat");
    assert_eq!(rows.len(), 30);
}

#[test]
fn a_file_that_cannot_be_read_is_refused_in_words() {
    let app = TestApp::empty();
    for (bytes, words) in [
        (
            b"carat,cut,color\n1,Ideal,E\n".to_vec(),
            "line 1: no column clarity; the columns found are carat, cut, color; allowed is a header with carat, cut, color, \
             clarity",
        ),
        (
            b"carat,cut,color,clarity (GIA)\n1,Ideal,E,VS1\n".to_vec(),
            "if that is what they mean, say so with ?column=clarity (GIA)=clarity; allowed is a header with",
        ),
        (Vec::new(), "line 1: the file is empty; allowed is a first line with the names of the columns"),
        (
            b"carat,cut,color,clarity\n".to_vec(),
            "line 2: the names of the columns stand there, and no stone below them",
        ),
        (b"carat,cut,color,clarity\n1,\"Ideal,E,VS1\n".to_vec(), "line 2"),
        (b"carat,Carat,cut,color,clarity\n1,1,Ideal,E,VS1\n".to_vec(), "are both called"),
        (gzip(PLAIN.as_bytes())[..30].to_vec(), "damaged or cut off"),
        (b"PK\x03\x04 no workbook".to_vec(), "the workbook cannot be read"),
        (b"PAR1 no table PAR1".to_vec(), ""),
        (b"\x89PNG\r\n\x1a\n\0\0".to_vec(), ""),
    ] {
        let said = refused(&send(&app, bytes));
        assert!(said.starts_with("the file") && said.contains(words), "{said}");
        assert!(!said.contains("/tmp") && !said.contains(".tmp"), "{said}");
    }
    let form = app.post_bytes(PATH, "multipart/form-data; boundary=x", b"--x\r\n".to_vec());
    assert_problem(&form, 415, "unsupported_media_type");
    assert_problem(
        &app.post_bytes(&format!("{PATH}?nom=x"), "text/csv", PLAIN.into()),
        422,
        "invalid_request",
    );
}

/// What a file of too much is told.
fn too_large(app: &TestApp, bytes: impl Into<Vec<u8>>) -> String {
    assert_problem(&send(app, bytes), 413, "body_too_large")["detail"].as_str().unwrap().to_owned()
}

const HEADER: &str = "carat,cut,color,clarity\n";

#[test]
fn too_many_rows_are_413() {
    let app = TestApp::empty();
    let rows = |n| HEADER.to_owned() + &"1,Ideal,E,IF\n".repeat(n);
    assert_eq!(lines(&send(&app, rows(50_000))).1.len(), 50_000);
    assert!(too_large(&app, rows(50_001)).contains("more than 50,000 rows"));
}

#[test]
fn too_many_bytes_are_413() {
    let app = TestApp::empty();
    let said = too_large(&app, vec![b' '; (20 << 20) + 1]);
    assert_eq!(said, "The body is larger than 20 MB, the most that is read here.");
}

#[test]
fn a_packed_file_of_too_much_text_is_413_before_it_is_read() {
    let app = TestApp::empty();
    // A packed file may have several parts.
    let blank = [gzip(HEADER.as_bytes()), gzip(&vec![b'\n'; 1 << 20]).repeat(65)].concat();
    // Whoever reads it finds, in the end, that it has no stones.
    assert!(too_large(&app, blank).contains("more than 64 MB of text"));
}

#[test]
fn an_answer_of_too_much_text_is_413() {
    let app = TestApp::empty();
    // A backslash takes twice the room in JSON, and a grade stands there twice.
    let row = format!("1,Ideal,{},IF\n", "\\".repeat(9_000));
    assert!(too_large(&app, HEADER.to_owned() + &row.repeat(2_200)).contains("more than 64 MB of text"));
}

#[test]
fn the_record_has_the_file_and_its_answer_as_texts_that_are_cut_with_their_digests() {
    use sha2::Digest as _;
    let app = TestApp::empty();
    let digest = |bytes: &[u8]| {
        let mut text = "sha256:".to_owned();
        sha2::Sha256::digest(bytes).iter().for_each(|byte| write!(text, "{byte:02x}").unwrap());
        text
    };
    let small = send(&app, PLAIN);
    let record = &app.recorded()[0];
    assert_eq!((&record["request"]["body"], &record["request"]["digest"]), (&json!(PLAIN), &Value::Null));
    assert_eq!(record["response"]["body"], json!(small.text));
    let large = "carat,cut,color,clarity\n".to_owned() + &"1,Ideal,E,IF\n".repeat(9000);
    let answer = send(&app, large.clone());
    let record = &app.recorded()[0];
    assert_eq!(record["_id"], answer.header("x-request-id"));
    for (kept, whole) in [(&record["request"], large.as_bytes()), (&record["response"], &answer.bytes)] {
        assert_eq!((&kept["truncated"], &kept["digest"]), (&json!(true), &json!(digest(whole))));
        assert_eq!(kept["body"].as_str().unwrap().as_bytes(), &whole[..64 << 10]);
    }
    // What is no text, or JSON, is bounded all the same; and of what did not come as a whole there is no digest.
    send(&app, vec![0xFF; 1 << 20]);
    let record = &app.recorded()[0];
    assert!(record["request"]["body"].as_str().unwrap().chars().count() == 64 << 10);
    send(&app, format!("[{}0]", "0,".repeat(1 << 20)));
    assert!(app.recorded()[0]["request"]["body"].is_string());
    send(&app, vec![b' '; (20 << 20) + 1]);
    let record = &app.recorded()[0];
    assert_eq!((&record["request"]["truncated"], &record["request"]["digest"]), (&json!(true), &Value::Null));
}

#[test]
fn nothing_of_a_file_is_left_on_the_disk() {
    let ours = || {
        let names = std::fs::read_dir(std::env::temp_dir()).unwrap().map(|entry| entry.unwrap().path());
        let files = names.filter(|path| path.is_file());
        files.filter(|path| std::fs::read(path).is_ok_and(|bytes| bytes.ends_with(b"of this test\n"))).count()
    };
    let app = TestApp::empty();
    lines(&send(&app, format!("{PLAIN}e,1,Ideal,E,IF,of this test\n")));
    refused(&send(&app, "nothing\nof this test\n"));
    assert_eq!(ours(), 0);
}

/// A server that waits two seconds for a body, or for 64 KiB of a file.
fn hasty() -> TestApp {
    TestApp::empty_with(|options| {
        let limits = Limits { request_timeout: Duration::from_secs(2), ..options.limits };
        Options { limits, ..options }
    })
}

fn begin(app: &TestApp, n_bytes: usize) -> TcpStream {
    let mut stream = TcpStream::connect(app.address).unwrap();
    let head =
        format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {n_bytes}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

#[test]
fn a_file_may_come_slowly_as_long_as_it_comes() {
    let app = hasty();
    let mut text = "carat,cut,color,clarity\n".to_owned() + &"1,Ideal,E,IF\n".repeat(24_000);
    text.truncate(text.len() - 1);
    let (begun, pieces) = (Instant::now(), text.as_bytes().chunks(70 << 10));
    let mut stream = begin(&app, text.len());
    for piece in pieces {
        stream.write_all(piece).unwrap();
        std::thread::sleep(Duration::from_millis(500));
    }
    let answer = read_response(&mut stream);
    assert!(begun.elapsed() > Duration::from_secs(2));
    assert_eq!((answer.status, answer.text.lines().count()), (200, 24_001));
}

#[test]
fn a_file_that_stops_or_trickles_is_408() {
    let app = hasty();
    let mut still = begin(&app, 1 << 20);
    still.write_all(&[b'x'; 100 << 10]).unwrap();
    let mut trickling = begin(&app, 1 << 20);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(2500) {
        // The server may have answered and closed already.
        let _ = trickling.write_all(b"x");
        std::thread::sleep(Duration::from_millis(50));
    }
    for stream in [&mut still, &mut trickling] {
        let problem = assert_problem(&read_response(stream), 408, "request_timeout");
        assert_eq!(problem["detail"], "Less than 64 KiB of the body arrived within 2 seconds.");
    }
}

#[test]
fn a_file_is_read_as_the_shops_settings_and_the_request_say() {
    let columns = BTreeMap::from([("Gewicht".to_owned(), "carat".to_owned())]);
    let cuts = BTreeMap::from([("Shiny".to_owned(), "Ideal".to_owned())]);
    let reading = Reading::of_shop(&columns, &BTreeMap::from([("cut".to_owned(), cuts)])).unwrap();
    let app = TestApp::empty_with(|options| Options { reading: reading.clone(), ..options });
    let text = "Gewicht;cut;color;clarity;Farbe\n1,204;Shiny;E;VS1;D\n";
    let (first, rows) = lines(&send(&app, text));
    assert_eq!(rows[0]["diamond"], json!({"carat": 1.204, "cut": "Ideal", "color": "E", "clarity": "VS1"}));
    assert!(first["understood"]["spellings"].as_str().unwrap().contains("SHINY"), "{first}");
    // What the request says counts before that.
    let asked = |query: &str| app.post_bytes(&format!("{PATH}?{query}"), "text/csv", text.into());
    let (_, rows) = lines(&asked("decimal=point&column=Farbe%3Dcolor&column=color%3D-"));
    assert_eq!((&rows[0]["diamond"]["color"], &rows[0]["diamond"]["carat"]), (&json!("D"), &json!("1,204")));
    let said = refused(&asked("delimiter=tab"));
    assert!(said.contains("no column carat"), "{said}");
    for (query, allowed) in [
        ("delimiter=x", "a comma, a semicolon, a bar (|) or the word tab"),
        ("encoding=latin-99", "the name of one, such as utf-8"),
        ("column=Farbe", "THEIRS=OURS"),
        ("column=Farbe%3Dbunt", "one of carat, cut"),
    ] {
        let problem = assert_problem(&asked(query), 422, "invalid_request");
        assert!(problem["detail"].as_str().unwrap().contains(allowed), "{problem}");
    }
}
