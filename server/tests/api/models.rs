//! `GET /v1/models` and below.

use serde_json::{Value, json};
use ureq::http::Request;

use crate::helpers::{ADMIN_KEY, Response, TestApp, assert_problem, pointers};

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
        assert_eq!(model["metrics"]["mae_usd"].as_f64(), Some(card.record.metrics.mae_usd));
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
    let mut card = json!(app.registry.card(1).unwrap());
    // Where the training file lay is not for everybody.
    card["data"]["files"][0]["path"] = json!("rows-from-0.csv");
    assert_eq!(model, card);
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

/// A server with so many versions, of which the first is the champion, and as many decisions against it.
fn with_versions(n: usize) -> TestApp {
    let app = TestApp::new();
    let record = app.registry.card(1).unwrap().record;
    let cards = app.registry.register(&vec![record; n - 1]).unwrap();
    for card in cards.iter().take(30) {
        app.registry.promote(card.version, "A try.").unwrap();
    }
    app
}

/// All pages, from the newest to the oldest.
fn pages(app: &TestApp, limit: &str) -> Vec<Value> {
    let mut pages = vec![app.get(&format!("/v1/models?{limit}")).json()];
    while let Some(cursor) = pages.last().unwrap()["next_cursor"].as_str() {
        let next = app.get(&format!("/v1/models?{limit}&cursor={cursor}")).json();
        pages.push(next);
    }
    pages
}

fn all(pages: &[Value], part: &str, name: &str) -> Vec<u64> {
    let each = pages.iter().flat_map(|page| page[part].as_array().unwrap());
    each.map(|one| one[name].as_u64().unwrap()).collect()
}

#[test]
fn the_history_comes_in_pages_that_together_have_each_model_and_decision_once() {
    let app = with_versions(47);
    let pages = pages(&app, "limit=10");
    assert_eq!(all(&pages, "models", "version"), (1..=47).rev().collect::<Vec<_>>());
    assert_eq!(all(&pages, "decisions", "candidate"), (1..=31).rev().collect::<Vec<_>>());
    let sizes: Vec<_> = pages.iter().map(|page| page["models"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [10, 10, 10, 10, 7]);
    assert!(pages.iter().all(|page| page["champion"] == 31));
    assert_eq!(app.get("/v1/models").json()["models"].as_array().unwrap().len(), 20);
}

#[test]
fn what_comes_while_pages_are_read_shifts_none_of_them() {
    let app = with_versions(12);
    let first = app.get("/v1/models?limit=5").json();
    app.registry.register(&[app.registry.card(1).unwrap().record]).unwrap();
    let next =
        app.get(&format!("/v1/models?limit=5&cursor={}", first["next_cursor"].as_str().unwrap())).json();
    assert_eq!(all(&[first, next], "models", "version"), (3..=12).rev().collect::<Vec<_>>());
    assert_eq!(app.get("/v1/models?limit=1").json()["models"][0]["version"], 13);
}

#[test]
fn a_page_is_bounded_by_its_bytes_however_many_are_asked_for() {
    let app = with_versions(600);
    let small = app.get("/v1/models").text.len();
    assert!(small < 64 << 10, "{small}");
    let large = app.get("/v1/models?limit=1000").text.len();
    assert!(large < 300 << 10, "{large}");
    let pages = pages(&app, "limit=1000");
    assert!(pages.len() > 3);
    assert_eq!(all(&pages, "models", "version"), (1..=600).rev().collect::<Vec<_>>());
}

#[test]
fn a_page_that_cannot_be_asked_for_is_refused_in_words() {
    let app = TestApp::empty();
    let problem =
        assert_problem(&app.get("/v1/models?limit=1001&cursor=yesterday&page=2"), 422, "invalid_request");
    assert_eq!(pointers(&problem), ["/page", "/limit", "/cursor"]);
    assert_problem(&app.get("/v1/models?cursor=99999999999999999999-1"), 422, "invalid_request");
    assert_eq!(app.get("/v1/models?cursor=0-0").json()["models"], json!([]));
    assert_eq!(app.get("/v1/models?cursor=5-5").json()["next_cursor"], json!(null));
}

#[test]
fn no_answer_says_where_the_training_file_lay() {
    let app = TestApp::empty();
    app.train(0);
    app.wait_for(1);
    let folder = app.folder.path().display().to_string();
    let key = format!("Bearer {ADMIN_KEY}");
    for path in ["/v1/models", "/v1/models/1", "/v1/models/champion"] {
        let request = Request::get(app.url(path)).header("authorization", &key);
        for answer in [app.get(path), app.send(request.body(Vec::new()).unwrap())] {
            assert!(answer.text.contains("rows-from-0.csv") && !answer.text.contains(&folder), "{path}");
        }
    }
    let known = app.registry.card(1).unwrap().record.data.files[0].path.clone();
    assert!(known.starts_with(app.folder.path()), "the registry itself knows it");
}

#[test]
fn promoting_the_champion_changes_nothing_and_says_so_and_a_rollback_goes_to_the_one_before_it() {
    let app = TestApp::new();
    let second = app.train(1);
    app.registry.promote(second, "Checked by hand.").unwrap();
    app.wait_for(second);
    let n_commits = app.registry.commits().unwrap().len();
    let request = Request::post(app.url(&format!("/v1/models/{second}/promote")))
        .header("authorization", format!("Bearer {ADMIN_KEY}"))
        .header("content-type", "application/json");
    let answer = app.send(request.body(br#"{"reason": "A double click."}"#.to_vec()).unwrap());
    assert_eq!(answer.status, 200, "{}", answer.text);
    let decision = &answer.json()["decision"];
    let said = format!("Version {second} is the champion already; nothing was changed.");
    assert_eq!((&decision["promoted"], &decision["reason"]), (&json!(false), &json!(said)));
    assert_eq!(app.registry.commits().unwrap().len(), n_commits, "no commit");
    let history = app.get("/v1/models").json();
    assert_eq!(history["champion"], second);
    assert_eq!(all(&[history], "decisions", "candidate"), [second, 1]);
    assert_eq!(app.registry.rollback("Customers complained.").unwrap(), 1);
    app.wait_for(1);
}

fn with_tag(app: &TestApp, path: &str, tag: &str) -> Response {
    app.send(Request::get(app.url(path)).header("if-none-match", tag).body(Vec::new()).unwrap())
}

#[test]
fn models_that_are_known_are_not_sent_again_until_something_changes() {
    let app = TestApp::new();
    app.train(1);
    for path in ["/v1/models", "/v1/models?limit=1", "/v1/models/1", "/v1/models/champion"] {
        let (first, again) = (app.get(path), app.get(path));
        let tag = first.header("etag");
        assert!(tag.starts_with("W/\"") && tag == again.header("etag"), "{path}: {tag}");
        assert_ne!(first.header("x-request-id"), again.header("x-request-id"));
        let known = with_tag(&app, path, tag);
        assert_eq!((known.status, known.text.as_str(), known.header("etag")), (304, "", tag), "{path}");
        let record = app.recorded().into_iter().find(|record| record["_id"] == known.header("x-request-id"));
        let response = &record.unwrap()["response"];
        assert_eq!((&response["status"], &response["body"]), (&json!(304), &json!(null)), "{path}");
        assert_eq!(with_tag(&app, path, "\"another\"").status, 200, "{path}");
    }
    let tags = ["/v1/models", "/v1/models/1"].map(|path| app.get(path).header("etag").to_owned());
    app.registry.promote(2, "Checked by hand.").unwrap();
    for (path, tag) in ["/v1/models", "/v1/models/1"].iter().zip(tags) {
        assert_eq!(with_tag(&app, path, &tag).status, 200, "{path}: it is no longer the champion");
    }
}

#[test]
fn a_registry_whose_next_commit_cannot_be_read_keeps_neither_the_answer_nor_the_end_waiting() {
    let app = TestApp::new();
    let commits = app.folder.path().join("commits");
    let n = std::fs::read_dir(&commits).unwrap().count() + 1;
    // A pipe that nobody writes into: opening it waits for ever.
    let pipe = commits.join(format!("{n:08}.json"));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let begun = std::time::Instant::now();
    let stone = json!({"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VS1"});
    std::thread::scope(|scope| {
        let app = &app;
        let asked = ["/v1/models", "/v1/models/1"].map(|path| scope.spawn(move || app.get(path)));
        assert_eq!(app.post("/v1/valuations", &stone).status, 200, "prices do not wait");
        for answer in asked {
            assert_problem(&answer.join().unwrap(), 503, "registry_unavailable");
        }
    });
    assert!(begun.elapsed().as_secs() < 30, "{:?}", begun.elapsed());
    app.stop().unwrap();
    assert!(begun.elapsed().as_secs() < 40, "{:?}", begun.elapsed());
}
