"""What exchanges cost that wait for a database: start, memory, pages, draining, disk.

`XTREAM_GROWTH=10000000` has ten million of them, which take 10 GB of disk and ten minutes.
"""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from growth import Growth, memory, size, state_of_the_machine
from helpers import PUBLIC, ROOT, Program, free_port
from served import VALUATIONS, Secantus, Served, eventually

MOST = int(os.environ.get("XTREAM_GROWTH", "3000000"))
SIZES = [n for n in (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000) if n <= MOST]
DRAINED = [30_000, 100_000]
VALUATION = ROOT / "benches" / "serve" / "valuation.lua"
FILTERS = {
    "the newest 50": "",
    "of the first minute": "&until={begun}",
    "since the last second": "&since={ended}",
    "of a route": "&route=/v1/valuations",
    "with the status 200": "&status=200",
    "that there are none of": "&status=418",
}


def fill(served: Served, n: int) -> float:
    """Asks for valuations until so many exchanges wait; how many were taken a second."""
    begun, before = time.monotonic(), served.metric("xtream_log_records")
    while (there := served.metric("xtream_log_records")) < n:
        seconds = max(1, min(20, int((n - there) / 25_000)))
        address = f"http://127.0.0.1:{served.port}"
        command = ["wrk", "-t1", "-c16", f"-d{seconds}s", "-s", VALUATION, address]
        said = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout
        assert not re.search(r"Non-2xx|Socket errors", said), said
    return (served.metric("xtream_log_records") - before) / (time.monotonic() - begun)


def seconds_to_find(served: Served, query: str) -> tuple[float, float]:
    """Until the first page is there, and the last one of those that are needed for 50 exchanges."""
    begun = time.perf_counter()
    first, found, cursor = 0.0, 0, ""
    while cursor is not None and found < 50:
        page = served.administer(f"/v1/exchanges?limit=50{query}" + (cursor and f"&cursor={cursor}"))
        first = first or time.perf_counter() - begun
        found, cursor = found + len(page["exchanges"]), page["next_cursor"]
    return first, time.perf_counter() - begun


@pytest.mark.skipif(
    not shutil.which("wrk"), reason="there is no wrk; 'apt-get install wrk' has this measured"
)
def test_exchanges_that_wait(tmp_path: Path) -> None:
    Program(tmp_path).train(PUBLIC, "--models", "linear", "--trials", "0", ranges=True)
    database = Secantus(tmp_path / "secantus")
    served = Served(
        registry=tmp_path / "registry",
        log=tmp_path / "log",
        # Nobody answers there yet.
        mongodb=database.uri(free_port()),
        said_in=tmp_path,
        settings={"XTREAM_SERVE_KEEP_MEGABYTES": "0"},
    )
    growth, drains = Growth("exchanges that wait"), Growth("exchanges handed over")
    print(state_of_the_machine())
    served.start()
    firsts: list[float] = []
    begun = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    for n in sorted({*SIZES, *DRAINED}):
        rate = fill(served, n)
        peak = memory(served.process.pid)
        ended = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        assert served.stop(within=60) == 0
        if n in DRAINED:
            drain(drains, served, database, n, tmp_path)
        if n not in SIZES:
            served.start()
            continue
        growth.add("MB on the disk", n, size(served.log))
        # Without a database, which each page would wait for.
        served.mongodb, with_database = None, served.mongodb
        started = time.perf_counter()
        served.start()
        growth.add("seconds until it listens", n, time.perf_counter() - started)
        growth.add("MiB after the start", n, memory(served.process.pid))
        growth.add("MiB at the peak, taking them on", n, peak)
        growth.add("taken on a second", n, rate)
        for name, query in FILTERS.items():
            query = query.format(begun=begun, ended=ended)
            first, last = seconds_to_find(served, query)
            growth.add(f"seconds to find those {name}", n, last)
            firsts.append(first)
        one = served.administer("/v1/exchanges?limit=1&route=/v1/valuations")["exchanges"][0]["_id"]
        started = time.perf_counter()
        served.administer(f"/v1/exchanges/{one}")
        growth.add("seconds to find one by its number", n, time.perf_counter() - started)
        assert served.ask("GET", f"{VALUATIONS}/{one}").status == 200
        growth.add("MiB at the peak, searching", n, memory(served.process.pid))
        print(growth.table(), drains.table(), state_of_the_machine(), sep="\n\n")
        assert served.stop(within=60) == 0
        served.mongodb = with_database
        served.start()
    served.kill()
    print(f"the first page came after {max(firsts):.1f} s at most")
    growth.assert_no_worse_than_linear("seconds until it listens")
    growth.assert_no_worse_than_linear("MB on the disk", 1.2)
    growth.assert_no_worse_than_linear("MiB after the start", 1.0)


def drain(drains: Growth, served: Served, database: Secantus, n: int, folder: Path) -> None:
    """A copy of the log is handed over to a database."""
    copy = folder / f"drained-{n}"
    shutil.copytree(served.log, copy)
    shutil.rmtree(database.folder, ignore_errors=True)
    database.start()
    emptied = Served(served.registry, copy, database.uri(), said_in=folder).start()
    there = emptied.metric("xtream_log_records")
    begun = time.monotonic()
    eventually(lambda: emptied.metric("xtream_log_records") == 0, 900, "all is handed over")
    seconds = time.monotonic() - begun
    drains.add("handed over a second", n, there / seconds)
    drains.add("MB on the disk before", n, size(served.log))
    drains.add("MiB at the peak", n, memory(emptied.process.pid))
    time.sleep(5)
    drains.add("MB on the disk five seconds after", n, size(copy))
    assert emptied.stop(within=60) == 0
    drains.add("MB on the disk after a further start", n, size(copy))
    database.stop()
    shutil.rmtree(copy)
