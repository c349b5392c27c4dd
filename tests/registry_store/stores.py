"""S3-like stores on this machine: two servers, and a proxy before one of them that does what networks and
poor stores do.
"""

import contextlib
import http.client
import random
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import indexed_bucket as indexed_bucket_program
from helpers import free_port

BUCKET = "shop"
CONFLICT = b"<Error><Code>ConditionalRequestConflict</Code><Message>Try again.</Message></Error>"
BUSY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
ABSENT = b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"
# Head and body of an answer go out one after the other and must not wait for each other, 40 ms each time.
PROMPT_LOCALBUCKET = """
import localbucket
localbucket.S3Handler.disable_nagle_algorithm = True
localbucket.main()
"""
# It looks whether an object is there and then writes it, so two can win unless it does one thing at a time.
PATIENT_MOTO = """
import sys
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
run_simple("127.0.0.1", int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=False)
"""


@dataclass
class Store:
    """A store that answers on a port of this machine, with a bucket in it."""

    port: int
    cache: Path
    # Where its objects are files, of one that keeps them so.
    folder: Path | None = None
    # What it says of each request, of one that says so.
    said: Path | None = None

    def address(self, prefix: str = "diamonds") -> str:
        return f"s3://{BUCKET}/{prefix}"

    def variables(self, **more: str) -> dict[str, str]:
        """What a program must know of it. Each `cache` is another machine."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "me",
            "AWS_SECRET_ACCESS_KEY": "sesame",
            "XDG_CACHE_HOME": str(self.cache),
        } | more

    def requests(self) -> Counter[str]:
        """How often each kind of request came so far, such as `GET commits` and `LIST receipts`."""
        kinds = Counter()
        for method, target in re.findall(r'"([A-Z]+) (\S+) HTTP', self.said.read_text()):
            url = urlsplit(target)
            prefix = parse_qs(url.query).get("prefix")
            # The name of an object begins with the registry's, and its bucket comes before that.
            method, name = ("LIST", prefix[0]) if prefix else (method, url.path.split("/", 2)[2])
            kinds[f"{method} {name.split('/')[1]}"] += 1
        return kinds

    def objects(self, part: str, prefix: str = "diamonds") -> list[str]:
        place = self.folder / prefix / part
        return sorted(path.name for path in place.iterdir()) if place.exists() else []


@contextlib.contextmanager
def running(command: list[object], port: int, said: Path) -> Iterator[None]:
    """A server that is there from its first answer on until the end."""
    with said.open("w") as output:
        process = subprocess.Popen([*map(str, command)], stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None and time.monotonic() < deadline, said.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def localbucket(folder: Path, *program: object) -> Iterator[Store]:
    """A store whose objects are files in `folder/shop`. Its create-only writes are hard links: one wins."""
    port, said = free_port(), folder.with_suffix(".said")
    (folder / BUCKET).mkdir(parents=True)
    program = program or ("-c", PROMPT_LOCALBUCKET)
    with running([sys.executable, *program, folder, "--port", port], port, said):
        yield Store(port, folder.with_suffix(".cache"), folder / BUCKET, said)


def indexed_bucket(folder: Path) -> contextlib.AbstractContextManager[Store]:
    """The same with an index of all names, as real stores have one: a list costs what it answers."""
    return localbucket(folder, indexed_bucket_program.__file__)


@contextlib.contextmanager
def moto(folder: Path) -> Iterator[Store]:
    """The server that programs for Amazon's stores are tested with."""
    port = free_port()
    with running([sys.executable, "-c", PATIENT_MOTO, port], port, folder / "moto.said"):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("PUT", f"/{BUCKET}")
        assert connection.getresponse().status == 200
        yield Store(port, folder / "cache")


@dataclass
class Faults:
    """How likely each fault is for a request, and what kind of store it makes of the one behind it."""

    # The store takes an object and the connection breaks before it says so.
    answer_lost: float = 0.0
    conflict: float = 0.0
    busy: float = 0.0
    # The network delivers a request twice; the second answer arrives.
    twice: float = 0.0
    slow: float = 0.0
    # The connection breaks in the middle of an answer: now and then, or the first time something is read.
    cut: float = 0.0
    cuts_first: bool = False
    # It knows no create-only writes.
    ignores_conditions: bool = False
    # It tells everybody that his write was taken.
    says_yes: bool = False
    # It takes objects and has lost them.
    loses: bool = False
    # Seconds until what was written is seen.
    stale: float = 0.0
    # Nothing may be removed with this key.
    refuses_removal: bool = False
    # Everything is answered with this status and S3's word for it.
    refuses: tuple[int, str] | None = None
    seed: int = 0
    counts: Counter = field(default_factory=Counter)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    # Many come at once.
    request_queue_size = 128

    def handle_error(self, *arguments: object) -> None:
        # Programs end without closing their connections.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(*arguments)


@contextlib.contextmanager
def proxy(store: Store, faults: Faults, tls: ssl.SSLContext | None = None) -> Iterator[Store]:
    """A store that is another one with faults, or with TLS."""
    chance, lock = random.Random(faults.seed), threading.Lock()
    written: dict[str, float] = {}
    read: set[str] = set()

    def happens(name: str) -> bool:
        with lock:
            does = chance.random() < getattr(faults, name)
            faults.counts[name] += does
            return does

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Small answers must not wait for each other.
        disable_nagle_algorithm = True
        upstream: http.client.HTTPConnection | None = None

        def log_message(self, *arguments: object) -> None:
            pass

        def handle_request(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length) if length else None
            faults.counts["requests"] += 1
            is_put = self.command == "PUT"
            if faults.refuses:
                status, code = faults.refuses
                words = f"<Error><Code>{code}</Code><Message>No.</Message></Error>".encode()
                return self.answer(status, {}, words)
            if faults.refuses_removal and self.command == "DELETE":
                return self.answer(403, {}, DENIED)
            if happens("slow"):
                time.sleep(chance.uniform(0.02, 0.3))
            if happens("busy"):
                return self.answer(503, {}, BUSY)
            if is_put and happens("conflict"):
                return self.answer(409, {}, CONFLICT)
            if is_put and faults.loses:
                return self.answer(200, {"ETag": '"lost"'}, b"")
            if not is_put and time.monotonic() < written.get(self.path, 0.0) + faults.stale:
                return self.answer(404, {}, ABSENT)
            status, headers, content = self.forward(body)
            if is_put and happens("twice"):
                status, headers, content = self.forward(body)
            if is_put and status == 200:
                written[self.path] = time.monotonic()
            if is_put and faults.says_yes and status == 412:
                return self.answer(200, {"ETag": '"another"'}, b"")
            if is_put and happens("answer_lost"):
                self.close_connection = True
                return None
            return self.answer(status, headers, content)

        do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = handle_request

        def forward(self, body: bytes | None) -> tuple[int, dict[str, str], bytes]:
            headers = {
                name: value
                for name, value in self.headers.items()
                if not (faults.ignores_conditions and name.lower() == "if-none-match")
            }
            for is_last in [False, True]:
                if self.upstream is None:
                    self.upstream = http.client.HTTPConnection("127.0.0.1", store.port, timeout=30)
                try:
                    self.upstream.request(self.command, self.path, body, headers)
                    answer = self.upstream.getresponse()
                    return answer.status, dict(answer.getheaders()), answer.read()
                except OSError:
                    # An idle connection that was closed meanwhile; nothing of the request arrived.
                    self.upstream = None
                    if is_last:
                        raise
            raise AssertionError

        def answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in ("connection", "transfer-encoding", "content-length", "server"):
                    self.send_header(name, value)
            is_first = faults.cuts_first and self.path not in read
            read.add(self.path)
            length = headers.get("Content-Length") if self.command == "HEAD" else None
            self.send_header("Content-Length", length or str(len(content)))
            self.end_headers()
            is_cut = self.command == "GET" and len(content) > 100 and (is_first or happens("cut"))
            if is_cut:
                self.wfile.write(content[: len(content) // 2])
                self.close_connection = True
            elif self.command != "HEAD":
                self.wfile.write(content)

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Store(server.server_port, store.cache, store.folder)
    finally:
        server.shutdown()
        server.server_close()


Faulty = Callable[[Faults], Store]
