"""`xtream watch` trains when a delivery is complete, and once for each."""

import csv
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from every_delivery import DELIVERIES, EXPECTED
from helpers import A_SECOND, FIRST, Program, in_soak, stop

INTERVAL = 0.3


class Watcher:
    """A running watch of a folder, and what it has said so far."""

    def __init__(self, program: Program, *more: object) -> None:
        self.program = program
        self.folder = program.folder / "deliveries"
        self.folder.mkdir()
        self.log = program.folder / "log"
        with self.log.open("w") as log:
            options = ["--interval", INTERVAL, "--models", "linear", "--registry", "registry", *more]
            self.process = program.start("watch", self.folder, *options, output=log)
        self.wait(lambda: "Watching" in self.said)

    @property
    def said(self) -> str:
        return self.log.read_text()

    @property
    def models(self) -> list[dict]:
        """Newest first."""
        return self.program.json("models", "list")["models"]

    def wait(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.05)

    def rest(self, intervals: int = 4) -> None:
        """Time enough for it to look several times."""
        time.sleep(intervals * INTERVAL)
        assert self.process.poll() is None, self.said


@pytest.fixture
def watcher(xtream: Program) -> Iterator[Watcher]:
    watcher = Watcher(xtream)
    yield watcher
    if watcher.process.poll() is None:
        watcher.process.kill()
        watcher.process.wait()
    assert "panicked" not in watcher.said


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return FIRST.read_text().splitlines(keepends=True)


def deliver(watcher: Watcher, name: str, content: list[str]) -> Path:
    path = watcher.folder / name
    path.write_text("".join(content))
    return path


def test_each_new_delivery_starts_a_run_on_all_of_them(watcher: Watcher, lines: list[str]) -> None:
    watcher.rest(2)
    assert watcher.models == []
    deliver(watcher, "a.csv", lines[:1500])
    watcher.wait(lambda: len(watcher.models) == 1)
    rows = pd.read_csv(FIRST, dtype=str).iloc[1499:2499]
    rows.to_parquet(watcher.folder / "b.parquet")
    watcher.wait(lambda: len(watcher.models) == 2)
    assert [card["data"]["n_rows"] for card in watcher.models] == [2499, 1499]
    watcher.wait(lambda: "neither was trained on" in watcher.said)
    assert watcher.program.json("models", "list")["champion"] in (1, 2)


# Whether a file rests is a matter of time: a writer that is held up looks like one that is done.
@pytest.mark.alone
def test_a_file_that_is_still_being_copied_is_left_alone(watcher: Watcher, lines: list[str]) -> None:
    with (watcher.folder / "slow.csv").open("w") as file:
        file.write("".join(lines[:500]))
        for part in range(10):
            # A copy ends where its buffer does, mostly in the middle of a line.
            file.write("".join(lines[500 + 100 * part : 600 + 100 * part]) + lines[700][:9])
            file.flush()
            time.sleep(INTERVAL / 2)
            file.seek(file.tell() - 9)
        assert watcher.models == [] and "slow.csv" not in watcher.said
        file.truncate()
    watcher.wait(lambda: len(watcher.models) == 1)
    assert watcher.models[0]["data"]["n_rows"] == 1499
    assert "skipped" not in watcher.said


def test_a_bad_file_is_reported_once_and_skipped_until_it_is_mended(
    watcher: Watcher, lines: list[str]
) -> None:
    deliver(watcher, "bad.csv", [*lines[:30], "not,a,row\n"])
    watcher.wait(lambda: "skipped" in watcher.said)
    deliver(watcher, "good.csv", lines[:1500])
    watcher.wait(lambda: len(watcher.models) == 1)
    watcher.rest()
    (reported,) = (line for line in watcher.said.splitlines() if "skipped" in line)
    assert "bad.csv" in reported and "1 of 30 rows were refused" in reported
    assert watcher.models[0]["data"]["n_rows"] == 1499
    deliver(watcher, "bad.csv", [lines[0], *lines[2000:3000]])
    watcher.wait(lambda: len(watcher.models) == 2)
    assert watcher.models[0]["data"]["n_rows"] == 2499


def test_workbooks_teach_and_what_is_passed_over_is_named_once(watcher: Watcher, lines: list[str]) -> None:
    (watcher.folder / "README.md").write_text("Deliveries of May")
    book = openpyxl.Workbook()
    for row in csv.reader(lines[:1500]):
        book.active.append([float(cell.replace(",", "")) if cell[:1].isdigit() else cell for cell in row])
    book.save(watcher.folder / "stock.tmp")
    (watcher.folder / "stock.tmp").rename(watcher.folder / "stock.xlsx")
    watcher.wait(lambda: len(watcher.models) == 1)
    assert watcher.models[0]["data"]["n_rows"] == 1499
    watcher.rest()
    named = [line for line in watcher.said.splitlines() if "README.md" in line]
    assert len(named) == 1 and "passed over" in named[0]
    assert 'read as Excel, sheet "Sheet"' in watcher.said


# Of a decimal comma, of a bad row, of prices in another unit, and without prices; `make soak` delivers all.
TELLING = [
    "semicolon_decimal_comma.csv",
    "one_row_with_comma_price.csv",
    "train_thousand_dot.csv",
    "total_row.csv",
]
# The same rows as in a file before it.
SAME_ROWS = ["train_cr_only.csv"]
# However many of its rows are refused, a file teaches with the others.
ALL_ROWS = ["--max-rejects", 100, "--trials", 0, "--no-ranges"]


def said_of(name: str, said: str) -> set[str]:
    """The lines about a file, without the word for what becomes of it."""
    lines = {line for line in said.splitlines() if name in line}
    return {line.removeprefix("error: ").removeprefix("skipped: ") for line in lines}


def test_each_delivery_is_to_watch_what_it_is_to_train(xtream: Program) -> None:
    watcher = Watcher(xtream, *ALL_ROWS)
    try:
        assert_watched_as_trained(watcher, sorted(EXPECTED) if in_soak() else TELLING)
    finally:
        stop(watcher.process)
    assert "panicked" not in watcher.said


def assert_watched_as_trained(watcher: Watcher, names: list[str]) -> None:
    """One after the other beside a sound one."""
    shutil.copy(FIRST, watcher.folder / "a-sound.csv")
    watcher.wait(lambda: len(watcher.models) == 1)
    (sound,) = watcher.models
    n_models = 1
    for number, name in enumerate(names):
        before = len(watcher.said)
        shutil.copy(DELIVERIES / name, watcher.folder / "copied.tmp")
        (watcher.folder / "copied.tmp").rename(watcher.folder / name)
        options = ["--models", "linear", "--registry", f"alone-{number}", "--json", *ALL_ROWS]
        trained = watcher.program("train", watcher.folder, *options, status=None)
        # Of a plain file that is read nothing else is said.
        awaited = [line for line in trained.stderr.splitlines() if " rows read: " in line]
        awaited += [f"skipped: {watcher.folder / name}"] if trained.returncode else []
        watcher.wait(lambda b=before, a=awaited: all(line in watcher.said[b:] for line in a))
        expected_of_it = said_of(name, trained.stderr)
        watcher.wait(lambda n=name, b=before, e=expected_of_it: e <= said_of(n, watcher.said[b:]))
        found = said_of(name, watcher.said[before:])
        assert found == expected_of_it, name
        if trained.returncode == 0:
            expected = json.loads(trained.stdout)["data"]
            # Two of the files hold the same rows, which teach once.
            watcher.wait(
                lambda e=expected: e["digest"] in {model["data"]["digest"] for model in watcher.models}
            )
            assert len(watcher.models) > n_models or name in SAME_ROWS
            n_models = len(watcher.models)
            newest = watcher.models[0]["data"]
            assert (newest["digest"], newest["n_rows"]) == (expected["digest"], expected["n_rows"])
            assert newest["n_rejected"] == expected["n_rejected"]
            assert newest["n_rows"] > sound["data"]["n_rows"]
        else:
            watcher.rest(1)
            assert (trained.returncode, len(watcher.models)) == (2, n_models)
        for line in found:
            hints = ["a model learns from prices that were paid", "if that is what they mean, say so with"]
            assert "no column price" not in line or any(hint in line for hint in hints)
        (watcher.folder / name).unlink()


def test_a_file_of_mostly_wrong_rows_is_skipped(watcher: Watcher, lines: list[str]) -> None:
    deliver(watcher, "good.csv", lines[:1500])
    deliver(watcher, "wrong.csv", [lines[0], *[line.replace("I", "?") for line in lines[2000:2300]]])
    watcher.wait(lambda: len(watcher.models) == 1)
    watcher.wait(lambda: "--max-rejects" in watcher.said and "wrong.csv" in watcher.said)
    assert watcher.models[0]["data"]["n_rows"] == 1499


@pytest.mark.alone
def test_a_file_that_never_rests_keeps_nobody_waiting_for_ever(watcher: Watcher, lines: list[str]) -> None:
    with (watcher.folder / "growing.csv").open("w") as file:
        file.write("".join(lines[:100]))
        deliver(watcher, "a.csv", [lines[0], *lines[100:1600]])
        deadline = time.monotonic() + 20
        while not watcher.models:
            assert time.monotonic() < deadline, watcher.said
            file.write(lines[1])
            file.flush()
            time.sleep(INTERVAL / 3)
    assert "still change" in watcher.said
    assert watcher.models[0]["data"]["n_rows"] == 1500
    # As soon as it rests, it belongs to the others.
    watcher.wait(lambda: len(watcher.models) == 2)
    assert {Path(file["path"]).name for file in watcher.models[0]["data"]["files"]} == {
        "a.csv",
        "growing.csv",
    }


@pytest.mark.alone
def test_thousands_of_small_files_take_seconds(watcher: Watcher, lines: list[str]) -> None:
    for number in range(5000):
        deliver(watcher, f"{number:04}.csv", [lines[0], lines[1 + number % (len(lines) - 1)]])
    started = time.monotonic()

    def knows_all() -> bool:
        # Where delivering took long, some were learned from before the others came.
        n_bad = watcher.said.count("skipped:")
        n_files = len(watcher.models[0]["data"]["files"]) if watcher.models else 0
        return n_bad < 100 and n_files == 5000 - n_bad

    watcher.wait(knows_all, seconds=60)
    print(f"{time.monotonic() - started:.1f} s")
    assert time.monotonic() - started < 30


def test_touching_a_delivery_or_copying_it_starts_no_run(watcher: Watcher, lines: list[str]) -> None:
    path = deliver(watcher, "a.csv", lines[:1500])
    watcher.wait(lambda: len(watcher.models) == 1)
    os.utime(path, (time.time(), time.time() + 5))
    watcher.wait(lambda: "nothing to do" in watcher.said)
    deliver(watcher, "copy of a.csv", lines[:1500])
    watcher.wait(lambda: watcher.said.count("nothing to do") == 2)
    deliver(watcher, "notes.txt", ["not a delivery"])
    watcher.rest()
    assert len(watcher.models) == 1


def test_what_was_trained_before_a_restart_is_known_after_it(watcher: Watcher, lines: list[str]) -> None:
    deliver(watcher, "a.csv", lines[:1500])
    watcher.wait(lambda: len(watcher.models) == 1)
    stop(watcher.process)
    options = ["--interval", INTERVAL, "--models", "linear"]
    with watcher.log.open("a") as log:
        again = watcher.program.start("watch", watcher.folder, *options, output=log)
    watcher.process = again
    watcher.wait(lambda: "nothing to do" in watcher.said)
    assert len(watcher.models) == 1


@pytest.mark.alone
def test_ctrl_c_ends_it_as_done(watcher: Watcher) -> None:
    _, _, seconds = stop(watcher.process)
    assert watcher.process.returncode == 0
    assert seconds < A_SECOND


@pytest.mark.alone
def test_ctrl_c_in_the_middle_of_a_search_ends_it_too(xtream: Program, lines: list[str]) -> None:
    (xtream.folder / "deliveries").mkdir()
    (xtream.folder / "deliveries" / "a.csv").write_text("".join(lines))
    options = ["--interval", "0.1", "--models", "xgboost", "--trials", "5000"]
    process: subprocess.Popen[str] = xtream.start("watch", "deliveries", *options)
    deadline = time.monotonic() + 20
    while not list((xtream.folder / "registry" / "studies").glob("*.jsonl")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    _, stderr, seconds = stop(process)
    assert process.returncode == 0
    assert seconds < A_SECOND
    assert "stopped as asked" in stderr and "panicked" not in stderr
