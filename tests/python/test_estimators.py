"""The estimators are scikit-learn's in every habit, and core's in every bit."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xgboost
import xtream_core as xc
from helpers import FEATURES, GRADES, SECOND, codes
from sklearn.base import clone, is_regressor
from sklearn.compose import make_column_transformer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder
from sklearn.utils.estimator_checks import parametrize_with_checks

ESTIMATORS = [
    xc.LogLinearRegressor(),
    xc.LinearDerivedRegressor(),
    xc.XGBoostRegressor(n_estimators=20),
    xc.XGBoostDerivedRegressor(n_estimators=20),
]
TREES = [xc.XGBoostRegressor, xc.XGBoostDerivedRegressor]


# None of scikit-learn's checks is excluded.
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learns_own_checks(estimator: object, check: object) -> None:
    check(estimator)


@pytest.fixture(scope="module")
def stones() -> pd.DataFrame:
    return xc.validate(SECOND).clean.head(3000).reset_index(drop=True)


@pytest.fixture(scope="module")
def run(stones: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> xc.Run:
    """The same families, trained on the first of the stones and judged on the last."""
    families = [estimator._family for estimator in ESTIMATORS]
    options = {"registry": tmp_path_factory.mktemp("estimators"), "trials": 0, "progress": False}
    # An estimator promises nothing about the order of prices.
    options["monotone"] = False
    return xc.train(stones.head(2500), test=stones.tail(500), models=families, **options)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize(
    "kind", [lambda f: f, pl.from_pandas, pa.Table.from_pandas], ids=["pandas", "polars", "pyarrow"]
)
def test_stones_as_they_are_have_the_prices_of_the_trained_family(
    stones: pd.DataFrame, run: xc.Run, estimator: object, kind: object
) -> None:
    train, test = stones.head(2500), stones.tail(500)
    ours = type(estimator)(random_state=42) if type(estimator) in TREES else clone(estimator)
    ours.fit(kind(train), train["price"])
    numbers = run.test[f"{estimator._family}_usd"].to_numpy()
    assert np.array_equal(ours.predict(kind(test)), numbers)
    np.testing.assert_allclose(run.predict(estimator._family, test), numbers, atol=0.005)
    assert ours.takes_stones_ and ours.n_features_in_ == len(train.columns)


def test_numbers_give_what_scikit_learn_gives_for_the_logarithm(stones: pd.DataFrame) -> None:
    X, y = codes(stones).to_numpy(dtype=float), stones["price"].to_numpy()
    ours, theirs = xc.LogLinearRegressor().fit(X, y), LinearRegression().fit(X, np.log(y))
    np.testing.assert_allclose(ours.predict(X), np.exp(theirs.predict(X)), rtol=1e-9)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=1e-6)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=1e-6)
    assert ours.columns_ == []


def test_numbers_give_what_xgboost_gives_bit_for_bit(stones: pd.DataFrame) -> None:
    X, y = codes(stones).to_numpy(dtype=float), stones["price"].to_numpy(dtype=float)
    X[::7, 4] = np.nan
    params = {"n_estimators": 60, "learning_rate": 0.1, "max_depth": 5, "subsample": 0.7, "reg_lambda": 2.0}
    ours = xc.XGBoostRegressor(random_state=7, **params).fit(X, y)
    theirs = xgboost.XGBRegressor(random_state=7, n_jobs=1, tree_method="hist", **params).fit(X, y)
    assert np.array_equal(ours.predict(X).astype(np.float32), theirs.predict(X))


def test_coefficients_of_stones_have_names(stones: pd.DataFrame) -> None:
    model = xc.LogLinearRegressor().fit(stones, stones["price"])
    named = dict(zip(model.columns_, model.coef_, strict=True))
    assert {"carat", "x", "cut=Ideal", "color=J", "clarity=IF"} <= named.keys()
    assert named["color=J"] < 0 < named["clarity=IF"]


def test_a_column_of_prices_among_the_features_is_not_looked_at(stones: pd.DataFrame) -> None:
    blind = xc.XGBoostRegressor(n_estimators=30).fit(stones[FEATURES], stones["price"])
    seeing = xc.XGBoostRegressor(n_estimators=30).fit(stones, stones["price"])
    assert np.array_equal(blind.predict(stones[FEATURES]), seeing.predict(stones.assign(price=1)))


def test_they_work_in_pipelines_searches_and_cross_validation(stones: pd.DataFrame) -> None:
    X, y = stones[FEATURES], stones["price"]
    assert cross_val_score(xc.LogLinearRegressor(), X, y, cv=3).min() > 0.8
    encoder = make_column_transformer(
        (OneHotEncoder(drop="first", sparse_output=False), list(GRADES)), ("passthrough", ["carat", "x"])
    )
    linear = make_pipeline(encoder, xc.LogLinearRegressor()).fit(X, y)
    np.testing.assert_allclose(linear.predict(X), xc.LogLinearRegressor().fit(X, y).predict(X), rtol=1e-9)
    ordinal = make_column_transformer((OrdinalEncoder(), list(GRADES)), remainder="passthrough")
    trees = make_pipeline(ordinal, xc.XGBoostRegressor(n_estimators=30))
    grid = {"xgboostregressor__max_depth": [2, 5], "xgboostregressor__learning_rate": [0.05, 0.3]}
    search = GridSearchCV(trees, grid, cv=3, n_jobs=2).fit(X, y)
    assert search.best_params_ == {"xgboostregressor__max_depth": 5, "xgboostregressor__learning_rate": 0.3}
    assert search.best_estimator_.score(X, y) > 0.95
    on_stones = GridSearchCV(xc.XGBoostRegressor(n_estimators=30), {"max_depth": [2, 5]}, cv=3).fit(X, y)
    assert on_stones.best_params_ == {"max_depth": 5}


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: type(each).__name__)
def test_pickles_and_copies_predict_the_same(stones: pd.DataFrame, estimator: object, tmp_path: Path) -> None:
    for X in [stones[FEATURES], codes(stones).to_numpy(dtype=float)]:
        fitted = clone(estimator).fit(X, stones["price"])
        expected = fitted.predict(X)
        for again in [pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)]:
            assert np.array_equal(again.predict(X), expected)
            assert again.get_params() == fitted.get_params()
    # In another process, which never saw the training.
    (tmp_path / "model").write_bytes(pickle.dumps((fitted, X)))
    code = "import pickle, sys; model, X = pickle.load(open(sys.argv[1], 'rb')); "
    code += "print(model.predict(X).sum().hex())"
    command = [sys.executable, "-c", code, str(tmp_path / "model")]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == expected.sum().hex()


def test_a_damaged_pickle_is_refused_and_never_crashes(stones: pd.DataFrame) -> None:
    fitted = xc.XGBoostRegressor(n_estimators=5).fit(stones[FEATURES], stones["price"]).fitted_
    restore, (header, body) = fitted.__reduce__()
    assert restore(header, body).predict_stones(stones) is not None
    for place in range(0, len(body), len(body) // 50):
        damaged = bytearray(body)
        damaged[place] ^= 1
        with pytest.raises(xc.XtreamError):
            restore(header, bytes(damaged))


def test_seeds_are_those_of_scikit_learn(stones: pd.DataFrame) -> None:
    def prices(random_state: object) -> bytes:
        model = xc.XGBoostRegressor(n_estimators=20, subsample=0.5, random_state=random_state)
        return model.fit(stones[FEATURES], stones["price"]).predict(stones).tobytes()

    assert prices(1) == prices(1) == prices(np.int64(1)) != prices(2)
    assert prices(None) == prices(None) == prices(0)
    assert prices(np.random.RandomState(3)) == prices(np.random.RandomState(3))


def test_wrong_input_is_a_value_error_that_names_it(stones: pd.DataFrame) -> None:
    X, y = stones[FEATURES], stones["price"]
    with pytest.raises(ValueError, match="y must be greater than zero"):
        xc.LogLinearRegressor().fit(codes(stones).to_numpy(dtype=float), y - y.max())
    with pytest.raises(xc.InvalidDiamondError, match='row 3: cut = "Shiny" is not a known grade') as caught:
        wrong = X.copy()
        wrong.loc[3, "cut"] = "Shiny"
        xc.LogLinearRegressor().fit(wrong, y)
    assert (caught.value.row, caught.value.field) == (3, "cut")
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        xc.LogLinearRegressor().fit(X, y.head(10))
    with pytest.raises(xc.InvalidDiamondError, match='row 0: price = "-5"'):
        xc.XGBoostRegressor().fit(X, [-5.0, *y[1:]])
    with pytest.raises(ValueError, match="sample_weight must be finite numbers of at least 0"):
        xc.XGBoostRegressor().fit(X, y, sample_weight=-np.ones(len(y)))
    with pytest.raises(ValueError, match="alpha|lambda"):
        xc.LinearDerivedRegressor(alpha=0).fit(X, y)
    with pytest.raises(ValueError, match="n_estimators = 0; allowed is a whole number from 1"):
        xc.XGBoostRegressor(n_estimators=0).fit(X, y)
    with pytest.raises(xc.XtreamError, match="max_depth"):
        xc.XGBoostRegressor(max_depth=-3).fit(X, y)


def test_a_number_that_is_no_price_is_returned_all_the_same(stones: pd.DataFrame) -> None:
    # Few trees of large steps on the price itself: some stones come out below zero.
    model = xc.XGBoostRegressor(n_estimators=12, learning_rate=1.5, max_depth=3)
    prices = model.fit(stones[FEATURES], stones["price"]).predict(stones)
    assert prices.min() < 0, "as scikit-learn would have it"
    scores = cross_val_score(model, stones[FEATURES], stones["price"], cv=3, error_score="raise")
    assert np.isfinite(scores).all()
    found = permutation_importance(model, stones[FEATURES], stones["price"], n_repeats=2, random_state=1)
    assert dict(zip(FEATURES, found.importances_mean, strict=True))["carat"] > 0


def test_a_model_of_a_registry_works_in_scikit_learns_tools(stones: pd.DataFrame, run: xc.Run) -> None:
    model, test = run.model("xgboost"), stones.tail(500)
    X, y = test[FEATURES], test["price"]
    numbers = run.test["xgboost_usd"].to_numpy()
    pipeline = Pipeline([("model", model)])
    np.testing.assert_allclose(pipeline.predict(X), numbers, atol=0.005)
    assert pipeline.fit(X, y)["model"] is model and clone(model) is model, "what is trained stays as it is"
    assert model.score(X, y) == pytest.approx(r2_score(y, numbers))
    assert pipeline.score(X, y) == model.score(X, y)
    found = permutation_importance(model, X, y, n_repeats=2, random_state=1)
    assert found.importances_mean.argmax() in (
        FEATURES.index("carat"),
        FEATURES.index("y"),
        FEATURES.index("x"),
    )
    assert is_regressor(model) and not model.get_params()


@pytest.mark.parametrize("scoring", ["neg_mean_absolute_error", "r2", None])
def test_shuffled_stones_that_no_model_prices_have_a_number_for_scikit_learn(
    stones: pd.DataFrame, run: xc.Run, scoring: str | None
) -> None:
    """Stones of which a linear model makes nonsense, as a shuffled column does."""
    model = run.model("linear")
    odd = stones.tail(500).reset_index(drop=True).copy()
    odd.loc[:4, "carat"] = 30.0
    X, y = odd[FEATURES], odd["price"]
    with pytest.raises(xc.InvalidDiamondError):
        model.predict(X)
    refused = np.isnan(model.predict(X, errors="nan"))
    numbers = model.estimator.predict(X)
    assert refused[:5].all() and np.isfinite(numbers).all()
    np.testing.assert_allclose(numbers[~refused], model.predict(X[~refused]), atol=0.005)
    assert is_regressor(model.estimator) and clone(model.estimator).model is model
    found = permutation_importance(model.estimator, X, y, scoring=scoring, n_repeats=2, random_state=1)
    assert np.isfinite(found.importances_mean).all() and found.importances_mean.any()


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: type(each).__name__)
def test_missing_measurements_are_estimated_in_fit_as_in_predict(
    stones: pd.DataFrame, estimator: object
) -> None:
    train, test = stones.head(2500), stones.tail(500)
    whole = clone(estimator).fit(train, train["price"])
    holed = train.copy()
    holed.loc[::3, ["x", "z"]] = np.nan
    with_holes = clone(estimator).fit(holed.drop(columns="table"), train["price"])
    errors = [(test["price"] - model.predict(test)).abs().mean() for model in (whole, with_holes)]
    assert errors[1] < 1.3 * errors[0], errors
    # Where nothing is missing, nothing changes.
    assert np.array_equal(clone(estimator).fit(train, train["price"]).predict(test), whole.predict(test))


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda each: type(each).__name__)
def test_a_stone_that_counts_twice_is_as_good_as_two(stones: pd.DataFrame, estimator: object) -> None:
    train, test = stones.head(1500).reset_index(drop=True), stones.tail(300)
    times = np.arange(len(train)) % 3
    repeated = train.loc[np.repeat(train.index, times)]
    weighted = clone(estimator).fit(train, train["price"], sample_weight=times).predict(test)
    expected = clone(estimator).fit(repeated, repeated["price"]).predict(test)
    plain = clone(estimator).fit(train, train["price"]).predict(test)
    assert np.median(np.abs(weighted / expected - 1)) < 1e-9
    assert np.median(np.abs(plain / expected - 1)) > 0.01, "it makes a difference"


def test_importances_are_those_of_xgboost(stones: pd.DataFrame) -> None:
    X, y = codes(stones).to_numpy(dtype=float), stones["price"].to_numpy(dtype=float)
    ours = xc.XGBoostRegressor(n_estimators=30).fit(X, y)
    theirs = xgboost.XGBRegressor(n_estimators=30, n_jobs=1, tree_method="hist").fit(X, y)
    np.testing.assert_allclose(ours.feature_importances_, theirs.feature_importances_, rtol=1e-4)
    assert ours.columns_ == []
    for made in TREES:
        of_stones = made(n_estimators=30).fit(stones, y)
        named = dict(zip(of_stones.columns_, of_stones.feature_importances_, strict=True))
        assert sum(named.values()) == pytest.approx(1)
    # Of the second.
    assert "start" in named and "carat" not in named, "what is made of a stone has names of its own"
