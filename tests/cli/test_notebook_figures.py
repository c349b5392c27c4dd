"""The data scientist's own figures, on her rows and her split, come out of `xtream train`."""

import csv
from pathlib import Path

import pandas as pd
import pytest
from helpers import Program, in_soak
from sklearn.model_selection import train_test_split

AS_NOTEBOOK = ["--suspect", "keep", "--duplicates", "keep"]


@pytest.fixture
def notebook_split(appraisals: pd.DataFrame, tmp_path: Path) -> tuple[Path, Path]:
    """Her 80/20 split as files. The rows that she drops by hand stay in: dropping them is our job."""
    is_clean = (appraisals["price"] > 0) & (appraisals["x"] * appraisals["y"] * appraisals["z"] != 0)
    train, test = train_test_split(appraisals[is_clean], test_size=0.2, random_state=42)
    assert (len(train), len(test), (~is_clean).sum()) == (3991, 998, 11)
    paths = tmp_path / "train.csv", tmp_path / "test.csv"
    pd.concat([train, appraisals[~is_clean]]).to_csv(paths[0], index=False)
    test.to_csv(paths[1], index=False)
    return paths


def by_family(report: dict) -> dict[str, dict]:
    return {line["family"]: line for line in report["leaderboard"]}


def test_both_models_reach_the_figures_of_the_notebook(
    xtream: Program, notebook_split: tuple[Path, Path]
) -> None:
    train, test = notebook_split
    report = xtream.train(train, "--test", test, "--trials", "0", *AS_NOTEBOOK)
    data = report["data"]
    assert (data["n_rows"], data["n_rejected"], data["n_duplicates"]) == (5000, 11, 0)
    assert (data["n_train"], data["n_test"]) == (3991, 998)
    lines = by_family(report)
    assert lines["linear"]["mae_usd"] == pytest.approx(561.54, abs=0.005)
    assert lines["linear"]["r2"] == pytest.approx(0.9054, abs=0.00005)
    assert lines["xgboost"]["mae_usd"] == pytest.approx(354.95, abs=0.005)
    assert lines["xgboost"]["r2"] == pytest.approx(0.9593, abs=0.00005)


def test_the_eleven_wrong_rows_are_refused_by_name(
    xtream: Program, notebook_split: tuple[Path, Path]
) -> None:
    train, test = notebook_split
    rejects = xtream.folder / "rejects.csv"
    xtream.train(train, "--test", test, "--models", "linear", "--rejects", rejects, *AS_NOTEBOOK)
    with rejects.open(newline="") as file:
        refused = list(csv.DictReader(file))
    # The wrong rows stand behind the header and the 3,991 clean ones.
    assert sorted({int(row["line"]) for row in refused}) == list(range(3993, 4004))
    assert {row["file"] for row in refused} == {str(train)}
    assert {row["severity"] for row in refused} == {"wrong"}
    faults = [(row["column"], float(row["value"])) for row in refused]
    # Of the eleventh stone nothing was measured, and each dimension is named.
    assert sorted(faults) == [("price", -1)] * 10 + [("x", 0), ("y", 0), ("z", 0)]
    assert all("greater than" in row["allowed"] for row in refused)


# Trials of a search, and how far off its best model may be. The notebook's own of 100 trials is 337.46; with
# the standard error of $20 no search is expected to hit that. Trees with their defaults are 354.95.
SEARCHES = {"narrow": (100, 350.0), "notebook": (100, 350.0)} if in_soak() else {"narrow": (12, 354.0)}


@pytest.mark.parametrize("space", SEARCHES)
def test_a_search_comes_as_near_as_the_notebook_s(
    xtream: Program, notebook_split: tuple[Path, Path], space: str
) -> None:
    train, test = notebook_split
    n_trials, most = SEARCHES[space]
    models = ["--models", "xgboost", "--trials", n_trials, "--space", space]
    (line,) = xtream.train(train, "--test", test, *models, *AS_NOTEBOOK)["leaderboard"]
    search = line["search"]
    # The notebook runs all of its trials; in our own space a search may be over when it gains nothing.
    is_over = space == "narrow" and search.get("gained_nothing", n_trials) < search["n_trials"] < n_trials
    assert search["n_trials"] == n_trials or is_over
    assert 320 <= line["mae_usd"] <= most
    assert line["r2"] > 0.9593
