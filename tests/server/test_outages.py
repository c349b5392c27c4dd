"""The database goes, freezes, comes late or loses its replies; requests do not notice."""

import signal
import sqlite3
import time

import pymongo.errors
import pytest
from helpers import in_soak
from served import VALUATIONS, Proxy, Secantus, Serve, Traffic, assert_recorded_once, eventually, stored


def test_a_database_killed_under_load_gets_everything_once_it_is_back(
    serve: Serve, database: Secantus
) -> None:
    served = serve(database.start().uri())
    with Traffic(served, pause=0.02) as traffic:
        for outage in (1, 2):
            traffic.wait_for(100)
            database.kill()
            eventually(lambda n=outage: served.n_warnings() == n, 30, "the outage is noticed")
            assert served.metric("xtream_mongodb_up") == 0
            traffic.wait_for(100)
            database.start()
            eventually(served.ships, 30, "the database is found again")
            assert served.metric("xtream_mongodb_up") == 1
    traffic.assert_no_failures()
    eventually(served.outbox_is_empty, 40, "all is shipped")
    assert_recorded_once(traffic.answers, stored(database.collection()))
    assert served.n_warnings() == 2, "one line for each outage\n" + served.stderr
    assert served.metric("xtream_mongodb_failures") >= 2
    assert served.metric("xtream_mongodb_shipped") >= len(traffic.answers)
    assert served.metric("xtream_log_records") == served.metric("xtream_log_dead_letters") == 0


def test_a_frozen_database_gets_everything_once_it_thaws(serve: Serve, database: Secantus) -> None:
    served = serve(database.start().uri())
    with Traffic(served, pause=0.02) as traffic:
        traffic.wait_for(50)
        database.signal(signal.SIGSTOP)
        slowest = 0.0
        until = time.monotonic() + 5
        while time.monotonic() < until:
            started = time.monotonic()
            traffic.wait_for(1)
            slowest = max(slowest, time.monotonic() - started)
        assert slowest < 4, "requests wait for the database"
        database.signal(signal.SIGCONT)
        traffic.wait_for(20)
    traffic.assert_no_failures()
    eventually(served.outbox_is_empty, 40, "all is shipped")
    assert_recorded_once(traffic.answers, stored(database.collection()))
    assert served.n_warnings() <= 1, served.stderr


def test_a_database_that_starts_after_the_traffic_gets_everything(serve: Serve, database: Secantus) -> None:
    served = serve(database.uri())
    with Traffic(served, pause=0.002) as traffic:
        traffic.wait_for(700)
    traffic.assert_no_failures()
    eventually(lambda: served.n_warnings() == 1, 15, "the server says that the database is away")
    database.start()
    eventually(served.outbox_is_empty, 60, "all is shipped")
    assert_recorded_once(traffic.answers, stored(database.collection()))
    assert served.n_warnings() == 1, served.stderr


def test_a_lost_reply_stores_nothing_twice(serve: Serve, database: Secantus, proxy: Proxy) -> None:
    database.start()
    served = serve(database.uri(proxy.port))
    with Traffic(served, pause=0.02) as traffic:
        for _ in range(3):
            traffic.wait_for(50)
            # More than the driver's own second attempt.
            proxy.n_to_cut = 3
            eventually(lambda: proxy.n_to_cut == 0, 30, "replies are lost")
    assert proxy.n_cut >= 6
    traffic.assert_no_failures()
    eventually(served.outbox_is_empty, 40, "all is shipped")
    documents = stored(database.collection())
    assert_recorded_once(traffic.answers, documents)
    assert not served.in_outbox("dead_letter")


def test_a_document_that_is_refused_is_set_aside_and_delays_nobody(serve: Serve, database: Secantus) -> None:
    """A unique index of the database's owner is what refuses the second one here."""
    database.start()
    collection = database.collection()
    collection.create_index("request.body.serial", unique=True, sparse=True)
    served = serve(database.uri())
    first = served.ask("POST", VALUATIONS, {"serial": 1})
    eventually(lambda: collection.find_one({"_id": first.id}), 20, "the first one is shipped")
    refused = served.ask("POST", VALUATIONS, {"serial": 1})
    others = [served.ask("POST", VALUATIONS, {"carat": n}) for n in range(20)]
    eventually(served.outbox_is_empty, 30, "nothing waits")
    assert [record["_id"] for record in served.in_outbox("dead_letter")] == [refused.id]
    assert_recorded_once([first, *others], stored(collection))
    assert "refuses this exchange for good" in served.stderr
    assert served.ask("GET", "/readyz").json()["mongodb"]["n_dead"] == 1
    assert_recorded_once([first, refused, *others], served.recorded())


def test_a_validator_of_the_database_holds_up_only_what_it_refuses(serve: Serve, database: Secantus) -> None:
    database.start()
    collection = database.collection()
    try:
        collection.database.create_collection(
            collection.name, validator={"request.body.refuse_me": {"$exists": False}}
        )
        collection.insert_one({"_id": "probe", "request": {"body": {"refuse_me": 1}}})
        pytest.skip("this database has no validators")
    except pymongo.errors.WriteError:
        pass
    except pymongo.errors.OperationFailure as error:
        pytest.skip(f"this database has no validators: {error}")
    served = serve(database.uri())
    refused = [served.ask("POST", VALUATIONS, {"refuse_me": n}) for n in range(3)]
    others = [served.ask("POST", VALUATIONS, {"carat": n}) for n in range(20)]
    eventually(served.outbox_is_empty, 30, "nothing waits")
    assert_recorded_once(others, stored(collection))
    assert {record["_id"] for record in served.in_outbox("dead_letter")} == {answer.id for answer in refused}


def test_a_record_too_large_for_the_database_does_not_stop_the_others(
    serve: Serve, database: Secantus
) -> None:
    """One list of exchanges with large bodies is an answer of more than 16 MiB, and is itself recorded."""
    served = serve(database.uri())
    for _ in range(18):
        served.ask("POST", VALUATIONS, b'"' + b"x" * 1_000_000 + b'"')
    served.administer("/v1/exchanges?limit=1000")
    last = served.ask("POST", VALUATIONS, {"carat": 2})
    database.start()
    collection = database.collection()
    eventually(lambda: collection.find_one({"_id": last.id}), 25, "what comes after it is shipped")


def test_a_number_that_somebody_else_took_is_not_believed_to_be_shipped(
    serve: Serve, database: Secantus
) -> None:
    """A document that is there already is ours only if it says the same."""
    served = serve(database.uri())
    taken, other = (served.ask("POST", VALUATIONS, {"carat": n}) for n in range(2))
    served.kill()
    database.start()
    collection = database.collection()
    collection.insert_one({"_id": taken.id, "written_by": "somebody else"})
    served.start()
    eventually(served.outbox_is_empty, 40, "nothing waits")
    assert [record["_id"] for record in served.in_outbox("dead_letter")] == [taken.id]
    assert collection.find_one({"_id": taken.id}) == {"_id": taken.id, "written_by": "somebody else"}
    assert collection.find_one({"_id": other.id})


def test_a_record_that_changed_on_the_disk_is_set_aside_and_not_shipped(
    serve: Serve, database: Secantus
) -> None:
    served = serve(database.uri())
    damaged, other = (served.ask("POST", VALUATIONS, {"carat": n}) for n in range(2))
    assert served.stop() == 0
    with sqlite3.connect(served.log / "exchanges.sqlite") as file:
        changed = "UPDATE exchange SET document = replace(document, 'carat', 'karat') WHERE id = ?"
        assert file.execute(changed, [damaged.id]).rowcount == 1
    file.close()
    database.start()
    served.start()
    eventually(served.outbox_is_empty, 40, "nothing waits")
    assert [record["_id"] for record in served.in_outbox("dead_letter")] == [damaged.id]
    assert [document["_id"] for document in stored(database.collection())] == [other.id]
    assert "it is damaged: it is not what was written" in served.stderr


@pytest.mark.skipif(not in_soak(), reason="takes half a minute; `mongodb::tests` has a quick form")
def test_a_reply_that_never_comes_is_waited_for_for_half_a_minute(
    serve: Serve, database: Secantus, proxy: Proxy
) -> None:
    """The connection lives, and only what was asked last is never answered."""
    database.start()
    served = serve(database.uri(proxy.port))
    proxy.n_to_swallow = 1
    answer = served.ask("POST", VALUATIONS, {"carat": 1})
    eventually(lambda: proxy.n_to_swallow == 0, 20, "it is offered")
    eventually(served.outbox_is_empty, 45, "it is offered again")
    assert "it did not answer within 30 seconds" in served.stderr
    assert_recorded_once([answer], stored(database.collection()))
