"""A price has the same bits whatever the system's mathematics does; here each result is the next number."""

import hashlib
import math
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import PUBLIC, Program, environment
from test_golden import FREE, MODELS, NAMES, ORDERED, Golden

# What the doors show is rounded to cents, which hides a last bit: the bare numbers show it.
SCRIPT = """
import math, sys, warnings
import pandas as pd
import xtream_core as xc
warnings.simplefilter("ignore")
stones = xc.validate(sys.argv[1]).clean.drop(columns="price")
few = stones.iloc[::50].head(1000)
for version in range(1, int(sys.argv[3]) + 1):
    model = xc.Registry(sys.argv[2]).load(version)
    print(version, len(stones), " ".join(map(float.hex, model._numbers(stones))))
    reasons = model.explain(few)["amount_usd"]
    print(version, len(reasons), " ".join(map(float.hex, reasons)))
print(math.exp(1.0).hex(), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Variables of an environment in which exp, log and their kin are moved by a last bit."""
    library = tmp_path_factory.mktemp("moved") / "moved.so"
    source = Path(__file__).with_name("moved_last_bits.c")
    command = ["cc", "-O1", "-fno-builtin", "-shared", "-fPIC", "-o", library, source, "-ldl", "-lm"]
    subprocess.run(command, check=True, timeout=60)
    return {"LD_PRELOAD": str(library)}


@pytest.mark.parametrize(("golden", "family"), MODELS, ids=NAMES)
def test_prices_and_ranges_of_all_public_stones_are_the_same(
    xtream: Program, moved: dict[str, str], golden: Golden, family: str
) -> None:
    where = ["--version", golden.versions[family], "--registry", golden.registry]
    files = []
    for number, variables in enumerate([{}, moved]):
        out = xtream.folder / f"{number}.csv"
        # Some stones have no price: numbers that cannot be.
        xtream("value", PUBLIC, "--range", "--out", out, *where, env=variables, status=2)
        files.append(hashlib.sha256(out.read_bytes()).hexdigest())
        assert out.read_bytes().count(b"\n") == 53_941
    assert files[0] == files[1]


@pytest.mark.parametrize("golden", [FREE, ORDERED], ids=["free", "ordered"])
def test_the_bare_numbers_of_all_models_and_their_reasons_are_the_same(
    moved: dict[str, str], golden: Golden
) -> None:
    n_models = len(golden.versions)
    command = [sys.executable, "-c", SCRIPT, str(PUBLIC), str(golden.registry), str(n_models)]
    options = {"capture_output": True, "text": True, "timeout": 300, "check": True}
    runs = [subprocess.run(command, env=environment(**more), **options) for more in [{}, moved]]
    lines = [run.stdout.splitlines() for run in runs]
    assert [line.split(" ")[1] for line in lines[0]] == ["53712", "5000"] * n_models
    for usual, other in zip(*lines, strict=True):
        differ = sum(a != b for a, b in zip(usual.split(), other.split(), strict=True))
        assert differ == 0, f"{usual[:8]}: {differ} numbers moved"
    exp = [float.fromhex(run.stderr.strip().splitlines()[-1]) for run in runs]
    assert exp == [math.e, math.nextafter(math.e, math.inf)], "the mathematics of Python did move"
