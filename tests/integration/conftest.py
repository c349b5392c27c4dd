"""The stones that every engine prices, and what one process makes of them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import xtream_core as xc
from priced import REGISTRY, TREES, numbered, priced_by_one_process


@pytest.fixture(scope="session")
def stones(public: pd.DataFrame) -> pd.DataFrame:
    return numbered(public)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where an engine is started: it looks for relative paths in the folder of its start."""
    folder, before = tmp_path_factory.mktemp("started"), Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.fixture(scope="session")
def model() -> xc.Model:
    return xc.Registry(REGISTRY).load(TREES)


@pytest.fixture(scope="session")
def expected(model: xc.Model, stones: pd.DataFrame) -> pd.Series:
    return priced_by_one_process(model, stones)
