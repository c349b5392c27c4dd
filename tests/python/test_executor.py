"""Trials and fits on executors of the user's own: the bytes of one process, whatever happens to a worker."""

import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xtream_core as xc
from distributed import Client, LocalCluster
from helpers import FIRST, SECOND, blob, in_soak, seed
from joblib.externals.loky import get_reusable_executor
from priced import example
from sklearn.neighbors import KNeighborsRegressor

OPTIONS: dict[str, Any] = {"models": ["linear", "xgboost"], "trials": 12, "progress": False}

Outcome = list[tuple[str, str, str | None]]


@cache
def few() -> pd.DataFrame:
    """Stones enough for fits that take less than sending them somewhere."""
    return xc.validate(FIRST).clean.head(800)


def outcome(folder: Path, data: Any = None, **options: Any) -> Outcome:
    """Trains, and returns family, digest of the model and digest of the study of each model."""
    xc.train(few() if data is None else data, registry=folder, **OPTIONS | options)
    cards = xc.Registry(folder).versions()
    return [(card["family"], card["model"], (card["search"] or {}).get("study")) for card in cards]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What one process comes to."""
    return outcome(tmp_path_factory.mktemp("here"))


def spawned(n_workers: int = 2) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(n_workers, mp_context=get_context("spawn"))


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    with spawned() as pool:
        yield pool


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Two workers of Dask, each a process of its own."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


def test_threads_give_the_bytes_of_one_process(tmp_path: Path, here: Outcome) -> None:
    with ThreadPoolExecutor(3) as pool:
        assert outcome(tmp_path, executor=pool) == here


def test_processes_give_the_bytes_of_one_process(
    processes: ProcessPoolExecutor, tmp_path: Path, here: Outcome
) -> None:
    assert outcome(tmp_path, executor=processes) == here


def test_workers_of_dask_give_the_bytes_of_one_process(client: Client, tmp_path: Path, here: Outcome) -> None:
    assert outcome(tmp_path / "executor", executor=client.get_executor()) == here
    assert outcome(tmp_path / "client", executor=client) == here


def after_trials(n_trials: int, action: Callable[[], object]) -> Callable[[dict[str, Any]], None]:
    """A progress callback that does something once, when so many trials have ended."""
    n_ended = 0

    def hear(event: dict[str, Any]) -> None:
        nonlocal n_ended
        if event["event"] == "trial_finished":
            n_ended += 1
            if n_ended == n_trials:
                action()

    return hear


def test_a_worker_of_dask_that_is_killed_changes_nothing(
    client: Client, tmp_path: Path, here: Outcome
) -> None:
    before = set(client.run(os.getpid).values())
    kill = after_trials(3, lambda: os.kill(min(before), signal.SIGKILL))
    assert outcome(tmp_path, executor=client.get_executor(), progress=kill) == here
    client.wait_for_workers(2)
    assert set(client.run(os.getpid).values()) != before


@pytest.mark.parametrize("pool", [spawned, partial(get_reusable_executor, max_workers=2)])
def test_a_pool_that_breaks_is_made_anew_by_the_function_that_makes_it(
    pool: Callable[[], Any], tmp_path: Path, here: Outcome
) -> None:
    made = []

    def make() -> Executor:
        made.append(pool())
        return made[-1]

    kill = after_trials(3, lambda: os.kill(min(made[0]._processes), signal.SIGKILL))
    assert outcome(tmp_path, executor=make, progress=kill) == here
    assert len(made) == 2
    with pytest.raises(RuntimeError, match="shutdown"):
        made[1].submit(int)


def test_without_such_a_function_a_broken_pool_ends_the_run_and_the_next_one_goes_on_from_its_trials(
    processes: ProcessPoolExecutor, tmp_path: Path, here: Outcome
) -> None:
    n_kept = []

    def hear(event: dict[str, Any]) -> None:
        if event["event"] == "search_started":
            n_kept.append(event["n_kept"])

    with spawned() as pool:
        kill = after_trials(5, lambda: next(iter(pool._processes.values())).kill())
        with pytest.raises(xc.XtreamError, match="the pool of workers is broken .* with a new pool goes on"):
            outcome(tmp_path, executor=pool, progress=kill)
    assert not xc.Registry(tmp_path).versions()
    assert outcome(tmp_path, executor=processes, progress=hear) == here
    assert 5 <= n_kept[0] < 12


def test_how_many_may_run_side_by_side_is_a_part_of_the_study_and_who_carries_them_out_is_not(
    processes: ProcessPoolExecutor, tmp_path: Path
) -> None:
    options = {"models": ["xgboost"], "ranges": False}
    studies = {}
    for parallel in [1, 3, 8]:
        folder = tmp_path / f"{parallel}"
        alone = outcome(folder / "here", jobs=1, parallel=parallel, **options)
        assert outcome(folder / "there", executor=processes, parallel=parallel, **options) == alone
        studies[parallel] = alone[0][2]
    assert len(set(studies.values())) == 3
    as_ever = outcome(tmp_path / "as ever", **options)
    assert as_ever[0][2] == studies[8]


@pytest.mark.parametrize("parallel", [0, -1, 257])
def test_a_number_that_cannot_be_is_refused(parallel: int, tmp_path: Path) -> None:
    with pytest.raises(xc.InvalidInputError, match=f"parallel = {parallel}; allowed is a whole number"):
        outcome(tmp_path, parallel=parallel)


def test_what_is_no_executor_is_refused(tmp_path: Path) -> None:
    with pytest.raises(xc.InvalidInputError, match="executor = 4; allowed is an executor such as"):
        outcome(tmp_path, executor=4)
    assert not list(tmp_path.iterdir())


def test_a_worker_that_is_a_copy_of_this_process_says_what_to_use_instead(tmp_path: Path) -> None:
    with (
        ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool,
        pytest.raises(xc.XtreamError, match=r'forked .* multiprocessing\.get_context\("spawn"\)'),
    ):
        outcome(tmp_path, executor=pool)


def test_ctrl_c_is_obeyed_and_the_same_call_goes_on_from_the_finished_trials(
    processes: ProcessPoolExecutor, tmp_path: Path, here: Outcome
) -> None:
    asked = []

    def ask() -> None:
        asked.append(time.monotonic())
        raise KeyboardInterrupt

    with pytest.raises(xc.TrainingInterrupted) as stopped:
        outcome(tmp_path, executor=processes, progress=after_trials(4, ask))
    assert time.monotonic() - asked[0] < 5
    assert len(stopped.value.trials) >= 4
    assert outcome(tmp_path, executor=processes) == here


def test_the_example_of_the_guide_is_true(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").symlink_to(FIRST.parent)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("dask.distributed.Client", lambda address: client)
    exec(example("Training on many machines"), {})
    study = blob(Path("registry"), xc.Registry("registry").champion().card["search"]["study"], "study.jsonl")
    first, *trials = study.read_text().splitlines()
    assert json.loads(first)["parallel"] == 32 and len(trials) == 20


# Families of one's own


def own(model: Any = KNeighborsRegressor, **more: Any) -> dict[str, Any]:
    space = {"n_neighbors": xc.Integer(1, 30)}
    return {"models": [xc.Family(model, name="own", space=space, **more)], "trials": 9}


@pytest.mark.filterwarnings("ignore::xtream_core.NotServedWarning")
@pytest.mark.parametrize("features", ["ranks", "frame"])
def test_trials_of_a_class_of_ones_own_are_those_of_one_process(
    processes: ProcessPoolExecutor, tmp_path: Path, features: str
) -> None:
    model: Any = KNeighborsRegressor if features == "ranks" else OfFrames
    alone = outcome(tmp_path / "here", **own(model, features=features))
    run = xc.train(few(), registry=tmp_path, executor=processes, **OPTIONS | own(model, features=features))
    there = xc.Registry(tmp_path).versions()[0]
    assert ("own", there["model"], there["search"]["study"]) == alone[0]
    assert isinstance(run.fitted["own"], model)


class OfFrames:
    """Takes text where text is."""

    def __init__(self, n_neighbors: int = 5) -> None:
        self.nearest = KNeighborsRegressor(n_neighbors)

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> None:
        if not X["cut"].isin(["Fair", "Good", "Very Good", "Premium", "Ideal"]).all():
            raise ValueError("ranks, and no text")
        self.nearest.fit(X[["carat", "x"]], y)

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return np.asarray(self.nearest.predict(X[["carat", "x"]]))


@pytest.mark.filterwarnings("ignore::xtream_core.NotServedWarning")
def test_a_function_of_a_notebook_goes_to_dask_and_not_to_a_pool_which_says_why(
    client: Client, processes: ProcessPoolExecutor, tmp_path: Path
) -> None:
    def make(n_neighbors: int = 5) -> KNeighborsRegressor:
        return KNeighborsRegressor(n_neighbors, weights="distance")

    alone = outcome(tmp_path / "here", **own(make))
    assert outcome(tmp_path / "dask", executor=client.get_executor(), **own(make)) == alone
    with pytest.raises(
        xc.XtreamError, match="own cannot be sent to a worker .*allowed is a class or function"
    ) as told:
        outcome(tmp_path / "pool", executor=processes, **own(make))
    assert told.value.__cause__ is not None


@pytest.mark.filterwarnings("ignore::xtream_core.NotServedWarning")
def test_a_worker_that_has_another_version_of_ones_own_class_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "from sklearn.neighbors import KNeighborsRegressor\n"
        "def of_the_shop(n_neighbors=5):\n    return KNeighborsRegressor(n_neighbors, p=2)\n"
    )
    module = tmp_path / "models_of_the_shop.py"
    module.write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    from models_of_the_shop import of_the_shop  # type: ignore[import-not-found]

    module.write_text(code.replace("p=2", "p=1"))
    with spawned(1) as pool, pytest.raises(xc.XtreamError, match="is other code on this worker"):
        outcome(tmp_path / "registry", executor=pool, **own(of_the_shop))


# What takes longer


def killed_meanwhile(client: Client, moments: list[float], is_over: threading.Event) -> threading.Thread:
    """Kills a worker of Dask at each of these moments, in seconds from now, whichever comes first to hand."""
    started, chance = time.monotonic(), random.Random(len(moments))

    def kill() -> None:
        while moments and not is_over.is_set():
            if time.monotonic() - started < moments[0]:
                time.sleep(0.01)
                continue
            # The keeper of each worker knows its process, also of one that was just begun anew.
            nannies = list(client.cluster.workers.values())
            pids = [nanny.pid for nanny in nannies if nanny.pid]
            if pids:
                os.kill(chance.choice(pids), signal.SIGKILL)
                moments.pop(0)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    return thread


@pytest.mark.skipif(not in_soak(), reason="takes minutes; one kill is above")
def test_twenty_kills_at_random_moments_change_nothing_about_a_hundred_trials(tmp_path: Path) -> None:
    chance = random.Random(seed())
    # Of so many stones that a worker comes to something between two kills.
    options = {"data": [FIRST, SECOND], "models": ["xgboost"], "trials": 100, "space": "notebook"}
    started = time.monotonic()
    alone = outcome(tmp_path / "here", **options)
    of_one_process = time.monotonic() - started
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        moments = sorted(chance.uniform(0.5, of_one_process) for _ in range(20))
        is_over = threading.Event()
        killer = killed_meanwhile(client, moments, is_over)
        started = time.monotonic()
        there = outcome(tmp_path / "there", executor=client.get_executor(), **options)
        seconds = time.monotonic() - started
        is_over.set()
        killer.join()
    assert moments == [], f"{len(moments)} kills came too late"
    assert there == alone
    print(f"100 trials: {of_one_process:.1f} s by one process, {seconds:.1f} s with 20 kills")


class SlowWorkers(Executor):
    """Workers that take their time, some of them twice as long as others, and note when they are busy."""

    def __init__(self, n_workers: int, seconds: tuple[float, float], chance: random.Random) -> None:
        self._pool = ThreadPoolExecutor(n_workers)
        self._n_workers, self._seconds, self._chance = n_workers, seconds, chance
        self._slowness: dict[int, float] = {}
        self.spells: list[tuple[float, float]] = []

    def submit(self, function: Any, /, *args: Any, **named: Any) -> Future[Any]:
        return self._pool.submit(self._work, self._chance.uniform(*self._seconds), function, *args, **named)

    def _work(self, seconds: float, function: Any, *args: Any) -> Any:
        started = time.monotonic()
        answer = function(*args)
        if not answer.startswith(b'{"kind":"lacking"'):
            slowness = 1 + len(self._slowness) / (self._n_workers - 1)
            slowness = self._slowness.setdefault(threading.get_ident(), slowness)
            time.sleep(max(0, started + seconds * slowness - time.monotonic()))
        self.spells.append((started, time.monotonic()))
        return answer

    def share_busy(self) -> float:
        """How much of the time of all workers is theirs, from the first job to the last answer."""
        begun, ended = min(self.spells)[0], max(end for _, end in self.spells)
        return sum(end - start for start, end in self.spells) / (ended - begun) / self._n_workers


@pytest.mark.skipif(not in_soak(), reason="measures time")
@pytest.mark.alone
def test_sixteen_slow_workers_are_busy_with_thirty_two_trials_side_by_side(tmp_path: Path) -> None:
    stones = few()
    options = {"models": ["xgboost"], "trials": 300, "space": "notebook", "ranges": False}
    shares: dict[int, float] = {}
    for parallel in [8, 16, 32]:
        workers = SlowWorkers(16, (0.5, 1.5), random.Random(seed()))

        def hear(event: dict[str, Any], workers: SlowWorkers = workers, parallel: int = parallel) -> None:
            # The fit of the best, which comes afterwards, is no trial.
            if event["event"] == "search_finished":
                shares[parallel] = workers.share_busy()

        told = {"progress": hear, "parallel": parallel}
        outcome(tmp_path / f"{parallel}", stones, executor=workers, **options | told)
    print(f"16 slow workers are busy: {', '.join(f'{share:.0%} with {n}' for n, share in shares.items())}")
    assert shares[32] >= 0.85 and shares[8] <= 0.5
