"""Fixtures: stores of a test's own, with and without faults."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import stores
from helpers import Program
from stores import Faulty, Store


class ProgramWithStore(Program):
    """The program, with what it must know of a store in its environment."""

    store: Store

    def __call__(self, *arguments: object, env: dict[str, str] | None = None, **more: object) -> object:
        return super().__call__(*arguments, env=self.store.variables() | (env or {}), **more)


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Store]:
    """A store whose create-only writes have one winner, and whose objects can be looked at as files."""
    with stores.localbucket(tmp_path / "bucket") as store:
        yield store


@pytest.fixture
def moto(tmp_path: Path) -> Iterator[Store]:
    """What programs for Amazon's stores are tested with."""
    with stores.moto(tmp_path) as store:
        yield store


@pytest.fixture
def faulty(bucket: Store) -> Iterator[Faulty]:
    """The bucket behind a proxy with these faults."""
    with contextlib.ExitStack() as stack:
        yield lambda faults: stack.enter_context(stores.proxy(bucket, faults))


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., ProgramWithStore]:
    """The program for a store: `program(store)`."""

    def made(store: Store, folder: str = "desk") -> ProgramWithStore:
        (tmp_path / folder).mkdir(exist_ok=True)
        program = ProgramWithStore(tmp_path / folder)
        program.store = store
        return program

    return made
