"""What rows cost: reading and validating, pricing, and training.

`XTREAM_GROWTH_ROWS=100000000` has a hundred million of them, which take 12 GB of disk and a quarter of an
hour; 30 million are learned from, which takes 12 GB of memory.
"""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from growth import Growth, run, state_of_the_machine
from helpers import PROGRAM, PUBLIC, Program

MOST = int(os.environ.get("XTREAM_GROWTH_ROWS", "10000000"))
SIZES = [n for n in (10_000, 100_000, 1_000_000, 10_000_000, 30_000_000, 100_000_000) if n <= MOST]
# More are computed only: it takes more memory than many machines have, and there is nothing new in it.
MOST_TRAINED = 30_000_000
BEYOND = 100_000_000


def stones() -> Iterator[str]:
    """The public stones again and again, each time a cent dearer, so that no row is a repeat."""
    rows = [row.split(",") for row in PUBLIC.read_text().splitlines()[1:]]
    parts = [(",".join(row[:6]), int(row[6]), ",".join(row[7:])) for row in rows]
    lap = 0
    while True:
        for before, price, after in parts:
            yield f"{before},{price + lap / 100:.2f},{after}\n"
        lap += 1


def delivery(folder: Path, n: int) -> Path:
    path = folder / f"{n}.csv"
    with path.open("w") as file:
        file.write(PUBLIC.read_text().splitlines()[0] + "\n")
        file.writelines(islice(stones(), n))
    return path


def test_rows(tmp_path: Path) -> None:
    print(state_of_the_machine())
    growth = Growth("rows")
    program = Program(tmp_path)
    program.train(PUBLIC, "--models", "xgboost", "--trials", "0")
    priced = tmp_path / "priced.csv"
    for n in SIZES:
        path = delivery(tmp_path, n)
        growth.add("MB of the file", n, path.stat().st_size / 1e6)
        where = ["--registry", tmp_path / f"registry{n}"]
        commands = {
            "inspect": ["inspect", path],
            "value": ["value", path, "--out", priced],
            "train, linear": ["train", path, *where, "--models", "linear", "--trials", "0", "--no-ranges"],
        }
        if n > MOST_TRAINED:
            del commands["train, linear"]
        for name, command in commands.items():
            seconds, peak = run([PROGRAM, *command], tmp_path, may_refuse_rows=name != "train, linear")
            growth.add(f"seconds to {name}", n, seconds)
            growth.add(f"MiB to {name}", n, peak)
            print(
                f"{n:,} rows, {name}: {seconds:.3g} s, {peak:.0f} MiB; {state_of_the_machine()}", flush=True
            )
        path.unlink()
        with priced.open("rb") as file:
            n_lines = sum(part.count(b"\n") for part in iter(lambda: file.read(1 << 20), b""))
        assert n_lines == n + 1, "each row has a line, whether it has a price or not"
    for name in growth.figures:
        if BEYOND not in growth.figures[name]:
            a, b, _ = growth.law(name)
            print(f"{name} at {BEYOND:,}, computed: {a + b * BEYOND:,.4g}")
    print(growth.table(), state_of_the_machine(), sep="\n\n")
    for name in ("inspect", "value", "train, linear"):
        growth.assert_no_worse_than_linear(f"seconds to {name}")
