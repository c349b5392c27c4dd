//! `POST /v1/valuations` and its batch.

use serde_json::{Value, json};
use xtream_core::PricedDiamond;
use xtream_core::diamond::{Cell, Field, RawDiamond};
use xtream_core::similar::SimilarIndex;
use xtream_core::valuation::{Options, Valuation, value};

use crate::helpers::{TestApp, assert_problem, pointers};

const LABELS: [&str; 5] = ["Fair", "Good", "Very Good", "Premium", "Ideal"];

fn example() -> Value {
    json!({"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VS1", "x": 6.8, "y": 6.75, "z": 4.2})
}

fn example_cells() -> RawDiamond<'static> {
    RawDiamond {
        carat: Cell::Number(1.2),
        cut: Cell::Text("Premium"),
        color: Cell::Text("E"),
        clarity: Cell::Text("VS1"),
        depth: Cell::Missing,
        table: Cell::Missing,
        x: Cell::Number(6.8),
        y: Cell::Number(6.75),
        z: Cell::Number(4.2),
        objections: &[],
    }
}

fn with(changes: Value) -> Value {
    let mut diamond = example();
    for (name, value) in changes.as_object().unwrap() {
        diamond[name] = value.clone();
    }
    diamond
}

fn as_json(stone: &PricedDiamond, fields: &[Field]) -> Value {
    let stone = stone.diamond();
    let mut document = json!({"cut": stone.cut(), "color": stone.color(), "clarity": stone.clarity()});
    for field in fields {
        document[field.name()] = json!(stone.number(*field).unwrap());
    }
    document
}

#[test]
fn the_example_is_answered_as_the_contract_says() {
    let app = TestApp::new();
    let response = app.post("/v1/valuations", &example());
    assert_eq!(response.status, 200, "{}", response.text);
    assert_eq!(response.header("content-type"), "application/json");
    let answer = response.json();
    let expected =
        value(&app.registry.pipeline(1).unwrap(), &example_cells(), &Options::PRICE_ALONE, None).unwrap();
    assert_eq!(answer["price_usd"].as_f64().unwrap().to_bits(), expected.price_usd.to_bits());
    assert_eq!(
        answer["price_per_carat_usd"].as_f64(),
        Some((expected.price_usd / 1.2 * 100.0).round() / 100.0)
    );
    assert_eq!(answer["assumed"], json!(["depth", "table"]));
    assert_eq!(answer["warnings"], json!([]));
    let digest = app.registry.card(1).unwrap().record.model.to_string();
    assert_eq!(answer["model"], json!({"version": 1, "family": "linear", "digest": digest}));
    assert_eq!(answer["request_id"], response.header("x-request-id"));
}

/// What the pipeline itself answers to everything.
fn appraised(app: &TestApp) -> Valuation {
    let question = Options { reasons: true, comparables: true, what_if: true, ..Options::default() };
    let index = SimilarIndex::new(app.registry.dataset(1).unwrap().train());
    let pipeline = app.registry.pipeline(1).unwrap();
    value(&pipeline, &example_cells(), &question, Some(&index)).unwrap()
}

#[test]
fn a_valuation_has_its_range_and_nothing_more_unless_asked() {
    let app = TestApp::new();
    let answer = app.post("/v1/valuations", &example()).json();
    assert_eq!(answer["range"], json!(appraised(&app).range.unwrap()));
    assert_eq!(answer["range"]["confidence"], 0.9);
    for name in ["reasons", "comparables", "what_if"] {
        assert!(answer.get(name).is_none(), "{name} was not asked for");
    }
    let surer = app.post("/v1/valuations?confidence=0.99", &example()).json();
    assert!(surer["range"]["high_usd"].as_f64() > answer["range"]["high_usd"].as_f64());
    let batch = json!({"diamonds": [example()]});
    let results = app.post("/v1/valuations/batch?confidence=0.99", &batch).json()["results"].clone();
    assert_eq!(results[0]["range"], surer["range"]);
}

#[test]
fn what_is_included_is_what_the_pipeline_says() {
    let app = TestApp::new();
    let path = "/v1/valuations?include=reasons,comparables,what_if";
    let (answer, expected) = (app.post(path, &example()).json(), appraised(&app));
    let reasons = expected.reasons.unwrap();
    assert_eq!(answer["reasons"], json!(reasons));
    let amounts = answer["reasons"]["contributions"].as_array().unwrap().iter();
    let sum: f64 = amounts.map(|contribution| contribution["amount_usd"].as_f64().unwrap()).sum();
    assert!((reasons.average_usd + sum - expected.price_usd).abs() < 0.005, "to the cent");
    assert_eq!(answer["what_if"], json!(expected.what_if.unwrap()));
    assert_eq!(answer["what_if"][0]["change"], json!({"color": "D"}));
    let comparables = expected.comparables.unwrap();
    assert_eq!(answer["comparables"].as_array().unwrap().len(), comparables.len());
    for (answered, expected) in answer["comparables"].as_array().unwrap().iter().zip(comparables) {
        assert_eq!(answered["price_usd"], expected.stone.price_usd());
        assert_eq!(answered["carat"], expected.stone.diamond().carat());
        assert_eq!(answered["differences"], json!(expected.differences));
        assert_eq!(answered["adjusted_price_usd"], expected.adjusted_price_usd);
    }
}

#[test]
fn a_question_that_is_none_is_refused_with_what_is_allowed() {
    let app = TestApp::new();
    let refused = |path: &str| {
        let problem = assert_problem(&app.post(path, &example()), 422, "invalid_request");
        problem["errors"][0].clone()
    };
    let error = refused("/v1/valuations?include=reasons,reason");
    assert_eq!(error["pointer"], "/include");
    assert_eq!(error["allowed"], json!(["reasons", "comparables", "what_if"]));
    for confidence in ["0.49", "0.991", "90", "NaN", "high", ""] {
        let error = refused(&format!("/v1/valuations?confidence={confidence}"));
        assert_eq!(error["pointer"], "/confidence");
        assert!(error["message"].as_str().unwrap().contains("from 0.5 to 0.99"), "{error}");
    }
    assert_eq!(refused("/v1/valuations?confidance=0.9")["pointer"], "/confidance");
    let batch = json!({"diamonds": [example()]});
    let answer = app.post("/v1/valuations/batch?include=reasons", &batch);
    let problem = assert_problem(&answer, 422, "invalid_request");
    assert!(problem["detail"].as_str().unwrap().contains("one diamond at a time"), "{problem}");
}

#[test]
fn every_stone_has_the_pipelines_price_bit_by_bit_alone_and_in_a_batch() {
    let app = TestApp::new();
    let pipeline = app.registry.pipeline(1).unwrap();
    let stones = app.registry.dataset(1).unwrap().test();
    let all = [Field::Carat, Field::Depth, Field::Table, Field::X, Field::Y, Field::Z];
    let diamonds: Vec<_> = stones
        .iter()
        .enumerate()
        .map(|(row, stone)| as_json(stone, if row % 2 == 0 { &all } else { &all[..1] }))
        .collect();
    let answer = app.post("/v1/valuations/batch", &json!({"diamonds": diamonds})).json();
    assert_eq!(answer["n_valued"], stones.len());
    for (row, stone) in stones.iter().enumerate() {
        let stone = stone.diamond();
        let cell = |field: Field| match stone.number(field) {
            Some(number) if row % 2 == 0 || field == Field::Carat => Cell::Number(number),
            Some(_) => Cell::Missing,
            None => Cell::Text(diamonds[row][field.name()].as_str().unwrap()),
        };
        let expected = value(&pipeline, &RawDiamond::from_cells(cell), &Options::PRICE_ALONE, None).unwrap();
        let price = answer["results"][row]["price_usd"].as_f64().unwrap();
        assert_eq!(price.to_bits(), expected.price_usd.to_bits(), "row {row}");
        if row < 50 {
            let single = app.post("/v1/valuations", &diamonds[row]).json();
            assert_eq!(single["price_usd"].as_f64().unwrap().to_bits(), price.to_bits());
            assert_eq!(single["assumed"], answer["results"][row]["assumed"]);
        }
    }
}

#[test]
fn usual_spellings_null_and_numbers_as_text_change_nothing() {
    let app = TestApp::new();
    let price = |diamond: &Value| app.post("/v1/valuations", diamond).json()["price_usd"].clone();
    let expected = price(&with(json!({"cut": "Very Good"})));
    assert!(expected.as_f64().unwrap() > 0.0);
    for changes in [
        json!({"cut": "very good"}),
        json!({"cut": "VERY_GOOD", "color": "e", "clarity": "vs1"}),
        json!({"cut": "VeryGood", "depth": null}),
        json!({"cut": "Very Good", "carat": "1.2"}),
    ] {
        assert_eq!(price(&with(changes.clone())), expected, "{changes}");
    }
}

#[test]
fn all_faults_of_a_diamond_are_named_at_once() {
    let app = TestApp::new();
    let diamond =
        json!({"carat": -1, "cut": "Shiny", "clarity": true, "x": 1e39, "z": [4.2], "colour": "E", "a/b": 1});
    let problem = assert_problem(&app.post("/v1/valuations", &diamond), 422, "invalid_request");
    let expected = ["/carat", "/cut", "/color", "/clarity", "/x", "/z", "/colour", "/a~1b"];
    assert_eq!(pointers(&problem), expected);
    let errors = &problem["errors"];
    assert_eq!(errors[1]["allowed"], json!(LABELS));
    assert!(errors[2]["message"].as_str().unwrap().starts_with("color is missing"), "{problem}");
    assert_eq!(errors[3]["message"], "clarity is a text, not true or false");
    assert_eq!(errors[6]["allowed"][0], "carat");
    assert_eq!(errors[6]["allowed"].as_array().unwrap().len(), 9);
}

#[test]
fn a_single_fault_is_the_detail_itself() {
    let app = TestApp::new();
    let problem = app.post("/v1/valuations", &with(json!({"cut": "Shiny"}))).json();
    let message =
        "cut \"Shiny\" is not a known grade; allowed is one of Fair, Good, Very Good, Premium, Ideal";
    assert_eq!(problem["detail"], message);
    assert_eq!(problem["errors"], json!([{"pointer": "/cut", "message": message, "allowed": LABELS}]));
}

#[test]
fn numbers_that_contradict_one_another_are_warned_about() {
    let app = TestApp::new();
    let answer = app.post("/v1/valuations", &with(json!({"carat": 2.4}))).json();
    assert!(answer["price_usd"].is_f64());
    assert_eq!(answer["warnings"][0]["pointer"], "/carat");
    assert!(answer["warnings"][0]["message"].as_str().unwrap().contains("does not fit a stone of 6.8 x"));
}

#[test]
fn a_likely_typing_error_is_named_with_what_was_meant() {
    let app = TestApp::new();
    let answer = app.post("/v1/valuations", &with(json!({"x": 68})));
    let message = "x \"68\" does not fit the other numbers, as if its decimal point had moved; allowed is what the \
                   certificate says; most likely 6.8 is meant";
    // The linear model of these tests makes billions of so long a stone.
    let problem = assert_problem(&answer, 422, "beyond_the_model");
    assert_eq!(problem["errors"][0]["pointer"], "", "the price is the whole stone's");
    assert!(problem["errors"][0]["message"].as_str().unwrap().starts_with("price \""));
    assert_eq!(problem["errors"][1], json!({"pointer": "/x", "message": message, "likely": {"x": 6.8}}));
    let answer = app.post("/v1/valuations", &with(json!({"x": 4.2, "z": 6.8}))).json();
    let mut warnings = answer["warnings"].as_array().unwrap().clone();
    // So deep a stone is cheaper than any sale, too.
    warnings.retain(|warning| warning["pointer"] != "");
    assert_eq!(warnings.len(), 2, "{answer}");
    for (warning, pointer) in warnings.iter().zip(["/x", "/z"]) {
        assert_eq!(
            (&warning["pointer"], &warning["likely"]),
            (&json!(pointer), &json!({"x": 6.8, "z": 4.2}))
        );
    }
    let four_cs = json!({"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VS1", "depth": 6.23});
    // Measurements that follow from so shallow a stone are beyond the model, too.
    let problem = assert_problem(&app.post("/v1/valuations", &four_cs), 422, "beyond_the_model");
    assert_eq!(problem["errors"][1]["pointer"], "/depth");
    assert_eq!(problem["errors"][1]["likely"], json!({"depth": 62.3}));
}

#[test]
fn what_was_most_likely_meant_is_told_of_a_refused_number_too() {
    let app = TestApp::new();
    let problem = app.post("/v1/valuations", &with(json!({"carat": "1,2", "z": "-4,2"}))).json();
    assert_eq!(problem["errors"][0]["likely"], json!({"carat": 1.2}));
    assert!(problem["errors"][0]["message"].as_str().unwrap().ends_with("; most likely 1.2 is meant"));
    let height = problem["errors"][1]["likely"]["z"].as_f64().unwrap();
    assert!((height - 4.2).abs() < 0.1, "{problem}");
    let batch = json!({"diamonds": [with(json!({"y": 675}))]});
    let answer = app.post("/v1/valuations/batch", &batch).json();
    assert_eq!(answer["results"][0]["warnings"][0]["pointer"], "/diamonds/0/y");
    assert_eq!(answer["results"][0]["warnings"][0]["likely"], json!({"y": 6.75}));
}

#[test]
fn a_stone_beyond_every_model_is_refused_rather_than_priced_null_or_nothing() {
    let app = TestApp::new();
    let weightless = json!({"carat": 5000, "cut": "Premium", "color": "E", "clarity": "VS1"});
    let problem = assert_problem(&app.post("/v1/valuations", &weightless), 422, "beyond_the_model");
    assert_eq!(problem["errors"][0]["pointer"], "/carat");
    let message = problem["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("the heaviest stone learned from has "), "{message}");
    let diamond = with(json!({"carat": 1e6, "x": 1e6, "y": 1e6, "z": 6e5}));
    assert_problem(&app.post("/v1/valuations", &diamond), 422, "beyond_the_model");
}

#[test]
fn a_batch_answers_each_diamond_in_order_with_a_result_or_a_problem() {
    let app = TestApp::new();
    let diamonds = json!([example(), with(json!({"color": "K"})), [], with(json!({"carat": 0.3}))]);
    let response = app.post("/v1/valuations/batch", &json!({"diamonds": diamonds}));
    assert_eq!(response.status, 200);
    let answer = response.json();
    let results = answer["results"].as_array().unwrap();
    assert_eq!((&answer["n_valued"], &answer["n_refused"]), (&json!(2), &json!(2)));
    assert_eq!(answer["model"]["version"], 1);
    assert_eq!(results[0]["price_usd"], app.post("/v1/valuations", &diamonds[0]).json()["price_usd"]);
    assert_eq!(results[1]["status"], 422);
    assert_eq!(results[1]["errors"][0]["pointer"], "/diamonds/1/color");
    assert_eq!(results[2]["errors"][0]["pointer"], "/diamonds/2");
    assert_eq!(results[2]["request_id"], answer["request_id"]);
    assert_eq!(results[3]["price_usd"], app.post("/v1/valuations", &diamonds[3]).json()["price_usd"]);
}

#[test]
fn a_batch_has_one_to_a_thousand_diamonds_and_nothing_else() {
    let app = TestApp::new();
    let batch = |n: usize| json!({"diamonds": vec![example(); n]});
    let full = app.post("/v1/valuations/batch", &batch(1000));
    assert_eq!(full.json()["results"].as_array().unwrap().len(), 1000);
    for document in [
        batch(0),
        batch(1001),
        json!({}),
        json!({"diamonds": null}),
        json!({"diamonds": example()}),
        json!({"diamonds": "all"}),
    ] {
        let problem = assert_problem(&app.post("/v1/valuations/batch", &document), 422, "invalid_request");
        assert_eq!(pointers(&problem), ["/diamonds"]);
    }
    let problem =
        assert_problem(&app.post("/v1/valuations/batch", &json!([example()])), 422, "invalid_request");
    assert_eq!(pointers(&problem), [""]);
    let both = json!({"diamond": [], "diamonds": []});
    let problem = assert_problem(&app.post("/v1/valuations/batch", &both), 422, "invalid_request");
    assert_eq!(pointers(&problem), ["/diamond", "/diamonds"]);
}

#[test]
fn parts_are_asked_for_in_one_parameter_or_in_several() {
    let app = TestApp::new();
    let stone = json!({"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VS1"});
    let parts = |query: &str| {
        let answer = app.post(&format!("/v1/valuations?{query}"), &stone);
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        let answer = answer.json();
        ["reasons", "comparables", "what_if"].map(|part| answer.get(part).is_some())
    };
    for both in [
        "include=reasons,what_if",
        "include=reasons&include=what_if",
        "include=what_if,&include=reasons,what_if",
    ] {
        assert_eq!(parts(both), [true, false, true], "{both}");
    }
    assert_eq!(parts("include=&include=comparables"), [false, true, false]);
    for wrong in ["include=reasons&include=weight", "include=reasons,weight"] {
        let problem =
            assert_problem(&app.post(&format!("/v1/valuations?{wrong}"), &stone), 422, "invalid_request");
        assert_eq!(pointers(&problem), ["/include"]);
        assert!(
            problem["detail"].as_str().unwrap().starts_with("include \"weight\" is none of"),
            "{problem}"
        );
    }
    let twice = app.post("/v1/valuations?confidence=0.9&confidence=0.8", &stone);
    assert_eq!(pointers(&assert_problem(&twice, 422, "invalid_request")), ["/confidence"]);
}

#[test]
fn json_that_leaves_open_what_is_meant_is_refused_in_words() {
    let app = TestApp::new();
    let stone = r#"{"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VS1"}"#;
    let twice = r#"{"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VS1", "carat": 12}"#;
    for (path, body, words) in [
        (
            "/v1/valuations",
            twice.to_owned(),
            "\"carat\" is there twice in one object, the second time at line 1",
        ),
        (
            "/v1/valuations/batch",
            format!(r#"{{"diamonds": [{stone}, {twice}]}}"#),
            "\"carat\" is there twice",
        ),
        (
            "/v1/valuations/batch",
            format!(r#"{{"diamonds": [], "diamonds": [{stone}]}}"#),
            "\"diamonds\" is there twice",
        ),
        ("/v1/valuations", format!("\u{feff}{stone}"), "begins with a byte order mark"),
    ] {
        let problem =
            assert_problem(&app.post_bytes(path, "application/json", body.into()), 400, "malformed_json");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{problem}");
    }
}
