"""The wheel: what is in it, which Pythons take it, and how it gets along with XGBoost's own package."""

import email
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from helpers import FIRST, ROOT, Trained, in_soak

# The oldest that it says it is for, and this one; every one in the long run.
MINORS = [10, 11, 12, 13, 14] if in_soak() else sorted({10, sys.version_info[1]})


@pytest.fixture(scope="session")
def wheel(once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """What `pip install .` installs, built with the profile of the tests."""

    def build(folder: Path) -> None:
        pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
        # Cargo builds for the Python that it is asked for; the wheel is the same for all.
        variables = {
            # With the features that everything else was built with, so that nothing is compiled again; and
            # packed little, since packing takes longer than the rest.
            "MATURIN_PEP517_ARGS": "--profile dev --features pyo3/extension-module,whole-workspace"
            " --compression-level 1",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        command = [*pip, "-w", str(folder), "."]
        run = subprocess.run(
            command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stdout + run.stderr

    (built,) = once("wheel", build).glob("*.whl")
    return built


def test_it_is_for_every_python_from_3_10_on_and_complete(wheel: Path) -> None:
    assert "-cp310-abi3-" in wheel.name
    with zipfile.ZipFile(wheel) as content:
        names = set(content.namelist())
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        about = email.message_from_bytes(content.read(metadata))
        (commands,) = (name for name in names if name.endswith(".dist-info/entry_points.txt"))
        assert "xtream=xtream_core._program:main" in content.read(commands).decode().replace(" ", "")
        program = content.getinfo("xtream_core/bin/xtream")
        assert program.external_attr >> 16 & 0o111, "it can be run"
    wanted = ["__init__.py", "_native.pyi", "py.typed", "estimators.py", "plots.py", "_native.abi3.so"]
    assert {f"xtream_core/{name}" for name in wanted} <= names
    assert about["Requires-Python"] == ">=3.10"
    assert {"xgboost", "xgboost-cpu"} <= set(about.get_all("Provides-Extra"))
    needed = [each for each in about.get_all("Requires-Dist") if "extra ==" not in each]
    assert needed == ["numpy>=1.23"], "neither package of XGBoost is forced on anybody"
    assert not (ROOT / "python" / "xtream_core" / "bin").exists(), "nothing is left in the checkout"


def interpreter(minor: int) -> Path:
    """A Python of that version, if there is one on this machine."""
    if sys.version_info[1] == minor:
        return Path(sys.executable)
    found = [shutil.which(f"python3.{minor}")]
    found += sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python3"))
    for path in filter(None, found):
        version = [str(path), "-c", "import sys; print(sys.version_info[1])"]
        run = subprocess.run(version, capture_output=True, text=True, check=False)
        if run.stdout.strip() == str(minor):
            return Path(path)
    pytest.skip(f"there is no Python 3.{minor} on this machine")


@pytest.fixture(scope="module")
def environment_of(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """The folder of programs of an environment with that Python and the wheel in it."""

    @cache
    def made(minor: int) -> Path:
        folder = tmp_path_factory.mktemp("environment") / f"python3.{minor}"
        subprocess.run([interpreter(minor), "-m", "venv", "--without-pip", folder], check=True)
        install(folder / "bin", wheel)
        return folder / "bin"

    return made


def install(programs: Path, *packages: object) -> None:
    """Into an environment, by the pip of this one."""
    pip = [sys.executable, "-m", "pip", "--python", programs / "python", "install", "-q", *packages]
    subprocess.run([str(part) for part in pip], check=True)


def run_in(programs: Path, *command: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Runs a program of the environment, which is not activated."""
    hidden = ("XTREAM_", "VIRTUAL_ENV", "CONDA_PREFIX", "PYTHON")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    program, *arguments = map(str, command)
    line = [str(programs / program), *arguments]
    run = subprocess.run(line, cwd=programs.parent, env=clean, capture_output=True, text=True, check=False)
    assert run.returncode == status, run.stdout + run.stderr
    return run


PRICE = """
import sys
import xtream_core as xc
model = xc.Registry(sys.argv[1]).champion()
stone = model.value(carat=1.2, cut="Premium", color="E", clarity="VS1")
print(stone["price_usd"].hex())
try:
    model.value(carat=-1, cut="Premium", color="E", clarity="VS1")
except ValueError as error:
    print(error.field)
"""


@pytest.mark.parametrize("minor", MINORS)
def test_one_wheel_prices_in_every_python(
    minor: int, environment_of: Callable[[int], Path], trained: Trained, tmp_path: Path
) -> None:
    programs = environment_of(minor)
    price, field = run_in(programs, "python", "-c", PRICE, trained.folder).stdout.split()
    arguments = ["--carat", "1.2", "--cut", "Premium", "--color", "E", "--clarity", "VS1"]
    stone = tmp_path / "stone.csv"
    stone.write_text("carat,cut,color,clarity\n1.2,Premium,E,VS1\n")
    priced = run_in(programs, "xtream", "value", stone, "--registry", trained.folder).stdout.splitlines()[1]
    assert float(priced.split(",")[4]).hex() == price
    assert field == "carat"
    assert "Premium" in run_in(programs, "xtream", "similar", *arguments, "--registry", trained.folder).stdout


def test_the_command_finds_xgboost_in_its_own_python_and_says_how_to_get_it(
    environment_of: Callable[[int], Path], tmp_path: Path
) -> None:
    programs = environment_of(sys.version_info[1])
    registry = ["--registry", tmp_path / "registry"]
    train = ["xtream", "train", FIRST, "--models", "xgboost", "--trials", "0", *registry]
    assert "pip install xgboost-cpu" in run_in(programs, *train, status=1).stderr
    install(programs, "--no-deps", "xgboost-cpu==3.2.0")
    assert "xgboost" in run_in(programs, *train).stdout


BESIDE = f"""
import sys
import numpy as np
import pandas as pd

def ours():
    import xtream_core as xc
    options = dict(models=["xgboost"], trials=0, progress=False)
    run = xc.train({str(FIRST)!r}, registry=sys.argv[2], **options)
    stones = xc.validate({str(FIRST)!r}).clean
    X = stones[["carat", "depth", "table", "x", "y", "z"]].to_numpy()
    return run.report["leaderboard"][0]["mae_usd"], xc.XGBoostRegressor().fit(X, stones["price"]).predict(X)

def theirs():
    import xgboost
    import xtream_core as xc
    stones = xc.validate({str(FIRST)!r}).clean
    X = stones[["carat", "depth", "table", "x", "y", "z"]].to_numpy()
    return xgboost.XGBRegressor(n_jobs=2, tree_method="hist").fit(X, stones["price"]).predict(X)

if sys.argv[1] == "ours":
    (mae, left), right = ours(), theirs()
elif sys.argv[1] == "theirs":
    right, (mae, left) = theirs(), ours()
else:
    import xgboost
    (mae, left), right = ours(), theirs()
print(mae.hex(), float(np.abs(left - right).max()))
"""


def test_it_works_beside_an_imported_xgboost_in_either_order(tmp_path: Path) -> None:
    said = []
    for order in ["ours", "theirs", "imported first"]:
        command = [sys.executable, "-c", BESIDE, order, str(tmp_path / order)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        mae, difference = run.stdout.split()
        assert float(difference) < 0.01, "dollars, between one thread and two"
        said.append(mae)
    assert len(set(said)) == 1
