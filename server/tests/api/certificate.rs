//! A valuation of the past is reproduced and computed again, whatever became of its model since.

use serde_json::{Value, json};
use sha2::Digest;

use crate::helpers::{ADMIN_KEY, Response, TestApp, assert_problem, pointers};

const ONE: &str = "/v1/valuations";

fn stone() -> Value {
    json!({"carat": 1.2, "cut": "premium", "color": "E", "clarity": "VS1", "x": 6.8, "y": 6.75, "z": 4.2})
}

fn certificate_of(app: &TestApp, valuation: &Response) -> Response {
    app.get(&format!("{ONE}/{}", valuation.header("x-request-id")))
}

/// The stored pipeline of a version.
fn model_file(app: &TestApp, version: u64) -> std::path::PathBuf {
    let card = app.registry.card(version).unwrap();
    app.registry.blob_path(xtream_core::registry::BlobKind::Model, &card.record.model).into()
}

#[test]
fn a_certificate_has_the_valuation_the_stone_and_how_it_was_made() {
    let app = TestApp::new();
    let valuation = app.post(ONE, &stone());
    let answered = valuation.json();
    let answer = certificate_of(&app, &valuation);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let certificate = answer.json();
    assert_eq!(certificate["request_id"], answer.header("x-request-id"));
    let certified = &certificate["valuation"];
    for part in ["request_id", "price_usd", "price_per_carat_usd", "range", "assumed", "warnings", "model"] {
        assert_eq!(certified[part], answered[part], "{part}");
    }
    let fields = ["carat", "cut", "color", "clarity", "depth", "table", "x", "y", "z"];
    let stone = certified["stone"].as_object().unwrap();
    assert_eq!(stone.keys().collect::<Vec<_>>(), fields);
    assert_eq!(stone["cut"], "Premium", "in the spelling of the trade");
    let depth = stone["depth"].as_f64().unwrap();
    assert!((depth - 100.0 * 4.2 / 6.775).abs() < 0.005, "estimated from the dimensions");
    assert_eq!(certificate["basis"], "2008 US dollars, retail appraisal");
    let trained_at = app.registry.card(1).unwrap().record.created_at;
    let told = chrono::DateTime::parse_from_rfc3339(certificate["trained_at"].as_str().unwrap()).unwrap();
    assert_eq!(told, trained_at);
    assert_eq!(certificate["data_date"], certificate["trained_at"]);
    assert_eq!(certificate["recomputed_price_usd"], answered["price_usd"]);
    assert_eq!(certificate["matches"], true, "{certificate}");
    assert!(certificate["note"].as_str().unwrap().contains("the same to the last bit"));
    assert!(!answer.text.contains("127.0.0.1"), "who asked is nobody's business");
}

#[test]
fn what_was_asked_for_besides_the_price_is_on_the_certificate() {
    let app = TestApp::new();
    let asked = format!("{ONE}?include=reasons,comparables,what_if&confidence=0.8");
    let valuation = app.post(&asked, &stone());
    let certificate = certificate_of(&app, &valuation).json();
    for part in ["range", "reasons", "comparables", "what_if"] {
        assert!(!valuation.json()[part].is_null(), "{part}");
        assert_eq!(certificate["valuation"][part], valuation.json()[part], "{part}");
    }
    assert_eq!(certificate["matches"], true, "the range is computed for the confidence of then");
}

#[test]
fn the_model_of_then_certifies_after_another_became_the_champion() {
    let app = TestApp::new();
    let valuation = app.post(ONE, &stone());
    let second = app.train(3);
    app.registry.promote(second, "a test").unwrap();
    app.wait_for(second);
    let certificate = certificate_of(&app, &valuation).json();
    assert_eq!(certificate["matches"], true, "{certificate}");
    assert_eq!(certificate["valuation"]["model"]["version"], 1);
    let now = app.post(ONE, &stone());
    assert_ne!(now.json()["price_usd"], valuation.json()["price_usd"]);
    assert_eq!(certificate_of(&app, &now).json()["matches"], true);
}

#[test]
fn a_model_file_that_was_damaged_since_leaves_the_question_open() {
    let app = TestApp::new();
    let valuation = app.post(ONE, &stone());
    let file = model_file(&app, 1);
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    // The model that answers was read before, and is asked for no file.
    assert_eq!(certificate_of(&app, &valuation).json()["matches"], true);
    let second = app.train(3);
    app.registry.promote(second, "a test").unwrap();
    app.wait_for(second);
    let certificate = certificate_of(&app, &valuation).json();
    assert_eq!(certificate["matches"], Value::Null);
    assert_eq!(certificate["recomputed_price_usd"], Value::Null);
    let note = "The price could not be computed again: the file of model version 1 is damaged or missing.";
    assert_eq!(certificate["note"], note);
    assert_eq!(
        certificate["valuation"]["price_usd"],
        valuation.json()["price_usd"],
        "what was answered stays"
    );
    assert_eq!(certificate["valuation"]["stone"], stone(), "as it was sent");
}

#[test]
fn numbers_of_nothing_of_something_else_and_of_what_was_refused_say_which() {
    let app = TestApp::new();
    let detail = |response: &Response| {
        assert_problem(response, 404, "unknown_valuation")["detail"].as_str().unwrap().to_owned()
    };
    let none = app.get("/v1/valuations/0197f2a4-8c1b-7e52-9d3a-5b6c7d8e9f01");
    assert!(detail(&none).starts_with("No valuation with this number is recorded here"));
    assert!(detail(&app.get("/v1/valuations/42")).contains("\"42\" is no number of a valuation"));
    let similar = app.get("/v1/similar-diamonds?carat=1&cut=Ideal&color=E&clarity=VS1");
    assert!(
        detail(&certificate_of(&app, &similar))
            .contains("another kind of request (GET /v1/similar-diamonds)")
    );
    let refused = app.post(ONE, &json!({"carat": 1.2, "cut": "Shiny", "color": "E", "clarity": "VS1"}));
    let detail = detail(&certificate_of(&app, &refused));
    assert!(detail.contains("was refused") && detail.contains("Shiny"), "{detail}");
}

#[test]
fn each_stone_of_a_batch_has_its_certificate() {
    let app = TestApp::new();
    let batch = json!({"diamonds": [stone(), {"carat": -1}, {"carat": 0.5, "cut": "Ideal", "color": "G", "clarity": "SI1"}]});
    let valuation = app.post("/v1/valuations/batch", &batch);
    let path = format!("{ONE}/{}", valuation.header("x-request-id"));
    let which = assert_problem(&app.get(&path), 404, "unknown_valuation");
    assert!(which["detail"].as_str().unwrap().contains("?row=0"), "{which}");
    for row in [0, 2] {
        let certificate = app.get(&format!("{path}?row={row}")).json();
        assert_eq!(certificate["matches"], true, "{certificate}");
        assert_eq!(certificate["valuation"]["row"], row);
        assert_eq!(certificate["valuation"]["price_usd"], valuation.json()["results"][row]["price_usd"]);
    }
    assert_problem(&app.get(&format!("{path}?row=1")), 404, "unknown_valuation");
    for wrong in ["row=3", "row=first", "line=1"] {
        let problem = assert_problem(&app.get(&format!("{path}?{wrong}")), 422, "invalid_request");
        assert_eq!(pointers(&problem).len(), 1);
    }
}

#[test]
fn a_record_of_former_times_is_certified_and_one_that_was_changed_is_not() {
    let app = TestApp::new();
    let answered = app.post(ONE, &stone()).json();
    let record = |id: &str, change: &dyn Fn(&mut Value)| {
        let mut answer = answered.clone();
        change(&mut answer);
        json!({
            "_id": id, "received_at": "2026-01-31T12:00:00.000Z", "duration_ms": 1.0, "client": "10.0.0.9",
            "route": ONE, "request": {"method": "POST", "path": ONE, "query": "", "body": stone()},
            "response": {"status": 200, "body": answer}, "model": {"version": 1}
        })
    };
    let old = record("0197f2a4-8c1b-7e52-9d3a-5b6c7d8e9f01", &|answer| {
        answer.as_object_mut().unwrap().remove("range");
    });
    let changed = record("0197f2a4-8c1b-7e52-9d3a-5b6c7d8e9f02", &|answer| {
        let price = answer["price_usd"].as_f64().unwrap();
        answer["price_usd"] = json!(f64::from_bits(price.to_bits() + 1));
    });
    let elsewhere = record("0197f2a4-8c1b-7e52-9d3a-5b6c7d8e9f03", &|answer| {
        answer["model"]["digest"] = json!(format!("sha256:{}", "0".repeat(64)));
    });
    let unknown =
        record("0197f2a4-8c1b-7e52-9d3a-5b6c7d8e9f04", &|answer| answer["model"]["version"] = json!(9));
    let log = rusqlite::Connection::open(app.folder.path().join("exchange-log/exchanges.sqlite")).unwrap();
    for record in [&old, &changed, &elsewhere, &unknown] {
        let document = record.to_string();
        let digest = sha2::Sha256::digest(&document);
        log.execute(
            "INSERT INTO exchange (id, received_at, route, status, digest, document) VALUES (?1, ?2, ?3, 200, ?4, ?5)",
            (record["_id"].as_str(), 1_769_860_800_000_i64, ONE, digest.as_slice(), document),
        )
        .unwrap();
    }
    let certificate = |record: &Value| app.get(&format!("{ONE}/{}", record["_id"].as_str().unwrap())).json();
    let old = certificate(&old);
    assert_eq!(old["matches"], true, "{old}");
    assert_eq!(old["valuation"]["valued_at"], "2026-01-31T12:00:00.000Z");
    assert!(old["valuation"].get("range").is_none() && !old.to_string().contains("10.0.0.9"));
    let changed = certificate(&changed);
    assert_eq!(changed["matches"], false, "a single bit is told");
    assert_eq!(changed["recomputed_price_usd"], answered["price_usd"]);
    for (record, why) in
        [(&elsewhere, "is not the one that answered then"), (&unknown, "is not in the registry")]
    {
        let certificate = certificate(record);
        assert_eq!(certificate["matches"], Value::Null);
        assert!(certificate["note"].as_str().unwrap().contains(why), "{certificate}");
    }
}

#[test]
fn a_certificate_needs_no_key_and_is_recorded_like_every_exchange() {
    let closed = TestApp::empty_with(|options| xtream_server::Options { admin_key: None, ..options });
    closed.train(0);
    closed.wait_for(1);
    let valuation = closed.post(ONE, &stone());
    assert_eq!(certificate_of(&closed, &valuation).status, 200);
    let app = TestApp::new();
    let certificate = certificate_of(&app, &app.post(ONE, &stone()));
    let recorded = app.recorded();
    assert!(recorded.iter().any(|record| record["_id"] == certificate.header("x-request-id")));
    assert!(!certificate.text.contains(ADMIN_KEY));
}
