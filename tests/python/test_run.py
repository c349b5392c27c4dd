"""What a run decides, tells and keeps: who becomes champion, stones on both sides, the models of a run on
other stones."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import xtream_core as xc
from helpers import COLUMNS, FIRST, SECOND, Program
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import mean_absolute_error

pytestmark = pytest.mark.filterwarnings("ignore::xtream_core.NotServedWarning")
QUIET = {"trials": 0, "progress": False, "ranges": False}


@pytest.fixture(scope="module")
def stones() -> pd.DataFrame:
    return xc.validate(SECOND).clean.head(3000).reset_index(drop=True)


@pytest.fixture(scope="module")
def run(stones: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> xc.Run:
    """A linear model, trees and a forest of one's own."""
    forest = xc.Family(RandomForestRegressor, name="forest", params={"n_estimators": 10}, features="one_hot")
    folder = tmp_path_factory.mktemp("run")
    return xc.train(
        stones.head(2400),
        test=stones.tail(600),
        models=["linear", "xgboost", forest],
        registry=folder,
        **QUIET,
    )


# Who becomes champion


def test_only_the_first_model_of_a_registry_becomes_champion_unless_that_is_asked_for(
    stones: pd.DataFrame, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"registry": tmp_path, **QUIET}
    first = xc.train(stones, models=["linear"], **options)
    assert first.champion == {"version": 1, "family": "linear"}
    assert first.promotion == first.decision["reason"]
    with caplog.at_level(logging.INFO, logger="xtream_core"):
        second = xc.train(stones, models=["xgboost"], **options)
    assert second.decision is None and second.champion == {"version": 1, "family": "linear"}
    assert second.promotion.startswith(
        "Version 2 (xgboost) is recorded and not promoted, because that was not asked for; the champion is "
        "still version 1 (linear). train(..., promote=True)"
    )
    assert second.promotion in caplog.messages
    assert second.promotion in repr(second) and second.promotion in second._repr_html_()
    third = xc.train(stones, models=["xgboost"], promote=True, **options)
    assert third.decision["promoted"] and third.champion["family"] == "xgboost"
    assert xc.Registry(tmp_path).champion().version == third.champion["version"]


def test_the_command_line_promotes_and_says_so_when_it_is_told_not_to(xtream: Program) -> None:
    xtream.train(FIRST, "--models", "linear")
    kept = xtream("train", FIRST, "--models", "linear", "--no-promote").stderr
    assert "Version 2 (linear) is recorded and not promoted, because that was not asked for" in kept
    report = xtream.train(FIRST, "--models", "xgboost", "--trials", "0")
    assert report["champion"]["family"] == "xgboost"
    assert report["promotion"] == report["decision"]["reason"]


# Stones on both sides


def test_stones_that_both_train_and_test_are_counted_and_told(
    stones: pd.DataFrame, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    test = pd.concat([stones.head(40), stones.iloc[40:45].assign(price=12345.0), stones.tail(500)])
    with caplog.at_level(logging.INFO, logger="xtream_core"):
        run = xc.train(stones.head(2000), test=test, models=["linear"], registry=tmp_path, **QUIET)
    assert (run.data["n_in_both"], run.data["n_in_both_kept"]) == (45, 5)
    told = next(message for message in caplog.messages if "rows read" in message)
    assert told.endswith(
        "45 rows of the data stand among the test rows, too; left out of training: 40; of another price and "
        "learned from: 5, so that errors on the test rows are smaller than on new stones."
    )
    apart = xc.train(stones.head(2000), test=stones.tail(500), models=["linear"], registry=tmp_path, **QUIET)
    assert (apart.data["n_in_both"], apart.data["n_in_both_kept"]) == (0, 0)


def test_the_command_line_tells_it_too(xtream: Program, stones: pd.DataFrame) -> None:
    test = xtream.folder / "test.csv"
    pd.concat([stones.head(7), stones.tail(100)]).to_csv(test, index=False)
    run = xtream("train", SECOND, "--test", test, "--models", "linear", "--json")
    told = next(line for line in run.stderr.splitlines() if "stand among the test rows" in line)
    assert told.startswith("108 rows of the data stand among the test rows, too; left out of training: 107; ")


# The models of a run


def test_the_test_rows_have_each_familys_prices_in_dollars(run: xc.Run, stones: pd.DataFrame) -> None:
    shown = run.test
    assert list(shown) == [*COLUMNS, "linear_usd", "xgboost_usd", "forest_usd"]
    pd.testing.assert_frame_equal(shown[COLUMNS], stones.tail(600).reset_index(drop=True), check_dtype=False)
    for line in run.leaderboard.to_dict("records"):
        error = mean_absolute_error(shown["price"], shown[f"{line['family']}_usd"])
        assert error == pytest.approx(line["mae_usd"], rel=1e-12), line["family"]


def test_a_run_prices_other_stones_by_each_of_its_models(run: xc.Run, stones: pd.DataFrame) -> None:
    test = stones.tail(600)
    for family in ["linear", "xgboost"]:
        assert np.array_equal(run.predict(family, test), run.model(family).predict(test))
    np.testing.assert_allclose(run.predict("forest", test), run.test["forest_usd"], atol=0.005)
    assert np.array_equal(run.predict("forest", pl.from_pandas(test)), run.predict("forest", test))
    holed = test.head(3).assign(cut=["Ideal", "Shiny", "Ideal"])
    assert np.isnan(run.predict("forest", holed, errors="nan")).tolist() == [False, True, False]
    with pytest.raises(xc.InvalidDiamondError, match='cut = "Shiny"'):
        run.predict("forest", holed)
    with pytest.raises(
        xc.InvalidInputError, match='no model "trees"; allowed is one of linear, xgboost, forest'
    ):
        run.predict("trees", test)


def test_what_a_class_of_hers_raises_later_is_raised_as_it_is(stones: pd.DataFrame, tmp_path: Path) -> None:
    class Fickle:
        works = True

        def fit(self, X: np.ndarray, y: np.ndarray) -> None:
            pass

        def predict(self, X: np.ndarray) -> np.ndarray:
            if not Fickle.works:
                raise ZeroDivisionError("no longer")
            return np.full(len(X), 1000.0)

    run = xc.train(stones, models=[Fickle], registry=tmp_path, **QUIET)
    assert run.predict("Fickle", stones.head(2)).tolist() == [1000.0, 1000.0]
    Fickle.works = False
    with pytest.raises(ZeroDivisionError, match="no longer"):
        run.predict("Fickle", stones.head(2))


def test_faults_of_rows_have_no_price_on_request(run: xc.Run, stones: pd.DataFrame, tmp_path: Path) -> None:
    model = run.model("xgboost")
    wrong = stones.head(6).copy()
    wrong.loc[1, "cut"], wrong.loc[4, "carat"] = "Shiny", -1.0
    prices = model.predict(wrong, errors="nan")
    assert np.isnan(prices).tolist() == [False, True, False, False, True, False]
    assert np.array_equal(prices[~np.isnan(prices)], model.predict(wrong.drop(index=[1, 4])))
    wrong.to_csv(tmp_path / "wrong.csv", index=False)
    assert np.array_equal(model.predict(tmp_path / "wrong.csv", errors="nan"), prices, equal_nan=True)
    with pytest.raises(xc.InvalidInputError, match='errors = "ignore"; allowed is "raise" or "nan"'):
        model.predict(wrong, errors="ignore")


def test_a_model_is_judged_on_other_stones(run: xc.Run, stones: pd.DataFrame, tmp_path: Path) -> None:
    model = run.model("xgboost")
    test = stones.tail(600)
    found = model.evaluate(test)
    line = run.leaderboard.set_index("family").loc["xgboost"]
    for figure in ["mae_usd", "rmse_usd", "r2", "mape", "worst_decile_usd"]:
        assert found[figure] == pytest.approx(line[figure], rel=1e-6), figure
    assert (found["n_rows"], found["n_known"]) == (600, 0)
    test.to_csv(tmp_path / "test.csv", index=False)
    assert model.evaluate(tmp_path / "test.csv") == found
    assert model.evaluate(stones)["n_known"] == 2400
    with pytest.raises(xc.InvalidDiamondError, match='row 2: price = "0"'):
        model.evaluate(test.assign(price=[1.0, 1.0, 0.0, *[1.0] * 597]))
    with pytest.raises(xc.InvalidInputError, match="no column price"):
        model.evaluate(test.drop(columns="price"))


def test_the_leaderboard_says_how_wide_ranges_are(run: xc.Run, stones: pd.DataFrame, tmp_path: Path) -> None:
    test, quiet = stones.tail(600), QUIET | {"ranges": True}
    ranged = xc.train(stones.head(2400), test=test, models=["linear"], registry=tmp_path, **quiet)
    model, (line,) = ranged.model("linear"), ranged.report["leaderboard"]
    ranges = model.value(test, confidence=0.9)
    width = (ranges["high_usd"] - ranges["low_usd"]).mean()
    assert line["range_width_usd"] == model.card["range_width_usd"] == pytest.approx(width)
    assert ranged.leaderboard["range_width_usd"].tolist() == [line["range_width_usd"]]
    assert f"{line['range_width_usd']:,.2f}"[-6:] in ranged._repr_html_()
    assert (
        run.leaderboard["range_width_usd"].isna().all() and "range_width_usd" not in run.model("linear").card
    )


def test_two_models_are_compared_as_a_promotion_compares_them(
    run: xc.Run, stones: pd.DataFrame, tmp_path: Path
) -> None:
    champion, options = run.model("linear"), {"registry": tmp_path, **QUIET}
    xc.train(stones.head(2400), test=stones.tail(600), models=["linear"], **options)
    promoted = xc.train(stones.head(2400), test=stones.tail(600), models=["xgboost"], promote=True, **options)
    decided = promoted.decision["comparison"]
    compared = xc.compare(run.model("xgboost"), champion, stones.tail(600))
    names = {"a_mae_usd": "candidate_mae_usd", "b_mae_usd": "champion_mae_usd"}
    for name in ["a_mae_usd", "b_mae_usd", "difference_usd", "low_usd", "high_usd", "confidence", "n_stones"]:
        assert compared[name] == pytest.approx(decided[names.get(name, name)], rel=1e-6), name
    assert compared["high_usd"] < 0 and repr(compared).startswith(
        "version 2 (xgboost) against version 1 (linear): on"
    )
    assert "600" in compared._repr_html_()
    # Stones that a model was trained on say nothing about it.
    with_known = xc.compare(run.model("xgboost"), champion, stones)
    assert (with_known["n_stones"], with_known["n_known"]) == (600, 2400)
    assert with_known["difference_usd"] == compared["difference_usd"]
    with pytest.raises(
        xc.InvalidInputError, match="0 stones that neither model was trained on; allowed is at least 30"
    ):
        xc.compare(run.model("xgboost"), champion, stones.head(500))


def test_estimators_are_compared_too(run: xc.Run, stones: pd.DataFrame) -> None:
    test = stones.tail(600).reset_index(drop=True)
    estimator = xc.LogLinearRegressor().fit(stones.head(2400), stones["price"].head(2400))
    against = xc.compare(estimator, run.model("linear"), test)
    assert against["difference_usd"] == pytest.approx(0, abs=0.01)
    both = xc.compare(
        estimator, xc.LinearDerivedRegressor().fit(stones.head(2400), stones["price"].head(2400)), test
    )
    assert both["low_usd"] > 0 and repr(both).startswith("LogLinearRegressor against LinearDerivedRegressor")
