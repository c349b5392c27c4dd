"""Where each benchmark leaves its figures, so that `benches/table.py` can print them all as one table."""

import datetime
import json
import os
import platform
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "target" / "bench-results"


@dataclass
class Result:
    """One line of the table. `ours` and `peer` are in `unit`; of two times the ratio says how many times
    faster we are, of two rates how many times more we do."""

    what: str
    unit: str
    ours: float
    peer_name: str = ""
    peer: float | None = None
    ratio: float | None = None
    goal: str = ""
    met: bool | None = None


def compared(
    what: str, unit: str, ours: float, peer_name: str, peer: float, at_least: float | None = None
) -> Result:
    """Times of two: the goal, if there is one, is a ratio of peer to ours."""
    ratio = peer / ours
    goal = "" if at_least is None else f"{at_least:g} x or more"
    return Result(
        what, unit, ours, peer_name, peer, ratio, goal, None if at_least is None else ratio >= at_least
    )


def bounded(what: str, unit: str, ours: float, at_most: float) -> Result:
    """A figure by itself, with the most that it may be."""
    return Result(what, unit, ours, goal=f"{at_most:g} {unit} or less", met=ours <= at_most)


def save(name: str, results: list[Result]) -> None:
    """Keeps the results of the benchmark `name`, in the place of its former ones."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    said = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine(),
        "results": [asdict(result) for result in results],
    }
    (FOLDER / f"{name}.json").write_text(json.dumps(said, indent=1) + "\n")


def machine() -> str:
    """The processor, as far as the system tells."""
    name = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
        name = found[1] if found else name
    return f"{name}, {os.cpu_count()} cores"


def least(action: Callable[[], object], repeats: int = 5) -> float:
    """The least time of the repetitions in seconds, after one that does not count: other work on the machine
    only ever adds."""
    import time

    action()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return min(times)
