"""The power goes at any moment, and syncs are slow or fail: what was answered is in the log.

A small library notes what the server does to its log; the disks that a power cut may leave are made of that,
and a server is started on each.
"""

import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import in_soak, seed
from recorded_disk import WAYS, Disk, lay, library
from served import VALUATIONS, Serve, Served, Traffic, assert_recorded_once, eventually, exchange

N_STATES = 1000 if in_soak() else 16
N_KILLS = 34 if in_soak() else 2
# Answers without which a recording tells nothing.
FEWEST_ANSWERS = 100
SYNC_MS = (60, 150, 400) if in_soak() else (60,)
# Syncs of the write-ahead log and of the database that fail, by number.
FAILING = [("-wal", "9"), ("-wal", "12,13"), (".sqlite", "4"), (".sqlite", "4,5")]
FAILING += [("-wal", str(n)) for n in (5, 6, 7, 15, 40)] if in_soak() else []


def recorded_run(
    served: Served, seconds: float, pause: float = 0.0, is_enough: Callable[[], bool] = lambda: True
) -> list[tuple[int, object]]:
    """Traffic for a while, longer on a busy machine, and its answers with the moments of their arrival."""
    arrived = []
    with Traffic(served, n_clients=3, pause=pause) as traffic:
        seen = 0
        until = time.monotonic() + seconds
        while time.monotonic() < until or (
            time.monotonic() < until + 30 and (len(arrived) < FEWEST_ANSWERS or not is_enough())
        ):
            time.sleep(0.002)
            # The list is read before the clock: no answer is taken for earlier than it was.
            n = len(traffic.answers)
            at = time.monotonic_ns()
            arrived += [(at, answer) for answer in traffic.answers[seen:n]]
            seen = n
        served.kill()
    return arrived


def recording(serve: Serve, tmp_path: Path, durability: str, **more: str) -> tuple[Served, Path]:
    log, to = tmp_path / "log", tmp_path / "recording"
    variables = {"LD_PRELOAD": str(library()), "RECORD_FOLDER": str(log), "RECORD_TO": str(to)}
    return serve(durability=durability, settings=variables | more), to


def each_cut(recorded: Path, arrived: list, n_states: int, dice: random.Random, tmp_path: Path):
    """Log folders as power cuts at random moments leave them, and what had been answered by then."""
    disk = Disk(recorded)
    first = arrived[0][0]
    moments = [at for at, event in enumerate(disk.events) if event[2] >= first]
    for number, moment in enumerate(sorted(dice.choice(moments) for _ in range(n_states))):
        at = disk.forward(moment + 1)
        answered = [answer for arrival, answer in arrived if arrival <= at and answer.status != 503]
        folder = tmp_path / f"cut-{number}"
        way = WAYS[number % len(WAYS)]
        lay(disk.after_a_cut(way, dice), folder)
        yield folder, answered, f"cut {number} at event {moment}, {way}"
        # A thousand of them would fill a disk; the one that a test fails at stays.
        shutil.rmtree(folder)


def after_the_cut(serve: Serve, folder: Path) -> list[dict]:
    served = serve(log=folder)
    assert served.stop() == 0
    return served.in_outbox()


def test_a_power_cut_takes_nothing_that_was_answered(serve: Serve, tmp_path: Path) -> None:
    served, recorded = recording(serve, tmp_path, "fsync")
    arrived = recorded_run(served, 3)
    n_answered = 0
    for folder, answered, what in each_cut(recorded, arrived, N_STATES, random.Random(seed()), tmp_path):
        print(what)
        assert_recorded_once(answered, after_the_cut(serve, folder))
        n_answered += len(answered)
    print(f"{N_STATES} power cuts, {n_answered} answers, none lost")


def test_a_power_cut_takes_no_more_than_the_last_exchanges_when_they_are_left_to_the_system(
    serve: Serve, tmp_path: Path
) -> None:
    served, recorded = recording(serve, tmp_path, "os")
    arrived = recorded_run(served, 3)
    # As they were written, which is not as they were numbered: any number of others may overtake a request.
    written = [record["_id"] for record in served.in_outbox()]
    n_lost = 0
    for folder, answered, what in each_cut(recorded, arrived, N_STATES, random.Random(seed()), tmp_path):
        print(what)
        there = [record["_id"] for record in after_the_cut(serve, folder)]
        assert not list(folder.glob("*damaged*")), "the database can be read"
        assert there == written[: len(there)], "only the last ones are lost"
        n_lost += len({answer.id for answer in answered} - set(there))
    print(f"{N_STATES} power cuts, each with a suffix lost, {n_lost} records in all")


@pytest.mark.parametrize(("of", "which"), FAILING)
def test_what_was_answered_survives_syncs_that_fail_and_then_a_power_cut(
    serve: Serve, tmp_path: Path, of: str, which: str
) -> None:
    """After a sync that failed, the system takes what it did not write for written."""
    served, recorded = recording(serve, tmp_path, "fsync", SYNC_FAILS=which, SYNC_FAILS_OF=of)
    arrived = recorded_run(served, 2.5, is_enough=lambda: "a sync of it failed" in served.stderr)
    failed = Disk(recorded).n_failed
    assert failed, "no sync failed"
    said = served.stderr.splitlines()
    told = [line for line in said if "a sync of it failed" in line and "::outbox::" in line]
    assert len(told) >= failed, "each is told\n" + served.stderr
    n_states = max(N_STATES // len(FAILING), 7)
    for folder, answered, what in each_cut(recorded, arrived, n_states, random.Random(seed()), tmp_path):
        print(what)
        records = after_the_cut(serve, folder)
        assert_recorded_once(answered, records)


@pytest.mark.parametrize("sync_ms", SYNC_MS)
def test_a_kill_at_an_answer_takes_nothing_that_was_answered_however_slow_syncs_are(
    serve: Serve, tmp_path: Path, sync_ms: int
) -> None:
    dice = random.Random(seed())
    slow = {
        "LD_PRELOAD": str(library()),
        "RECORD_FOLDER": str(tmp_path / "log"),
        "SYNC_DELAY_US": f"{sync_ms}000",
    }
    stone = {"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VS1"}
    served = serve(durability="fsync", settings=slow)
    answers = []
    for _ in range(N_KILLS):
        n_more = dice.randrange(8, 60)
        with BatchTraffic(served, [stone] * 300) as traffic:
            eventually(lambda n=n_more, traffic=traffic: len(traffic.answers) >= n, 60, "it answers")
            served.kill()
        answers += traffic.answers
        served.start()
    assert {answer.status for answer in answers} == {200}
    records = {record["_id"]: record for record in served.in_outbox()}
    missing = [answer.id for answer in answers if answer.id not in records]
    assert not missing, f"{len(missing)} of {len(answers)} are not recorded"
    assert all(records[answer.id]["response"]["body"] == answer.json() for answer in answers)
    print(f"{N_KILLS} kills, syncs of {sync_ms} ms: {len(answers)} answers, none lost")


class BatchTraffic(Traffic):
    """Clients that post batches: large records, which fill the write-ahead log soon."""

    def __init__(self, served: Served, stones: list[dict]) -> None:
        super().__init__(served, n_clients=8)
        self.batch = {"diamonds": stones}

    def ask(self, client: int) -> None:
        connection = self.served.connect()
        while not self.is_over.is_set():
            try:
                self.answers.append(exchange(connection, "POST", f"{VALUATIONS}/batch", self.batch))
            except Exception:  # noqa: BLE001 - the server is gone, in whatever way that shows
                return
