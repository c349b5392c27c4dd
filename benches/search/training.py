"""A whole run of training on all public stones: `xtream train` beside the notebook's recipe in Python.

Both read the file, clean it, split it, fit the linear model, search the notebook's space for XGBoost with
the same number of trials, fit the winner on all training rows, measure it on the test rows and write the
models down. Ours does more besides: it keeps the rows, looks for typing errors, and fits each model five
times more to tell how sure its prices are.

    python benches/search/training.py [--trials 100]
"""

import argparse
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import notebook
import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import train_test_split

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benches"))
from results import compared, save  # noqa: E402

DATA = ROOT / "data" / "diamonds.csv"
XTREAM = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "xtream"


def recipe(folder: Path, n_trials: int) -> float:
    """The notebook's; gives the error of its XGBoost on the test rows, in US dollars."""
    rows = pd.read_csv(DATA)
    rows = rows[(rows["price"] > 0) & (rows["x"] * rows["y"] * rows["z"] > 0)]

    numbers = rows.drop(columns=["depth", "table", "y", "z"])
    numbers = pd.get_dummies(numbers, columns=["cut", "color", "clarity"], drop_first=True)
    train, test = train_test_split(numbers, test_size=0.2, random_state=42)
    linear = LinearRegression().fit(train.drop(columns="price"), np.log(train["price"]))
    mean_absolute_error(test["price"], np.exp(linear.predict(test.drop(columns="price"))))
    (folder / "linear.pickle").write_bytes(pickle.dumps(linear))

    train, test = train_test_split(rows, test_size=0.2, random_state=42)
    _, params = notebook.search(*train_test_split(train, test_size=0.2, random_state=42), 42, n_trials)
    model = notebook.fitted(notebook.encoded(train), train["price"], params)
    model.save_model(folder / "xgboost.ubj")
    return mean_absolute_error(test["price"], model.predict(notebook.encoded(test)))


def ours(folder: Path, n_trials: int) -> float:
    command = [XTREAM, "train", DATA, "--json", "--registry", folder / "registry"]
    command += ["--models", "linear,xgboost"]
    command += ["--space", "notebook", "--trials", n_trials, "--suspect", "keep", "--duplicates", "keep"]
    said = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout
    report = json.loads(said)
    return next(model["mae_usd"] for model in report["leaderboard"] if model["family"] == "xgboost")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=100)
    n_trials = parser.parse_args().trials
    times, errors = [], []
    for run in [ours, recipe]:
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            errors.append(run(Path(folder), n_trials))
            times.append(time.perf_counter() - started)
        print(
            f"{run.__name__:8} {times[-1]:8.1f} s, error on its test stones {errors[-1]:.2f} USD", flush=True
        )
    what = f"training on the public stones, {n_trials} trials"
    save("training", [compared(what, "s", times[0], "the notebook's recipe", times[1], 3)])


if __name__ == "__main__":
    main()
