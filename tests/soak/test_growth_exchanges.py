"""What exchanges cost that wait for a database: start, memory, pages, draining, disk.

`XTREAM_GROWTH=10000000` has ten million of them, which take 10 GB of disk and twenty minutes.
"""

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import counting_database
import numpy as np
import pytest
import stores
from growth import Growth, memory, size, state_of_the_machine
from helpers import PUBLIC, ROOT, Program, free_port
from served import STONE, VALUATIONS, Secantus, Served, eventually, exchange

MOST = int(os.environ.get("XTREAM_GROWTH", "3000000"))
SIZES = [n for n in (100_000, 300_000, 1_000_000, 3_000_000, 10_000_000) if n <= MOST]
# To a database written in Python, which takes two thousand a second, and to one that keeps the ids alone.
DRAINED = [30_000, 100_000]
COUNTED = [n for n in (100_000, 1_000_000, 10_000_000) if n <= MOST]
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
    growth, drains = Growth("exchanges that wait"), Growth("exchanges handed over to a database")
    counts = Growth("exchanges handed over as fast as they are taken")
    print(state_of_the_machine())
    served.start()
    firsts: list[float] = []
    begun = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    for n in sorted({*SIZES, *DRAINED}):
        rate = fill(served, n)
        peak = memory(served.process.pid)
        ended = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        assert served.stop(within=60) == 0
        if n in SIZES:
            growth.add("MB on the disk", n, size(served.log))
            growth.add("MiB at the peak, taking them on", n, peak)
            growth.add("taken on a second", n, rate)
            # Without a database, which each page would wait for.
            alone = Served(served.registry, served.log, said_in=tmp_path, settings=served.settings)
            firsts += find(growth, alone, n, begun, ended)
        if n in DRAINED:
            drain(drains, served, database, n, tmp_path)
        if n in COUNTED:
            hand_over(counts, served, n, tmp_path)
        print(growth.table(), drains.table(), counts.table(), state_of_the_machine(), sep="\n\n", flush=True)
        served.start()
    served.kill()
    print(f"the first page came after {max(firsts):.1f} s at most")
    growth.assert_no_worse_than_linear("seconds until it listens", 2.0)
    growth.assert_no_worse_than_linear("MB on the disk", 1.2)
    growth.assert_no_worse_than_linear("MiB after the start", 1.0)
    counts.assert_no_worse_than_linear("seconds to hand over")
    peaks = counts.figures["MiB at the peak"].values()
    assert max(peaks) < 1.5 * min(peaks), "what is handed over at once is bounded"


def find(growth: Growth, served: Served, n: int, begun: str, ended: str) -> list[float]:
    """Starts on so many and searches them; the seconds to the first page of each search."""
    firsts = []
    started = time.perf_counter()
    served.start()
    growth.add("seconds until it listens", n, time.perf_counter() - started)
    growth.add("MiB after the start", n, memory(served.process.pid))
    for name, query in FILTERS.items():
        first, last = seconds_to_find(served, query.format(begun=begun, ended=ended))
        growth.add(f"seconds to find those {name}", n, last)
        firsts.append(first)
    one = served.administer("/v1/exchanges?limit=1&route=/v1/valuations")["exchanges"][0]["_id"]
    started = time.perf_counter()
    served.administer(f"/v1/exchanges/{one}")
    growth.add("seconds to find one by its number", n, time.perf_counter() - started)
    assert served.ask("GET", f"{VALUATIONS}/{one}").status == 200
    growth.add("MiB at the peak, searching", n, memory(served.process.pid))
    assert served.stop(within=60) == 0
    return firsts


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


class Client(threading.Thread):
    """Asks for a price every 20 ms and notes how long each takes, in ms."""

    def __init__(self, served: Served) -> None:
        super().__init__(daemon=True)
        self.served, self.is_over = served, threading.Event()
        self.waits: list[float] = []
        self.ids: list[str] = []

    def run(self) -> None:
        connection = self.served.connect()
        while not self.is_over.wait(0.02):
            begun = time.perf_counter()
            answer = exchange(connection, "POST", VALUATIONS, STONE)
            self.waits.append((time.perf_counter() - begun) * 1000)
            assert answer.status == 200
            self.ids.append(answer.id)
        connection.close()

    def stop(self) -> list[str]:
        """The numbers of the exchanges that were answered."""
        self.is_over.set()
        self.join(60)
        return self.ids


def hand_over(counts: Growth, served: Served, n: int, folder: Path) -> None:
    """The log, or a copy of one that is still needed, is handed over to a database that keeps the ids
    alone, and has each of them once. A client goes on asking.
    """
    log = served.log
    if n != SIZES[-1]:
        log = folder / f"counted-{n}"
        shutil.copytree(served.log, log)
    file = f"file:{log}/exchanges.sqlite?mode=ro"
    with contextlib.closing(sqlite3.connect(file, uri=True)) as connection:
        waiting = np.array([id for (id,) in connection.execute("SELECT id FROM exchange")], "S36")
    before = size(log)
    port, taken, said = free_port(), folder / f"taken-{n}", folder / f"counting-{n}.said"
    with stores.running([sys.executable, counting_database.__file__, port, taken], port, said):
        uri = f"mongodb://127.0.0.1:{port}/?directConnection=true"
        emptied = Served(served.registry, log, uri, said_in=folder, settings=served.settings).start()
        begun, sizes = time.monotonic(), [before]
        busy = Client(emptied)
        busy.start()
        while emptied.metric("xtream_log_records") > 100:
            assert emptied.process.poll() is None and time.monotonic() < begun + n / 1000
            sizes.append(size(log))
            time.sleep(0.2)
        seconds = time.monotonic() - begun
        asked = busy.stop()
        eventually(lambda: emptied.metric("xtream_log_records") == 0, 60, "all is handed over")
        peak = memory(emptied.process.pid)
        time.sleep(5)
        after = size(log)
        idle = Client(emptied)
        idle.start()
        time.sleep(10)
        asked += idle.stop()
        eventually(lambda: emptied.metric("xtream_log_records") == 0, 60, "all is handed over")
        assert emptied.stop(within=60) == 0
    wanted = np.sort(np.concatenate([waiting, np.array(asked, "S36")]))
    assert np.array_equal(np.sort(np.fromfile(taken, "S36")), wanted), "each arrives, and once"
    counts.add("seconds to hand over", n, seconds)
    counts.add("handed over a second", n, len(waiting) / seconds)
    counts.add("MiB at the peak", n, peak)
    counts.add("MB on the disk before", n, before)
    counts.add("MB on the disk at the most", n, max(sizes))
    counts.add("MB on the disk five seconds after", n, after)
    for name, client in {"meanwhile": busy, "afterwards": idle}.items():
        counts.add(f"median of a price in ms, {name}", n, float(np.median(client.waits)))
        counts.add(f"99th percentile of a price in ms, {name}", n, float(np.percentile(client.waits, 99)))
    assert after < 40, "the disk is given back"
    if log != served.log:
        shutil.rmtree(log)
