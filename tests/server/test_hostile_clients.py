"""Clients that mean harm or know no better; whoever asks properly is served meanwhile."""

import contextlib
import resource
import socket
import time
from collections.abc import Iterator

import pytest
from served import STONE, VALUATIONS, Serve, Served

HEAD = f"POST {VALUATIONS} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode()


@pytest.fixture
def many_files() -> Iterator[None]:
    """Leave to open thousands of sockets, in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connect(served: Served, sent: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", served.port), timeout=30)
    connection.sendall(sent)
    return connection


def received(connection: socket.socket) -> bytes:
    """All that comes until the server hangs up, by a reset too."""
    everything = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65_536):
            everything += chunk
    return everything


def assert_served(served: Served) -> None:
    """An honest client gets its price, and soon."""
    started = time.monotonic()
    for _ in range(10):
        answer = served.ask("POST", VALUATIONS, STONE)
        assert answer.status == 200, answer.content
    assert time.monotonic() - started < 8


# Each way to hold a connection without asking anything: nothing, part of a head, part of a body.
@pytest.mark.parametrize(
    ("max_connections", "sent"),
    [
        ("4096", b""),
        ("256", b""),
        ("256", b"GET /v1/mod"),
        ("256", HEAD + b"Content-Length: 9\r\n\r\n{"),
    ],
    ids=["room for all", "room for few", "heads that do not end", "bodies that do not come"],
)
def test_two_thousand_idle_connections_keep_nobody_waiting(
    serve: Serve, many_files: None, max_connections: str, sent: bytes
) -> None:
    served = serve(settings={"XTREAM_SERVE_MAX_CONNECTIONS": max_connections})
    idle = [connect(served, sent) for _ in range(2000)]
    assert_served(served)
    assert served.metric("xtream_connections") <= int(max_connections)
    displaced = served.metric("xtream_connections_displaced_total")
    assert displaced >= 1744 if max_connections == "256" else displaced == 0
    assert served.metric("xtream_connections_refused_total") == 0
    for connection in idle:
        connection.close()
    assert_served(served)


def test_three_megabytes_of_one_byte_chunks_are_refused_early(serve: Serve) -> None:
    served = serve()
    connection = connect(served, HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    chunks = b"1\r\n \r\n" * 1000
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for _ in range(3000):
            connection.sendall(chunks)
        connection.sendall(b"0\r\n\r\n")
    answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert_served(served)
    assert served.recorded(query="&status=408") == []
    (record,) = [record for record in served.recorded() if record["response"]["status"] == 413]
    assert record["request"]["truncated"]
    assert len(record["request"]["body"]) == 64 << 10


@pytest.mark.parametrize("part", ["head", "body"])
def test_whoever_sends_a_byte_now_and_then_is_hung_up_on(serve: Serve, part: str) -> None:
    served = serve(settings={"XTREAM_SERVE_REQUEST_TIMEOUT": "1.0"})
    begun = HEAD + (b"X: " if part == "head" else b"Content-Length: 1000\r\n\r\n")
    slow = [connect(served, begun) for _ in range(50)]
    started = time.monotonic()
    while time.monotonic() - started < 3:
        for connection in slow:
            with contextlib.suppress(OSError):
                connection.sendall(b"x")
        time.sleep(0.1)
        assert served.ask("POST", VALUATIONS, STONE).status == 200
    answers = [received(connection) for connection in slow]
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers), set(answers)
    assert all(answer.count(b"HTTP/1.1 ") == 1 for answer in answers)
    statuses = [record["response"]["status"] for record in served.recorded(query="")]
    assert statuses.count(408) == (50 if part == "body" else 0)
    assert served.metric("xtream_unreadable_total") == (50 if part == "head" else 0)


def test_a_client_that_takes_no_bytes_is_hung_up_on(serve: Serve) -> None:
    served = serve()
    batch = {"diamonds": [STONE] * 1000}
    assert served.ask("POST", f"{VALUATIONS}/batch", batch).status == 200
    # A window of a few kilobytes, and answers of 150 that nobody reads.
    greedy = socket.socket()
    greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    greedy.connect(("127.0.0.1", served.port))
    request = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
    greedy.setblocking(False)
    n_sent, started = 0, time.monotonic()
    while served.metric("xtream_connections_stalled_total") == 0:
        assert time.monotonic() - started < 60, "it is still waited for"
        # As much as is taken, which is none once the server has more answers than it may keep.
        with contextlib.suppress(OSError):
            while True:
                n_sent += greedy.send((request * 100)[n_sent % len(request) :])
        time.sleep(0.2)
    assert_served(served)


def memory(served: Served) -> int:
    """Megabytes that the server holds now."""
    with open(f"/proc/{served.process.pid}/status") as status:
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmRSS"))


@pytest.mark.alone
def test_answers_that_nobody_reads_take_little_memory(serve: Serve, many_files: None) -> None:
    """Each asks for the documentation's script, 1.5 MB, sixteen times, and takes no byte of it."""
    served = serve()
    request = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
    assert served.ask("GET", "/docs/swagger-ui-bundle.js").status == 200
    before = memory(served)
    greedy = []
    for _ in range(400):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", served.port))
        connection.sendall(request * 16)
        greedy.append(connection)
    peak = 0
    for _ in range(10):
        # Whoever reads is answered meanwhile; how soon is for the machine to say.
        assert served.ask("POST", VALUATIONS, STONE).status == 200
        peak = max(peak, memory(served))
        time.sleep(0.1)
    assert peak - before < 150, f"{peak - before} MB for 400 clients"
    for connection in greedy:
        connection.close()


def test_what_is_no_http_is_refused_counted_and_told_in_one_line(serve: Serve) -> None:
    served = serve()
    hello = bytes.fromhex("16030100b5010000b103035f")
    odd = (hello + b"\r\n\r\n", b"\x00\x00\r\n\r\n", b"EHLO shop\r\n\r\n", b"GET /\r\n\r\n")
    for sent in odd:
        answer = received(connect(served, sent))
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n"), answer
    assert served.metric("xtream_unreadable_total") == len(odd)
    assert served.recorded(query="") == []
    served.stop()
    (line,) = [line for line in served.stderr.splitlines() if "could not be read as a request" in line]
    assert "127.0.0.1" in line and "EHLO" not in line


def test_deep_nesting_and_numbers_beyond_all_bounds_are_refused_and_recorded(serve: Serve) -> None:
    served = serve()
    answers = [served.ask("POST", VALUATIONS, b"[" * 30_000 + b"]" * 30_000)]
    for number in ("NaN", "Infinity", "-Infinity", "1e39", "1e309", "-1", "0", "-0.0", "1e-320", "9" * 400):
        for name in ("carat", "x", "depth"):
            fields = {"carat": "1.2", "cut": '"Premium"', "color": '"E"', "clarity": '"VS1"'} | {name: number}
            body = ", ".join(f'"{name}": {value}' for name, value in fields.items())
            answers.append(served.ask("POST", VALUATIONS, f"{{{body}}}".encode()))
    for value in ([], {}, [1.2], {"carat": 1.2}, True, "", "heavy", None):
        answers.append(served.ask("POST", VALUATIONS, STONE | {"carat": value}))
        answers.append(served.ask("POST", VALUATIONS, STONE | {"cut": value}))
    # A zero for a measurement is one that nobody made, and is estimated.
    are_zeros = [set(answer.json().get("assumed", [])) & {"x", "depth"} != set() for answer in answers]
    assert sum(are_zeros) == 4
    for answer, is_zero in zip(answers, are_zeros, strict=True):
        assert answer.status == 200 if is_zero else answer.status in {400, 422}
        assert is_zero or answer.headers["content-type"] == "application/problem+json"
    records = served.recorded()
    assert {answer.id for answer in answers} == {record["_id"] for record in records}
    assert len(records) == len(answers)
