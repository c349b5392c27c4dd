//! Model files that are cut off, scribbled on or made up: an error, never a panic, a hang or a
//! price.

use std::sync::LazyLock;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use sha2::{Digest, Sha256};
use xtream_core::dataset::Source;
use xtream_core::model::trees::TreeEnsemble;
use xtream_core::model::xgboost::Locations;
use xtream_core::model::{Params, Regressor};
use xtream_core::pipeline::FORMAT_VERSION;
use xtream_core::training::{Calibration, built_in, choose};
use xtream_core::{Error, Interrupt, Pipeline, PricedDiamond};

use crate::helpers::{family, read_public};

fn stones() -> Vec<PricedDiamond> {
    read_public(Source::default()).dataset.train()
}

/// A small real model with numeric and category splits.
static PIPELINE: LazyLock<Pipeline> = LazyLock::new(|| {
    let family = family("xgboost");
    let params = Params::from([("n_estimators", 12.0), ("max_depth", 5.0)]);
    family.recipe.fit("xgboost", &stones()[..20_000], &params, 1, &Interrupt::default()).unwrap()
});

#[test]
fn a_stored_pipeline_prices_as_it_did_before() {
    let loaded = Pipeline::from_bytes(PIPELINE.to_bytes().unwrap()).unwrap();
    let stones = stones();
    let prices = |pipeline: &Pipeline| pipeline.predict(stones.iter().map(PricedDiamond::diamond));
    assert_eq!(prices(&PIPELINE), prices(&loaded));
    let alone = loaded.predict([stones[77].diamond()].into_iter());
    assert_eq!(alone[0], prices(&loaded)[77], "a stone's price does not depend on its company");
}

#[test]
fn every_truncation_of_a_stored_pipeline_is_refused() {
    let bytes = PIPELINE.to_bytes().unwrap();
    for length in 0..bytes.len() {
        let refused = Pipeline::from_bytes(bytes[..length].to_vec());
        assert!(matches!(refused, Err(Error::ModelFile { .. })), "cut at {length}");
    }
}

#[test]
fn every_flipped_bit_of_a_stored_pipeline_is_refused() {
    let bytes = PIPELINE.to_bytes().unwrap();
    let seed = 2026;
    let mut random = Pcg64::seed_from_u64(seed);
    for flip in 0..5_000 {
        // The first line byte by byte, the rest at random.
        let bit = if flip < 800 { flip } else { random.random_range(0..bytes.len() * 8) };
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(Pipeline::from_bytes(damaged).is_err(), "seed {seed}, bit {bit}");
    }
}

/// A small calibrated model, as it is stored.
static CALIBRATED: LazyLock<Vec<u8>> = LazyLock::new(|| calibrated("linear", &Params::default()));

fn calibrated(family: &str, params: &Params) -> Vec<u8> {
    let recipe = &choose(built_in(&Locations::default()), &[family.into()]).unwrap()[0].recipe;
    let (stones, interrupt) = (&stones()[..3_000], &Interrupt::default());
    let calibration = Calibration { recipe, stones, params, seed: 1, n_workers: 1, interrupt };
    calibration.fit(family).unwrap().to_bytes().unwrap()
}

/// The calibrated model with its header changed, under a digest that is right again.
fn forged(version: u32, change: impl Fn(&mut serde_json::Value)) -> Vec<u8> {
    forged_from(&CALIBRATED, version, change)
}

fn forged_from(bytes: &[u8], version: u32, change: impl Fn(&mut serde_json::Value)) -> Vec<u8> {
    let content = bytes.splitn(2, |byte| *byte == b'\n').nth(1).unwrap();
    let mut parts = content.splitn(2, |byte| *byte == b'\n');
    let mut header = serde_json::from_slice(parts.next().unwrap()).unwrap();
    change(&mut header);
    let mut content = serde_json::to_vec(&header).unwrap();
    content.push(b'\n');
    content.extend(parts.next().unwrap());
    let begin = format!("xtream-pipeline {version} sha256:");
    let digest = Sha256::new().chain_update(&begin).chain_update(&content).finalize();
    let mut bytes = format!("{begin}{digest:x}\n").into_bytes();
    bytes.extend(content);
    bytes
}

#[test]
fn every_truncation_and_flipped_bit_of_a_calibrated_pipeline_is_refused() {
    let bytes = &*CALIBRATED;
    for place in 0..bytes.len() {
        assert!(Pipeline::from_bytes(bytes[..place].to_vec()).is_err(), "cut at {place}");
        let mut damaged = bytes.clone();
        damaged[place] ^= 1 << (place % 8);
        assert!(Pipeline::from_bytes(damaged).is_err(), "byte {place}");
    }
}

#[test]
fn a_model_of_another_format_is_refused_in_words() {
    for version in [1, FORMAT_VERSION - 1, FORMAT_VERSION + 1, 50] {
        let refused = Pipeline::from_bytes(forged(version, |_| {})).err().unwrap().to_string();
        assert!(refused.contains("it is of another format than 5"), "{refused}");
        assert!(refused.contains("train it anew"), "{refused}");
    }
    let none = Pipeline::from_bytes(b"xtream-pip\nnothing".to_vec()).err().unwrap().to_string();
    assert!(none.contains("does not begin as a stored pipeline does"), "{none}");
}

#[test]
fn made_up_ends_of_what_was_learned_from_are_refused() {
    type Change = fn(&mut serde_json::Value);
    let changes: [(&str, Change); 6] = [
        ("no ends", |header| drop(header.as_object_mut().unwrap().remove("extent"))),
        ("weights that end before they begin", |header| header["extent"]["carat"][1] = 0.1.into()),
        ("prices from nothing", |header| header["extent"]["price_usd"][0] = 0.0.into()),
        ("one price", |header| header["extent"]["price_usd"] = serde_json::json!([326.0])),
        ("no grades", |header| header["extent"]["clarity"] = serde_json::json!([])),
        ("a grade that nobody knows", |header| header["extent"]["cut"][0] = "Shiny".into()),
    ];
    for (what, change) in changes {
        let refused = Pipeline::from_bytes(forged(FORMAT_VERSION, change));
        assert!(matches!(refused, Err(Error::ModelFile { .. })), "{what}");
    }
}

#[test]
fn made_up_ranges_and_background_stones_are_refused() {
    assert!(Pipeline::from_bytes(forged(FORMAT_VERSION, |_| {})).is_ok(), "the forgery itself is sound");
    type Change = fn(&mut serde_json::Value);
    let changes: [(&str, Change); 15] = [
        ("quantiles that fall", |header| header["range"]["bands"][0][0] = 1e6.into()),
        ("a negative quantile", |header| header["range"]["bands"][0][0] = (-1.0).into()),
        ("too few bands above", |header| header["range"]["above"].as_array_mut().unwrap().truncate(7)),
        ("a negative quantile above", |header| header["range"]["above"][0][0] = (-1.0).into()),
        ("no number", |header| header["range"]["bands"][3][9] = serde_json::Value::Null),
        ("too few quantiles", |header| header["range"]["bands"][2].as_array_mut().unwrap().truncate(49)),
        ("too few bands", |header| header["range"]["bands"].as_array_mut().unwrap().truncate(7)),
        ("a grade too few", |header| header["range"]["grades"]["cut"].as_array_mut().unwrap().truncate(4)),
        ("a grade without width", |header| header["range"]["grades"]["color"][2] = 0.0.into()),
        ("no factor", |header| header["range"]["grades"]["clarity"][7] = serde_json::Value::Null),
        ("more bytes than there are", |header| header["range"]["n_bytes"] = (1_u64 << 40).into()),
        ("a difficulty of other features", |header| {
            header["range"]["difficulty"]["coefficients"].as_array_mut().unwrap().truncate(3);
        }),
        ("a field that nobody knows", |header| header["range"]["width"] = 1.into()),
        ("a stone without weight", |header| header["background"][0]["carat"] = 0.0.into()),
        ("a stone of no known cut", |header| header["background"][0]["cut"] = "Shiny".into()),
    ];
    for (what, change) in changes {
        let refused = Pipeline::from_bytes(forged(FORMAT_VERSION, change));
        assert!(matches!(refused, Err(Error::ModelFile { .. })), "{what}");
    }
}

#[test]
fn a_made_up_model_to_start_from_is_refused() {
    let own = |header: &serde_json::Value| serde_json::json!({"encoder": header["encoder"], "model": header["model"], "carat": [0.2, 5.0]});
    let read = |change: &dyn Fn(&mut serde_json::Value)| {
        Pipeline::from_bytes(forged(FORMAT_VERSION, |header| {
            header["base"] = own(header);
            // The model sees what it starts from as one feature more.
            let coefficients = header["model"]["coefficients"].as_array_mut().unwrap();
            coefficients.push(0.0.into());
            header["range"] = serde_json::Value::Null;
            change(header);
        }))
    };
    assert!(read(&|_| {}).is_ok(), "the forgery itself is sound");
    type Change = fn(&mut serde_json::Value);
    let changes: [(&str, Change); 7] = [
        ("too few coefficients", |base| {
            base["model"]["coefficients"].as_array_mut().unwrap().truncate(3);
        }),
        ("trees without trees", |base| base["model"] = serde_json::json!({"kind": "xgboost"})),
        ("an owner's program", |base| base["model"] = serde_json::json!({"kind": "foreign", "class": "A"})),
        ("weights from nothing", |base| base["carat"][0] = 0.0.into()),
        ("weights that end before they begin", |base| base["carat"][1] = 0.1.into()),
        ("one weight", |base| base["carat"] = serde_json::json!([0.2])),
        ("a field that nobody knows", |base| base["slope"] = 1.into()),
    ];
    for (what, change) in changes {
        assert!(read(&|header| change(&mut header["base"])).is_err(), "{what}");
    }
    let not_seen = read(&|header| {
        header["model"]["coefficients"].as_array_mut().unwrap().pop();
    });
    assert!(matches!(not_seen, Err(Error::ModelFile { .. })), "a model that does not see where it starts");
}

#[test]
fn a_made_up_order_of_prices_is_refused() {
    let ordered = calibrated("linear-derived", &Params::from([("monotone", 1.0)]));
    type Change = fn(&mut serde_json::Value);
    let read = |change: Change| Pipeline::from_bytes(forged_from(&ordered, FORMAT_VERSION, change));
    assert!(read(|_| {}).unwrap().is_monotone());
    let changes: [(&str, Change); 8] = [
        ("no weights", |header| header["order"] = serde_json::json!([])),
        ("a weight of nothing", |header| header["order"][0] = 0.0.into()),
        ("weights that do not ascend", |header| header["order"][1] = header["order"][0].clone()),
        ("too many weights", |header| {
            header["order"] = (1..=2000).map(|hundredths| f64::from(hundredths) / 100.0).collect();
        }),
        ("no numbers", |header| header["order"] = serde_json::json!(["1.0"])),
        ("a price that is not learned per carat", |header| header["target"] = "log_price".into()),
        ("columns that follow from weight and measurements", |header| {
            let volume = serde_json::json!({"kind": "derived", "quantity": "volume"});
            header["encoder"][0] = volume;
        }),
        ("columns that see proportions, and no trees", |header| {
            let depth = serde_json::json!({"kind": "number", "field": "depth"});
            header["encoder"][0] = serde_json::json!({"kind": "measured", "of": depth});
        }),
    ];
    for (what, change) in changes {
        assert!(matches!(read(change), Err(Error::ModelFile { .. })), "{what}");
    }
}

#[test]
fn every_truncation_of_an_xgboost_file_is_refused() {
    let bytes = PIPELINE.xgboost_file().unwrap();
    for length in 0..bytes.len() {
        let refused = TreeEnsemble::from_xgboost(bytes[..length].to_vec());
        assert!(matches!(refused, Err(Error::ModelFile { .. })), "cut at {length} of {}", bytes.len());
    }
}

#[test]
fn an_xgboost_file_with_flipped_bits_is_refused_or_still_a_sound_model() {
    let bytes = PIPELINE.xgboost_file().unwrap();
    let seed = 7;
    let mut random = Pcg64::seed_from_u64(seed);
    let row = [0.7, 4.0, 3.0, 2.0, 61.0, 57.0, 5.7, 5.7, f32::NAN];
    let mut n_refused = 0;
    for _ in 0..20_000 {
        let mut damaged = bytes.clone();
        for _ in 0..random.random_range(1..4) {
            let bit = random.random_range(0..damaged.len() * 8);
            damaged[bit / 8] ^= 1 << (bit % 8);
        }
        match TreeEnsemble::from_xgboost(damaged) {
            Err(Error::ModelFile { .. }) => n_refused += 1,
            Err(error) => unreachable!("seed {seed}: {error}"),
            // A changed threshold is still a tree; following it must end. The file has no digest of
            // its own: that is what the pipeline around it is for.
            Ok(ensemble) => drop(ensemble.predict_row(&row[..ensemble.n_features().min(9)])),
        }
    }
    assert!(n_refused > 1_000, "seed {seed}: only {n_refused} of 20,000 refused");
}

#[test]
fn made_up_files_are_refused() {
    let json = |tree: &str| {
        format!(
            r#"{{"learner":{{"learner_model_param":{{"base_score":"5E-1","num_class":"0","num_feature":"2"}},
            "objective":{{"name":"reg:squarederror"}},"gradient_booster":{{"name":"gbtree","model":
            {{"tree_info":[0],"trees":[{tree}]}}}}}}}}"#
        )
    };
    let tree = |left: &str, right: &str, index: &str, condition: &str| {
        format!(
            r#"{{"tree_param":{{"size_leaf_vector":"1"}},"left_children":{left},"right_children":{right},
            "split_indices":{index},"split_conditions":{condition},"default_left":[0,0,0]}}"#
        )
    };
    let sound = json(&tree("[1,-1,-1]", "[2,-1,-1]", "[1,0,0]", "[0.5,1,2]"));
    let ensemble = TreeEnsemble::from_xgboost(sound.clone().into_bytes()).unwrap();
    assert_eq!(ensemble.predict_row(&[0.0, 0.4]), 1.5);
    assert_eq!(ensemble.predict_row(&[0.0, 0.5]), 2.5);
    assert_eq!(ensemble.predict_row(&[0.0, f32::NAN]), 2.5, "missing goes to the default side");
    for (what, file) in [
        ("a tree that is a ring", json(&tree("[0,-1,-1]", "[2,-1,-1]", "[1,0,0]", "[0.5,1,2]"))),
        ("one child for two parents", json(&tree("[1,-1,-1]", "[1,-1,-1]", "[1,0,0]", "[0.5,1,2]"))),
        ("a child beyond the tree", json(&tree("[1,-1,-1]", "[3,-1,-1]", "[1,0,0]", "[0.5,1,2]"))),
        ("a negative child", json(&tree("[1,-1,-1]", "[-2,-1,-1]", "[1,0,0]", "[0.5,1,2]"))),
        ("half a leaf", json(&tree("[1,-1,-1]", "[-1,-1,-1]", "[1,0,0]", "[0.5,1,2]"))),
        ("a feature beyond the row", json(&tree("[1,-1,-1]", "[2,-1,-1]", "[2,0,0]", "[0.5,1,2]"))),
        ("arrays of different lengths", json(&tree("[1,-1,-1]", "[2,-1]", "[1,0,0]", "[0.5,1,2]"))),
        ("an infinite leaf", json(&tree("[1,-1,-1]", "[2,-1,-1]", "[1,0,0]", "[0.5,1,1e999]"))),
        ("no nodes", json(&tree("[]", "[]", "[]", "[]"))),
        ("another objective", sound.replace("reg:squarederror", "binary:logistic")),
        ("another booster", sound.replace("gbtree", "dart")),
        ("several classes", sound.replace(r#""num_class":"0""#, r#""num_class":"3""#)),
        ("no base score", sound.replace("5E-1", "NaN")),
        ("two base scores", sound.replace("5E-1", "[5E-1,1E0]")),
        ("nothing", String::new()),
        ("no object", "[1]".into()),
        ("endless nesting", "{\"a\":".repeat(100_000)),
    ] {
        let refused = TreeEnsemble::from_xgboost(file.into_bytes());
        assert!(matches!(refused, Err(Error::ModelFile { .. })), "{what}");
    }
}
