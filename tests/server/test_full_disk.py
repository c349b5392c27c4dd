"""The disk of the log is full: nothing is answered unrecorded, and it heals by itself."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from served import (
    STONE,
    VALUATIONS,
    Answer,
    Secantus,
    Serve,
    Served,
    assert_recorded_once,
    eventually,
    exchange,
)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of sixteen megabytes: twice the space that the log sets aside."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def until_refused(served: Served) -> tuple[list[Answer], Answer]:
    """Posts until something else than a price comes back."""
    answers = []
    with contextlib.closing(served.connect()) as connection:
        for _ in range(20_000):
            answer = exchange(connection, "POST", VALUATIONS, STONE)
            if answer.status != 200:
                return answers, answer
            answers.append(answer)
    raise AssertionError("the disk does not get full")


def assert_log_unavailable(answer: Answer) -> None:
    assert answer.status == 503, answer.content
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["code"] == "log_unavailable"


def test_a_full_disk_refuses_requests_and_heals_by_itself(small_disk: Path, serve: Serve) -> None:
    (small_disk / "filler").write_bytes(b"x" * 3_000_000)
    served = serve(log=small_disk / "log")
    before, refused = until_refused(served)
    assert before, "some were answered"
    assert_log_unavailable(refused)
    for _ in range(20):
        # Refused again and again, or recorded; never answered and forgotten.
        answer = served.ask("POST", VALUATIONS, STONE)
        if answer.status == 200:
            before.append(answer)
        else:
            assert_log_unavailable(answer)
    (small_disk / "filler").unlink()
    eventually(lambda: served.ask("POST", VALUATIONS, STONE).status == 200, 5, "it answers again")
    after = [served.ask("POST", VALUATIONS, STONE) for _ in range(20)]
    assert {answer.status for answer in after} == {200}
    assert_recorded_once(before + after, served.in_outbox())
    served.kill()
    served.start()
    assert_recorded_once(before + after, served.recorded())


def test_a_disk_that_a_missing_database_filled_is_emptied_when_the_database_returns(
    small_disk: Path, serve: Serve, database: Secantus
) -> None:
    (small_disk / "filler").write_bytes(b"x" * 3_000_000)
    served = serve(database.uri(), log=small_disk / "log")
    answers, refused = until_refused(served)
    assert_log_unavailable(refused)
    database.start()
    eventually(
        lambda: served.ask("POST", VALUATIONS, STONE).status == 200, 40, "it empties the log and answers"
    )
    eventually(served.outbox_is_empty, 40, "all is shipped")
    ids = {document["_id"] for document in database.collection().find({}, {"_id": 1})}
    assert {answer.id for answer in answers} <= ids


def fill_up(disk: Path) -> None:
    """Takes the last byte of it."""
    with contextlib.suppress(OSError), (disk / "rest").open("ab", buffering=0) as rest:
        while True:
            rest.write(b"x" * 4096)


def test_a_server_starts_on_a_full_disk_with_the_help_of_its_reserve(small_disk: Path, serve: Serve) -> None:
    served = serve(log=small_disk / "log")
    answers = [served.ask("POST", VALUATIONS, STONE) for _ in range(20)]
    eventually((small_disk / "log" / "reserve").exists, 5, "the space is set aside")
    assert served.stop() == 0
    # SQLite's shared memory is made anew, as after a copy of the folder: that takes space.
    (small_disk / "log" / "exchanges.sqlite-shm").unlink(missing_ok=True)
    fill_up(small_disk)
    served.start()
    assert "its reserve is given up to start" in served.stderr
    (small_disk / "rest").unlink()
    eventually(lambda: served.ask("POST", VALUATIONS, STONE).status == 200, 5, "it answers again")
    assert_recorded_once(answers, served.recorded()[-20:])


def test_a_server_that_speaks_to_the_full_disk_too_still_answers_with_a_number(
    small_disk: Path, serve: Serve
) -> None:
    """`xtream serve 2> server.log` with both on one disk."""
    # Most of the disk is the filler's, so that its removal frees space; the log fills the rest.
    (small_disk / "filler").write_bytes(b"x" * 6_000_000)
    served = serve(log=small_disk / "log", said_in=small_disk)
    until_refused(served)
    for _ in range(20):
        answer = served.ask("POST", VALUATIONS, STONE)
        if answer.status != 200:
            assert_log_unavailable(answer)
    (small_disk / "filler").unlink()
    eventually(lambda: served.ask("POST", VALUATIONS, STONE).status == 200, 5, "it answers again")
