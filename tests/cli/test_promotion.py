"""A model becomes the champion when it is better on the same stones by more than chance."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import FIRST, SECOND, Program, read_csv, stored_rows


def test_the_first_model_is_promoted_and_its_twin_is_not(xtream: Program) -> None:
    first, second = (xtream.train(FIRST, "--models", "xgboost", "--trials", "3") for _ in range(2))
    assert first["decision"]["promoted"] and first["champion"] == {"version": 1, "family": "xgboost"}
    assert not second["decision"]["promoted"]
    assert "same model" in second["decision"]["reason"]
    assert second["champion"]["version"] == 1
    assert first["data"] == second["data"]
    assert first["leaderboard"][0]["mae_usd"] == second["leaderboard"][0]["mae_usd"]


def test_a_better_model_is_promoted_with_an_interval_below_zero(xtream: Program) -> None:
    xtream.train(FIRST, "--models", "linear")
    report = xtream.train(FIRST, "--models", "xgboost", "--trials", "0")
    decision, figures = report["decision"], report["decision"]["comparison"]
    assert decision["promoted"] and (decision["candidate"], decision["champion"]) == (2, 1)
    assert figures["low_usd"] < figures["difference_usd"] < figures["high_usd"] < 0
    assert figures["confidence"] == 0.95
    assert report["champion"] == {"version": 2, "family": "xgboost"}


def test_a_worse_model_is_not_promoted_and_the_reason_says_which_is_better(xtream: Program) -> None:
    xtream.train(FIRST, "--models", "xgboost", "--trials", "0")
    decision = xtream.train(FIRST, "--models", "linear")["decision"]
    assert not decision["promoted"]
    assert decision["comparison"]["low_usd"] > 0
    assert "version 1, which is better" in decision["reason"]


def test_no_promote_records_the_model_and_leaves_the_champion_alone(xtream: Program) -> None:
    report = xtream.train(FIRST, "--models", "linear", "--no-promote")
    assert report["champion"] is None and report["decision"] is None
    said = xtream("value", FIRST, status=2).stderr
    assert "promote" in said
    xtream("models", "promote", "1", "--reason", "a try")
    xtream.train(FIRST, "--models", "xgboost", "--trials", "0", "--no-promote")
    assert xtream.json("models", "list")["champion"] == 1


def interval(differences: np.ndarray) -> tuple[float, float]:
    """The percentile bootstrap, by other random numbers than ours."""
    random = np.random.default_rng(0)
    means = random.choice(differences, (4000, len(differences))).mean(axis=1)
    return tuple(np.percentile(means, [2.5, 97.5]))


def test_the_figures_of_a_comparison_are_those_of_the_models_own_prices(xtream: Program) -> None:
    """Trained on different deliveries, compared on stones that neither was trained on."""
    xtream.train(FIRST, "--models", "xgboost", "--trials", "0")
    decision = xtream.train(SECOND, FIRST, "--models", "xgboost", "--trials", "0")["decision"]
    test = stored_rows(xtream, xtream.folder / "registry", 2, "test")
    test.to_csv(xtream.folder / "test.csv", index=False)
    errors = []
    for version in (2, 1):
        xtream("value", "test.csv", "--version", version, "--out", "priced.csv")
        errors.append(np.abs(read_csv(xtream.folder / "priced.csv")["price_usd"] - test["price"]))
    figures = decision["comparison"]
    assert figures["n_stones"] == len(test)
    assert figures["candidate_mae_usd"] == pytest.approx(errors[0].mean(), abs=0.005)
    assert figures["champion_mae_usd"] == pytest.approx(errors[1].mean(), abs=0.005)
    low, high = interval((errors[0] - errors[1]).to_numpy())
    width = high - low
    assert figures["low_usd"] == pytest.approx(low, abs=0.1 * width)
    assert figures["high_usd"] == pytest.approx(high, abs=0.1 * width)
    assert decision["promoted"] == (figures["high_usd"] < 0)
    compared = xtream.json("models", "compare", "2", "1")
    assert compared == {"version": 2, "other": 1, "comparison": figures}


def test_stones_that_the_champion_learned_do_not_judge_it(xtream: Program, public: pd.DataFrame) -> None:
    sound = public[(public[["x", "y", "z"]] > 0).all(axis="columns")].drop_duplicates()
    rows = sound.drop_duplicates([name for name in sound if name != "price"]).iloc[5000:7000]
    paths: dict[str, Path] = {name: xtream.folder / f"{name}.csv" for name in ("all", "most", "some", "few")}
    rows.to_csv(paths["all"], index=False)
    rows.iloc[:500].assign(price=rows["price"] * 2).to_csv(paths["some"], index=False)
    rows.iloc[500:].to_csv(paths["most"], index=False)
    fixed = ["--models", "linear", "--suspect", "keep"]
    # The champion learned all but the 500, whose price in this delivery is another.
    xtream.train(paths["most"], "--test", paths["some"], *fixed)
    decision = xtream.train(paths["some"], "--test", paths["all"], *fixed)["decision"]
    assert decision["comparison"] is None and not decision["promoted"]
    assert "only 0 test stones are new" in decision["reason"]
    assert xtream.json("models", "compare", "2", "1")["comparison"] is None
