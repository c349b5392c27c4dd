"""The parts of a training run on an executor of the user's own: `concurrent.futures`, Dask, loky."""

import pickle
from collections.abc import Callable, Iterable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, TimeoutError
from threading import Lock
from typing import TypeAlias

from ._families import Adapter
from ._native import InvalidInputError, XtreamError, _run_job

# An executor, or a function that makes one: of a process pool nothing is left when one of its processes dies.
Executors: TypeAlias = Executor | Callable[[], Executor]

# Seconds that Ctrl-C waits at most to be noticed by a thread that waits for a worker.
_LOOK = 0.1
# What is the same at every attempt.
_HOPELESS = (pickle.PicklingError, AttributeError, TypeError, ImportError, XtreamError)


class Jobs:
    """The jobs of one run. It is spoken to by several threads at once, one for each job under way."""

    def __init__(self, executor: Executors, own: Iterable[Adapter]) -> None:
        self._make: Callable[[], Executor] | None = None
        self._pool: Executor | None = None
        # A client of Dask has one.
        executor = executor.get_executor() if hasattr(executor, "get_executor") else executor
        if callable(getattr(executor, "submit", None)):
            self._pool = executor  # type: ignore[assignment]
        elif callable(executor):
            self._make = executor
        else:
            raise InvalidInputError(
                f"executor = {executor!r}; allowed is an executor such as those of concurrent.futures or a "
                "Dask client, or a function that makes one"
            )
        self._own = {adapter.name: adapter for adapter in own}
        self._is_closed = False
        self._lock = Lock()

    def send(
        self, job: bytes, rows: bytes | None, family: str, is_stopped: Callable[[], bool]
    ) -> bytes | str | None:
        """A worker's answer; a text that says why there is none, when another worker may give one; None after
        a request to stop."""
        pool = self._ready()
        if pool is None:
            return None
        why: BaseException | None
        try:
            future = pool.submit(run_job, job, rows, self._own.get(family))
            while True:
                try:
                    why = future.exception(timeout=_LOOK)
                    break
                except TimeoutError:
                    if is_stopped():
                        future.cancel()
                        return None
        except (BrokenExecutor, CancelledError) as lost:
            why = lost
        if why is None:
            return future.result()
        if isinstance(why, _HOPELESS):
            raise self._hopeless(why, family) from why
        return self._lost(pool, why)

    def close(self) -> None:
        """Lets go of an executor that was made for this run. What a worker is about comes to its end."""
        with self._lock:
            self._is_closed = True
            pool, self._pool = self._pool, None
        if pool is not None and self._make is not None:
            pool.shutdown(wait=False)

    def _ready(self) -> Executor | None:
        with self._lock:
            if self._pool is None and self._make is not None and not self._is_closed:
                self._pool = self._make()
            return self._pool

    def _lost(self, pool: Executor, error: BaseException) -> str:
        if isinstance(error, BrokenExecutor):
            if self._make is None:
                raise XtreamError(
                    f"the pool of workers is broken ({_told(error)}), and cannot replace a worker that died. "
                    "Finished trials are kept, and the same call with a new pool goes on from them; with a "
                    "function that makes one, such as "
                    "executor=lambda: ProcessPoolExecutor(4, mp_context=get_context('spawn')), a run goes on "
                    "by itself"
                ) from error
            with self._lock:
                if self._pool is pool:
                    self._pool = None
            pool.shutdown(wait=False)
        return _told(error)

    def _hopeless(self, error: BaseException, family: str) -> XtreamError:
        if isinstance(error, XtreamError):
            return error
        if family in self._own:
            return XtreamError(
                f"{family} cannot be sent to a worker ({_told(error)}); allowed is a class or function that "
                "stands in a module which the workers can import, or an executor that sends the code itself "
                "along, as those of Dask and loky do"
            )
        return XtreamError(f"{_told(error)}; the workers must have the same xtream_core as this process")


def run_job(job: bytes, rows: bytes | None, own: Adapter | None) -> bytes:
    """What a worker does."""
    if own is not None and own.is_other_code:
        raise XtreamError(
            f"{own.class_name} is other code on this worker than where the run was started; all must have "
            "the same"
        )
    return _run_job(job, rows, own)


def _told(error: BaseException) -> str:
    # Some tell on further lines what may have been.
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
