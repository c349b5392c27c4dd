//! The server follows the registry by itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xtream_core::diamond::{Cell, Field, RawDiamond};
use xtream_core::registry::BlobKind;
use xtream_core::valuation::{Options, value};

use crate::helpers::{TestApp, assert_problem};

const SIMILAR: &str = "/v1/similar-diamonds?carat=0.5&cut=Ideal&color=E&clarity=VS2";

fn diamond() -> Value {
    json!({"carat": 0.5, "cut": "Ideal", "color": "E", "clarity": "VS2"})
}

fn price(app: &TestApp, version: u64) -> f64 {
    let cells = RawDiamond::from_cells(|field| match field {
        Field::Carat => Cell::Number(0.5),
        Field::Cut => Cell::Text("Ideal"),
        Field::Color => Cell::Text("E"),
        Field::Clarity => Cell::Text("VS2"),
        _ => Cell::Missing,
    });
    value(&app.registry.pipeline(version).unwrap(), &cells, &Options::PRICE_ALONE, None).unwrap().price_usd
}

fn answered_version(app: &TestApp) -> u64 {
    app.post("/v1/valuations", &diamond()).json()["model"]["version"].as_u64().unwrap()
}

/// Seconds until a valuation comes from `version`.
fn seconds_until(app: &TestApp, version: u64) -> f64 {
    let begun = Instant::now();
    while answered_version(app) != version {
        assert!(begun.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(10));
    }
    begun.elapsed().as_secs_f64()
}

/// Damages a model's file and returns what it was.
fn damage(app: &TestApp, version: u64) -> (std::path::PathBuf, Vec<u8>) {
    let digest = app.registry.card(version).unwrap().record.model;
    let path = app.registry.blob_path(BlobKind::Model, &digest);
    let sound = std::fs::read(&path).unwrap();
    let mut bytes = sound.clone();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    (path.into(), sound)
}

#[test]
fn without_a_champion_it_says_so_and_starts_by_itself_once_there_is_one() {
    let app = TestApp::empty();
    for response in [
        app.post("/v1/valuations", &diamond()),
        app.post("/v1/valuations/batch", &json!({"diamonds": [diamond()]})),
        app.get(SIMILAR),
        app.get("/readyz"),
    ] {
        let problem = assert_problem(&response, 503, "no_champion");
        assert!(problem["detail"].as_str().unwrap().contains("xtream train"), "{problem}");
    }
    assert_eq!(app.get("/livez").status, 200);
    app.train(0);
    app.wait_for(1);
    let answer = app.post("/v1/valuations", &diamond()).json();
    assert_eq!(answer["price_usd"].as_f64(), Some(price(&app, 1)));
}

#[test]
fn a_promotion_and_a_rollback_answer_within_a_second() {
    let app = TestApp::new();
    app.train(1);
    assert_eq!(answered_version(&app), 1);
    app.registry.promote(2, "a test").unwrap();
    let promoted = seconds_until(&app, 2);
    let answer = app.post("/v1/valuations", &diamond()).json();
    assert_eq!(answer["price_usd"].as_f64(), Some(price(&app, 2)));
    assert_ne!(price(&app, 1), price(&app, 2));
    assert_eq!(app.get("/v1/models/champion").json()["version"], 2);
    let digest = app.registry.card(2).unwrap().record.data.digest;
    assert_eq!(app.get(SIMILAR).json()["dataset"]["digest"], json!(digest));
    app.registry.rollback("a test").unwrap();
    let mut seconds = vec![promoted, seconds_until(&app, 1)];
    // Several times: other tests run at the same moment.
    for version in [2, 1, 2, 1] {
        app.registry.promote(version, "a test").unwrap();
        seconds.push(seconds_until(&app, version));
    }
    seconds.sort_by(f64::total_cmp);
    assert!(seconds[1] < 1.0, "{seconds:?} s");
}

#[test]
fn no_answer_mixes_two_models_while_they_are_swapped() {
    let app = TestApp::new();
    app.train(1);
    let prices = [price(&app, 1), price(&app, 2)];
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = [0, 0];
                    while !is_over.load(Ordering::SeqCst) {
                        let answer = app.post("/v1/valuations", &diamond()).json();
                        let index = answer["model"]["version"].as_u64().unwrap() as usize - 1;
                        assert_eq!(answer["price_usd"].as_f64(), Some(prices[index]));
                        seen[index] += 1;
                    }
                    seen
                })
            })
            .collect();
        for version in [2, 1, 2, 1] {
            app.registry.promote(version, "a test").unwrap();
            app.wait_for(version);
            std::thread::sleep(Duration::from_millis(200));
        }
        is_over.store(true, Ordering::SeqCst);
        for client in clients {
            let seen = client.join().unwrap();
            assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
        }
    });
}

#[test]
fn a_damaged_champion_leaves_the_old_one_answering_and_shows_in_readyz_until_it_is_mended() {
    let app = TestApp::new();
    app.train(1);
    app.registry.promote(2, "a test").unwrap();
    app.wait_for(2);
    app.registry.rollback("a test").unwrap();
    app.wait_for(1);
    assert_eq!(app.get("/readyz").json()["trouble"], Value::Null);
    // The decision is written as another machine would, that has not seen the damage.
    let decision = xtream_core::promotion::Decision::by_hand(2, Some(1), "a test".into());
    let (path, sound) = damage(&app, 2);
    app.registry.decide(&decision).unwrap();
    let begun = Instant::now();
    while app.get("/readyz").json()["trouble"] == Value::Null {
        assert!(begun.elapsed() < Duration::from_secs(30), "the damage is not noticed");
        std::thread::sleep(Duration::from_millis(50));
    }
    let ready = app.get("/readyz");
    assert_eq!((ready.status, &ready.json()["model"]["version"]), (200, &json!(1)));
    assert_eq!(ready.json()["trouble"]["version"], 2);
    assert!(ready.json()["trouble"]["reason"].as_str().unwrap().contains("damaged"), "{}", ready.text);
    assert_eq!(answered_version(&app), 1);
    assert_eq!((app.metric("xtream_model_version"), app.metric("xtream_model_trouble")), (1.0, 1.0));
    std::fs::write(path, sound).unwrap();
    seconds_until(&app, 2);
    assert_eq!((app.metric("xtream_model_version"), app.metric("xtream_model_trouble")), (2.0, 0.0));
    assert_eq!(app.get("/readyz").json()["trouble"], Value::Null);
}

#[test]
fn a_server_that_starts_on_a_damaged_champion_explains_it_and_recovers() {
    let first = TestApp::new();
    first.train(1);
    damage(&first, 1);
    let mut options = TestApp::options(first.folder.path());
    // Two servers on one log are refused.
    options.exchange_log.folder = first.folder.path().join("another-log");
    let server = xtream_server::Server::build(options).unwrap();
    let (address, interrupt) = (server.address(), xtream_core::Interrupt::default());
    std::thread::scope(|scope| {
        let running = scope.spawn(|| server.run(&interrupt));
        let ready = || {
            let request = ureq::http::Request::get(format!("http://{address}/readyz"));
            first.send(request.body(Vec::new()).unwrap())
        };
        let problem = assert_problem(&ready(), 503, "champion_refused");
        assert!(
            problem["detail"].as_str().unwrap().starts_with("Model version 1 cannot be loaded"),
            "{problem}"
        );
        first.registry.promote(2, "a test").unwrap();
        let begun = Instant::now();
        while ready().status != 200 {
            assert!(begun.elapsed() < Duration::from_secs(30));
            std::thread::sleep(Duration::from_millis(20));
        }
        interrupt.raise();
        running.join().unwrap().unwrap();
    });
}
