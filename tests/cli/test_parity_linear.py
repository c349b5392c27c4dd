"""The linear model is scikit-learn's LinearRegression on the logarithm of the price."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import GRADES, PUBLIC, Program, Trained, read_csv, stored_rows
from sklearn.linear_model import LinearRegression

# Prices are told in cents; errors, which are not rounded, agree to nine digits.
TO_THE_CENT = {"rtol": 1e-9, "atol": 0.005}


def one_hot(frame: pd.DataFrame) -> pd.DataFrame:
    """As the notebook does it: carat, x, and the grades without their alphabetically first level."""
    categories = {name: pd.CategoricalDtype(sorted(labels)) for name, labels in GRADES.items()}
    return pd.get_dummies(frame[["carat", "x", *GRADES]].astype(categories), drop_first=True, dtype=float)


def in_scikit_learn(train: pd.DataFrame, stones: pd.DataFrame) -> np.ndarray:
    model = LinearRegression().fit(one_hot(train), np.log(train["price"]))
    return np.exp(model.predict(one_hot(stones)))


def test_every_public_stone_has_the_price_that_scikit_learn_gives_it(
    trained: Trained, public: pd.DataFrame, tmp_path: Path
) -> None:
    version, priced = trained.version("linear"), tmp_path / "priced.csv"
    trained.program("value", PUBLIC, "--out", priced, "--version", version, "--registry", trained.folder)
    ours = read_csv(priced)["price_usd"]
    assert ours.notna().all()
    # A zero for a dimension is one that nobody measured, which the notebook does not know.
    is_measured = (public[["x", "y", "z"]] > 0).all(axis="columns")
    theirs = in_scikit_learn(trained.rows("train"), public[is_measured])
    np.testing.assert_allclose(ours[is_measured], theirs, **TO_THE_CENT)


def test_its_figures_are_those_of_scikit_learn(trained: Trained) -> None:
    test = trained.rows("test")
    errors = np.abs(in_scikit_learn(trained.rows("train"), test) - test["price"])
    (line,) = (line for line in trained.report["leaderboard"] if line["family"] == "linear")
    assert line["mae_usd"] == pytest.approx(errors.mean(), rel=1e-9)
    assert line["rmse_usd"] == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-9)
    assert line["mape"] == pytest.approx((errors / test["price"]).mean(), rel=1e-9)


def test_few_rows_in_which_some_grades_never_occur_are_no_exception(
    xtream: Program, public: pd.DataFrame
) -> None:
    rows = public.query("z > 0 and color in ('D', 'G') and clarity != 'IF'")
    rows = rows[rows["cut"].isin(["Fair", "Good", "Ideal"])].head(400)
    delivery, priced = xtream.folder / "few.csv", xtream.folder / "priced.csv"
    rows.to_csv(delivery, index=False)
    xtream.train(delivery, "--models", "linear", "--max-rejects", "100")
    xtream("value", delivery, "--out", priced)
    train = stored_rows(xtream, xtream.folder / "registry", 1, "train")
    # What never occurs is a column of zeros, to which least squares gives the coefficient zero.
    np.testing.assert_allclose(read_csv(priced)["price_usd"], in_scikit_learn(train, rows), **TO_THE_CENT)
