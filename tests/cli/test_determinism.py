"""The same rows and seed give the same bytes: with any number of workers, and through any kill."""

import random
import signal
import time
from pathlib import Path

import pandas as pd
import pytest
from helpers import FIRST, Program, blob, in_soak

SEED = 7
N_KILLS = 20 if in_soak() else 5
SEARCH = ["--models", "xgboost", "--trials", "24"]


@pytest.fixture
def few(xtream: Program) -> Path:
    """Rows enough for a search that takes a second."""
    path = xtream.folder / "few.csv"
    pd.read_csv(FIRST, dtype=str).head(600).to_csv(path, index=False)
    return path


def outcome(xtream: Program, registry: str) -> dict:
    """What must not depend on how the search went: everything on the card but times."""
    card = xtream.json("models", "show", "1", "--registry", registry)
    search = card["search"]
    study = blob(xtream.folder / registry, search["study"], "study.jsonl").read_bytes()
    model = blob(xtream.folder / registry, card["model"], "xtream").read_bytes()
    return {name: card[name] for name in ("params", "model", "metrics", "search", "seed")} | {
        "study bytes": study,
        "model bytes": model,
    }


@pytest.mark.parametrize("more", [[], ["--space", "notebook"], ["--sampler", "random"]], ids=" ".join)
def test_one_worker_and_two_make_the_same_model_and_study(
    xtream: Program, few: Path, more: list[str]
) -> None:
    for registry, jobs in {"one": 1, "two": 2}.items():
        xtream.train(few, *SEARCH, *more, "--jobs", jobs, "--registry", registry, ranges=True)
    assert outcome(xtream, "two") == outcome(xtream, "one")


def test_how_many_trials_may_run_side_by_side_is_a_part_of_the_search_and_the_workers_are_not(
    xtream: Program, few: Path
) -> None:
    search = ["--models", "xgboost", "--trials", 12]
    ways = {"flag": ["--parallel", 3, "--jobs", 1], "more workers": ["--parallel", 3, "--jobs", 5]}
    ways |= {"as ever": [], "eight": ["--parallel", 8]}
    for registry, more in ways.items():
        xtream.train(few, *search, *more, "--registry", registry)
    xtream.train(few, *search, "--registry", "setting", env={"XTREAM_TRAIN_PARALLEL": "3"})
    assert outcome(xtream, "flag") == outcome(xtream, "more workers") == outcome(xtream, "setting")
    assert outcome(xtream, "eight") == outcome(xtream, "as ever") != outcome(xtream, "flag")


def test_a_number_of_trials_side_by_side_that_cannot_be_is_refused_by_name(
    xtream: Program, few: Path
) -> None:
    for command in ("train", "watch"):
        for wrong in ("0", "257", "many"):
            said = xtream(command, few, "--parallel", wrong, status=2).stderr
            assert "--parallel" in said and wrong in said
        said = xtream(command, few, status=2, env={"XTREAM_TRAIN_PARALLEL": "0"}).stderr
        assert "XTREAM_TRAIN_PARALLEL" in said, said


def test_another_seed_makes_another_search(xtream: Program, few: Path) -> None:
    for registry in ("1", "2"):
        xtream.train(few, *SEARCH, "--seed", registry, "--registry", registry)
    assert outcome(xtream, "1")["search"]["study"] != outcome(xtream, "2")["search"]["study"]


def test_repeats_are_the_runs_with_the_following_seeds(xtream: Program, few: Path) -> None:
    fixed = ["--models", "xgboost", "--trials", "6"]
    xtream.train(few, *fixed, "--repeats", "2", "--seed", "5", "--registry", "both")
    xtream.train(few, *fixed, "--seed", "6", "--registry", "single")
    first, second = (xtream.json("models", "show", v, "--registry", "both") for v in (1, 2))
    assert (first["seed"], second["seed"]) == (5, 6)
    assert second["model"] == outcome(xtream, "single")["model"] != first["model"]


def test_a_search_that_is_killed_again_and_again_ends_as_if_it_had_not_been(
    xtream: Program, few: Path
) -> None:
    print(f"seed {SEED}")
    generator = random.Random(SEED)
    started = time.monotonic()
    xtream.train(few, *SEARCH, "--registry", "whole")
    whole = time.monotonic() - started
    expected = outcome(xtream, "whole")
    n_kills = n_ended = 0
    while n_kills < N_KILLS:
        registry = f"killed-{n_ended}"
        process = xtream.start("train", few, *SEARCH, "--no-ranges", "--registry", registry)
        time.sleep(generator.uniform(0, 0.5) * whole)
        process.kill()
        process.communicate()
        n_kills += process.returncode == -signal.SIGKILL
        if process.returncode == 0 or generator.random() < 0.2:
            xtream.train(few, *SEARCH, "--registry", registry)
            assert outcome(xtream, registry) == expected, f"after {n_kills} kills"
            assert xtream.json("models", "fsck", "--registry", registry)["sound"]
            n_ended += 1
    print(f"{n_kills} kills in {n_ended + 1} searches")
    xtream.train(few, *SEARCH, "--registry", registry)
    assert outcome(xtream, registry) == expected
