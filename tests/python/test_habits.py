"""What a data scientist expects: seeds, bars, logs, tables, exceptions that know their row, Ctrl-C."""

import json
import logging
import os
import pty
import random
import re
import statistics
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import metadata
from pathlib import Path

import pandas as pd
import pytest
import xtream_core as xc
from helpers import FIRST, PROGRAM, SECOND, in_soak
from jupyter_client import BlockingKernelClient, KernelManager
from xtream_core import _progress

QUIET = {"progress": False, "ranges": False}


# Seeds


def test_random_state_is_another_name_for_the_seed(tmp_path: Path) -> None:
    def model(**seed: int) -> str:
        folder = tmp_path / json.dumps(seed)
        xc.train(FIRST, models=["xgboost"], trials=1, registry=folder, **seed, **QUIET)
        return xc.Registry(folder).versions()[0]["model"]

    assert model(seed=7) == model(random_state=7) != model(seed=8)
    assert model() == model(seed=42)
    with pytest.raises(xc.InvalidInputError, match="seed = 1 and random_state = 2; allowed is one of them"):
        xc.train(FIRST, seed=1, random_state=2, registry=tmp_path, **QUIET)


# What a run says


def test_logging_hears_of_the_run_and_of_what_core_itself_has_to_say(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="xtream_core"):
        run = xc.train(FIRST, models=["xgboost"], trials=2, registry=tmp_path, **QUIET)
    assert {record.name for record in caplog.records} == {"xtream_core"}
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]
    mae = run.report["leaderboard"][0]["mae_usd"]
    assert "5,000 rows read: 4,975 kept, 23 refused, 2 duplicates; 3,985 train and 990 test" in said
    assert f"xgboost: mean error ${mae:,.2f} on the test rows" in said
    assert run.decision["reason"] in said
    assert any(text.startswith("XGBoost library loaded path=") for text in said), "core's own event"
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.DEBUG]
    assert [text.split(",")[0] for text in told] == ["xgboost: 1 of 2 trials", "xgboost: 2 of 2 trials"]


TRAIN = f"""
import xtream_core as xc
xc.train({str(FIRST)!r}, models=["xgboost"], trials=8, ranges=False, registry="registry")
"""


def test_a_terminal_shows_a_bar_and_anything_else_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TRAIN]
    quiet = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (quiet.stdout, quiet.stderr) == ("", "")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, cwd=tmp_path / "registry", stderr=theirs, stdout=subprocess.PIPE)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    assert process.wait() == 0
    assert process.stdout is not None and process.stdout.read() == b"", "results only"
    text = shown.decode()
    assert re.search(r"\[=* *\] [1-8] of 8 trials, best error \$[\d.]+, \d:\d\d left", text), text
    assert "xgboost: mean error $" in text
    assert "8 of 8 trials" in text


# What a notebook shows


class Cells(HTMLParser):
    """The texts of a table's cells; fails on markup that is none of ours."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


TABLE = {"table", "caption", "thead", "tbody", "tr", "th", "td"}


def test_reports_runs_models_and_cards_are_tables(tmp_path: Path) -> None:
    run = xc.train(FIRST, trials=0, registry=tmp_path, **QUIET)
    registry = xc.Registry(tmp_path)
    model = registry.champion()
    mae = f"{model.card['metrics']['mae_usd']:,.2f}"
    for shown in [run, registry, model, model.card]:
        cells = Cells(shown._repr_html_())
        assert cells.tags <= TABLE
        assert mae in cells.texts, type(shown)
    assert "champion" in Cells(run._repr_html_()).texts
    report = Cells(xc.validate(FIRST)._repr_html_())
    assert any(text.startswith("5,000 rows: 4,975 clean") for text in report.texts)
    assert any("as if its decimal point had moved" in text for text in report.texts)
    assert run.leaderboard._repr_html_().count("<tr") == 1 + len(run.report["leaderboard"])


def test_what_others_wrote_is_shown_and_never_run() -> None:
    stones = pd.read_csv(FIRST).head(5).assign(cut="<script>alert(1)</script>")
    page = xc.validate(stones)._repr_html_()
    assert Cells(page).tags <= TABLE
    assert "<script>alert(1)</script>" in Cells(page).texts


# Exceptions


def test_exceptions_know_row_field_value_and_what_is_allowed(tmp_path: Path) -> None:
    xc.train(FIRST, models=["linear"], registry=tmp_path, **QUIET)
    model = xc.Registry(tmp_path).champion()
    stones = xc.validate(SECOND).clean.head(20).reset_index(drop=True)
    wrong = stones.copy()
    wrong.loc[3, "cut"] = "Shiny"
    wrong.loc[5, "carat"] = -1.0
    with pytest.raises(ValueError) as caught:
        model.predict(wrong)
    assert isinstance(caught.value, xc.InvalidDiamondError)
    assert (caught.value.row, caught.value.field) == (3, "cut")
    assert [(fault["row"], fault["field"], fault["value"]) for fault in caught.value.faults] == [
        (3, "cut", "Shiny"),
        (5, "carat", "-1"),
    ]
    assert caught.value.faults[0]["allowed"] == "one of Fair, Good, Very Good, Premium, Ideal"
    file = tmp_path / "wrong.csv"
    wrong.to_csv(file, index=False)
    with pytest.raises(xc.InvalidDiamondError) as caught:
        model.predict(file)
    assert caught.value.row == 5, "the file's line"
    with pytest.raises(xc.InvalidDiamondError) as caught:
        model.value(carat=1.0, cut="Ideal", color="K", clarity="VS1")
    assert (caught.value.row, caught.value.field) == (None, "color")
    assert issubclass(xc.TrainingInterrupted, KeyboardInterrupt)


# Import


def test_importing_is_light_and_pricing_does_not_need_scikit_learn() -> None:
    code = """
        import sys
        import xtream_core
        print(sorted({"numpy", "pandas", "polars", "pyarrow", "sklearn", "matplotlib"} & sys.modules.keys()))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
    missing = """
        import sys
        sys.modules["sklearn"] = None
        import xtream_core as xc
        try:
            xc.XGBoostRegressor
        except ImportError as error:
            print(error)
    """
    command = [sys.executable, "-c", textwrap.dedent(missing)]
    assert (
        "pip install scikit-learn"
        in subprocess.run(command, capture_output=True, text=True, check=True).stdout
    )
    assert not hasattr(xc, "nothing")
    assert set(xc.__all__) <= set(dir(xc))


@pytest.mark.parametrize(
    ("absent", "kind"), [([], "pandas"), (["pandas"], "polars"), (["pandas", "polars"], "pyarrow")]
)
def test_a_file_gives_frames_of_what_is_installed(absent: list[str], kind: str) -> None:
    code = f"""
        import importlib.util
        find = importlib.util.find_spec
        importlib.util.find_spec = lambda name: None if name in {absent} else find(name)
        import xtream_core as xc
        print(type(xc.validate({str(FIRST)!r}).clean).__module__.partition(".")[0])
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    # pyarrow's classes are of its native half.
    assert run.stdout.strip() == kind


# The package


def test_the_package_has_a_version_and_no_names_that_are_none_of_yours() -> None:
    assert xc.__version__ == metadata.version("xtream-core")
    assert [name for name in dir(xc) if not name.startswith("__")] == sorted(
        name for name in xc.__all__ if not name.startswith("__")
    )


def test_the_package_can_be_run_as_the_program() -> None:
    command = [sys.executable, "-m", "xtream_core", "--version"]
    environment = os.environ | {"CARGO_TARGET_DIR": str(PROGRAM.parents[1])}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert run.stdout == f"xtream {xc.__version__}\n"


def test_the_time_left_never_has_sixty_seconds() -> None:
    bar = _progress._Bar()
    event = {"event": "trial_finished", "n_finished": 1, "n_trials": 2, "best_mae_usd": None}
    # As if the first trial had taken so long.
    for seconds, shown in [(719.7, "12:00 left"), (59.6, "1:00 left"), (3909.0, "1:05:09 left")]:
        bar._started = time.monotonic() - seconds
        assert bar.text(event).endswith(shown)


FORKED = f"""
import os, sys
import pandas as pd
import xtream_core as xc
xc.validate(pd.read_csv({str(FIRST)!r}))
if os.fork() == 0:
    try:
        xc.train({str(FIRST)!r}, models=["linear"], registry=sys.argv[1], progress=False)
    except xc.InvalidInputError as error:
        print(error, flush=True)
    os._exit(0)
os.wait()
"""


def test_training_in_a_fork_is_refused_in_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FORKED, str(tmp_path / "registry")]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout.startswith(
        "training in a process that was forked from one in which xtream_core was imported"
    )
    assert 'get_context("spawn")' in run.stdout
    assert not (tmp_path / "registry").exists()


# Ctrl-C


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    """A notebook's kernel."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(tmp_path_factory.mktemp("kernel")))
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def outputs(client: BlockingKernelClient, asked: str) -> list[dict]:
    """All that the kernel shows for a cell, to its end."""
    shown = []
    while True:
        message = client.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") != asked:
            continue
        if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
            return shown
        shown.append(message)


def printed(client: BlockingKernelClient, code: str) -> str:
    shown = outputs(client, client.execute(code))
    errors = [message["content"]["traceback"] for message in shown if message["msg_type"] == "error"]
    assert not errors, "\n".join(errors[0])
    return "".join(message["content"]["text"] for message in shown if message["msg_type"] == "stream")


def test_a_notebook_shows_one_bar_that_grows(kernel: tuple[KernelManager, BlockingKernelClient]) -> None:
    _, client = kernel
    shown = outputs(client, client.execute(TRAIN.replace('"registry"', '"shown"')))
    pages = [m["content"]["data"]["text/html"] for m in shown if m["msg_type"].endswith("display_data")]
    assert [m["msg_type"] for m in shown].count("display_data") == 1, "one display, updated"
    assert any("<progress max='8' value='" in page for page in pages)
    assert "xgboost: mean error $" in pages[-1] and "<progress" not in pages[-1]


@pytest.mark.alone
def test_a_run_in_a_notebook_interrupted_at_any_moment_returns_at_once_with_the_finished_trials(
    kernel: tuple[KernelManager, BlockingKernelClient],
) -> None:
    manager, client = kernel
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    printed(client, f"import xtream_core as xc\nstones = xc.validate({str(SECOND)!r}).clean")
    waits, n_trials = [], []
    for number in range(10 if in_soak() else 3):
        cell = f"""
try:
    run = xc.train(stones, models=["xgboost"], trials=4000, ranges=False, registry="interrupted-{number}")
except KeyboardInterrupt as stopped:
    caught = stopped
"""
        asked = client.execute(cell)
        while client.get_iopub_msg(timeout=60)["msg_type"] != "execute_input":
            pass
        # The first one late enough that trials are done.
        time.sleep(chance.uniform(0.05, 2.0) if number else 2.0)
        started = time.monotonic()
        manager.interrupt_kernel()
        outputs(client, asked)
        waits.append(time.monotonic() - started)
        told = f"""
import pathlib
print(type(caught).__name__)
print(len(caught.trials))
print(type(caught.trials).__module__)
lines = [f.read_bytes().count(b"\\n") - 1 for f in pathlib.Path("interrupted-{number}/studies").glob("*")]
print(sum(lines))
print(xc.Registry("interrupted-{number}").versions() if pathlib.Path("interrupted-{number}").exists() else [])
del caught
"""
        name, n, kind, n_stored, versions = printed(client, told).splitlines()
        assert (name, kind, versions) == ("TrainingInterrupted", "pandas", "[]")
        # A trial at work at that moment may be stored after the call has returned.
        assert int(n) <= int(n_stored) <= int(n) + 8, (n, n_stored)
        n_trials.append(int(n))
    print("seconds", sorted(round(wait, 3) for wait in waits), "trials", n_trials)
    assert statistics.median(waits) < (0.2 if in_soak() else 1.0), waits
    assert max(n_trials) > 0
    most = n_trials.index(max(n_trials))
    kept = f"""
found = []
tell = lambda event: found.append(event["n_kept"]) if event["event"] == "search_started" else None
options = dict(models=["xgboost"], ranges=False, registry="interrupted-{most}", progress=tell)
xc.train(stones, trials={max(n_trials)}, **options)
print(found[0])
"""
    assert int(printed(client, kept)) >= max(n_trials) - 1, "the same call goes on from them"


@pytest.mark.alone
def test_the_next_run_begins_in_order_right_after_an_interruption(tmp_path: Path) -> None:
    code = f"""
        import os, signal, threading, time
        import xtream_core as xc

        def press():
            time.sleep(0.8)
            os.kill(os.getpid(), signal.SIGINT)

        for _ in range(3):
            threading.Thread(target=press, daemon=True).start()
            try:
                xc.train({str(SECOND)!r}, models=["xgboost"], trials=4000, registry={str(tmp_path)!r})
            except xc.TrainingInterrupted as stopped:
                print(len(stopped.trials))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    counts = [int(line) for line in run.stdout.split()]
    assert len(counts) == 3
    assert counts == sorted(counts), "trials are kept from run to run"
