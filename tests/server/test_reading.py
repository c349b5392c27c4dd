"""`GET /v1/exchanges` over the local log and the database; the indexes behind it."""

import contextlib

from served import (
    STONE,
    VALUATIONS,
    Secantus,
    Serve,
    Target,
    Traffic,
    assert_recorded_once,
    eventually,
    exchange,
)


def test_the_indexes_are_there_after_the_start(serve: Serve, target: Target) -> None:
    serve(target.uri)
    wanted = [
        [("received_at", 1)],
        [("route", 1), ("_id", -1)],
        [("response.status", 1), ("_id", -1)],
    ]

    def are_there() -> bool:
        keys = [index["key"] for index in target.collection.index_information().values()]
        return all(key in keys for key in wanted)

    eventually(are_there, 15, "the indexes are made")


def test_shipped_and_waiting_exchanges_are_read_as_one_list(serve: Serve, database: Secantus) -> None:
    served = serve(database.start().uri())
    with Traffic(served, pause=0.01) as traffic:
        traffic.wait_for(60)
    eventually(served.outbox_is_empty, 30, "the first ones are shipped")
    shipped = traffic.answers
    database.kill()
    with Traffic(served, pause=0.1) as traffic:
        traffic.wait_for(60)
        eventually(lambda: served.n_warnings() == 1, 30, "the outage is noticed")
    waiting = traffic.answers
    pages = list(served.pages(limit=1000, query="&route=/v1/valuations"))
    assert all(page["missing"] for page in pages), "it says that some are missing"
    assert_recorded_once(waiting, [record for page in pages for record in page["exchanges"]])
    database.start()
    # Read again and again while they move from one place to the other.
    while True:
        is_empty = served.outbox_is_empty()
        pages = list(served.pages(limit=37, query="&route=/v1/valuations"))
        records = [record for page in pages for record in page["exchanges"]]
        ids = [record["_id"] for record in records]
        assert ids == sorted(ids, reverse=True), "newest first"
        if not any("missing" in page for page in pages):
            assert_recorded_once(shipped + waiting, records)
            if is_empty:
                break
        assert "missing" not in pages[0] or not is_empty


def test_one_exchange_is_found_before_and_after_it_is_shipped(serve: Serve, database: Secantus) -> None:
    served = serve(database.uri())
    answer = served.ask("POST", VALUATIONS, STONE)
    before = served.administer(f"/v1/exchanges/{answer.id}")["exchange"]
    database.start()
    eventually(served.outbox_is_empty, 30, "it is shipped")
    after = served.administer(f"/v1/exchanges/{answer.id}")["exchange"]
    assert before == after


def test_a_record_reads_the_same_before_and_after_it_is_shipped(serve: Serve, database: Secantus) -> None:
    """Times too: `.900Z` stays `.900Z`."""
    served = serve(database.uri())
    with contextlib.closing(served.connect()) as connection:
        for _ in range(200):
            exchange(connection, "POST", VALUATIONS, STONE)
    before = served.recorded()
    database.start()
    eventually(served.outbox_is_empty, 30, "they are shipped")
    after = {record["_id"]: record for record in served.recorded()}
    assert len(before) == 200
    for record in before:
        assert after[record["_id"]] == record


def test_reading_the_log_does_not_multiply_it(serve: Serve) -> None:
    served = serve()
    for _ in range(20):
        served.ask("POST", VALUATIONS, STONE)
    sizes = [len(str(served.administer("/v1/exchanges?limit=1000"))) for _ in range(8)]
    assert sizes[-1] < 4 * sizes[0], f"each look records all earlier looks again: {sizes}"
