"""Four doors, one price: Python, the command line, Rust and REST, bit for bit."""

import random
import re
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterable
from math import isnan
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xtream_core as xc
from helpers import FEATURES, GRADES, Trained, read_csv
from served import VALUATIONS, Served

N_STONES = 2000


@pytest.fixture(scope="module")
def stones() -> list[dict[str, object]]:
    """Random stones: every grade, weights of every size, and any measurement may be missing."""
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    made = []
    for _ in range(N_STONES):
        carat = round(chance.lognormvariate(-0.4, 0.6), chance.choice([2, 3, 12]))
        width = (max(carat, 0.01) / 0.0061 / 0.617) ** (1 / 3) * chance.uniform(0.97, 1.03)
        stone = {
            "carat": max(carat, 0.01),
            **{name: chance.choice(labels) for name, labels in GRADES.items()},
            "depth": chance.uniform(55, 68),
            "table": chance.uniform(52, 66),
            "x": width,
            "y": width * chance.uniform(0.98, 1.02),
            "z": 0.617 * width,
        }
        for name in ["depth", "table", "x", "y", "z"]:
            if chance.random() < 0.15:
                del stone[name]
        made.append(stone)
    return made


@pytest.fixture(scope="module")
def file(stones: list[dict[str, object]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As a file: each number in the shortest form that reads back as itself."""
    path = tmp_path_factory.mktemp("parity") / "stones.csv"
    lines = [",".join(str(stone.get(name, "")) for name in FEATURES) for stone in stones]
    path.write_text("\n".join([",".join(FEATURES), *lines]) + "\n")
    return path


def by_rest(served: Served, stones: list[dict[str, object]]) -> list[float | None]:
    """The prices; None where the API says that there is none."""
    prices: list[float | None] = []
    for first in range(0, len(stones), 1000):
        answer = served.ask("POST", f"{VALUATIONS}/batch", {"diamonds": stones[first : first + 1000]})
        prices += [result.get("price_usd") for result in answer.json()["results"]]
    return prices


def by_python(model: xc.Model, stones: pd.DataFrame) -> list[float | None]:
    """The prices; None where there is none, and Python names just these rows and why."""
    prices = [None if isnan(price) else price for price in model.predict(stones, errors="nan")]
    with pytest.raises(xc.InvalidDiamondError) as caught:
        model.predict(stones)
    faults = caught.value.faults
    assert {fault["row"] for fault in faults} == {row for row, price in enumerate(prices) if price is None}
    return prices


def by_keywords(model: xc.Model, stone: dict[str, object]) -> float | None:
    try:
        return model.value(**stone)["price_usd"]
    except xc.InvalidDiamondError as error:
        assert error.field in ("price", "carat"), "nothing else is wrong with it"
        return None


def by_rust(value_stones: Path, registry: Path, version: int, file: Path) -> list[float | None]:
    command = [value_stones, registry, str(version), file]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return [None if bits == "none" else struct.unpack(">d", bytes.fromhex(bits))[0] for bits in printed]


def same_bits(prices: Iterable[float | None]) -> list[bytes | None]:
    """The bits of each price; a price that there is not, and an empty one in a file, is None."""
    return [None if price is None or isnan(price) else struct.pack(">d", price) for price in prices]


@pytest.mark.parametrize("family", ["linear", "xgboost"])
def test_random_stones_have_one_price_behind_every_door(
    trained: Trained,
    stones: list[dict[str, object]],
    file: Path,
    family: str,
    example: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    registry, version = tmp_path / "registry", trained.version(family)
    shutil.copytree(trained.folder, registry)
    model = xc.Registry(registry).load(version)
    xc.Registry(registry).promote(version, reason="To be asked.")
    frame = pd.DataFrame(stones)[FEATURES]
    expected = same_bits(by_python(model, frame))
    assert len(set(expected)) > 1000, "the prices tell stones apart"
    n_refused = expected.count(None)
    assert n_refused < 0.01 * N_STONES
    assert same_bits(by_keywords(model, stone) for stone in stones) == expected
    sound = frame[[bits is not None for bits in expected]]
    prices = [bits for bits in expected if bits is not None]
    records = [stone for stone, bits in zip(stones, expected, strict=True) if bits is not None]
    assert same_bits(model.predict(pl.DataFrame(records, infer_schema_length=None))) == prices
    assert same_bits(model.predict(pa.Table.from_pandas(sound, preserve_index=False))) == prices
    sound.to_csv(tmp_path / "sound.csv", index=False)
    assert same_bits(model.predict(tmp_path / "sound.csv")) == prices
    priced = tmp_path / "priced.csv"
    status = 2 if n_refused else 0
    where = ["--version", version, "--registry", registry]
    said = trained.program("value", file, "--out", priced, *where, status=status).stderr
    assert same_bits(read_csv(priced)["price_usd"]) == expected
    assert len(set(re.findall(r", line (\d+): (?:price|carat) = ", said))) == n_refused
    assert same_bits(by_rust(example("value_stones"), registry, version, file)) == expected
    with Served(registry, tmp_path / "log", said_in=tmp_path) as served:
        assert same_bits(by_rest(served, stones)) == expected
