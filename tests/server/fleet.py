"""Several equal servers on one registry in a store and one database, what stands before them, and clients
that know what each of its models makes of each stone.
"""

import contextlib
import http.client
import itertools
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from helpers import FIRST, PUBLIC, SECOND, Program, environment, free_port, read_csv
from served import VALUATIONS, Answer, Clients, Secantus, Served, eventually, exchange
from stores import BUCKET, PROMPT_LOCALBUCKET, Store

N_STONES = 50
NGINX = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")


class Bucket:
    """A store for objects that can be killed and started again on the port that it had."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        (folder / BUCKET).mkdir(parents=True)
        self.store = Store(self.port, folder.with_suffix(".cache"), folder / BUCKET)
        self.process: subprocess.Popen | None = None

    def start(self) -> "Bucket":
        command = [sys.executable, "-c", PROMPT_LOCALBUCKET, str(self.folder), "--port", str(self.port)]
        with self.folder.with_suffix(".said").open("a") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output)

        def answers() -> bool:
            with (
                contextlib.suppress(OSError),
                contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port)) as there,
            ):
                there.connect()
                return True
            return False

        eventually(answers, 30, "the store answers")
        return self

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@dataclass
class Models:
    """What two models make of some stones, offline."""

    stones: list[dict]
    digests: dict[int, str]
    prices: dict[int, list[float]]


def train(folder: Path, store: Store) -> Models:
    """Two models in the store, of which the first is the champion."""
    program, variables = Program(folder), store.variables()
    where = ["--registry", store.address()]
    program.train(FIRST, *where, "--models", "linear", env=variables)
    program.train(FIRST, SECOND, *where, "--models", "linear-derived", "--no-promote", env=variables)
    stones = read_csv(PUBLIC).sample(N_STONES, random_state=1).drop(columns="price")
    stones.to_csv(folder / "stones.csv", index=False)
    # From the file, so that both sides read the same digits.
    stones = read_csv(folder / "stones.csv")
    digests, prices = {}, {}
    for version in (1, 2):
        card = program.json("models", "show", version, *where, env=variables)
        out = folder / f"{version}.parquet"
        program("value", folder / "stones.csv", "--version", version, "--out", out, *where, env=variables)
        digests[version] = card["model"]
        prices[version] = list(pd.read_parquet(out)["price_usd"])
    program("models", "promote", 1, *where, env=variables)
    return Models(stones.to_dict("records"), digests, prices)


@dataclass
class Fleet:
    """The servers, and what they share."""

    folder: Path
    bucket: Bucket
    database: Secantus
    models: Models
    servers: list[Served] = field(default_factory=list)

    def add(self) -> Served:
        """One more, each with a log and a port of its own."""
        served = Served(
            registry=self.bucket.store.address(),
            log=self.folder / f"log{len(self.servers) + 1}",
            mongodb=self.database.uri(),
            said_in=self.folder,
            settings=self.bucket.store.variables(),
            bind=free_port(),
        )
        self.servers.append(served)
        return served.start()

    @property
    def live(self) -> list[Served]:
        # One that is being added has no process yet, and who asks may be a client of another thread.
        return [served for served in self.servers if served.process and served.process.poll() is None]

    def promote(self, version: int) -> None:
        """As a person at another machine does it."""
        where = ["--registry", self.bucket.store.address()]
        Program(self.folder)("models", "promote", version, *where, env=self.bucket.store.variables())

    def seconds_until_followed(self, version: int) -> float:
        """From a promotion that is done until the last of them answers with it."""
        begun = time.monotonic()
        for served in self.live:
            while served.ask("GET", "/readyz").json()["model"]["version"] != version:
                assert time.monotonic() < begun + 60, f"{served.log.name} does not follow"
                time.sleep(0.01)
        return time.monotonic() - begun

    def seconds_until_certified(self, valued: Answer, served: Served) -> float:
        """Asks a server for the certificate of what another one answered, again whenever it says so."""
        begun = time.monotonic()
        while True:
            answer = served.ask("GET", f"{VALUATIONS}/{valued.id}")
            if answer.status == 200:
                certified = answer.json()
                assert certified["matches"] is True, certified
                assert certified["valuation"]["price_usd"] == valued.json()["price_usd"]
                return time.monotonic() - begun
            assert answer.status in (404, 503) and answer.headers["retry-after"] == "1", answer.content
            assert time.monotonic() < begun + 60, answer.content
            # Earlier than it says, to see when it is there.
            time.sleep(0.05)


@contextlib.contextmanager
def fleet(folder: Path, n_servers: int) -> Iterator[Fleet]:
    bucket = Bucket(folder / "bucket").start()
    database = Secantus(folder / "secantus").start()
    made = Fleet(folder, bucket, database, train(folder, bucket.store))
    try:
        for _ in range(n_servers):
            made.add()
        yield made
    finally:
        for served in made.live:
            served.kill()
        database.stop()
        bucket.kill()
    for served in made.servers:
        assert "panicked" not in served.stderr, served.stderr


NGINX_CONFIGURATION = """
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.said;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{documented}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path, documented: str, ports: list[int]) -> Iterator[int]:
    """nginx before these servers, configured as docs/operations.md says; yields its port."""
    port = free_port()
    servers = "\n".join(f"    server 127.0.0.1:{server} max_fails=1 fail_timeout=1s;" for server in ports)
    documented = documented.replace("SERVERS", servers).replace(
        "listen 443 ssl;", f"listen 127.0.0.1:{port};"
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX_CONFIGURATION.format(folder=folder, documented=documented))
    command = [NGINX, "-p", str(folder), "-c", str(configuration), "-g", "daemon off;"]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)
    try:

        def answers() -> bool:
            assert process.poll() is None, process.stderr.read()
            with (
                contextlib.suppress(OSError),
                contextlib.closing(http.client.HTTPConnection("127.0.0.1", port)) as there,
            ):
                there.connect()
                return True
            return False

        eventually(answers, 20, "nginx answers")
        yield port
    finally:
        process.terminate()
        process.wait(20)


class Appraisers(Clients):
    """They value stones. Each asks the addresses in turn, and the next one where one does not answer."""

    def __init__(
        self, models: Models, ports: Callable[[], list[int]], n_clients: int, pause: float, seed: int
    ) -> None:
        super().__init__(n_clients, pause)
        self.models, self.ports, self.seed = models, ports, seed
        self.answers: list[tuple[int, Answer]] = []
        self.failures: list[object] = []
        self.n_refused = 0

    def ask(self, client: int) -> None:
        dice = random.Random(self.seed + client)
        connections: dict[int, http.client.HTTPConnection] = {}
        turns = itertools.count(client)
        while not self.is_over.is_set():
            row = dice.randrange(N_STONES)
            try:
                ports = self.ports()
                port = ports[next(turns) % len(ports)]
                connection = connections.setdefault(
                    port, http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                )
                answer = exchange(connection, "POST", VALUATIONS, self.models.stones[row])
                self.answers.append((row, answer))
            except (OSError, http.client.HTTPException):
                # A server that was killed or stopped, or nothing is there yet.
                connection.close()
                self.n_refused += 1
            except Exception as error:
                self.failures.append(error)
                return
            time.sleep(self.pause)

    def newest(self) -> Answer:
        return self.answers[-1][1]

    def assert_each_is_of_one_model(self) -> None:
        """Every request is answered, with the price of the model that the answer names, bit for bit."""
        assert not self.failures, self.failures[0]
        for row, answer in self.answers:
            assert answer.status == 200, (answer.status, answer.content)
            valued = answer.json()
            model = valued["model"]
            assert model["digest"] == self.models.digests[model["version"]]
            assert valued["price_usd"] == self.models.prices[model["version"]][row]
