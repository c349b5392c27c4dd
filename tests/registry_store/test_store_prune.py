"""What stopped runs left in a store is removed, and never what somebody uses again at that moment."""

import os
import random
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from helpers import FIRST, PROGRAM, SECOND, environment, in_soak, seed
from stores import Faults

N_ROUNDS = 100 if in_soak() else 6
LINEAR = ["--models", "linear", "--trials", "0", "--no-ranges"]
TWO_DAYS_AGO = time.time() - 2 * 86_400


def leave(folder: Path, name: str = "a" * 64 + ".study.jsonl") -> Path:
    """A blob that nobody names, of two days ago."""
    path = folder / "blobs" / name
    path.write_text("left")
    os.utime(path, (TWO_DAYS_AGO, TWO_DAYS_AGO))
    return path


def test_what_runs_left_is_listed_and_then_removed(bucket, program):
    xtream, where = program(bucket), ["--registry", bucket.address()]
    xtream.train(FIRST, *where, *LINEAR)
    old = leave(bucket.folder / "diamonds")
    young = leave(bucket.folder / "diamonds", "b" * 64 + ".study.jsonl")
    os.utime(young)
    listed = xtream.json("models", "prune", "--dry-run", *where)
    assert [file["path"] for file in listed["files"]] == [f"blobs/{old.name}"]
    assert old.exists()
    removed = xtream.json("models", "prune", *where)
    assert [file["path"] for file in removed["files"]] == [f"blobs/{old.name}"]
    assert not old.exists() and young.exists()
    assert xtream.json("models", "fsck", *where)["sound"]
    assert xtream.json("models", "list", *where)["champion"] == 1
    # What announced it goes a day later.
    (announced,) = (bucket.folder / "diamonds" / "prunes").iterdir()
    assert announced.name.startswith(old.name)
    xtream("models", "prune", *where)
    assert announced.exists()
    os.utime(announced, (TWO_DAYS_AGO, TWO_DAYS_AGO))
    xtream("models", "prune", *where)
    assert not announced.exists()


def test_a_run_that_needs_what_is_being_removed_says_from_when_on_it_can_be_had(bucket, program):
    xtream, where = program(bucket), ["--registry", bucket.address()]
    xtream.train(FIRST, *where, *LINEAR)
    xtream.train(SECOND, "--registry", bucket.address("stopped"), *LINEAR)
    blobs = bucket.folder / "diamonds" / "blobs"
    for path in (bucket.folder / "stopped" / "blobs").iterdir():
        shutil.copy(path, blobs)
        os.utime(blobs / path.name, (TWO_DAYS_AGO, TWO_DAYS_AGO))
    removed = {file["path"] for file in xtream.json("models", "prune", *where)["files"]}
    assert any(path.endswith(".parquet") for path in removed)
    said = xtream("train", SECOND, *where, *LINEAR, status=2).stderr
    assert "is removing it at the moment" in said and "the same again after" in said
    # An hour later nothing of it can be on its way any more.
    for announced in (bucket.folder / "diamonds" / "prunes").iterdir():
        os.utime(announced, (time.time() - 3700, time.time() - 3700))
    assert xtream.train(SECOND, *where, *LINEAR)["leaderboard"][0]["version"] == 2
    assert xtream.json("models", "fsck", *where)["sound"]


def test_a_leftover_that_is_used_again_counts_as_young(bucket, program):
    xtream = program(bucket)
    xtream.train(FIRST, "--registry", bucket.address("stopped"), *LINEAR)
    blobs = bucket.folder / "diamonds" / "blobs"
    shutil.copytree(bucket.folder / "stopped" / "blobs", blobs)
    (rows,) = blobs.glob("*.parquet")
    os.utime(rows, (TWO_DAYS_AGO, TWO_DAYS_AGO))
    xtream.train(FIRST, "--registry", bucket.address(), *LINEAR)
    assert rows.stat().st_mtime > time.time() - 600


def test_a_key_that_may_not_remove_anything_is_told_so(bucket, faulty, program):
    xtream, where = program(bucket), ["--registry", bucket.address()]
    xtream.train(FIRST, *where, *LINEAR)
    old = leave(bucket.folder / "diamonds")
    weak = program(faulty(Faults(refuses_removal=True)), "weak")
    said = weak("models", "prune", *where, status=1).stderr
    assert f"blobs/{old.name} could not be removed" in said and "AccessDenied" in said, said
    assert old.exists() and xtream.json("models", "fsck", *where)["sound"]


@pytest.mark.parametrize("network", ["good", "poor"])
def test_whoever_uses_leftovers_again_while_they_are_pruned_loses_none(bucket, faulty, program, network):
    """A run finds its rows and its model there, left by one that was stopped, while somebody prunes."""
    dice = random.Random(seed())
    xtream = program(bucket)
    xtream.train(FIRST, "--registry", bucket.address("base"), *LINEAR)
    xtream.train(SECOND, "--registry", bucket.address("stopped"), *LINEAR)
    poor = Faults(answer_lost=0.05, busy=0.05, twice=0.05, slow=0.1)
    store = bucket if network == "good" else faulty(poor)
    outcomes = {"registered": 0, "refused": 0, "pruned": 0}
    for at in range(N_ROUNDS):
        place = bucket.folder / f"round{at}"
        shutil.copytree(bucket.folder / "base", place)
        for path in (bucket.folder / "stopped" / "blobs").iterdir():
            shutil.copy(path, place / "blobs")
        for path in (place / "blobs").iterdir():
            os.utime(path, (TWO_DAYS_AGO, TWO_DAYS_AGO))
        where = ["--registry", store.address(f"round{at}")]

        def start(*command: object, where: list[str] = where) -> subprocess.Popen:
            return subprocess.Popen(
                [PROGRAM, *map(str, command), *where],
                cwd=xtream.folder,
                env=environment(**store.variables()),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )

        training = start("train", SECOND, *LINEAR)
        time.sleep(dice.uniform(0, 0.6))
        pruning = start("models", "prune")
        said = training.communicate(timeout=600)[0]
        pruned = pruning.communicate(timeout=600)[0]
        assert pruning.returncode == 0, pruned
        is_refused = training.returncode == 2 and "is removing it at the moment" in said
        assert training.returncode == 0 or is_refused, said
        outcomes["refused" if is_refused else "registered"] += 1
        outcomes["pruned"] += (place / "prunes").exists()
        sound = xtream.json("models", "fsck", "--registry", bucket.address(f"round{at}"))
        assert sound["sound"], sound
        shutil.rmtree(place)
    print(f"{network} network, {N_ROUNDS} runs beside a pruning: {outcomes}, each registry sound")
