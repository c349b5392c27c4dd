"""Our XGBoost models are XGBoost's, and our reader of them predicts the same bits as the library."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xgboost as xgb
from helpers import FEATURES, GRADES, PUBLIC, Trained, codes, read_csv

KINDS = ["c" if name in GRADES else "float" for name in FEATURES]
TRAINING = {"objective": "reg:squarederror", "tree_method": "hist", "nthread": 1}


def matrix(stones: pd.DataFrame, label: pd.Series | None = None) -> xgb.DMatrix:
    features = codes(stones).to_numpy("float32")
    return xgb.DMatrix(features, label, feature_types=KINDS, enable_categorical=True, nthread=1)


@pytest.fixture(scope="module")
def score_trees(example: Callable[[str], Path]) -> Path:
    """Predicts with our own reader of XGBoost's model files."""
    return example("score_trees")


@pytest.fixture(scope="module")
def ours(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """The prices of all public stones by `xtream value`; NaN for those that nobody measured (a zero)."""
    out = tmp_path_factory.mktemp("priced") / "priced.csv"
    version = trained.version("xgboost")
    trained.program("value", PUBLIC, "--out", out, "--version", version, "--registry", trained.folder)
    priced = read_csv(out)
    return priced["price_usd"].where((priced[["x", "y", "z"]] > 0).all(axis="columns")).to_numpy()


def assert_same_bits(actual: np.ndarray, expected: np.ndarray) -> None:
    actual, expected = actual.astype("float32"), expected.astype("float32")
    differing = actual.view("uint32") != expected.view("uint32")
    assert actual.shape == expected.shape
    assert not differing.any(), f"{differing.sum()} of {len(actual)} differ, first {differing.argmax()}"


def to_cents(prices: np.ndarray) -> np.ndarray:
    """The prices as they are told: the nearest cent, half a cent upwards."""
    return np.floor(prices.astype("float64") * 100 + 0.5) / 100


def test_python_predicts_all_public_stones_alike_with_the_exported_model(
    trained: Trained, public: pd.DataFrame, ours: np.ndarray, tmp_path: Path
) -> None:
    version = trained.version("xgboost")
    trained.program("models", "export", version, "--out", tmp_path, "--registry", trained.folder)
    theirs = xgb.Booster(model_file=tmp_path / "xgboost.ubj").predict(matrix(public))
    is_priced = ~np.isnan(ours)
    assert (is_priced == (public[["x", "y", "z"]] > 0).all(axis="columns")).all()
    assert is_priced.sum() == 53_920
    assert (ours[is_priced] == to_cents(theirs[is_priced])).all()


def test_python_trains_the_same_model_on_the_same_rows(
    trained: Trained, public: pd.DataFrame, ours: np.ndarray, tmp_path: Path
) -> None:
    rows = trained.rows("train")
    theirs = xgb.train(TRAINING | {"seed": 42}, matrix(rows, rows["price"]), num_boost_round=100)
    is_priced = ~np.isnan(ours)
    assert (ours[is_priced] == to_cents(theirs.predict(matrix(public))[is_priced])).all()


RANDOM_SEED = 20
# Each is something that our reader could get wrong: its name, the kinds of its columns, the share of
# values that are missing, parameters, rounds.
MODELS = [
    ("numbers only", ["float"] * 6, 0.0, {}, 60),
    ("stumps", ["float"] * 4, 0.0, {"max_depth": 1}, 80),
    ("deep trees", ["float"] * 5, 0.0, {"max_depth": 14, "min_child_weight": 0}, 30),
    ("grown by loss", ["float"] * 5, 0.0, {"grow_policy": "lossguide", "max_leaves": 40, "max_depth": 0}, 40),
    ("a base score given", ["float"] * 3, 0.0, {"base_score": -1234.5}, 10),
    ("a base score of nearly nothing", ["float"] * 3, 0.0, {"base_score": 1e-30}, 10),
    ("one tree", ["float"] * 3, 0.0, {"max_depth": 3}, 1),
    ("missing values", ["float"] * 5, 0.3, {"max_depth": 7}, 60),
    ("missing values only in places", ["float"] * 5, 0.002, {"max_depth": 9}, 60),
    ("one category a split", ["c", "float", "c"], 0.0, {"max_cat_to_onehot": 100}, 50),
    ("sets of categories", ["c", "float", "c", "float"], 0.0, {"max_cat_to_onehot": 1}, 50),
    ("missing categories", ["c", "float", "c"], 0.2, {"max_cat_to_onehot": 1, "max_depth": 8}, 50),
    ("sampled rows and columns", ["float", "c"] * 4, 0.05, {"subsample": 0.6, "colsample_bytree": 0.5}, 70),
    ("penalties", ["float"] * 5, 0.0, {"alpha": 0.7, "lambda": 5.0, "gamma": 2.0}, 50),
    ("absolute error", ["float"] * 5, 0.1, {"objective": "reg:absoluteerror"}, 50),
]


def random_rows(kinds: list[str], missing: float, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    # 90 categories reach into the second word of a set of bits.
    columns = [
        random.integers(0, 90, 3000) if kind == "c" else np.round(random.normal(0, 50, 3000), 1)
        for kind in kinds
    ]
    rows = np.stack(columns, axis=1).astype("float32")
    rows[random.random(rows.shape) < missing] = np.nan
    return rows


@pytest.mark.parametrize("ending", ["ubj", "json"])
@pytest.mark.parametrize(("name", "kinds", "missing", "params", "rounds"), MODELS, ids=[m[0] for m in MODELS])
def test_a_model_made_by_python_is_read_to_the_bit(
    name: str,
    kinds: list[str],
    missing: float,
    params: dict,
    rounds: int,
    ending: str,
    score_trees: Path,
    tmp_path: Path,
) -> None:
    print(f"seed {RANDOM_SEED}")
    rows = random_rows(kinds, missing, RANDOM_SEED)
    label = np.nan_to_num(rows).sum(axis=1) ** 2 % 997 + 10 * np.nan_to_num(rows[:, 0])
    train = xgb.DMatrix(rows, label, feature_types=kinds, enable_categorical=True, nthread=1)
    booster = xgb.train(TRAINING | params, train, num_boost_round=rounds)
    # Stones that it never saw, some of them empty, and category codes that no stone had.
    asked = np.concatenate([rows, random_rows(kinds, max(missing, 0.1), RANDOM_SEED + 1)])
    asked[-1] = np.nan
    expected = booster.predict(xgb.DMatrix(asked, feature_types=kinds, enable_categorical=True, nthread=1))
    model, features, out = tmp_path / f"model.{ending}", tmp_path / "rows.f32", tmp_path / "out.f32"
    booster.save_model(model)
    asked.astype("<f4").tofile(features)
    subprocess.run([score_trees, model, features, str(len(kinds)), out], check=True)
    assert_same_bits(np.fromfile(out, "<f4"), expected)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("a link", {"objective": "reg:logistic"}),
        ("dart", {"booster": "dart"}),
        ("no trees", {"booster": "gblinear", "tree_method": "auto", "updater": "coord_descent"}),
        ("several outputs", {"objective": "multi:softprob", "num_class": 3}),
    ],
)
def test_a_model_whose_price_is_no_plain_sum_of_leaves_is_refused(
    name: str, change: dict, score_trees: Path, tmp_path: Path
) -> None:
    rows = random_rows(["float"] * 3, 0.0, RANDOM_SEED)
    label = (rows[:, 0] > 0).astype("float32")
    booster = xgb.train(TRAINING | change, xgb.DMatrix(rows, label), num_boost_round=5)
    model, features = tmp_path / "model.json", tmp_path / "rows.f32"
    booster.save_model(model)
    assert json.loads(model.read_text())["learner"]
    rows.tofile(features)
    run = subprocess.run(
        [score_trees, model, features, "3", tmp_path / "out"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert "refused" in run.stderr or "ModelFile" in run.stderr
    assert not (tmp_path / "out").exists()
