"""Fixtures: a registry for all, and servers and databases that end with their test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pymongo
import pytest
from helpers import PUBLIC, Program
from served import Proxy, Secantus, Serve, Served, Target, given_uri


@pytest.fixture(scope="session")
def registry(once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """A registry with a linear champion."""
    train = ["--models", "linear", "--trials", "0"]
    return once("served", lambda folder: Program(folder).train(PUBLIC, *train, ranges=True)) / "registry"


@pytest.fixture
def serve(registry: Path, tmp_path: Path) -> Iterator[Serve]:
    """Starts a server on `tmp_path/log`, or another `log`."""
    started: list[Served] = []

    def start(mongodb: str | None = None, **more: object) -> Served:
        more = {"registry": registry, "log": tmp_path / "log", "said_in": tmp_path} | more
        served = Served(mongodb=mongodb, **more)
        started.append(served)
        return served.start()

    yield start
    for served in started:
        if served.process and served.process.poll() is None:
            served.kill()
        assert "panicked" not in served.stderr, served.stderr


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Secantus]:
    """A database of the test's own, not yet started."""
    pytest.importorskip("secantus")
    secantus = Secantus(tmp_path / "secantus")
    yield secantus
    secantus.stop()


@pytest.fixture
def proxy(database: Secantus) -> Iterator[Proxy]:
    between = Proxy(database.port)
    yield between
    between.close()


@pytest.fixture
def target(request: pytest.FixtureRequest) -> Target:
    """The server that MONGODB_URI names, else one of the test's own."""
    uri = given_uri()
    if uri is None:
        uri = request.getfixturevalue("database").start().uri()
    return Target(uri, pymongo.MongoClient(uri)["diamond_db"]["exchanges"])
