"""What core does beside its peers, in one run: trees beside XGBoost's own library, reading beside polars,
pricing a file beside pandas with Python's XGBoost, and similar stones by themselves.

    python benches/core/bench.py [--rows 10000000] [--only trees similar appraise ingest forms value]

Each figure is the least of some repetitions. Both sides price with the same model, and their prices are
compared first.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import xgboost

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benches"))
from results import Result, bounded, compared, least, save  # noqa: E402

PUBLIC = ROOT / "data" / "diamonds.csv"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
LIBRARY = next((Path(xgboost.__file__).parent / "lib").glob("libxgboost.*"))
FEATURES = ["carat", "cut", "color", "clarity", "depth", "table", "x", "y", "z"]
GRADES = {
    "cut": ["Fair", "Good", "Very Good", "Premium", "Ideal"],
    "color": list("JIHGFED"),
    "clarity": ["I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"],
}
KINDS = ["c" if name in GRADES else "float" for name in FEATURES]


def stopwatch(*arguments: object) -> dict[str, float]:
    command = [TARGET / "examples" / "stopwatch", *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout or "{}")


def encoded(stones: pd.DataFrame) -> np.ndarray:
    """The grades as ranks, all in 32 bits, as the model has them."""
    ranks = {name: {label: rank for rank, label in enumerate(labels)} for name, labels in GRADES.items()}
    columns = [stones[name].map(ranks[name]) if name in GRADES else stones[name] for name in FEATURES]
    return np.stack([column.to_numpy("float32") for column in columns], axis=1)


def trees(folder: Path, _: int) -> list[Result]:
    rows = np.ascontiguousarray(encoded(pd.read_csv(PUBLIC).sample(10_000, random_state=1)))
    rows.tofile(folder / "rows.f32")
    return [result for size in [(500, 6), (284, 9)] for result in forest(folder, rows, *size)]


def forest(folder: Path, rows: np.ndarray, n_trees: int, depth: int) -> list[Result]:
    name = f"{n_trees} trees of depth {depth}"
    stopwatch("fit", LIBRARY, PUBLIC, n_trees, depth, folder / "model")
    ours = stopwatch("trees", folder / "model", folder / "rows.f32")
    booster = xgboost.Booster({"nthread": 1}, model_file=folder / "model.ubj")

    def matrix() -> xgboost.DMatrix:
        return xgboost.DMatrix(rows, feature_types=KINDS, enable_categorical=True, nthread=1)

    assert np.array_equal(
        np.fromfile(folder / "model.f32", "float32").view("uint32"),
        booster.predict(matrix()).view("uint32"),
    )
    # A matrix remembers its predictions, so each call gets a fresh one, made beforehand.
    fresh = [matrix() for _ in range(6)]
    by_matrix = least(lambda: booster.predict(fresh.pop()))
    in_place = least(lambda: booster.inplace_predict(rows))
    single = rows[:1]
    one = least(lambda: [booster.inplace_predict(single) for _ in range(100)]) / 100
    one_us, many_us = ours["one_row_us"], ours["all_us_per_row"]
    return [
        bounded(f"one row, {name}", "us", one_us, 4),
        compared(f"one row, {name}", "us", one_us, "libxgboost, in place", 1e6 * one),
        compared(f"10,000 rows, {name}", "us a row", many_us, "libxgboost, in place", 100 * in_place, 3),
        compared(f"10,000 rows, {name}", "us a row", many_us, "libxgboost, matrix", 100 * by_matrix, 3),
        bounded(f"loading {name} ({ours['file_mb']:.1f} MB), checks and all", "ms", ours["load_ms"], 10),
    ]


def similar(_: Path, n_rows: int) -> list[Result]:
    results = []
    for n, most_us in [(53_940, 5), (n_rows, 50)]:
        ours = stopwatch("similar", PUBLIC, n)
        results += [
            bounded(f"ten similar stones of {n:,}", "us", ours["own_query_us"], most_us),
            bounded(f"the same, thousands of one weight, {n:,}", "us", ours["round_query_us"], most_us),
            bounded(f"building the index over {n:,}", "s", ours["own_build_s"], 10),
        ]
    return results


def appraise(folder: Path, _: int) -> list[Result]:
    """The default family as it is trained by default, but for a shorter search."""
    model = trained(folder, "--models", "xgboost-derived", "--trials", "12") / "pipeline.xtream"
    us = stopwatch("appraise", model, PUBLIC)
    return [
        Result("a price alone", "us", us["price_us"]),
        bounded("a price with its range, of a price alone", "x", us["range_us"] / us["price_us"], 2),
        bounded("a price with its reasons", "ms", us["reasons_us"] / 1000, 5),
        Result("a price with its comparable stones", "us", us["comparables_us"]),
        Result("a price with its what-ifs", "us", us["what_if_us"]),
    ]


def trained(folder: Path, *options: str) -> Path:
    """The folder of the champion that training with these options makes of the public stones."""
    program, registry, champion = TARGET / "xtream", folder / "registry", folder / "champion"
    train = [program, "train", PUBLIC, "--registry", registry, *options]
    subprocess.run(train, capture_output=True, env=os.environ | {"XTREAM_XGBOOST_LIB": str(LIBRARY)})
    export = [program, "models", "export", "champion", "--out", champion, "--registry", registry]
    subprocess.run(export, check=True, capture_output=True)
    return champion


def ingest(folder: Path, n_rows: int) -> list[Result]:
    delivery = many_rows(folder, n_rows)
    ours, peer = [], []
    for _ in range(3):
        ours.append(stopwatch("ingest", delivery)["ingest_s"])
        started = time.perf_counter()
        assert pl.read_csv(delivery).height == n_rows
        peer.append(time.perf_counter() - started)
    name = f"reading and validating {n_rows:,} rows"
    return [compared(name, "s", min(ours), "polars, reading alone", min(peer), 0.667)]


def forms(folder: Path, n_rows: int) -> list[Result]:
    """The same rows with other signs, looked at; 500 MB looked at; a workbook priced."""
    plain, other = many_rows(folder, n_rows // 4), folder / "semicolons.csv"
    with plain.open() as source, other.open("w") as target:
        for line in source:
            target.write(line.translate({ord(","): ";", ord("."): ","}))
    seconds = {path: min(inspected(path)[0] for _ in range(3)) for path in (plain, other)}
    large = folder / "large.csv"
    with large.open("wb") as target:
        text = plain.read_bytes()
        header, rows = text[: text.index(b"\n") + 1], text[text.index(b"\n") + 1 :]
        target.write(header)
        while target.tell() < 500_000_000:
            target.write(rows)
    took, megabytes = inspected(large)
    trained(folder, "--models", "xgboost", "--trials", "0")
    book = folder / "stones.xlsx"
    pd.read_csv(PUBLIC, nrows=50_000).to_excel(book, index=False)
    command = [
        TARGET / "xtream",
        "value",
        book,
        "--out",
        folder / "out.csv",
        "--registry",
        folder / "registry",
    ]
    started = time.perf_counter()
    subprocess.run(command, capture_output=True)
    return [
        compared("semicolons and decimal commas", "s", seconds[other], "commas", seconds[plain], 1 / 1.2),
        bounded(f"looking at {large.stat().st_size / 1e6:.0f} MB", "s", took, 10),
        bounded("memory for that", "MB", megabytes, 300),
        bounded("pricing 50,000 rows of a workbook", "s", time.perf_counter() - started, 3),
    ]


def inspected(path: Path) -> tuple[float, float]:
    """Seconds and megabytes of `xtream inspect`, begun by a small process: what a program had at most counts
    what the process had that it was split from."""
    script = """if True:
        import resource, subprocess, sys, time
        started = time.perf_counter()
        subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        took = time.perf_counter() - started
        print(took, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
    """
    command = [sys.executable, "-c", script, TARGET / "xtream", "inspect", path]
    took, megabytes = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    return float(took), float(megabytes)


def value(folder: Path, n_rows: int) -> list[Result]:
    delivery, out = many_rows(folder, n_rows), folder / "priced.csv"
    champion = trained(folder, "--models", "xgboost", "--trials", "0")
    command = [TARGET / "xtream", "value", delivery, "--out", out, "--registry", folder / "registry"]
    started = time.perf_counter()
    subprocess.run(command, capture_output=True)
    ours = time.perf_counter() - started
    started = time.perf_counter()
    stones = pd.read_csv(delivery)
    kinds = {name: pd.CategoricalDtype(labels, ordered=True) for name, labels in GRADES.items()}
    features = xgboost.DMatrix(stones[FEATURES].astype(kinds), enable_categorical=True)
    booster = xgboost.Booster(model_file=champion / "xgboost.ubj")
    stones["price_usd"] = booster.predict(features)
    stones.to_csv(folder / "by_pandas.csv", index=False)
    peer = time.perf_counter() - started
    some = pd.read_csv(out, nrows=50_000)
    # Ours are told in cents, and a length of nothing is estimated.
    compared_with = some["price_usd"].notna() & (some[["x", "y", "z"]] > 0).all(axis=1)
    theirs = stones["price_usd"][: len(some)][compared_with]
    assert np.allclose(some["price_usd"][compared_with], theirs, rtol=1e-5, atol=0.006)
    return [compared(f"pricing a file of {n_rows:,} rows", "s", ours, "pandas and xgboost", peer, 5)]


def many_rows(folder: Path, n_rows: int) -> Path:
    """The public stones again and again, some cents dearer on each lap so that no row repeats another."""
    path = folder / "delivery.csv"
    if path.exists():
        return path
    header, *rows = PUBLIC.read_text().splitlines()
    parts = [row.split(",") for row in rows]
    with path.open("w") as file:
        file.write(header + "\n")
        for lap in itertools.count():
            left = n_rows - lap * len(parts)
            if left <= 0:
                return path
            file.writelines(
                ",".join([*p[:6], f"{int(p[6]) + lap / 100:.2f}", *p[7:]]) + "\n" for p in parts[:left]
            )


def main() -> None:
    benches = {
        "trees": trees,
        "similar": similar,
        "appraise": appraise,
        "ingest": ingest,
        "forms": forms,
        "value": value,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="of the large file and index")
    parser.add_argument("--only", nargs="*", choices=benches, default=list(benches))
    arguments = parser.parse_args()
    for name in arguments.only:
        with tempfile.TemporaryDirectory() as folder:
            results = benches[name](Path(folder), arguments.rows)
        for result in results:
            print(f"{result.what:70} {result.ours:10.4g} {result.unit:9} {result.goal:18} {result.met}")
            if result.peer is not None:
                print(f"    {result.peer_name}: {result.peer:.4g}, {result.ratio:.2f} times")
        save(f"core-{name}", results)


if __name__ == "__main__":
    main()
