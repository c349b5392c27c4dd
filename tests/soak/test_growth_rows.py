"""What rows cost: reading and validating, pricing, and training. `XTREAM_TEN_MILLION` names a file of ten
million rows; without it, one is made.
"""

import os
from pathlib import Path

from growth import Growth, run, state_of_the_machine
from helpers import PROGRAM, PUBLIC, Program

ROWS = [10_000, 100_000, 1_000_000, 10_000_000]
# Computed only: it does not fit on every disk, and there is nothing new in it.
BEYOND = 100_000_000


def delivery(folder: Path, n: int) -> Path:
    """The public stones again and again, each time a cent dearer, so that no row is a repeat."""
    given = os.environ.get("XTREAM_TEN_MILLION")
    if given and n == ROWS[-1]:
        return Path(given)
    path = folder / f"{n}.csv"
    header, *rows = PUBLIC.read_text().splitlines()
    parts = [row.split(",") for row in rows]
    with path.open("w") as file:
        file.write(header + "\n")
        for lap in range(n // len(parts) + 1):
            rest = parts[: n - lap * len(parts)]
            file.writelines(",".join([*p[:6], f"{int(p[6]) + lap / 100:.2f}", *p[7:]]) + "\n" for p in rest)
    return path


def test_rows(tmp_path: Path) -> None:
    print(state_of_the_machine())
    growth = Growth("rows")
    program = Program(tmp_path)
    program.train(PUBLIC, "--models", "xgboost", "--trials", "0")
    for n in ROWS:
        path = delivery(tmp_path, n)
        growth.add("MB of the file", n, path.stat().st_size / 1e6)
        for name, command in {
            "inspect": ["inspect", path],
            "value": ["value", path, "--out", tmp_path / "priced.csv"],
            "train, linear": [
                "train",
                path,
                "--registry",
                tmp_path / f"registry{n}",
                "--models",
                "linear",
                "--trials",
                "0",
                "--no-ranges",
            ],
        }.items():
            seconds, peak = run([PROGRAM, *command], tmp_path, may_refuse_rows=name != "train, linear")
            growth.add(f"seconds to {name}", n, seconds)
            growth.add(f"MiB to {name}", n, peak)
    for name in list(growth.figures):
        a, b, _ = growth.law(name)
        print(f"{name} at {BEYOND:,}, computed: {a + b * BEYOND:,.4g}")
    print(growth.table(), state_of_the_machine(), sep="\n\n")
    for name in ("inspect", "value", "train, linear"):
        growth.assert_no_worse_than_linear(f"seconds to {name}")
