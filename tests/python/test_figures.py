"""Her own figures, on her rows and her split, through xtream_core. The store's rows are no part of the
project: where they are absent these tests are skipped with a reason."""

from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xtream_core as xc
from sklearn.metrics import mean_absolute_error, r2_score
from sklearn.model_selection import train_test_split

AS_NOTEBOOK = {"suspect": "keep", "duplicates": "keep"}


@pytest.fixture(scope="module")
def split(appraisals: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Her cleaning, by validate, and her split."""
    report = xc.validate(appraisals, **AS_NOTEBOOK)
    assert (report.n_rows, report.n_rejected, report.n_duplicates) == (5000, 11, 0)
    by_hand = appraisals[(appraisals["price"] > 0) & (appraisals[["x", "y", "z"]].prod(axis=1) != 0)]
    pd.testing.assert_frame_equal(report.clean, by_hand)
    train, test = train_test_split(report.clean, test_size=0.2, random_state=42)
    assert (len(train), len(test)) == (3991, 998)
    return train, test


def test_her_log_linear_model_has_her_figures_to_the_cent(
    split: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    train, test = split
    run = xc.train(train, test=test, models=["linear"], registry=tmp_path, progress=False, **AS_NOTEBOOK)
    line = run.leaderboard.iloc[0]
    assert f"{line['mae_usd']:.2f}" == "561.54"
    assert f"{line['r2']:.4f}" == "0.9054"
    prices = run.model().predict(test)
    assert f"{mean_absolute_error(test['price'], prices):.2f}" == "561.54"
    estimator = xc.LogLinearRegressor().fit(train, train["price"])
    assert f"{mean_absolute_error(test['price'], estimator.predict(test)):.2f}" == "561.54"
    assert f"{r2_score(test['price'], estimator.predict(test)):.4f}" == "0.9054"


def test_every_kind_of_frame_gives_the_same_bytes_of_model(
    split: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    kinds = {"pandas": lambda f: f, "polars": pl.from_pandas, "pyarrow": pa.Table.from_pandas}
    models = {}
    for name, kind in kinds.items():
        train, test = (kind(side) for side in split)
        options = {"trials": 0, "ranges": False, "registry": tmp_path / name, "progress": False}
        xc.train(train, test=test, **options, **AS_NOTEBOOK)
        models[name] = [card["model"] for card in xc.Registry(tmp_path / name).versions()]
    assert models["pandas"] == models["polars"] == models["pyarrow"]


def test_xgboost_with_defaults_has_her_figures_too(
    split: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    train, test = split
    options = {"trials": 0, "registry": tmp_path, "progress": False}
    run = xc.train(train, test=test, models=["xgboost"], **options, **AS_NOTEBOOK)
    line = run.leaderboard.iloc[0]
    assert line["mae_usd"] == pytest.approx(354.95, abs=0.005)
    assert line["r2"] == pytest.approx(0.9593, abs=0.00005)
