"""What MongoDB costs a request: nothing that a client would notice. Long, so `make soak` alone runs it."""

import random
import signal
import threading
import time
from pathlib import Path

import pytest
from helpers import in_soak, seed
from served import STONE, VALUATIONS, Secantus, Serve, assert_recorded_once, eventually, exchange, stored

N_CLIENTS = 4
SECONDS = 60
# Largest ratio of the 99th percentiles, and what is within the noise of a disk's fsync all the same.
MOST, NOISE_MS = 1.2, 1.0


def percentile(times: list[float], share: float) -> float:
    return sorted(times)[int(share * (len(times) - 1))] * 1000


@pytest.mark.skipif(not in_soak(), reason="takes minutes; `make soak` runs it")
@pytest.mark.parametrize("trouble", ["none", "killed", "frozen"])
def test_the_slowest_of_a_hundred_requests_is_as_fast_with_mongodb_as_without(
    serve: Serve, database: Secantus, tmp_path: Path, trouble: str
) -> None:
    database.start()
    # Both at once on the same disk, and each client asks one or the other: what disturbs one of them
    # disturbs both.
    without = serve(log=tmp_path / "without", durability="fsync")
    shipping = serve(database.uri(), log=tmp_path / "with", durability="fsync")
    times: dict[str, list[float]] = {"without": [], "with": []}
    answers = []
    is_over = threading.Event()
    chosen = seed()

    def ask(client: int) -> None:
        dice = random.Random(chosen + client)
        connections = {"without": without.connect(), "with": shipping.connect()}
        while not is_over.is_set():
            name = dice.choice(list(connections))
            started = time.perf_counter()
            answer = exchange(connections[name], "POST", VALUATIONS, STONE)
            times[name].append(time.perf_counter() - started)
            assert answer.status == 200
            if name == "with":
                answers.append(answer)
            time.sleep(0.005)

    clients = [threading.Thread(target=ask, args=(n,)) for n in range(N_CLIENTS)]
    for client in clients:
        client.start()
    time.sleep(SECONDS / 3)
    if trouble == "killed":
        database.kill()
    elif trouble == "frozen":
        database.signal(signal.SIGSTOP)
    time.sleep(SECONDS / 3)
    if trouble == "killed":
        database.start()
    elif trouble == "frozen":
        database.signal(signal.SIGCONT)
    time.sleep(SECONDS / 3)
    is_over.set()
    for client in clients:
        client.join(30)
    p99 = {name: percentile(found, 0.99) for name, found in times.items()}
    p50 = {name: percentile(found, 0.50) for name, found in times.items()}
    print(
        f"database {trouble}: p50 {p50['without']:.2f} ms without, {p50['with']:.2f} ms with MongoDB;"
        f" p99 {p99['without']:.2f} and {p99['with']:.2f} ms, ratio {p99['with'] / p99['without']:.2f};"
        f" {len(answers):,} exchanges shipped"
    )
    assert p99["with"] <= MOST * p99["without"] + NOISE_MS
    eventually(shipping.outbox_is_empty, 60, "all is shipped")
    assert_recorded_once(answers, stored(database.collection()))
