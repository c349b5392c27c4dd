"""Ranges and reasons: from Python, for frames of every kind, and the same behind every door."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xtream_core as xc
from helpers import FIRST, SECOND, Trained
from served import VALUATIONS, Served

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

FAMILIES = ["linear", "xgboost"]
GROUPS = ["size", "color", "clarity", "cut", "proportions"]
REASONS = [f"reason_{group}_usd" for group in GROUPS]


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest, trained: Trained) -> xc.Model:
    return xc.Registry(trained.folder).load(trained.version(request.param))


@pytest.fixture(scope="module")
def stones() -> pd.DataFrame:
    """Stones that neither family was trained on; every third without its measurements."""
    stones = xc.validate(SECOND).clean.drop(columns="price").head(120)
    stones.loc[::3, ["x", "y", "z", "depth"]] = np.nan
    return stones


def test_a_frame_has_price_range_and_reasons_a_row_each(model: xc.Model, stones: pd.DataFrame) -> None:
    valued = model.value(stones)
    assert list(valued) == [
        *("price_usd", "low_usd", "high_usd", "confidence", "average_usd"),
        *REASONS,
        "warnings",
    ]
    assert (valued["price_usd"].to_numpy() == model.predict(stones)).all()
    assert ((valued["low_usd"] < valued["price_usd"]) & (valued["price_usd"] < valued["high_usd"])).all()
    told = valued["average_usd"] + valued[REASONS].sum(axis=1)
    assert (told - valued["price_usd"]).abs().max() < 0.005, "they add up to the cent"


def test_frames_come_back_as_they_came(model: xc.Model, stones: pd.DataFrame, tmp_path: Path) -> None:
    expected = model.value(stones)
    odd = stones.set_axis([f"stone {row}" for row in range(len(stones))])
    assert model.value(odd).index.equals(odd.index)
    in_polars = model.value(pl.from_pandas(stones))
    assert isinstance(in_polars, pl.DataFrame)
    assert in_polars.to_pandas().equals(expected.reset_index(drop=True))
    in_arrow = model.value(pa.Table.from_pandas(stones, preserve_index=False))
    assert isinstance(in_arrow, pa.Table)
    assert in_arrow.to_pandas().equals(expected.reset_index(drop=True))
    stones.to_csv(tmp_path / "stones.csv", index=False)
    assert model.value(tmp_path / "stones.csv").equals(expected.reset_index(drop=True))


def test_more_confidence_is_a_wider_range(model: xc.Model, stones: pd.DataFrame) -> None:
    ranges = [model.value(stones, confidence=confidence) for confidence in (0.5, 0.9, 0.99)]
    for narrow, wide in zip(ranges, ranges[1:], strict=False):
        assert (narrow["high_usd"] < wide["high_usd"]).all()
    for confidence in (0.4, 0.999, float("nan")):
        with pytest.raises(xc.InvalidInputError, match=r"0\.5 to 0\.99"):
            model.value(stones, confidence=confidence)


def test_a_stone_alone_has_the_range_that_it_has_in_a_frame(model: xc.Model, stones: pd.DataFrame) -> None:
    valued = model.value(stones, confidence=0.8)
    for row in (1, 2, 4):
        alone = model.value(**stones.iloc[row].to_dict(), confidence=0.8)
        figures = valued[["low_usd", "high_usd"]].iloc[row].tolist()
        assert alone["range"] == {"low_usd": figures[0], "high_usd": figures[1], "confidence": 0.8}
    with pytest.raises(xc.InvalidInputError, match="one of the two"):
        model.value(stones, carat=1.0)
    with pytest.raises(xc.InvalidDiamondError, match='carat = "" is missing'):
        model.value(cut="Ideal", color="E", clarity="VS1")


def test_explain_tells_each_reason_in_words(model: xc.Model, stones: pd.DataFrame) -> None:
    reasons, valued = model.explain(stones), model.value(stones)
    assert len(reasons) == 5 * len(stones)
    assert reasons["group"].tolist() == GROUPS * len(stones)
    assert reasons["row"].tolist() == [row for row in range(len(stones)) for _ in GROUPS]
    assert (reasons["amount_usd"].to_numpy().reshape(-1, 5) == valued[REASONS].to_numpy()).all()
    for row, group, amount, sentence in reasons[["row", "group", "amount_usd", "sentence"]].to_numpy():
        assert sentence.endswith(" against an average stone")
        if round(amount) != 0:
            assert sentence.startswith("+ $" if amount > 0 else "- $")
            assert sentence.split()[1] == f"${abs(amount):,.0f}"
        if group != "size" and group != "proportions":
            assert f"{group} {stones[group].iloc[row]} " in sentence
    assert isinstance(model.explain(pl.from_pandas(stones)), pl.DataFrame)
    assert len(model.explain(stones.head(0))) == 0


def test_a_waterfall_leads_from_the_average_stone_to_this_one(model: xc.Model, stones: pd.DataFrame) -> None:
    ax, valued = xc.plots.waterfall(model, stones, row=7), model.value(stones).iloc[7]
    bars = ax.patches
    assert [label.get_text() for label in ax.get_yticklabels()] == ["average stone", *GROUPS, "this stone"]
    assert bars[0].get_width() == valued["average_usd"]
    assert bars[-1].get_width() == valued["price_usd"]
    ends = [bar.get_x() + bar.get_width() for bar in bars]
    assert ends[-2] == pytest.approx(valued["price_usd"])
    for bar, name in zip(bars[1:-1], REASONS, strict=True):
        assert bar.get_width() == pytest.approx(valued[name])
    with pytest.raises(xc.InvalidInputError, match="row 500"):
        xc.plots.waterfall(model, stones, row=500)


@pytest.mark.parametrize("family", FAMILIES)
def test_range_and_reasons_are_the_same_behind_every_door(
    trained: Trained, stones: pd.DataFrame, family: str, tmp_path: Path
) -> None:
    registry = tmp_path / "registry"
    shutil.copytree(trained.folder, registry)
    version = trained.version(family)
    xc.Registry(registry).promote(version, reason="To be asked.")
    valued = xc.Registry(registry).load(version).value(stones, confidence=0.75)
    sentences = xc.Registry(registry).load(version).explain(stones)["sentence"].tolist()
    query = "confidence=0.75&include=reasons"
    with Served(registry, tmp_path / "log", said_in=tmp_path) as served:
        for row, stone in enumerate(stones.head(40).to_dict("records")):
            known = {name: value for name, value in stone.items() if value == value}
            answer = served.ask("POST", f"{VALUATIONS}?{query}", known).json()
            expected = valued.iloc[row]
            # Equal numbers here are equal bits: JSON has the shortest form that reads back as itself.
            assert answer["range"]["low_usd"] == expected["low_usd"]
            assert answer["range"]["high_usd"] == expected["high_usd"]
            assert answer["reasons"]["average_usd"] == expected["average_usd"]
            told = answer["reasons"]["contributions"]
            assert [part["amount_usd"] for part in told] == expected[REASONS].tolist()
            assert [part["sentence"] for part in told] == sentences[5 * row : 5 * row + 5]


def test_a_model_trained_without_ranges_has_the_same_prices_and_says_that_it_has_no_ranges(
    tmp_path: Path, stones: pd.DataFrame
) -> None:
    for ranges in (True, False):
        xc.train(FIRST, models=["linear"], registry=tmp_path, ranges=ranges, progress=False)
    ranged, bare = (xc.Registry(tmp_path).load(version) for version in (1, 2))
    said = "has no range, because this model was trained without ranges"
    stone = {"carat": 0.5, "cut": "Ideal", "color": "E", "clarity": "VS1"}
    one, other = ranged.value(**stone), bare.value(**stone)
    assert one["price_usd"] == other["price_usd"]
    assert one["range"] is not None and other["range"] is None
    assert [said in warning["reason"] for warning in other["warnings"]] == [True]
    many = bare.value(stones)
    assert (many["price_usd"] == ranged.value(stones)["price_usd"]).all()
    assert many["low_usd"].isna().all() and many["warnings"].str.contains(said).all()
