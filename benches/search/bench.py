"""Our search beside Optuna's TPE with Python's xgboost: the same rows, space and number of trials.

    python benches/search/bench.py [APPRAISALS.csv] --seeds 10 --results results.jsonl

Without a file the rows are 5,000 of the public stones.
One line a seed is added to the results, so that a run can be made in parts (--first); the table is of all
lines in the file. `--busy` keeps one core busy meanwhile. Our side is core/examples/search.rs.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import notebook
import pandas as pd
from sklearn.model_selection import train_test_split

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benches"))
from results import Result, compared, save  # noqa: E402

OURS = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "examples" / "search"


FIGURES = ["optuna_s", "optuna_mae", "optuna_reached_s", "ours_s", "ours_mae"]


def sides(path: Path, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Learners and judges: the notebook's training rows, split once more by the seed."""
    rows = pd.read_csv(path)
    if len(rows) > 5000:
        rows = rows.sample(5000, random_state=42)
    rows = rows[(rows["price"] > 0) & (rows["x"] * rows["y"] * rows["z"] > 0)]
    train, _ = train_test_split(rows, test_size=0.2, random_state=42)
    return tuple(train_test_split(train, test_size=0.2, random_state=seed))


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


def results(lines: list[dict]) -> list[Result]:
    """Medians over the seeds, with the cores idle and with one of them busy, and the goals."""
    found = []
    for is_busy, cores in [(False, "idle"), (True, "one core busy")]:
        some = [line for line in lines if line["busy"] == is_busy]
        if not some:
            continue
        median = {key: statistics.median(line[key] for line in some) for key in FIGURES}
        # A search that did not get there counts as infinitely slow.
        waits = [line["reached_s"] if line["reached_s"] is not None else math.inf for line in some]
        times = [line["optuna_reached_s"] / wait for line, wait in zip(some, waits, strict=True)]
        n_reached = sum(line["reached_s"] is not None for line in some)
        name = f"{len(some)} seeds, {cores}"
        peer_s, ratio, goal = median["optuna_reached_s"], statistics.median(times), "5 x or more"
        what = f"until Optuna's last error ({n_reached} got there), {name}"
        found.append(Result(what, "s", statistics.median(waits), "Optuna", peer_s, ratio, goal, ratio >= 5))
        found.append(
            compared(f"the whole search, {name}", "s", median["ours_s"], "Optuna", median["optuna_s"])
        )
        what = f"error after {some[0]['trials']} trials, {name}"
        found.append(compared(what, "USD", median["ours_mae"], "Optuna", median["optuna_mae"], 1))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?", default=ROOT / "data" / "diamonds.csv")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--results", type=Path, default=ROOT / "target" / "search.jsonl")
    options = parser.parse_args()
    os.environ.setdefault("XTREAM_XGBOOST_LIB", library())
    load = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if options.busy else None
    try:
        for seed in range(options.first, options.first + options.seeds):
            learners, judges = sides(options.data, seed)
            ours = our_search(learners, judges, seed, options.trials)
            theirs, _ = notebook.search(learners, judges, seed, options.trials)
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
    lines = [json.loads(line) for line in options.results.read_text().splitlines()]
    found = results(lines)
    for result in found:
        both = f"{result.ours:.2f} {result.unit}, Optuna {result.peer:.2f}"
        print(f"{result.what:60} {both:32} {result.ratio:.2f} times")
    save("search", found)


if __name__ == "__main__":
    main()
