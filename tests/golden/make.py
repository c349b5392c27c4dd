"""Makes the golden registry, stones, prices and exchanges; see README.md beside it."""

import contextlib
import shutil
import sqlite3
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "server")]

from helpers import FEATURES, FIRST, SECOND, Program, read_csv  # noqa: E402
from served import STONE, VALUATIONS, Served  # noqa: E402

N_STONES = 500
REQUESTS = [
    ("POST", VALUATIONS, STONE),
    ("POST", VALUATIONS, {"carat": -1}),
    ("POST", f"{VALUATIONS}/batch", {"diamonds": [STONE, STONE]}),
]


def models(program: Program, place: str, *options: str) -> None:
    """Trains models into a registry of this folder, and writes down what they make of the stones."""
    folder = HERE / place
    shutil.rmtree(folder / "registry", ignore_errors=True)
    where = ["--registry", folder / "registry"]
    report = program.train("sales.csv", "--trials", "0", *where, *options, ranges=True)
    bits = {}
    for line in sorted(report["leaderboard"], key=lambda line: line["version"]):
        program("value", "stones.csv", "--range", "--out", "priced.csv", "--version", line["version"], *where)
        priced = read_csv(HERE / "priced.csv")
        for name in ["price_usd", "low_usd", "high_usd"]:
            bits[f"{line['family']} {name}"] = priced[name].map(float.hex)
    (HERE / "priced.csv").unlink()
    read_csv(HERE / "stones.csv")[[]].assign(**bits).to_csv(folder / "prices.csv", index=False)


def main() -> None:
    program = Program(HERE)
    few = HERE / "sales.csv"
    header, *rows = FIRST.read_text().splitlines()
    few.write_text("\n".join([header, *rows[::5]]) + "\n")
    stones = read_csv(SECOND)[FEATURES].iloc[:: 10_000 // N_STONES].head(N_STONES).reset_index(drop=True)
    # Some are known by less.
    stones.loc[::5, ["x", "y", "z"]] = None
    stones.loc[::7, ["depth", "table"]] = None
    stones.to_csv(HERE / "stones.csv", index=False)
    models(program, "", "--free")
    models(program, "ordered", "--models", "linear-derived,xgboost-derived")
    few.unlink()
    shutil.rmtree(HERE / "exchanges", ignore_errors=True)
    with Served(HERE / "registry", HERE / "exchanges", said_in=HERE) as served:
        for method, path, body in REQUESTS:
            served.ask(method, path, body)
        assert served.stop() == 0
    served.said.unlink()
    database = HERE / "exchanges" / "exchanges.sqlite"
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for left in database.parent.iterdir():
        if left != database:
            left.unlink()


if __name__ == "__main__":
    main()
