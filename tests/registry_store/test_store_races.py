"""Many processes promote at once through a network that loses answers, answers 409 and 503, delivers twice
and is slow: no promotion is lost, none is there twice, and the log has no gap.
"""

import json
import subprocess
import sys
from collections import Counter

import pytest
from helpers import FIRST, environment, in_soak, seed
from stores import Faults, Faulty, Store

N_PROCESSES = 8
N_RACES = 10_000 if in_soak() else 200
# Each promotes a model of its own, again and again.
RACER = """
import json, sys
import xtream_core as xc
address, process, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
registry = xc.Registry(address)
print("ready", flush=True)
sys.stdin.readline()
for race in range(n):
    reason = f"process {process}, race {race}"
    print(json.dumps([reason, registry.promote(process + 1, reason=reason)["promoted"]]), flush=True)
"""


@pytest.mark.alone
def test_of_promotions_at_once_none_is_lost_or_double(bucket: Store, faulty: Faulty, program) -> None:
    pytest.importorskip("xtream_core")
    xtream = program(bucket)
    where = ["--registry", bucket.address()]
    for _ in range(2):
        # Nine models, so that each process has one that no other promotes.
        xtream.train(FIRST, *where, "--models", "linear", "--repeats", "5", "--no-promote")
    chosen = seed()
    faults = Faults(answer_lost=0.03, conflict=0.05, busy=0.03, twice=0.05, slow=0.02, seed=chosen)
    store = faulty(faults)
    variables = environment(**store.variables())

    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, store.address(), str(process), str(N_RACES // N_PROCESSES)],
            env=variables,
            cwd=xtream.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for process in range(N_PROCESSES)
    ]
    assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * N_PROCESSES
    # All at once, however long each took to get ready.
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    told = [json.loads(line) for racer in racers for line in racer.communicate()[0].splitlines()]
    assert [racer.returncode for racer in racers] == [0] * N_PROCESSES
    assert len(told) == N_RACES
    commits = [
        json.loads((bucket.folder / "diamonds" / "commits" / name).read_text())
        for name in bucket.objects("commits")
    ]
    reasons = [commit["decision"]["reason"] for commit in commits if commit["change"] == "decided"]
    written = Counter(reason for reason in reasons if "race" in reason)
    assert [commit["number"] for commit in commits] == list(range(1, len(commits) + 1)), "no gap"
    promised = {reason for reason, was_promoted in told if was_promoted}
    assert max(written.values()) == 1, "none is double"
    assert set(written) == promised, "none is lost, and none is there that was not promised"
    # Whoever races alone for a moment promotes its own model again, which changes nothing.
    assert len(promised) > N_RACES / 4
    assert len(bucket.objects("checkpoints")) == len(commits) // 64
    assert xtream.json("models", "fsck", *where)["sound"]
    assert all(faults.counts[name] > 0 for name in ["answer_lost", "conflict", "busy", "twice", "slow"])
    print(f"{len(promised)} promotions of {N_RACES}, {dict(faults.counts)}")
    # Whatever the order was, the newest commit's candidate is the champion.
    assert xtream.json("models", "list", *where)["champion"] == commits[-1]["decision"]["candidate"]


def test_what_breaks_off_on_its_way_is_read_again_and_then_told(
    faulty: Faulty, program, bucket: Store
) -> None:
    program(bucket).train(FIRST, "--registry", bucket.address(), "--models", "linear")
    faults = Faults(cuts_first=True)
    store = faulty(faults)
    where = ["--registry", store.address()]
    assert program(store).json("models", "list", *where)["champion"] == 1
    faults.cut = 1.0
    said = program(store)("models", "list", *where, status=1).stderr
    assert "its answer broke off" in said, said


def test_training_through_a_poor_network_registers_once(faulty: Faulty, program, bucket: Store) -> None:
    store = faulty(Faults(answer_lost=0.1, conflict=0.1, busy=0.1, twice=0.2, seed=seed()))
    xtream, where = program(store), ["--registry", store.address()]
    report = xtream.train(FIRST, *where, "--models", "linear,linear-derived")
    assert len(report["leaderboard"]) == 2
    assert bucket.objects("commits") == ["00000001.json", "00000002.json"]
    assert xtream.json("models", "fsck", *where) == {"sound": True, "findings": []}
