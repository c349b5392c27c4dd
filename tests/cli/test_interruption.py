"""Ctrl-C stops any work within a second, keeps finished trials and leaves nothing half-written."""

import signal
import time
from pathlib import Path

import pytest
from helpers import A_SECOND, FIRST, PUBLIC, Program, Trained, in_soak, stop

pytestmark = pytest.mark.alone

N_COPIES = 20
# Seconds after the start at which Ctrl-C is pressed.
MOMENTS = [0.2, 0.7, 1.2, 1.8, 2.4, 3.0] if in_soak() else [0.2, 1.2, 2.4]


@pytest.mark.parametrize("data", [FIRST, PUBLIC], ids=lambda path: path.stem)
def test_ctrl_c_stops_within_a_second_and_keeps_finished_trials(xtream: Program, data: Path) -> None:
    options = ["--models", "xgboost", "--no-ranges"]
    process = xtream.start("train", data, *options, "--trials", "4000")
    deadline = time.monotonic() + 60
    while not n_finished(xtream) >= 3:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    stdout, stderr, seconds = stop(process)
    assert (process.returncode, stdout) == (1, "")
    assert "stopped as asked" in stderr
    assert seconds < A_SECOND
    left = sorted(entry.name for entry in (xtream.folder / "registry").iterdir())
    assert left == ["blobs", "commits", "receipts", "studies"]
    assert not any((xtream.folder / "registry" / "commits").iterdir())
    n_kept = n_finished(xtream)
    assert n_kept >= 3
    again = xtream("train", data, *options, "--trials", n_kept)
    assert f"{n_kept} trials, {n_kept} of them done by an earlier run" in again.stderr or (
        # Of two trials at work, the one begun first may be the one that was not finished.
        f"{n_kept} trials, {n_kept - 1} of them done by an earlier run" in again.stderr
    )


def n_finished(xtream: Program) -> int:
    """Trials in the study; its first line says what is searched."""
    studies = (xtream.folder / "registry" / "studies").glob("*.jsonl")
    return sum(max(study.read_bytes().count(b"\n") - 1, 0) for study in studies)


@pytest.fixture(scope="module")
def million(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The public set again and again: work for seconds."""
    path = tmp_path_factory.mktemp("million") / "million.csv"
    header, *lines = PUBLIC.read_text().splitlines(keepends=True)
    with path.open("w") as file:
        file.write(header)
        for _ in range(N_COPIES):
            file.writelines(lines)
    return path


@pytest.mark.parametrize("second", MOMENTS)
def test_ctrl_c_stops_a_large_training_run_wherever_it_is(
    xtream: Program, million: Path, second: float
) -> None:
    process = xtream.start("train", million, "--models", "linear", "--duplicates", "keep")
    time.sleep(second)
    _, stderr, seconds = stop(process)
    assert "panicked" not in stderr
    if process.returncode == -signal.SIGINT and second < 0.5:
        pytest.skip("the machine is so busy that the program had not begun")
    # On a quick machine it may have been done by then.
    assert process.returncode == (1 if "stopped as asked" in stderr else 0)
    assert seconds < A_SECOND, stderr
    assert not list((xtream.folder / "registry").glob("refused-rows*"))
    assert xtream.json("models", "fsck")["sound"]


@pytest.mark.parametrize("second", [0.05, 0.3, 0.7])
def test_ctrl_c_stops_pricing_and_leaves_no_file(
    xtream: Program, trained: Trained, million: Path, second: float
) -> None:
    process = xtream.start("value", million, "--out", "out.csv", "--registry", trained.folder)
    time.sleep(second)
    _, stderr, seconds = stop(process)
    # At the first of the moments it may not have begun.
    assert process.returncode == 1 or (process.returncode, second) == (-signal.SIGINT, 0.05)
    assert "panicked" not in stderr
    assert seconds < A_SECOND
    assert not list(xtream.folder.iterdir())
