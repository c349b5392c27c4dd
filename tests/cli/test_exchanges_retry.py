"""`xtream exchanges retry`: what MongoDB refused for good is offered again."""

import contextlib
import http.client
import sqlite3
import subprocess

from helpers import FIRST, PROGRAM, Program, environment


def set_all_aside(log) -> None:
    """As if MongoDB had refused every exchange for good."""
    columns = "id, received_at, route, status, digest, document"
    with contextlib.closing(sqlite3.connect(log / "exchanges.sqlite")) as file, file:
        file.execute(f"INSERT INTO dead_letter ({columns}, reason) SELECT {columns}, 'no' FROM exchange")
        file.execute("DELETE FROM exchange")


def count(log, table: str) -> int:
    with contextlib.closing(sqlite3.connect(f"file:{log}/exchanges.sqlite?mode=ro", uri=True)) as file:
        return file.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def serve(program: Program) -> tuple[subprocess.Popen, str]:
    server = subprocess.Popen(
        [PROGRAM, "serve", "--registry", "r", "--bind", "127.0.0.1:0", "--durability", "os"],
        cwd=program.folder,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    said = next(line for line in server.stderr if line.startswith("Listening on http://"))
    return server, said.split()[2].rstrip(";").removeprefix("http://")


def test_dead_letters_are_offered_again_by_the_running_server_and_without_one(tmp_path) -> None:
    program = Program(tmp_path)
    program("train", FIRST, "--models", "linear", "--trials", "0", "--registry", "r")
    log = tmp_path / "exchange-log"
    for is_running in [False, True]:
        server, address = serve(program)
        for _ in range(3):
            with contextlib.closing(http.client.HTTPConnection(address, timeout=60)) as connection:
                connection.request("GET", "/v1/nothing")
                assert connection.getresponse().status == 404
        if not is_running:
            server.terminate()
            assert server.wait(60) == 0
        set_all_aside(log)
        n = count(log, "dead_letter")
        run = program("exchanges", "retry")
        assert f"{n} exchanges are offered to MongoDB again" in run.stdout
        assert (count(log, "dead_letter"), count(log, "exchange")) == (0, n)
        assert "nothing that MongoDB refused" in program("exchanges", "retry").stdout
        if is_running:
            server.terminate()
            assert server.wait(60) == 0


def test_a_folder_without_a_log_is_named(tmp_path) -> None:
    run = Program(tmp_path)("exchanges", "retry", "--exchange-log", "nowhere", status=1)
    assert "nowhere" in run.stderr and "there is none" in run.stderr
