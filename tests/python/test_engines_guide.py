"""docs/engines.md does what it says: its example for Dask is run as it stands."""

import re
import shutil
from pathlib import Path

import dask
import pandas as pd
import pytest
import xtream_core as xc
from helpers import ROOT
from priced import BAD, REGISTRY, numbered

GUIDE = (ROOT / "docs" / "engines.md").read_text()


def example(engine: str) -> str:
    """The code of a section."""
    return re.search(rf"^## {engine}$.*?```python\n(.*?)```", GUIDE, re.DOTALL | re.MULTILINE)[1]


def test_the_example_for_dask(public: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(REGISTRY, "registry")
    Path("stones").mkdir()
    stones = numbered(public)
    stones = stones[stones[["x", "y", "z"]].gt(0).all(axis=1) & (stones["stone"] != BAD)].tail(300)
    stones.to_parquet("stones/some.parquet")
    with dask.config.set(scheduler="synchronous"):
        exec(example("Dask"), {})
    priced = pd.read_parquet("priced")
    expected = xc.Registry("registry").champion().predict(stones, errors="nan")
    found = priced.set_index("stone")["price_usd"].loc[stones["stone"]].to_numpy()
    assert len(priced) == 300 and (found == expected).all()
