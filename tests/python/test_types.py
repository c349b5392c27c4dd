"""The module's types, signatures and documentation say what it does."""

import doctest
import importlib
import inspect
import os
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import xtream_core as xc
from helpers import PUBLIC, ROOT

PACKAGE = ROOT / "python" / "xtream_core"


def mypy(*arguments: object, folder: Path = ROOT) -> None:
    command = [sys.executable, "-m", *map(str, arguments)]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_stubs_are_what_the_module_has() -> None:
    # Only the compiled module has stubs; the rest has its types beside its code.
    mypy("mypy.stubtest", "xtream_core._native", "--mypy-config-file", "pyproject.toml")


def test_the_package_passes_the_strictest_check() -> None:
    mypy("mypy", "--config-file", "pyproject.toml", PACKAGE)


USE = """
import pandas as pd
import polars as pl
import xtream_core as xc

def price(frame: pd.DataFrame, rows: pl.DataFrame) -> float:
    run: xc.Run = xc.train(frame, test=rows, models=["linear"], trials=3, registry="registry")
    model: xc.Model = xc.Registry("registry").champion()
    report: xc.ValidationReport = xc.validate(rows)
    assert report.n_clean and run.report
    return float(model.predict(rows).sum())
"""


def test_a_users_program_passes_the_check_and_a_wrong_one_does_not(tmp_path: Path) -> None:
    assert (PACKAGE / "py.typed").exists()
    config = tmp_path / "mypy.ini"
    config.write_text("[mypy]\nstrict = true\nignore_missing_imports = true\n")
    (tmp_path / "right.py").write_text(USE)
    (tmp_path / "wrong.py").write_text(USE.replace("trials=3", 'trials="3"'))
    with pytest.raises(AssertionError) as found:
        mypy("mypy", "--config-file", config, "right.py", "wrong.py", folder=tmp_path)
    (told,) = [
        line for line in str(found.value).splitlines() if line.strip().startswith(("right.py", "wrong.py"))
    ]
    assert told.strip().startswith("wrong.py:") and "[arg-type]" in told


def modules() -> list[ModuleType]:
    names = [name for _, name, _ in pkgutil.iter_modules(xc.__path__, "xtream_core.")]
    return [xc, *(importlib.import_module(name) for name in names)]


def public() -> dict[str, object]:
    """Everything that users call, by name."""
    found: dict[str, object] = {name: getattr(xc, name) for name in xc.__all__}
    found |= {f"plots.{name}": getattr(xc.plots, name) for name in xc.plots.__all__}
    estimators = [
        xc.LogLinearRegressor,
        xc.LinearDerivedRegressor,
        xc.XGBoostRegressor,
        xc.XGBoostDerivedRegressor,
    ]
    for owner in [xc.Registry, xc.Model, xc.Run, *estimators]:
        methods = inspect.getmembers(owner, lambda part: callable(part))
        found |= {f"{owner.__name__}.{name}": part for name, part in methods if not name.startswith("_")}
    return found


def test_everything_public_is_documented_and_shows_its_keywords_and_defaults() -> None:
    ours = {
        name: part
        for name, part in public().items()
        if str(getattr(part, "__module__", "")).startswith("xtream")
    }
    assert {"train", "validate", "similar", "Model", "plots.error_by_carat", "Registry"} <= ours.keys()
    for name, part in ours.items():
        assert inspect.getdoc(part), name
    assert str(inspect.signature(xc.Model.similar)) == "(self, /, *, carat, cut, color, clarity, n=5)"
    defaults = {name: each.default for name, each in inspect.signature(xc.train).parameters.items()}
    wanted = {
        "trials": 100,
        "seed": 42,
        "test": None,
        "models": None,
        "registry": "registry",
        "promote": False,
    }
    assert defaults.items() >= wanted.items()


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "registry"
    xc.train(PUBLIC, models=["linear", "xgboost"], trials=0, registry=folder, progress=False)
    return folder


@pytest.fixture
def folder(tmp_path: Path, trained_once: Path) -> Path:
    """Where an example runs: the data, and a registry of both families."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    shutil.copytree(trained_once, tmp_path / "registry")
    return tmp_path


def examples() -> list[doctest.DocTest]:
    finder, found = doctest.DocTestFinder(), []
    for module in modules():
        for test in finder.find(module, module.__name__, extraglobs={"xc": xc}):
            if test.examples:
                found.append(test)
    return found


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_the_examples_in_the_documentation_give_what_they_show(
    example: doctest.DocTest, folder: Path
) -> None:
    said: list[str] = []
    before = Path.cwd()
    os.chdir(folder)
    try:
        runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
        result = runner.run(example, out=said.append)
    finally:
        os.chdir(before)
    assert not result.failed, "".join(said)


def test_there_are_as_many_examples_as_there_should_be() -> None:
    names = {example.name.removeprefix("xtream_core.") for example in examples()}
    assert names >= {
        "xtream_core",
        "_train.train",
        "_validate.validate",
        "_similar.similar",
        "_card.Card",
        "_families.Family",
        "estimators.LogLinearRegressor",
        "_compare.compare",
        "estimators.LinearDerivedRegressor",
        "estimators.XGBoostRegressor",
        "estimators.XGBoostDerivedRegressor",
        "Model.evaluate",
        "plots.error_by_carat",
        "Registry",
        "Model",
        "Model.predict",
        "Model.value",
        "Model.similar",
    }
