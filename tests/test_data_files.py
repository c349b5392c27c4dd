"""The example deliveries in data/ are what derive.py makes and what its README says."""

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
from helpers import COLUMNS, FIRST, PUBLIC, ROOT, SECOND, Program

DERIVE = ROOT / "data" / "derive.py"


def test_deriving_the_deliveries_again_gives_the_same_bytes(tmp_path: Path) -> None:
    shutil.copy(DERIVE, tmp_path)
    shutil.copy(PUBLIC, tmp_path)
    # -S: the standard library must do.
    command = [sys.executable, "-S", tmp_path / DERIVE.name]
    run = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True)
    for delivery in (FIRST, SECOND):
        assert (tmp_path / delivery.name).read_bytes() == delivery.read_bytes(), delivery.name
        assert delivery.name in run.stdout
    assert run.stdout.count(" overwritten by -1") == 22


def test_the_deliveries_hold_public_stones_and_share_only_the_twenty_repeats() -> None:
    public, first, second = (pd.read_csv(path, dtype=str) for path in (PUBLIC, FIRST, SECOND))
    assert list(first) == list(second) == list(public) == COLUMNS
    assert (len(public), len(first), len(second)) == (53_940, 5_000, 10_020)
    known = set(public.itertuples(index=False, name=None))
    rows_first, rows_second = (set(frame.itertuples(index=False, name=None)) for frame in (first, second))
    assert len(rows_first - known) == 17
    assert len(rows_second - known) == 26
    assert len(rows_first & rows_second) == 20


def test_fewer_than_one_row_in_a_hundred_is_refused_as_the_readme_says(xtream: Program) -> None:
    for files, n_rows, n_rejected, n_duplicates in [
        ([FIRST], 5_000, 23, 2),
        ([SECOND], 10_020, 46, 1),
        ([FIRST, SECOND], 15_020, 69, 23),
    ]:
        data = xtream.train(*files, "--models", "linear")["data"]
        assert (data["n_rows"], data["n_rejected"], data["n_duplicates"]) == (
            n_rows,
            n_rejected,
            n_duplicates,
        )
        assert n_rejected < 0.01 * n_rows
        line = f"| {n_rows:,} | {n_rejected} | {n_duplicates} |"
        assert line in (DERIVE.parent / "README.md").read_text()
