"""No reader panics over a file that is damaged, or takes memory without bound: some hundred files here, ten
minutes of them in the soak tier."""

import subprocess
import sys
from pathlib import Path

import mutated_files
from helpers import FIRST, in_soak, read_csv

SEED = 31


def test_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    print(f"seed {SEED}")
    read_csv(FIRST).head(40).to_csv(tmp_path / "rows.csv", index=False)
    most, seconds = ("100000000", "600") if in_soak() else ("300", "60")
    command = [sys.executable, mutated_files.__file__, tmp_path, str(SEED), most, seconds]
    run = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    kept = tmp_path / "mutated"
    assert run.returncode == 0, f"{run.stderr}\nthe file is {kept}"
    print(f"{run.stdout.strip()} files")
    assert int(run.stdout) > 100
