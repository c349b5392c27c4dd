"""Four doors, one price: Python, the command line, Rust and REST, bit for bit."""

import json
import os
import random
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xtream_core as xc
from helpers import FEATURES, GRADES, PROGRAM, ROOT, Trained, environment, read_csv

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


@contextmanager
def served(registry: Path, folder: Path) -> Iterator[str]:
    """The address of a server over the registry; it ends with the block."""
    command = [PROGRAM, "serve", "--registry", registry, "--bind", "127.0.0.1:0", "--durability", "os"]
    said = folder / "said.txt"
    with said.open("w") as output:
        process = subprocess.Popen(
            [*map(str, command), "--exchange-log", str(folder / "log")],
            stderr=subprocess.PIPE,
            stdout=output,
            text=True,
            env=environment(),
            cwd=folder,
        )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"Listening on (http://[\d.:]+);", line):
                yield found[1]
                break
        else:
            pytest.fail("the server did not start")
    finally:
        process.terminate()
        process.communicate(timeout=30)


def by_rest(address: str, stones: list[dict[str, object]]) -> list[float | None]:
    """The prices; None where the API says that there is none."""
    prices: list[float | None] = []
    for first in range(0, len(stones), 1000):
        body = json.dumps({"diamonds": stones[first : first + 1000]}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{address}/v1/valuations/batch", body, headers)
        with urllib.request.urlopen(request) as response:
            prices += [result.get("price_usd") for result in json.load(response)["results"]]
    return prices


def by_rust(registry: Path, version: int, file: Path) -> list[float]:
    build = ["cargo", "build", "-q", "-p", "xtream-core", "--example", "value_stones"]
    subprocess.run(build, cwd=ROOT, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    command = [target / "debug" / "examples" / "value_stones", registry, str(version), file]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return np.array([int(bits, 16) for bits in printed], dtype=np.uint64).view(np.float64).tolist()


def same_bits(prices: object) -> list[int]:
    return np.asarray(prices, dtype=np.float64).view(np.uint64).tolist()


@pytest.mark.parametrize("family", ["linear", "xgboost"])
def test_random_stones_have_one_price_behind_every_door(
    trained: Trained, stones: list[dict[str, object]], file: Path, family: str, tmp_path: Path
) -> None:
    registry, version = tmp_path / "registry", trained.version(family)
    shutil.copytree(trained.folder, registry)
    model = xc.Registry(registry).load(version)
    xc.Registry(registry).promote(version, reason="To be asked.")
    frame = pd.DataFrame(stones)[FEATURES]
    expected = same_bits(model.predict(frame))
    assert len(set(expected)) > 1000, "the prices tell stones apart"
    assert same_bits(model.predict(pl.DataFrame(stones, infer_schema_length=None))) == expected
    assert same_bits(model.predict(pa.Table.from_pandas(frame, preserve_index=False))) == expected
    assert same_bits(model.predict(file)) == expected
    assert same_bits([model.value(**stone)["price_usd"] for stone in stones]) == expected
    priced = tmp_path / "priced.csv"
    trained.program("value", file, "--out", priced, "--version", version, "--registry", registry)
    assert same_bits(read_csv(priced)["price_usd"]) == expected
    assert same_bits(by_rust(registry, version, file)) == expected
    with served(registry, tmp_path) as address:
        answered = by_rest(address, stones)
    prices = np.array(expected, dtype=np.uint64).view(np.float64)
    # To customers a price below a dollar is no price; all others are the same.
    assert [price is None for price in answered] == (prices < 1).tolist()
    pairs = [(ours, theirs) for ours, theirs in zip(prices, answered, strict=True) if theirs is not None]
    assert same_bits([theirs for _, theirs in pairs]) == same_bits([ours for ours, _ in pairs])
    assert len(pairs) > 0.99 * N_STONES
