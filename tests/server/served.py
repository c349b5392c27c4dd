"""A server, a database, a proxy between the two, and clients that remember what was answered."""

import contextlib
import http.client
import json
import os
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pymongo
from helpers import PROGRAM, environment, free_port
from pymongo.collection import Collection

KEY = "the-administrators-key-of-the-tests"
STONE = {"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VS1"}
VALUATIONS = "/v1/valuations"


# How many times as long as on an idle machine something may take on one that runs other tests.
PATIENCE = 4


def eventually(is_so: Callable[[], object], within: float, what: str) -> None:
    """Waits until it is so; fails with `what` when `within`, the most seconds of an idle machine, are up."""
    deadline = time.monotonic() + PATIENCE * within
    while not is_so():
        assert time.monotonic() < deadline, f"not within {PATIENCE * within} s: {what}"
        time.sleep(0.05)


@dataclass
class Answer:
    """A complete answer, and what it answers."""

    id: str
    status: int
    headers: dict[str, str]
    content: bytes
    sent: object = None

    def json(self) -> dict:
        return json.loads(self.content)


def exchange(
    connection: http.client.HTTPConnection, method: str, path: str, body: object = None, **headers: str
) -> Answer:
    """One request; returns when the last byte of its answer has arrived."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    if content is not None:
        headers = {"Content-Type": "application/json"} | headers
    connection.request(method, path, content, headers)
    response = connection.getresponse()
    received = response.read()
    names = {name.lower(): value for name, value in response.getheaders()}
    assert "x-request-id" in names, f"an answer without a number: {response.status} {received!r}"
    return Answer(names["x-request-id"], response.status, names, received, body)


@dataclass
class Served:
    """`xtream serve` with a log; it can be killed and started again."""

    registry: Path
    log: Path
    mongodb: str | None = None
    durability: str = "os"
    said_in: Path = Path()
    settings: dict[str, str] = field(default_factory=dict)
    arguments: list[object] = field(default_factory=list)
    process: subprocess.Popen | None = None
    port: int = 0
    # The port of all its lives; 0 is another one each time.
    bind: int = 0

    @property
    def stderr(self) -> str:
        """All it has said, in all its lives."""
        return self.said.read_text(errors="replace")

    @property
    def said(self) -> Path:
        return self.said_in / f"{self.log.name}.stderr"

    def start(self) -> "Served":
        arguments = [PROGRAM, "serve", "--registry", self.registry, "--bind", f"127.0.0.1:{self.bind}"]
        arguments += ["--exchange-log", self.log, "--durability", self.durability, *self.arguments]
        variables = environment(XTREAM_ADMIN_KEY=KEY, **self.settings)
        variables.pop("MONGODB_URI", None)
        if self.mongodb:
            variables["MONGODB_URI"] = self.mongodb
        with self.said.open("a") as output:
            already = self.said.stat().st_size
            self.process = subprocess.Popen(
                [str(argument) for argument in arguments],
                cwd=self.log.parent,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

        def listens() -> bool:
            said = self.said.read_bytes()[already:].decode(errors="replace")
            assert self.process.poll() is None, said
            _, found, rest = said.partition("Listening on http://127.0.0.1:")
            if found and ";" in rest:
                self.port = int(rest.partition(";")[0])
            return bool(self.port) and bool(found)

        eventually(listens, 30, "the server listens")
        return self

    def __enter__(self) -> "Served":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()
        assert "panicked" not in self.stderr, self.stderr

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self, sign: int = signal.SIGTERM, within: float = 60) -> int:
        self.process.send_signal(sign)
        return self.process.wait(within)

    def connect(self, timeout: float = 60) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, method: str, path: str, body: object = None, timeout: float = 60, **headers: str) -> Answer:
        with contextlib.closing(self.connect(timeout)) as connection:
            return exchange(connection, method, path, body, **headers)

    def raw(self, request: bytes) -> bytes:
        """Sends these bytes and returns all that comes back before the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(request)
            received = b""
            while chunk := connection.recv(65_536):
                received += chunk
        return received

    def administer(self, path: str, timeout: float = 60) -> dict:
        answer = self.ask("GET", path, timeout=timeout, Authorization=f"Bearer {KEY}")
        assert answer.status == 200, answer.content
        return answer.json()

    def metric(self, name: str) -> float:
        """The value of a series at /metrics, with its labels as they are written there."""
        lines = self.ask("GET", "/metrics").content.decode().splitlines()
        (value,) = [line.rpartition(" ")[2] for line in lines if line.rpartition(" ")[0] == name]
        return float(value)

    def pages(self, limit: int = 1000, query: str = "") -> Iterator[dict]:
        """All of `GET /v1/exchanges`, page by page."""
        cursor = ""
        while cursor is not None:
            page = self.administer(f"/v1/exchanges?limit={limit}{query}" + (cursor and f"&cursor={cursor}"))
            yield page
            cursor = page["next_cursor"]

    def recorded(self, limit: int = 1000, query: str = "&route=/v1/valuations") -> list[dict]:
        return [record for page in self.pages(limit, query) for record in page["exchanges"]]

    def in_outbox(self, table: str = "exchange") -> list[dict]:
        """The records that lie in the local log, in the order of writing, read beside the server."""
        file = f"file:{self.log}/exchanges.sqlite?mode=ro"
        with contextlib.closing(sqlite3.connect(file, uri=True, timeout=60)) as connection:
            return [
                json.loads(document)
                for (document,) in connection.execute(f"SELECT document FROM {table} ORDER BY seq")
            ]

    def outbox_is_empty(self) -> bool:
        return not self.in_outbox()

    def n_warnings(self) -> int:
        """How often it said that MongoDB is away."""
        return self.stderr.count("MongoDB takes no exchanges")

    def ships(self) -> bool:
        return not self.ask("GET", "/readyz").json()["mongodb"]["is_down"]


# How a test starts a server: the fixture `serve`.
Serve = Callable[..., Served]


@dataclass
class Target:
    """A database that a test only writes to and reads from."""

    uri: str
    collection: Collection

    def find(self, ids: list[str]) -> list[dict]:
        # All between the first and the last: a list of tens of thousands is compared with each document.
        wanted = set(ids)
        between = self.collection.find({"_id": {"$gte": min(ids), "$lte": max(ids)}})
        return [document for document in between if document["_id"] in wanted]


def given_uri() -> str | None:
    return os.environ.get("MONGODB_URI") or None


class Clients:
    """Threads that each do `ask` until they are told to stop."""

    def __init__(self, n_clients: int, pause: float) -> None:
        self.pause = pause
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self.ask, args=(n,), daemon=True) for n in range(n_clients)]

    def ask(self, client: int) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive(), "a client waits for ever"


class Traffic(Clients):
    """Clients that post valuations, and keep what was answered completely."""

    def __init__(self, served: Served, n_clients: int = 4, pause: float = 0.0) -> None:
        super().__init__(n_clients, pause)
        self.served = served
        self.answers: list[Answer] = []

    def ask(self, client: int) -> None:
        connection = self.served.connect()
        serial = 0
        while not self.is_over.is_set():
            serial += 1
            body = STONE | {"carat": round(0.3 + (serial % 300) / 100, 2)}
            if serial % 7 == 0:
                # Refused, and recorded all the same.
                body = {"carat": -1, "client": client, "serial": serial}
            try:
                self.answers.append(exchange(connection, "POST", VALUATIONS, body))
            except (OSError, http.client.HTTPException):
                connection.close()
                if self.served.process.poll() is not None:
                    return
                time.sleep(0.01)
            time.sleep(self.pause)
        connection.close()

    def wait_for(self, n_more: int) -> None:
        wanted = len(self.answers) + n_more
        eventually(lambda: len(self.answers) >= wanted, 30, f"{n_more} more answers")

    def assert_no_failures(self) -> None:
        strange = [answer for answer in self.answers if answer.status not in (200, 422)]
        assert not strange, strange[0]


def assert_recorded_once(answers: list[Answer], records: list[dict]) -> None:
    """Every answered request has exactly one record, and it says what was sent and answered."""
    times = Counter(record["_id"] for record in records)
    several = [id for id, n in times.items() if n > 1]
    assert not several, f"recorded more than once: {several[:5]}"
    missing = [answer.id for answer in answers if answer.id not in times]
    assert not missing, f"{len(missing)} of {len(answers)} answered requests are not recorded: {missing[:5]}"
    by_id = {record["_id"]: record for record in records}
    for answer in answers:
        record = by_id[answer.id]
        assert record["request"]["body"] == answer.sent, record
        assert record["response"] == {"status": answer.status, "body": answer.json()}, record


class Secantus:
    """A database that speaks MongoDB's protocol; it can be killed, frozen and started again."""

    def __init__(self, folder: Path, *flags: object) -> None:
        self.folder, self.flags, self.port = folder, flags, free_port()
        self.process: subprocess.Popen | None = None
        self.query = ""

    def uri(self, port: int | None = None) -> str:
        return f"mongodb://127.0.0.1:{port or self.port}/?directConnection=true{self.query}"

    def start(self) -> "Secantus":
        program = [sys.executable, "-m", "secantus", "--sync-on-commit", "--host", "127.0.0.1"]
        program += ["--port", str(self.port), "--storage-path", str(self.folder / "data")]
        self.folder.mkdir(exist_ok=True)
        with (self.folder / "log").open("a") as output:
            self.process = subprocess.Popen(
                [*program, *map(str, self.flags)], cwd=self.folder, stdout=output, stderr=output
            )

        def answers() -> bool:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
            return False

        eventually(answers, 30, "the database listens")
        return self

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def signal(self, sign: int) -> None:
        self.process.send_signal(sign)

    def collection(self) -> Collection:
        client = pymongo.MongoClient(self.uri(), serverSelectionTimeoutMS=60_000)
        return client["diamond_db"]["exchanges"]

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()


def stored(collection: Collection) -> list[dict]:
    return list(collection.find({}))


class Proxy:
    """Stands between the server and the database and can lose what the database replies."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.n_to_cut = 0
        self.n_cut = 0
        self.n_to_swallow = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.forward, args=(client,), daemon=True).start()

    def close(self) -> None:
        self.listener.close()

    def forward(self, client: socket.socket) -> None:
        """One connection: requests whole messages at a time, replies as they come."""
        with contextlib.suppress(OSError), client:
            server = socket.create_connection(("127.0.0.1", self.target))
            is_cut = threading.Event()
            threading.Thread(target=self.reply, args=(server, client, is_cut), daemon=True).start()
            with server:
                while message := whole_message(client):
                    # An OP_MSG whose command is `insert`.
                    if b"\x02insert\x00" in message[:64]:
                        with self.lock:
                            if self.n_to_cut > 0:
                                self.n_to_cut -= 1
                                is_cut.set()
                            if self.n_to_swallow > 0:
                                self.n_to_swallow -= 1
                                continue
                    server.sendall(message)

    def reply(self, server: socket.socket, client: socket.socket, is_cut: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while message := whole_message(server):
                if is_cut.is_set():
                    # The database has done it, and nobody will hear of it.
                    self.n_cut += 1
                    break
                client.sendall(message)
        for side in (client, server):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)


def whole_message(source: socket.socket) -> bytes:
    """A message of MongoDB's protocol: its length comes first. Empty at the end."""
    message = b""
    length = 4
    while len(message) < length:
        chunk = source.recv(length - len(message))
        if not chunk:
            return b""
        message += chunk
        if len(message) == 4:
            (length,) = struct.unpack("<i", message)
    return message
