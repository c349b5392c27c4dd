"""The server ends in the middle of its work; what it answered is recorded."""

import random
import signal
import time

import pytest
from helpers import in_soak, seed
from served import Serve, Target, Traffic, assert_recorded_once, eventually

N_KILLS = 500 if in_soak() else 20
N_KILLS_WITH_DATABASE = 100 if in_soak() else 5


def kill_at_random(served, n_kills: int, dice: random.Random) -> list:
    answers = []
    for _ in range(n_kills):
        with Traffic(served, pause=0.001) as traffic:
            traffic.wait_for(1)
            time.sleep(dice.uniform(0.0, 0.4))
            served.kill()
        traffic.assert_no_failures()
        answers += traffic.answers
        served.start()
    return answers


@pytest.mark.parametrize("durability", ["os", "fsync"])
def test_every_answered_request_is_recorded_once_however_often_the_server_is_killed(
    serve: Serve, durability: str
) -> None:
    served = serve(durability=durability)
    answers = kill_at_random(served, N_KILLS // 2, random.Random(seed()))
    assert_recorded_once(answers, served.in_outbox())
    records = served.recorded()
    assert_recorded_once(answers, records)
    ids = [record["_id"] for record in records]
    assert ids == sorted(ids, reverse=True), "newest first"


def test_every_answered_request_is_in_the_database_once_however_often_the_server_is_killed(
    serve: Serve, target: Target
) -> None:
    served = serve(target.uri)
    answers = kill_at_random(served, N_KILLS_WITH_DATABASE, random.Random(seed()))
    eventually(served.outbox_is_empty, 60, "all is shipped")
    documents = target.find([answer.id for answer in answers])
    assert_recorded_once(answers, documents)
    assert len(documents) == len(answers)
    assert not served.in_outbox("dead_letter")


def test_a_stop_while_the_database_is_frozen_takes_no_longer(serve: Serve, database) -> None:
    served = serve(database.start().uri())
    with Traffic(served, pause=0.002) as traffic:
        traffic.wait_for(100)
        database.signal(signal.SIGSTOP)
        traffic.wait_for(100)
        assert served.stop(within=10) == 0
    traffic.assert_no_failures()
    database.signal(signal.SIGCONT)
    served.start()
    eventually(served.outbox_is_empty, 40, "all is shipped")
    assert_recorded_once(traffic.answers, list(database.collection().find({})))
