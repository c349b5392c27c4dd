//! Starting, stopping and being busy.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use xtream_server::{Error, Options, Server};

use crate::helpers::TestApp;

#[test]
fn a_port_that_is_taken_is_an_error_that_names_the_address() {
    let app = TestApp::empty();
    let error =
        Server::build(Options { bind: app.address, ..TestApp::options(app.folder.path()) }).err().unwrap();
    assert!(matches!(&error, Error::Bind { address, .. } if *address == app.address));
    assert!(error.to_string().starts_with(&format!("cannot listen on {}: ", app.address)), "{error}");
}

#[test]
fn a_raised_interrupt_stops_it_within_a_second_with_a_connection_still_open() {
    let app = TestApp::new();
    let mut idle = TcpStream::connect(app.address).unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    idle.read_exact(&mut [0; 12]).unwrap();
    let address = app.address;
    let begun = Instant::now();
    app.stop().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_client_that_never_ends_its_body_does_not_keep_it_from_stopping() {
    let app = TestApp::new();
    let mut slow = TcpStream::connect(app.address).unwrap();
    let head = "POST /v1/valuations HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{";
    slow.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let begun = Instant::now();
    app.stop().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
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
