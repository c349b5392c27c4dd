"""docs/engines.md does what it says; its examples for Ray and Spark are in tests/integration."""

from pathlib import Path

import dask
import pandas as pd
import pytest
from priced import assert_written, example, laid_out


def test_the_example_for_dask(public: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stones = laid_out(public)
    with dask.config.set(scheduler="synchronous"):
        exec(example("Dask"), {})
    assert_written(stones)
