//! `GET /v1/models` and below.

use serde_json::json;

use crate::helpers::{TestApp, assert_problem};

#[test]
fn the_history_is_newest_first_with_metrics_and_names_the_champion() {
    let app = TestApp::new();
    app.train(1);
    app.train(2);
    let history = app.get("/v1/models").json();
    let models = history["models"].as_array().unwrap();
    let versions: Vec<_> = models.iter().map(|model| model["version"].clone()).collect();
    assert_eq!(versions, [3, 2, 1]);
    assert_eq!(history["champion"], 1);
    for model in models {
        assert_eq!(model["is_champion"], model["version"] == 1);
        let card = app.registry.card(model["version"].as_u64().unwrap()).unwrap();
        assert_eq!(model["metrics"]["mae_usd"].as_f64(), Some(card.details.metrics.mae_usd));
        assert_eq!(model["family"], "linear");
        assert_eq!(app.get(&format!("/v1/models/{}", model["version"])).json()["model"], model["model"]);
    }
}

#[test]
fn the_history_has_every_decision_and_its_reason_newest_first() {
    let app = TestApp::new();
    app.train(1);
    app.registry.promote(2, "It was checked by hand.").unwrap();
    app.registry.rollback("Customers complained.").unwrap();
    let history = app.get("/v1/models").json();
    let decisions = history["decisions"].as_array().unwrap();
    let said: Vec<_> = decisions
        .iter()
        .map(|decision| json!([decision["rolled_back"], decision["candidate"], decision["champion"]]))
        .collect();
    assert_eq!(said, [json!([true, 1, 2]), json!([false, 2, 1]), json!([false, 1, null])]);
    assert_eq!(decisions[0]["reason"], "Customers complained.");
    assert_eq!(decisions[1]["reason"], "It was checked by hand.");
    assert!(decisions.iter().all(|decision| decision["promoted"] == true && decision["at"].is_string()));
    assert!(decisions[0]["at"].as_str() > decisions[2]["at"].as_str());
    assert_eq!(history["champion"], 1);
}

#[test]
fn one_model_is_its_card() {
    let app = TestApp::new();
    let response = app.get("/v1/models/1");
    let mut model = response.json();
    assert_eq!(model["is_champion"], true);
    assert_eq!(model["request_id"], response.header("x-request-id"));
    model.as_object_mut().unwrap().retain(|name, _| name != "is_champion" && name != "request_id");
    assert_eq!(model, json!(app.registry.card(1).unwrap()));
    assert_eq!(app.get("/v1/models/champion").json()["version"], 1);
}

#[test]
fn an_unknown_model_is_a_404_that_says_what_there_is() {
    let app = TestApp::new();
    let problem = assert_problem(&app.get("/v1/models/9"), 404, "unknown_model");
    assert_eq!(problem["detail"], "there is no model version 9; known versions are 1 to 1.");
    for version in ["0", "-1", "one", "1.5", "99999999999999999999999", "%00", "%ff"] {
        assert_problem(&app.get(&format!("/v1/models/{version}")), 404, "unknown_model");
    }
}

#[test]
fn a_registry_without_models_has_an_empty_history_and_no_champion() {
    let app = TestApp::empty();
    let history = app.get("/v1/models").json();
    assert_eq!((&history["champion"], &history["models"]), (&json!(null), &json!([])));
    assert_eq!(history["decisions"], json!([]));
    assert_problem(&app.get("/v1/models/champion"), 503, "no_champion");
}
