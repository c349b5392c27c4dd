"""Models and records of the past stay readable, and their prices keep every bit, at every door."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import xtream_core as xc
from helpers import Program, read_csv
from served import VALUATIONS, Served, eventually

GOLDEN = Path(__file__).parent / "golden"
ENDS = ["price_usd", "low_usd", "high_usd"]
FAMILIES = ["linear", "xgboost", "linear-derived", "xgboost-derived", "elastic-net"]


@dataclass(frozen=True)
class Golden:
    """A registry, and the model of each family."""

    folder: Path
    versions: dict[str, int]

    @property
    def registry(self) -> Path:
        return self.folder / "registry"

    def assert_prices(self, found: pd.DataFrame, family: str) -> None:
        expected = pd.read_csv(self.folder / "prices.csv", dtype=str, keep_default_na=False)
        for end in ENDS:
            column = f"{family} {end}"
            assert found[end].astype(float).map(float.hex).tolist() == expected[column].tolist(), column


# Prices as they were learned, and those that are put in order.
FREE = Golden(GOLDEN, {family: version for version, family in enumerate(FAMILIES, 1)})
ORDERED = Golden(GOLDEN / "ordered", {"linear-derived": 1, "xgboost-derived": 2})
MODELS = [(golden, family) for golden in (FREE, ORDERED) for family in golden.versions]
NAMES = [f"{family}{' in order' if golden is ORDERED else ''}" for golden, family in MODELS]


@pytest.fixture(scope="module", params=[FREE, ORDERED], ids=["free", "ordered"])
def golden(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Golden:
    """With a copy of its registry."""
    kept = request.param
    folder = tmp_path_factory.mktemp("golden")
    shutil.copytree(kept.registry, folder / "registry")
    shutil.copy(kept.folder / "prices.csv", folder)
    return Golden(folder, kept.versions)


def test_there_is_a_model_of_each_family_and_the_registry_is_sound(xtream: Program, golden: Golden) -> None:
    cards = xtream.json("models", "list", "--registry", golden.registry)["models"]
    assert {card["family"]: card["version"] for card in cards} == golden.versions
    assert xtream.json("models", "fsck", "--registry", golden.registry)["sound"]


def test_the_command_line_gives_the_golden_prices(xtream: Program, golden: Golden) -> None:
    for family, version in golden.versions.items():
        where = ["--version", version, "--registry", golden.registry]
        xtream("value", GOLDEN / "stones.csv", "--range", "--out", "priced.csv", *where)
        golden.assert_prices(read_csv(xtream.folder / "priced.csv"), family)


@pytest.mark.filterwarnings("ignore:.*lie beyond those that the model learned from")
def test_python_gives_the_golden_prices(golden: Golden) -> None:
    for family, version in golden.versions.items():
        model = xc.Registry(golden.registry).load(version)
        stones = pd.read_csv(GOLDEN / "stones.csv")
        valued = model.value(stones)
        golden.assert_prices(valued, family)
        assert model.predict(stones).tolist() == valued["price_usd"].tolist()


@pytest.fixture
def served(golden: Golden, tmp_path: Path) -> Iterator[Served]:
    log = shutil.copytree(GOLDEN / "exchanges", tmp_path / "log")
    with Served(golden.registry, log, said_in=tmp_path) as served:
        yield served


def test_rest_gives_the_golden_prices(xtream: Program, served: Served, golden: Golden) -> None:
    stones = pd.read_csv(GOLDEN / "stones.csv")
    diamonds = [stone.dropna().to_dict() for _, stone in stones.iterrows()]
    for family, version in golden.versions.items():
        xtream("models", "promote", version, "--registry", golden.registry)
        eventually(
            lambda version=version: served.ask("GET", "/v1/models/champion").json()["version"] == version,
            10,
            "the model that was chosen answers",
        )
        answer = served.ask("POST", f"{VALUATIONS}/batch", {"diamonds": diamonds}).json()
        results = [result | result["range"] for result in answer["results"]]
        golden.assert_prices(pd.DataFrame(results), family)


@pytest.mark.parametrize("golden", [FREE], ids=["free"], indirect=True)
def test_the_golden_exchanges_are_found_and_their_certificates_match(served: Served) -> None:
    exchanges = served.recorded(query="")
    assert [one["response"]["status"] for one in exchanges] == [200, 422, 200]
    certified = served.ask("GET", f"{VALUATIONS}/{exchanges[-1]['_id']}").json()
    assert certified["matches"] is True, "the price of the record, to the bit"
