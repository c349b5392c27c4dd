"""The stones that every engine prices, and what one process makes of them."""

import pandas as pd
import pytest
import xtream_core as xc
from priced import REGISTRY, TREES, numbered, priced_by_one_process


@pytest.fixture(scope="session")
def stones(public: pd.DataFrame) -> pd.DataFrame:
    return numbered(public)


@pytest.fixture(scope="session")
def model() -> xc.Model:
    return xc.Registry(REGISTRY).load(TREES)


@pytest.fixture(scope="session")
def expected(model: xc.Model, stones: pd.DataFrame) -> pd.Series:
    return priced_by_one_process(model, stones)
