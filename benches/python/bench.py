"""xtream_core beside pandas, scikit-learn and Python's xgboost, in one run on one machine.

    maturin build --release && pip install --force-reinstall target/wheels/*.whl
    python benches/python/bench.py [REPEATS]

Each figure is the median of so many repetitions (default 15), in milliseconds, with the least beside it.
All libraries may use as many threads as they do by default. Prices of both sides are compared before
anything is timed.
"""

import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import xgboost
import xtream_core as xc
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder
from xtream_core import _native

PUBLIC = Path(__file__).resolve().parents[2] / "data" / "diamonds.csv"
sys.path.insert(0, str(PUBLIC.parents[1] / "benches"))
from results import Result, compared, save  # noqa: E402

REPEATS = int(sys.argv[1]) if len(sys.argv) > 1 else 15
FEATURES = ["carat", "cut", "color", "clarity", "depth", "table", "x", "y", "z"]
GRADES = {name: labels for name, labels in _native._GRADES.items()}
RESULTS: list[Result] = []


def milliseconds(action: Callable[[], object]) -> tuple[float, float]:
    """Median and least of the repetitions, after one that does not count."""
    action()
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        action()
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times), min(times)


def line(name: str, action: Callable[[], object]) -> float:
    """Prints the figures; returns the least, which other work on the machine disturbs the least."""
    median, least = milliseconds(action)
    print(f"  {name:<58}{median:>10.3f}{least:>10.3f}")
    return least


def title(text: str) -> None:
    print(f"\n{text:<60}{'median':>10}{'least':>10}")


def import_time(module: str) -> float:
    code = f"import time; began = time.perf_counter(); import {module}; print(time.perf_counter() - began)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return 1000 * float(run.stdout)


def imports() -> None:
    title("import, in a fresh process, ms")
    for module in ["xtream_core", "numpy", "pandas", "polars", "sklearn.linear_model", "xgboost"]:
        times = [import_time(module) for _ in range(REPEATS)]
        print(f"  {module:<58}{statistics.median(times):>10.1f}{min(times):>10.1f}")


def with_categories(stones: pd.DataFrame) -> pd.DataFrame:
    kinds = {name: pd.CategoricalDtype(labels, ordered=True) for name, labels in GRADES.items()}
    return stones[FEATURES].astype(kinds)


def predictions(stones: pd.DataFrame, folder: str) -> None:
    run = xc.train(stones, trials=0, registry=folder, progress=False)
    trees, linear = run.model("xgboost"), run.model("linear")
    train = pd.DataFrame(trees._rows("train"))
    theirs = xgboost.XGBRegressor(
        n_estimators=100, tree_method="hist", enable_categorical=True, random_state=42
    )
    theirs.fit(with_categories(train), train["price"])
    encoder = make_column_transformer(
        (OneHotEncoder(drop="first", sparse_output=False), list(GRADES)), ("passthrough", ["carat", "x"])
    )
    ordinary = make_pipeline(encoder, LinearRegression()).fit(train[FEATURES], np.log(train["price"]))
    both = [(trees.predict(stones), theirs.predict(with_categories(stones)))]
    both += [(linear.predict(stones), np.exp(ordinary.predict(stones[FEATURES])))]
    for ours, others in both:
        print(f"largest difference of a price: {np.max(np.abs(ours / others - 1)):.1e} of it")
    for n in [1, 1000, len(stones)]:
        predict(stones.head(n), trees, linear, theirs, ordinary)
    asked = {"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VS1"}
    title("one stone by its features, ms")
    line("Model.value", lambda: trees.value(**asked))
    similar(stones, trees, asked)


def predict(
    stones: pd.DataFrame, trees: xc.Model, linear: xc.Model, theirs: xgboost.XGBRegressor, ordinary: Pipeline
) -> None:
    frame, table = pl.from_pandas(stones), pa.Table.from_pandas(stones, preserve_index=False)
    prepared = with_categories(stones)
    title(f"predict {len(stones):,} stones, ms")
    whole = line("xtream_core trees, pandas frame as it is", lambda: trees.predict(stones))
    line("xtream_core trees, polars frame as it is", lambda: trees.predict(frame))
    line("xtream_core trees, pyarrow table as it is", lambda: trees.predict(table))
    peer = line("xgboost, from the same pandas frame", lambda: theirs.predict(with_categories(stones)))
    RESULTS.append(compared(f"predict {len(stones):,} stones, pandas frame", "ms", whole, "xgboost", peer))
    line("xgboost, grades made categories beforehand", lambda: theirs.predict(prepared))
    ours = line("xtream_core linear, pandas frame as it is", lambda: linear.predict(stones))
    line("xtream_core linear, polars frame as it is", lambda: linear.predict(frame))
    peer = line(
        "scikit-learn linear, the same pandas frame", lambda: np.exp(ordinary.predict(stones[FEATURES]))
    )
    name = f"predict {len(stones):,} stones, linear, pandas frame"
    RESULTS.append(compared(name, "ms", ours, "scikit-learn", peer))
    border = line("reading the pandas frame and nothing else", lambda: _native._count_rows(stones))
    line("reading the polars frame and nothing else", lambda: _native._count_rows(frame))
    print(f"  the border is {100 * border / whole:.0f} % of pricing a pandas frame with trees")


def similar(stones: pd.DataFrame, model: xc.Model, asked: dict[str, object]) -> None:
    frame = pl.from_pandas(stones)

    def by_pandas() -> pd.DataFrame:
        alike = stones[
            (stones["cut"] == asked["cut"])
            & (stones["color"] == asked["color"])
            & (stones["clarity"] == asked["clarity"])
        ]
        order = alike.assign(distance=(alike["carat"] - asked["carat"]).abs())
        return order.sort_values(["distance", "price"], kind="stable").head(5)

    cells = {key: cell for key, cell in stones.groupby(list(GRADES))}
    index = {
        key: NearestNeighbors(n_neighbors=5).fit(cell[["carat"]].to_numpy())
        for key, cell in cells.items()
        if len(cell) >= 5
    }
    key = (asked["cut"], asked["color"], asked["clarity"])

    def by_neighbours() -> pd.DataFrame:
        return cells[key].iloc[index[key].kneighbors([[asked["carat"]]], return_distance=False)[0]]

    found = xc.similar(stones, **asked)
    assert found["price"].tolist() == by_pandas()["price"].tolist()
    title(f"the five most similar of {len(stones):,} stones, ms")
    ours = line("xtream_core.similar, pandas frame", lambda: xc.similar(stones, **asked))
    line("xtream_core.similar, polars frame", lambda: xc.similar(frame, **asked))
    peer = line("pandas, filter and sort", by_pandas)
    RESULTS.append(compared(f"five similar of {len(stones):,}, pandas frame", "ms", ours, "pandas", peer))
    ours = line("Model.similar, an index", lambda: model.similar(**asked))
    peer = line("scikit-learn NearestNeighbors, an index for each cell", by_neighbours)
    RESULTS.append(compared("five similar, an index", "ms", ours, "scikit-learn", peer))


def main() -> None:
    names = ["numpy", "pandas", "polars", "pyarrow", "scikit-learn", "xgboost-cpu"]
    print(platform.processor() or platform.machine(), f"Python {platform.python_version()}", end=", ")
    print(", ".join(f"{name} {version(name)}" for name in names))
    imports()
    stones = xc.validate(PUBLIC, suspect="keep", duplicates="keep").clean
    # All 53,940 in number: some of the sound ones stand there twice.
    stones = pd.concat([stones, stones.head(53_940 - len(stones))], ignore_index=True)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        predictions(stones, folder)
    save("python", RESULTS)


if __name__ == "__main__":
    main()
