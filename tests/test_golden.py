"""Models and records of the past stay readable, and their prices keep every bit, at every door."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import xtream_core as xc
from helpers import Program, read_csv
from served import VALUATIONS, Served, eventually

GOLDEN = Path(__file__).parent / "golden"
ENDS = ["price_usd", "low_usd", "high_usd"]
FAMILIES = ["linear", "xgboost", "linear-derived", "xgboost-derived", "elastic-net"]
VERSIONS = {family: version for version, family in enumerate(FAMILIES, 1)}


@pytest.fixture(scope="module")
def expected() -> pd.DataFrame:
    return pd.read_csv(GOLDEN / "prices.csv", dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(GOLDEN / "registry", tmp_path_factory.mktemp("golden") / "registry")


def assert_golden(found: pd.DataFrame, expected: pd.DataFrame, family: str) -> None:
    for end in ENDS:
        column = f"{family} {end}"
        assert found[end].astype(float).map(float.hex).tolist() == expected[column].tolist(), column


def test_there_is_a_model_of_each_family_and_the_registry_is_sound(xtream: Program, registry: Path) -> None:
    cards = xtream.json("models", "list", "--registry", registry)["models"]
    assert {card["family"]: card["version"] for card in cards} == VERSIONS
    assert xtream.json("models", "fsck", "--registry", registry)["sound"]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_command_line_gives_the_golden_prices(
    xtream: Program, registry: Path, expected: pd.DataFrame, family: str
) -> None:
    where = ["--version", VERSIONS[family], "--registry", registry]
    xtream("value", GOLDEN / "stones.csv", "--range", "--out", "priced.csv", *where)
    assert_golden(read_csv(xtream.folder / "priced.csv"), expected, family)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.filterwarnings("ignore:.*lie beyond those that the model learned from")
def test_python_gives_the_golden_prices(registry: Path, expected: pd.DataFrame, family: str) -> None:
    model = xc.Registry(registry).load(VERSIONS[family])
    stones = pd.read_csv(GOLDEN / "stones.csv")
    valued = model.value(stones)
    assert_golden(valued, expected, family)
    assert model.predict(stones).tolist() == valued["price_usd"].tolist()


@pytest.fixture
def served(registry: Path, tmp_path: Path) -> Iterator[Served]:
    log = shutil.copytree(GOLDEN / "exchanges", tmp_path / "log")
    with Served(registry, log, said_in=tmp_path) as served:
        yield served


def test_rest_gives_the_golden_prices_and_finds_the_golden_exchanges(
    xtream: Program, served: Served, expected: pd.DataFrame
) -> None:
    exchanges = served.recorded(query="")
    assert [one["response"]["status"] for one in exchanges] == [200, 422, 200]
    certified = served.ask("GET", f"{VALUATIONS}/{exchanges[-1]['_id']}").json()
    assert certified["matches"] is True, "the price of the record, to the bit"
    stones = pd.read_csv(GOLDEN / "stones.csv")
    diamonds = [stone.dropna().to_dict() for _, stone in stones.iterrows()]
    for family, version in VERSIONS.items():
        xtream("models", "promote", version, "--registry", served.registry)
        eventually(
            lambda version=version: served.ask("GET", "/v1/models/champion").json()["version"] == version,
            10,
            "the model that was chosen answers",
        )
        answer = served.ask("POST", f"{VALUATIONS}/batch", {"diamonds": diamonds}).json()
        results = [result | result["range"] for result in answer["results"]]
        assert_golden(pd.DataFrame(results), expected, family)
