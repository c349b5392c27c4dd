"""What a long history of models costs, in a folder and in a store: to open, list, promote, start a server.

Each figure is the median of several. In a store the requests are counted, too.
"""

import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import stores
from growth import Growth, memory, run, size, state_of_the_machine
from helpers import FIRST, PROGRAM, Program, environment
from served import Served
from stores import Store

VERSIONS = [10, 100, 1000, 10_000]
# Commits from one checkpoint of a store to the next, and how many of them are there when it is measured.
EVERY, REACHED = 64, 36
# As many as a page shows.
PROMOTIONS = 20
OPENED, LISTED, SERVERS = 9, 3, 7
# What takes the same number of requests whatever the length.
ALIKE = [
    "open",
    "promote",
    "start a server",
    "show the first page",
    "show the first page, the decisions being old",
]

Kinds = dict[tuple[str, int], Counter[str]]


def measure(growth: Growth, place: object, grow: Path, folder: Path, store: Store | None = None) -> Kinds:
    """Returns how often each kind of request came, the last time of each."""
    variables = store.variables() if store else {}
    where, kinds = ["--registry", place], {}

    def said(*command: object) -> None:
        text = [str(part) for part in command]
        subprocess.run(text, check=True, cwd=folder, env=environment(**variables), capture_output=True)

    def note(name: str, ask: Callable[[], object]) -> None:
        before = store.requests() if store else Counter()
        begun = time.perf_counter()
        ask()
        seen[f"seconds to {name}"].append(time.perf_counter() - begun)
        if store:
            kinds[name, n] = store.requests() - before
            seen[f"requests to {name}"].append(kinds[name, n].total())

    def serve(page: str) -> None:
        """A server is asked for its first page."""
        served = Served(place, folder / f"log{n}", said_in=folder, settings=variables)
        note("start a server", served.start)
        seen["MiB of the server"].append(memory(served.process.pid, "VmRSS"))
        note(page, lambda: pages.append(served.ask("GET", "/v1/models?limit=20").json()))
        seen[f"MiB of the server, to {page}"].append(memory(served.process.pid))
        served.kill()

    pages: list[dict] = []
    Program(folder).train(FIRST, "--models", "linear,linear-derived", "--trials", "0", *where, env=variables)
    for n in VERSIONS:
        seen: dict[str, list[float]] = defaultdict(list)
        begun = time.perf_counter()
        said(grow, place, n)
        growth.add("ms to register, for one", n, (time.perf_counter() - begun) / (n - n // 10) * 1000)
        if store and n >= EVERY:
            # Each history ends in the same place between two checkpoints.
            said(grow, place, n + (REACHED - len(store.objects("commits"))) % EVERY)
        for _ in range(SERVERS):
            serve("show the first page, the decisions being old")
        for _ in range(OPENED):
            note("open", partial(said, PROGRAM, "models", "show", "champion", *where))
        for _ in range(LISTED):
            note("list all", partial(said, PROGRAM, "models", "list", *where))
        for i in range(PROMOTIONS):
            # Another one each time.
            note("promote", partial(said, PROGRAM, "models", "promote", n - i % 9, *where))
        for _ in range(SERVERS):
            serve("show the first page")
        # It is over before every look at its memory has come.
        show = [PROGRAM, "models", "show", "champion", *where]
        seen["MiB to open"] = [max(run(show, folder, **variables)[1] for _ in range(OPENED))]
        for name, values in seen.items():
            growth.add(name, n, median(values))
        assert {len(page["models"]) for page in pages[-SERVERS:]} == {min(n, 20)}
        assert len(pages[-1]["decisions"]) == 20
    return kinds


def test_models_in_a_folder(example, tmp_path: Path) -> None:
    print(state_of_the_machine())
    growth = Growth("versions, in a folder")
    measure(growth, tmp_path / "registry", example("grow_registry"), tmp_path)
    growth.add("MB on the disk", VERSIONS[-1], size(tmp_path / "registry"))
    print(growth.table(), state_of_the_machine(), sep="\n\n")
    growth.assert_no_worse_than_linear("seconds to open", 2.0)
    growth.assert_no_worse_than_linear("seconds to promote", 2.0)


def test_models_in_a_store(example, tmp_path: Path) -> None:
    print(state_of_the_machine())
    growth = Growth("versions, in a store")
    with stores.indexed_bucket(tmp_path / "bucket") as store:
        kinds = measure(growth, store.address(), example("grow_registry"), tmp_path, store)
        growth.add("MB in the store", VERSIONS[-1], size(store.folder))
    print(growth.table(), state_of_the_machine(), sep="\n\n")
    few, many = 100, VERSIONS[-1]
    for name in ALIKE:
        seconds, requests = (growth.figures[f"{what} to {name}"] for what in ("seconds", "requests"))
        print(f"{name}: {requests[few]:g} and {requests[many]:g} requests, {seconds[few]:.3f} s and")
        print(f"  {seconds[many]:.3f} s, {seconds[many] / seconds[few]:.2f} times;", dict(kinds[name, many]))
        assert requests[many] <= 1.5 * requests[few], f"{name}: {kinds[name, few]}, {kinds[name, many]}"
