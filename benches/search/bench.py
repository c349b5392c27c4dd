"""Our search beside Optuna's TPE with Python's xgboost: the same rows, space and number of trials.

    python benches/search/bench.py APPRAISALS.csv --seeds 10 --results results.jsonl

One line a seed is added to the results, so that a run can be made in parts (--first); the table is of all
lines in the file. `--busy` keeps one core busy meanwhile. Our side is core/examples/search.rs.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import train_test_split

ROOT = Path(__file__).parents[2]
OURS = ROOT / "target" / "debug" / "examples" / "search"
GRADES = {
    "cut": ["Fair", "Good", "Very Good", "Premium", "Ideal"],
    "color": list("JIHGFED"),
    "clarity": ["I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF"],
}


def sides(path: Path, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Learners and judges: the notebook's training rows, split once more by the seed."""
    rows = pd.read_csv(path)
    rows = rows[(rows["price"] > 0) & (rows["x"] * rows["y"] * rows["z"] > 0)]
    train, _ = train_test_split(rows, test_size=0.2, random_state=42)
    return tuple(train_test_split(train, test_size=0.2, random_state=seed))


def optuna_search(learners: pd.DataFrame, judges: pd.DataFrame, seed: int, n_trials: int) -> list[dict]:
    """The notebook's search, as its author runs it: XGBoost with all cores, one trial after the other."""
    import optuna
    import xgboost as xgb

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    started = time.perf_counter()

    def encoded(rows: pd.DataFrame) -> pd.DataFrame:
        grades = {
            name: pd.Categorical(rows[name], categories=labels, ordered=True)
            for name, labels in GRADES.items()
        }
        return rows.drop(columns="price").assign(**grades)

    features, unseen = encoded(learners), encoded(judges)

    def objective(trial: "optuna.Trial") -> float:
        params = {
            "lambda": trial.suggest_float("lambda", 1e-8, 1.0, log=True),
            "alpha": trial.suggest_float("alpha", 1e-8, 1.0, log=True),
            "colsample_bytree": trial.suggest_categorical("colsample_bytree", [0.3, 0.4, 0.5, 0.7]),
            "subsample": trial.suggest_categorical("subsample", [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
            "learning_rate": trial.suggest_float("learning_rate", 1e-8, 1.0, log=True),
            "n_estimators": trial.suggest_int("n_estimators", 100, 1000),
            "max_depth": trial.suggest_int("max_depth", 3, 9),
            "min_child_weight": trial.suggest_int("min_child_weight", 1, 10),
        }
        model = xgb.XGBRegressor(enable_categorical=True, random_state=42, **params)
        model.fit(features, learners["price"])
        return mean_absolute_error(judges["price"], model.predict(unseen))

    course = []

    def note(study: "optuna.Study", _: object) -> None:
        course.append({"s": time.perf_counter() - started, "mae": study.best_value})

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=n_trials, callbacks=[note])
    return course


def our_search(learners: pd.DataFrame, judges: pd.DataFrame, seed: int, n_trials: int) -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder) / "learners.csv", Path(folder) / "judges.csv"
        learners.to_csv(paths[0], index=False)
        judges.to_csv(paths[1], index=False)
        command = [OURS, *map(str, paths), str(seed), str(n_trials)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in said.splitlines()]


def reached(course: list[dict], mae: float) -> float | None:
    """Seconds until the best model was at least as good as this."""
    return next((step["s"] for step in course if step["mae"] is not None and step["mae"] <= mae), None)


def library() -> str:
    import xgboost

    return str(next((Path(xgboost.__file__).parent / "lib").glob("libxgboost.*")))


def table(lines: list[dict]) -> str:
    out = [
        "| cores | seeds | Optuna s | MAE | ours s | MAE | its MAE reached | after s | times less |",
        "|---" * 9 + "|",
    ]
    for is_busy in [False, True]:
        some = [line for line in lines if line["busy"] == is_busy]
        if not some:
            continue
        median = {
            key: statistics.median(line[key] for line in some)
            for key in ["optuna_s", "optuna_mae", "ours_s", "ours_mae"]
        }
        # A search that did not get there in 100 trials counts as infinitely slow.
        waits = [line["reached_s"] if line["reached_s"] is not None else float("inf") for line in some]
        ratios = [line["optuna_reached_s"] / wait for line, wait in zip(some, waits, strict=True)]
        n_reached = sum(line["reached_s"] is not None for line in some)
        out.append(
            f"| {'one busy' if is_busy else 'idle'} | {len(some)} "
            f"| {median['optuna_s']:.1f} | {median['optuna_mae']:.2f} "
            f"| {median['ours_s']:.1f} | {median['ours_mae']:.2f} | {n_reached} of {len(some)} "
            f"| {statistics.median(waits):.1f} | {statistics.median(ratios):.1f} |"
        )
    return "\n".join(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--results", type=Path, default=Path("search.jsonl"))
    options = parser.parse_args()
    os.environ.setdefault("XTREAM_XGBOOST_LIB", library())
    load = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if options.busy else None
    try:
        for seed in range(options.first, options.first + options.seeds):
            learners, judges = sides(options.data, seed)
            ours = our_search(learners, judges, seed, options.trials)
            theirs = optuna_search(learners, judges, seed, options.trials)
            goal = theirs[-1]["mae"]
            line = {
                "seed": seed,
                "trials": options.trials,
                "busy": options.busy,
                "optuna_s": theirs[-1]["s"],
                "optuna_mae": goal,
                "optuna_reached_s": reached(theirs, goal),
                "ours_s": ours[-1]["s"],
                "ours_mae": ours[-1]["mae"],
                "reached_s": reached(ours, goal),
            }
            with options.results.open("a") as file:
                file.write(json.dumps(line) + "\n")
    finally:
        if load is not None:
            load.kill()
    print(table([json.loads(line) for line in options.results.read_text().splitlines()]))


if __name__ == "__main__":
    main()
