"""Fixtures: the program in a folder of its own, and what is made once for all tests."""

import subprocess
from pathlib import Path

import pandas as pd
import pytest
from helpers import APPRAISALS, FIRST, PROGRAM, PUBLIC, ROOT, SECOND, Program, Trained, read_csv


@pytest.fixture
def xtream(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    program = Program(folder)
    report = program.train(
        FIRST, "--registry", folder / "registry", "--trials", "0", "--models", "linear,xgboost"
    )
    return Trained(program, folder / "registry", report)


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
def score_trees() -> Path:
    """The example program that predicts with our own reader of XGBoost's model files."""
    build = ["cargo", "build", "-q", "--example", "score_trees"]
    subprocess.run(build, cwd=ROOT, check=True)
    return PROGRAM.parent / "examples" / "score_trees"


@pytest.fixture
def history(xtream: Program) -> Program:
    """A linear model, then both families on twice the data."""
    xtream.train(FIRST, "--models", "linear")
    xtream.train(FIRST, SECOND, "--trials", "0", "--models", "linear,xgboost")
    return xtream
