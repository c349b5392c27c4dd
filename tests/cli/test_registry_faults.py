"""The registry keeps every model and decision, survives any kill, and finds any damage."""

import json
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from helpers import FIRST, SECOND, Program, in_soak

SEED = 13
N_PROMOTIONS_KILLED = 150 if in_soak() else 15
N_TRAININGS_KILLED = 50 if in_soak() else 10
LINEAR = ["--models", "linear"]


def champion(xtream: Program) -> int | None:
    return xtream.json("models", "list", "--registry", "registry")["champion"]


def test_the_history_holds_every_model_and_explains_every_decision(history: Program) -> None:
    listed = history.json("models", "list")
    assert [card["version"] for card in listed["models"]] == [3, 2, 1]
    assert [card["family"] for card in listed["models"]] == ["xgboost", "linear", "linear"]
    assert listed["champion"] == 3
    for card in listed["models"]:
        assert {"mae_usd", "rmse_usd", "r2", "mape"} <= card["metrics"].keys()
        shown = history.json("models", "show", card["version"])
        assert shown == card
        files = [Path(file["path"]).name for file in card["data"]["files"]]
        assert files == (["first-delivery.csv"] if card["version"] == 1 else [FIRST.name, SECOND.name])
    commits = [
        json.loads(path.read_text()) for path in sorted((history.folder / "registry/commits").iterdir())
    ]
    assert [commit["change"] for commit in commits] == ["registered", "decided"] * 2
    first, second = (commit["decision"] for commit in commits if commit["change"] == "decided")
    assert "no champion before" in first["reason"]
    figures = second["comparison"]
    assert (second["promoted"], second["candidate"], second["champion"]) == (True, 3, 1)
    assert figures["low_usd"] < figures["difference_usd"] < figures["high_usd"] < 0
    assert f"{figures['candidate_mae_usd']:.2f}" in second["reason"]


def test_a_rollback_restores_the_former_champion_and_is_written_down(history: Program) -> None:
    history("models", "rollback", "--reason", "customers complained")
    assert champion(history) == 1
    assert len(history.json("models", "list")["models"]) == 3
    last = max((history.folder / "registry/commits").iterdir()).read_text()
    assert "customers complained" in last
    history("models", "rollback", status=2)
    history("models", "promote", 2, "--reason", "by hand")
    history("models", "promote", 3)
    history("models", "rollback")
    assert champion(history) == 2


def timed(act: Callable[[], object]) -> float:
    started = time.monotonic()
    act()
    return time.monotonic() - started


def killed(xtream: Program, seconds: float, *arguments: object) -> bool:
    process = xtream.start(*arguments)
    time.sleep(seconds)
    process.kill()
    process.communicate()
    assert process.returncode in (0, -signal.SIGKILL)
    return process.returncode != 0


def test_a_promotion_killed_at_any_moment_leaves_the_old_champion_or_the_new(xtream: Program) -> None:
    print(f"seed {SEED}")
    generator = random.Random(SEED)
    xtream.train(FIRST, "--trials", "0")
    # The slower of both ways: a larger model takes longer to check, and on a fast disk that is most of it.
    whole = max(timed(lambda version=version: xtream("models", "promote", version)) for version in (2, 1))
    now, n_killed, n_changed = 1, 0, 0
    for case in range(10 * N_PROMOTIONS_KILLED):
        # A few more where the machine had other things to do and most came too early or too late.
        if case >= N_PROMOTIONS_KILLED and n_killed > N_PROMOTIONS_KILLED / 4 and n_changed > 0:
            break
        n_killed += killed(xtream, generator.uniform(0, 1.1) * whole, "models", "promote", 3 - now)
        assert xtream.json("models", "fsck")["sound"]
        found = champion(xtream)
        assert found in (now, 3 - now)
        n_changed += found != now
        now = found
    print(f"{n_killed} killed, {n_changed} took effect")
    assert n_killed > N_PROMOTIONS_KILLED / 4 and n_changed > 0
    xtream("models", "promote", 3 - now)
    assert champion(xtream) == 3 - now


def test_a_training_run_killed_at_any_moment_leaves_all_of_its_models_or_none(xtream: Program) -> None:
    print(f"seed {SEED}")
    generator = random.Random(SEED)
    rows = pd.read_csv(FIRST, dtype=str)
    xtream.train(FIRST, *LINEAR)
    whole = timed(lambda: xtream.train(FIRST, *LINEAR, "--repeats", "2", "--no-promote"))
    n_killed = n_whole = 0
    for case in range(10 * N_TRAININGS_KILLED):
        if case >= N_TRAININGS_KILLED and n_killed > N_TRAININGS_KILLED / 4:
            break
        # Each time other rows, so that there is something to write.
        delivery = xtream.folder / "delivery.csv"
        rows.sample(3000, random_state=case).to_csv(delivery, index=False)
        before = xtream.json("models", "list")
        arguments = ["train", delivery, *LINEAR, "--repeats", "2"]
        n_killed += killed(xtream, generator.uniform(0, 1.1) * whole, *arguments)
        assert xtream.json("models", "fsck")["sound"]
        after = xtream.json("models", "list")
        n_added = len(after["models"]) - len(before["models"])
        assert n_added in (0, 2)
        n_whole += n_added == 2
        assert after["models"][n_added:] == before["models"]
        assert after["champion"] in {
            before["champion"],
            after["models"][0]["version"],
            after["models"][0]["version"] - 1,
        }
    print(f"{n_killed} killed, {n_whole} runs were whole")
    assert n_killed > N_TRAININGS_KILLED / 4
    report = xtream.train(delivery, *LINEAR)
    assert report["leaderboard"][0]["version"] == len(xtream.json("models", "list")["models"])
    xtream("value", FIRST, "--out", "priced.csv", status=2)


def test_runs_at_the_same_time_all_find_their_place_in_the_history(xtream: Program) -> None:
    rows = pd.read_csv(FIRST, dtype=str)
    processes = []
    for number in range(6):
        delivery = xtream.folder / f"{number}.csv"
        rows.sample(3000, random_state=number).to_csv(delivery, index=False)
        processes.append(xtream.start("train", delivery, *LINEAR, "--repeats", "2"))
    for process in processes:
        _, stderr = process.communicate(timeout=600)
        assert process.returncode == 0, stderr
    listed = xtream.json("models", "list")
    assert [card["version"] for card in listed["models"]] == list(range(12, 0, -1))
    commits = [
        json.loads(path.read_text()) for path in sorted((xtream.folder / "registry/commits").iterdir())
    ]
    decisions = [commit["decision"] for commit in commits if commit["change"] == "decided"]
    assert len(decisions) == 6
    now = None
    for decision in decisions:
        # Each was held against whoever was the champion when it was written down.
        assert decision["champion"] == now
        now = decision["candidate"] if decision["promoted"] else now
    assert listed["champion"] == now
    assert xtream.json("models", "fsck")["sound"]
