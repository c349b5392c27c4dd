"""Fixtures: the program in a folder of its own, and what is made once for all tests."""

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from helpers import APPRAISALS, FIRST, PROGRAM, PUBLIC, ROOT, SECOND, Program, Trained, read_csv

# Makes the folder of a name, unless that was done in this run, and returns it.
Once = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Folders that are made once in a run, by whichever of its processes comes first. Nobody changes them."""
    base = tmp_path_factory.getbasetemp()
    # Each process that runs tests has a folder in that of the run.
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def make(name: str, fill: Callable[[Path], object]) -> Path:
        folder, is_full = base / name, base / f"{name}.full"
        with (base / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not is_full.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                fill(folder)
                is_full.touch()
        return folder

    return make


@pytest.fixture
def xtream(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture(scope="session")
def trained(once: Once) -> Trained:
    """Both families of the notebook; whoever writes into the registry takes a copy."""

    def train(folder: Path) -> None:
        where = ["--registry", folder / "registry"]
        models = ["--trials", "0", "--models", "linear,xgboost"]
        report = Program(folder).train(FIRST, *where, *models, ranges=True)
        (folder / "report.json").write_text(json.dumps(report))

    folder = once("trained", train)
    report = json.loads((folder / "report.json").read_text())
    return Trained(Program(folder), folder / "registry", report)


@pytest.fixture(scope="session")
def public() -> pd.DataFrame:
    """The 53,940 public stones."""
    return read_csv(PUBLIC)


@pytest.fixture(scope="session")
def appraisals() -> pd.DataFrame:
    """The store's 5,000 rows, which are not part of the project."""
    if not APPRAISALS.exists():
        pytest.skip(f"{APPRAISALS} is not there; XTREAM_APPRAISALS names another place")
    return read_csv(APPRAISALS)


@pytest.fixture(scope="session")
def example() -> Callable[[str], Path]:
    """The program of an example in Rust, by its name. `make test` has built all of them before."""

    def built(name: str) -> Path:
        subprocess.run(["cargo", "build", "-q", "--example", name], cwd=ROOT, check=True)
        return PROGRAM.parent / "examples" / name

    return built


@pytest.fixture
def history(once: Once, xtream: Program) -> Program:
    """A linear model, then both families on twice the data."""

    def train(folder: Path) -> None:
        program = Program(folder)
        program.train(FIRST, "--models", "linear")
        program.train(FIRST, SECOND, "--trials", "0", "--models", "linear,xgboost")

    shutil.copytree(once("history", train) / "registry", xtream.folder / "registry")
    return xtream
