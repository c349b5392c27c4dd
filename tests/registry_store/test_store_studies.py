"""A search whose registry is in a store keeps its trials in a file of the machine while it runs, and in the
store when it ends or pauses; any machine goes on with it.
"""

import os
import subprocess
import time

from helpers import FIRST, PROGRAM, environment, stop

MODEL = ["--models", "xgboost", "--no-ranges", "--seed", "7"]


def n_trials(text: str) -> int:
    return text.count("\n") - 1


def test_a_search_that_is_stopped_goes_on_on_another_machine(bucket, program):
    xtream, where = program(bucket), ["--registry", bucket.address()]
    process = subprocess.Popen(
        [str(part) for part in [PROGRAM, "train", FIRST, *where, *MODEL, "--trials", "4000"]],
        env=environment(**bucket.variables()),
        cwd=xtream.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def n_here() -> int:
        files = list(bucket.cache.rglob("studies/*.jsonl"))
        return max((n_trials(file.read_text()) for file in files), default=0)

    deadline = time.monotonic() + 60
    while n_here() < 5:
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()
        time.sleep(0.02)
    _, stderr, seconds = stop(process)
    assert "stopped as asked" in stderr and seconds < 5
    kept = bucket.objects("studies")
    assert len(kept) == 1
    n_kept = n_trials((bucket.folder / "diamonds" / "studies" / kept[0]).read_text())
    assert n_kept >= 5

    elsewhere = {"XDG_CACHE_HOME": str(bucket.cache.with_name("elsewhere"))}
    there = xtream("train", FIRST, *where, *MODEL, "--trials", n_kept, env=elsewhere)
    # Of two trials at work, the one begun first may be the one that was not finished.
    assert f"{n_kept} trials, {n_kept} of them done" in there.stderr or (
        f"{n_kept} trials, {n_kept - 1} of them done" in there.stderr
    )
    # The result is that of a search that nobody stopped.
    xtream("train", FIRST, "--registry", "folder", *MODEL, "--trials", n_kept)
    cards = [xtream.json("models", "show", 1, *place) for place in [where, ["--registry", "folder"]]]
    assert cards[0]["model"] == cards[1]["model"]
    assert cards[0]["search"]["study"] == cards[1]["search"]["study"]


def test_what_is_not_whole_of_a_study_is_not_kept(bucket, program):
    xtream, where = program(bucket), ["--registry", bucket.address()]
    xtream("train", FIRST, *where, *MODEL, "--trials", "4")
    (kept,) = bucket.objects("studies")
    text = (bucket.folder / "diamonds" / "studies" / kept).read_text()
    assert text.endswith("\n") and n_trials(text) == 4 and kept.endswith(f".{len(text.encode()):012}")
    assert os.listdir(xtream.folder) == []
