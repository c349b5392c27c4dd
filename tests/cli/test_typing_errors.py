"""Likely typing errors are named by `validate` and by exceptions."""

import math
from pathlib import Path

import pandas as pd
import pytest
import xtream_core as xc
from helpers import FIRST

GOOD = {
    "carat": 1.2,
    "cut": "Premium",
    "color": "E",
    "clarity": "VS1",
    "depth": 62.2,
    "table": 58.0,
    "price": 7000,
    "x": 6.79,
    "y": 6.74,
    "z": 4.21,
}


def report(**change: object) -> xc.ValidationReport:
    return xc.validate(pd.DataFrame([GOOD | change]))


@pytest.mark.parametrize(
    ("change", "likely"),
    [
        ({"x": 67.9}, {"x": 6.79}),
        ({"x": 4.21, "z": 6.79}, {"x": 6.79, "z": 4.21}),
        ({"z": 1.2}, {"z": 4.21}),
        ({"carat": 12.0}, {"carat": 1.2}),
    ],
)
def test_a_refused_row_says_what_was_most_likely_meant(change: dict, likely: dict) -> None:
    found = report(**change)
    assert (found.n_rejected, found.n_suspect) == (1, 1)
    named = dict(zip(found.faults["column"], found.faults["likely"], strict=True))
    assert named == pytest.approx(likely, rel=0.01)


def test_what_is_no_number_is_put_right_where_the_others_tell() -> None:
    found = report(x="6,79", price=-1)
    named = dict(zip(found.faults["column"], found.faults["likely"], strict=True))
    assert named["x"] == 6.79
    assert math.isnan(named["price"])


def test_a_row_within_the_limits_that_looks_mistyped_is_kept_and_told() -> None:
    found = report(y=6.4)
    assert (found.n_clean, found.n_rejected) == (1, 0)
    (doubt,) = found.doubts.to_dict("records")
    assert (doubt["column"], doubt["severity"], doubt["likely"]) == ("y", "doubtful", 6.74)
    assert "1 clean rows look mistyped" in found._repr_html_()
    assert len(report().doubts) == 0


def test_a_suspect_row_that_is_kept_is_a_doubt() -> None:
    found = xc.validate(pd.DataFrame([GOOD | {"x": 67.9}]), suspect="keep")
    assert found.n_clean == 1
    assert found.doubts["severity"].tolist() == ["suspect"]


def test_the_list_of_refused_rows_has_the_likely_values_too(tmp_path: Path) -> None:
    mistyped = tmp_path / "mistyped.csv"
    pd.DataFrame([GOOD | {"x": 67.9}]).to_csv(mistyped, index=False)
    xc.train([FIRST, mistyped], models=["linear"], registry=tmp_path, progress=False)
    digest = xc.Registry(tmp_path).versions()[0]["data"]["rejects"].removeprefix("sha256:")
    (file,) = (tmp_path / "blobs").glob(f"{digest}*")
    last = pd.read_csv(file).iloc[-1]
    assert (last["column"], last["likely"]) == ("x", 6.79)
