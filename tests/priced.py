"""The stones that Dask, Ray and Spark price, and what each must give, after a join by the stone's number."""

import re
import shutil
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xtream_core as xc
from helpers import ROOT

REGISTRY = ROOT / "tests" / "golden" / "registry"
TREES = 4
# Cannot be: of a negative weight and no known cut.
BAD = 1_000_007


def numbered(public: pd.DataFrame) -> pd.DataFrame:
    """All public stones, each with a number of its own, in no order, without prices."""
    stones = public.drop(columns="price").assign(stone=np.arange(len(public)) + 1_000_000)
    stones.loc[stones["stone"] == BAD, ["carat", "cut"]] = [-1.0, "Awful"]
    return stones.sample(frac=1, random_state=1)


def some(stones: pd.DataFrame) -> pd.DataFrame:
    """Some hundred of them, with one that cannot be in the middle."""
    return pd.concat([stones.iloc[:300], stones[stones["stone"] == BAD], stones.iloc[300:600]])


def priced_by_one_process(model: xc.Model, stones: pd.DataFrame) -> pd.Series:
    """Each stone's price, by its number."""
    with warnings.catch_warnings(action="ignore"):
        return pd.Series(model.predict(stones, errors="nan"), stones["stone"])


def example(engine: str) -> str:
    """The code of a section of docs/engines.md."""
    guide = (ROOT / "docs" / "engines.md").read_text()
    return re.search(rf"^## {engine}$.*?```python\n(.*?)```", guide, re.DOTALL | re.MULTILINE)[1]


def laid_out(public: pd.DataFrame) -> pd.DataFrame:
    """Some hundred stones, none with a fault, in the folder `stones` where the examples look for them, beside
    the registry."""
    stones = numbered(public)
    can_be = stones[["x", "y", "z"]].gt(0).all(axis=1) & (stones["stone"] != BAD)
    stones = stones[can_be].tail(300)
    shutil.copytree(REGISTRY, "registry")
    Path("stones").mkdir()
    stones.to_parquet("stones/some.parquet", index=False)
    return stones


def assert_written(stones: pd.DataFrame) -> None:
    """The folder `priced` has the champion's prices."""
    priced = pd.read_parquet("priced").set_index("stone")["price_usd"]
    assert len(priced) == len(stones)
    assert (priced.loc[stones["stone"]] == xc.Registry("registry").champion().predict(stones)).all()


def assert_same_bits(priced: pd.DataFrame, expected: pd.Series) -> None:
    joined = expected.to_frame("expected").join(priced.set_index("stone")["price_usd"], how="outer")
    assert len(joined) == len(priced) == len(expected) == 53_940
    is_nan = joined["expected"].isna()
    assert (joined["price_usd"].isna() == is_nan).all()
    found, wanted = (joined.loc[~is_nan, name].to_numpy() for name in ("price_usd", "expected"))
    assert (found.view(np.uint64) == wanted.view(np.uint64)).all()


def assert_faults_are_told(priced: pd.DataFrame, model: xc.Model, stones: pd.DataFrame) -> None:
    """In the words of one process."""
    priced = priced.set_index("stone")
    assert (priced["price_usd"].isna() == priced["faults"].notna()).all()
    assert 1 < priced["faults"].notna().sum() < 100
    with pytest.raises(xc.InvalidDiamondError) as refused:
        model.predict(stones[stones["stone"] == BAD])
    told, lines = priced.loc[BAD, "faults"].split(" | "), str(refused.value).splitlines()[1:]
    grades = "one of Fair, Good, Very Good, Premium, Ideal"
    assert told[1] == f'cut = "Awful" is not a known grade; allowed is {grades}'
    for words, line in zip(told, lines, strict=True):
        assert line.removeprefix("  row 0: ").startswith(words)


def assert_ranges_and_reasons(found: pd.DataFrame, model: xc.Model, stones: pd.DataFrame) -> None:
    """Of `some` stones, asked with a confidence of 0.8."""
    found, given = found.set_index("stone"), stones.set_index("stone")
    assert found["price_usd"].isna()[BAD]
    sound = found[found["faults"].isna()]
    alone = model.value(given.loc[sound.index], confidence=0.8)
    assert list(found) == [*given, *alone, "faults"]
    assert len(found) == len(given) and sound["low_usd"].notna().all()
    for name in alone:
        nothing = "" if name == "warnings" else 0
        assert sound[name].fillna(nothing).tolist() == alone[name].fillna(nothing).tolist(), name
