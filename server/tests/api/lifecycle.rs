//! Starting, stopping and being busy.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;
use xtream_server::{Error, Options, Server};

use crate::helpers::{TestApp, assert_problem, read_response};

const POST: &str = "POST /v1/valuations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";

fn connect(app: &TestApp, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(app.address).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

#[test]
fn a_port_that_is_taken_is_an_error_that_names_the_address() {
    let app = TestApp::empty();
    let error =
        Server::build(Options { bind: app.address, ..TestApp::options(app.folder.path()) }).err().unwrap();
    assert!(matches!(&error, Error::Bind { address, .. } if *address == app.address));
    assert!(error.to_string().starts_with(&format!("cannot listen on {}: ", app.address)), "{error}");
}

#[test]
fn a_raised_interrupt_stops_it_soon_with_a_connection_still_open() {
    let app = TestApp::new();
    let mut idle = TcpStream::connect(app.address).unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    idle.read_exact(&mut [0; 12]).unwrap();
    let address = app.address;
    let begun = Instant::now();
    app.stop().unwrap();
    // Otherwise it would wait until the connection has been idle for a minute.
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_request_that_has_begun_when_the_server_is_told_to_stop_is_answered() {
    let app = TestApp::new();
    let body = json!({"carat": 1.2, "cut": "Ideal", "color": "G", "clarity": "VS1"}).to_string();
    let request = format!("{POST}Content-Length: {}\r\n\r\n{body}", body.len());
    // Cut in the middle of the head, before the body, and in the middle of the body.
    let cuts = [9, request.len() - body.len(), request.len() - 3];
    let mut begun = cuts.map(|cut| (connect(&app, &request.as_bytes()[..cut]), cut));
    // Time for the server to take them.
    std::thread::sleep(Duration::from_millis(500));
    let stopping = std::thread::spawn(|| app.stop());
    std::thread::sleep(Duration::from_millis(250));
    for (stream, cut) in &mut begun {
        stream.write_all(&request.as_bytes()[*cut..]).unwrap();
    }
    for (stream, cut) in &mut begun {
        let response = read_response(stream);
        assert_eq!(response.status, 200, "cut at {cut}: {}", response.text);
        assert!(response.json()["price_usd"].as_f64().unwrap() > 0.0);
    }
    stopping.join().unwrap().unwrap();
}

#[test]
fn a_body_that_never_ends_does_not_keep_it_from_stopping_and_is_not_called_broken() {
    let app = TestApp::new();
    let mut half = connect(&app, format!("{POST}Content-Length: 9\r\n\r\n{{").as_bytes());
    std::thread::sleep(Duration::from_millis(500));
    let begun = Instant::now();
    app.stop().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_problem(&read_response(&mut half), 503, "overloaded");
}

#[test]
fn more_readers_of_the_registry_than_there_are_threads_are_all_answered() {
    let app = TestApp::new();
    let request = b"GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    // Each asks as soon as it is connected: the server hangs up on whoever says nothing for long.
    let ask = |_| {
        let mut client = TcpStream::connect(app.address).unwrap();
        client.write_all(request).unwrap();
        client
    };
    let mut clients: Vec<_> = (0..700).map(ask).collect();
    for client in &mut clients {
        client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}
