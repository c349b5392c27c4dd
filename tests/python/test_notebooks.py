"""The notebooks run from beginning to end on a fresh folder, and are stored as they were written."""

import json
import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from helpers import APPRAISALS, ROOT, in_soak
from nbclient import NotebookClient

NOTEBOOKS = ROOT / "notebooks"
NAMES = ["01_train_and_compare", "02_from_model_to_api"]


def executed(name: str, folder: Path) -> nbformat.NotebookNode:
    """The notebook with the outputs that it gives in that folder."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    return NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()


def shown(notebook: nbformat.NotebookNode) -> str:
    """All text that it shows."""
    texts = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            texts.append(output.get("text", ""))
            texts += [str(output.get("data", {}).get(kind, "")) for kind in ("text/plain", "text/html")]
    return "\n".join(texts)


def n_pictures(notebook: nbformat.NotebookNode) -> int:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place like `notebooks/`, beside the data."""
    (tmp_path / "data").symlink_to(ROOT / "data")
    (tmp_path / "notebooks").mkdir()
    return tmp_path / "notebooks"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_stored_without_outputs_and_without_traces_of_a_machine(name: str) -> None:
    stored = (NOTEBOOKS / f"{name}.ipynb").read_text()
    notebook = json.loads(stored)
    for cell in notebook["cells"]:
        assert cell.get("outputs", []) == [] and cell.get("execution_count") is None
    assert not re.search(r"/home/|/root/|/work/|/tmp/", stored)


def test_the_first_gives_the_same_figures_by_hand_and_by_the_module(folder: Path) -> None:
    first = executed(NAMES[0], folder)
    text = shown(first)
    by_hand = re.search(r"by hand: (MAE [\d.]+, R2 [\d.]+)", text)
    ours = re.search(r"xtream_core: (MAE [\d.]+, R2 [\d.]+)", text)
    assert by_hand and ours and by_hand[1] == ours[1]
    assert n_pictures(first) == 6
    for part in ["NotServedWarning: forest is run by sklearn", "not served", "champion"]:
        assert part in text, part


def assert_prices(second: nbformat.NotebookNode) -> None:
    assert "Shiny" in shown(second) and "price_per_carat_usd" in shown(second)


def test_the_second_needs_no_other_before_it(folder: Path) -> None:
    assert_prices(executed(NAMES[1], folder))


@pytest.mark.skipif(not in_soak(), reason="each runs by itself; `make soak` runs one after the other")
def test_the_second_goes_on_from_the_first(folder: Path) -> None:
    executed(NAMES[0], folder)
    assert_prices(executed(NAMES[1], folder))


@pytest.mark.skipif(not in_soak(), reason="test_figures.py has the same figures; `make soak` runs it")
def test_on_the_stores_own_rows_the_figures_are_hers(
    folder: Path, appraisals: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XTREAM_DELIVERY", str(APPRAISALS.resolve()))
    monkeypatch.setenv("XTREAM_TRIALS", "8")
    text = shown(executed(NAMES[0], folder))
    assert "by hand: MAE 561.54, R2 0.9054" in text
    assert "xtream_core: MAE 561.54, R2 0.9054" in text
