//! `GET /v1/similar-diamonds`

use serde_json::{Value, json};
use xtream_core::PricedDiamond;

use crate::helpers::{TestApp, assert_problem, pointers};

/// What the answer must be, by sorting every training stone.
fn brute_force(
    stones: &[PricedDiamond],
    carat: f64,
    [cut, color, clarity]: [&str; 3],
    n: usize,
) -> Vec<Value> {
    let is_same = |stone: &&PricedDiamond| {
        let stone = stone.diamond();
        [stone.cut().to_string(), stone.color().to_string(), stone.clarity().to_string()]
            == [cut, color, clarity]
    };
    let mut found: Vec<_> = stones.iter().filter(is_same).collect();
    let difference = |stone: &PricedDiamond| (stone.diamond().carat() - carat).abs();
    // A stable sort keeps equal ones by row.
    found.sort_by(|a, b| {
        difference(a).total_cmp(&difference(b)).then(a.price_usd().total_cmp(&b.price_usd()))
    });
    found.truncate(n);
    let as_json = |priced: &&PricedDiamond| {
        let stone = priced.diamond();
        json!({
            "carat": stone.carat(), "cut": cut, "color": color, "clarity": clarity,
            "depth": stone.depth(), "table": stone.table(), "price_usd": priced.price_usd(),
            "x": stone.x(), "y": stone.y(), "z": stone.z(), "carat_difference": difference(priced),
        })
    };
    found.iter().map(as_json).collect()
}

#[test]
fn the_answer_is_what_sorting_all_training_rows_would_give() {
    let app = TestApp::new();
    let stones = app.registry.dataset(1).unwrap().train();
    for (carat, grades, n) in [
        (0.5, ["Ideal", "E", "VS2"], 5),
        (0.31, ["Very Good", "G", "VS1"], 100),
        (0.7, ["Premium", "H", "SI1"], 3),
        (1000.0, ["Good", "D", "SI2"], 10),
        (1.0, ["Ideal", "D", "SI1"], 1),
    ] {
        let [cut, color, clarity] = grades;
        let cut = cut.replace(' ', "%20");
        let path =
            format!("/v1/similar-diamonds?carat={carat}&cut={cut}&color={color}&clarity={clarity}&n={n}");
        let answer = app.get(&path).json();
        let expected = brute_force(&stones, carat, grades, n);
        assert_eq!(answer["diamonds"], json!(expected), "{path}");
        assert!(!expected.is_empty(), "{path}");
        assert_eq!(answer["n"], expected.len());
        let digest = app.registry.card(1).unwrap().record.data.digest;
        assert_eq!(answer["dataset"], json!({"digest": digest, "n_rows": stones.len()}));
    }
}

#[test]
fn five_are_found_unless_another_number_is_asked_for() {
    let app = TestApp::new();
    let answer = app.get("/v1/similar-diamonds?carat=0.5&cut=IDEAL&color=e&clarity=vs2").json();
    assert_eq!((&answer["n"], answer["diamonds"].as_array().unwrap().len()), (&json!(5), 5));
    assert_eq!(answer.get("n_available"), None);
}

#[test]
fn fewer_than_asked_for_are_all_there_are_and_said_to_be() {
    let app = TestApp::new();
    let answer = app.get("/v1/similar-diamonds?carat=1&cut=Fair&color=D&clarity=IF&n=7").json();
    assert_eq!(answer["n_requested"], 7);
    assert_eq!(answer["n_available"], answer["diamonds"].as_array().unwrap().len());
    assert_eq!(answer["n_available"], answer["n"]);
}

#[test]
fn all_faults_of_a_query_are_named_at_once() {
    let app = TestApp::new();
    let path = "/v1/similar-diamonds?carat=NaN&cut=Shiny&colour=E&clarity=VS1&clarity=VS2&n=101&depth=60";
    let problem = assert_problem(&app.get(path), 422, "invalid_request");
    assert_eq!(pointers(&problem), ["/carat", "/cut", "/color", "/clarity", "/colour", "/depth", "/n"]);
    let allowed = json!(["carat", "cut", "color", "clarity", "n"]);
    assert_eq!(problem["errors"][4]["allowed"], allowed);
    let problem = assert_problem(&app.get("/v1/similar-diamonds"), 422, "invalid_request");
    assert_eq!(pointers(&problem), ["/carat", "/cut", "/color", "/clarity"]);
}

#[test]
fn n_is_a_whole_number_from_one_to_a_hundred() {
    let app = TestApp::new();
    let path = "/v1/similar-diamonds?carat=0.5&cut=Ideal&color=E&clarity=VS2";
    for n in ["0", "101", "-1", "2.5", "five", "", "99999999999999999999999"] {
        let problem = assert_problem(&app.get(&format!("{path}&n={n}")), 422, "invalid_request");
        assert_eq!(pointers(&problem), ["/n"], "{n}");
    }
    assert_eq!(app.get(&format!("{path}&n=100")).status, 200);
}
