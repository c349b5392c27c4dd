"""What clients cost that ask at once: how much is answered, how long each waits, and memory.

Each has a connection of its own and asks again as soon as it has its answer, so it stands for many who think.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from growth import Growth, memory, state_of_the_machine
from helpers import PUBLIC, ROOT, Program
from served import Served

CLIENTS = [1, 10, 100, 1000, 3000, 10_000]
SECONDS = 6
VALUATION = ROOT / "benches" / "serve" / "valuation.lua"
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


def milliseconds(said: str, share: str) -> float:
    value, unit = re.search(rf"{share}\s+([\d.]+)(us|ms|s|m)\b", said).groups()
    return float(value) * UNITS[unit]


def load(served: Served, n: int) -> tuple[float, float, float, int, int]:
    """Requests a second, median and 99th percentile in ms, refusals, and connections that failed."""
    address = f"http://127.0.0.1:{served.port}"
    command = [
        "wrk",
        f"-t{min(n, 2)}",
        f"-c{n}",
        f"-d{SECONDS}s",
        "--latency",
        "--timeout",
        "30s",
        "-s",
        str(VALUATION),
        address,
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    n_errors = sum(map(int, errors.groups())) if errors else 0
    return (
        rate,
        milliseconds(said, "50%"),
        milliseconds(said, "99%"),
        int(refused[1]) if refused else 0,
        n_errors,
    )


@pytest.mark.skipif(
    not shutil.which("wrk"), reason="there is no wrk; 'apt-get install wrk' has this measured"
)
def test_clients_at_once(tmp_path: Path) -> None:
    Program(tmp_path).train(PUBLIC, "--models", "linear", "--trials", "0", ranges=True)
    print(state_of_the_machine())
    growth = Growth("clients at once")
    for durability in ("fsync", "os"):
        for n in CLIENTS:
            served = Served(
                tmp_path / "registry",
                tmp_path / f"log-{durability}-{n}",
                durability=durability,
                said_in=tmp_path,
                settings={"XTREAM_SERVE_MAX_CONNECTIONS": "12000", "XTREAM_SERVE_MAX_IN_FLIGHT": "12000"},
            )
            with served:
                before = memory(served.process.pid, "VmRSS")
                rate, median, slowest, n_refused, n_errors = load(served, n)
                assert (n_refused, n_errors) == (0, 0), f"{n} clients"
                growth.add(f"requests a second, {durability}", n, rate)
                growth.add(f"median in ms, {durability}", n, median)
                growth.add(f"99th percentile in ms, {durability}", n, slowest)
                if durability == "os":
                    growth.add("MiB more at the peak", n, memory(served.process.pid) - before)
            shutil.rmtree(served.log)
    # With the limits that are the default, what is too much is refused at once, and the rest answered.
    with Served(tmp_path / "registry", tmp_path / "log", said_in=tmp_path) as served:
        rate, median, slowest, n_refused, _ = load(served, 3000)
    print(growth.table(), state_of_the_machine(), sep="\n\n")
    share = n_refused / (rate * SECONDS)
    print(
        f"3,000 clients and the default limits: {rate:,.0f} answers a second, {share:.0%} of them 503,"
        f" median {median:.1f} ms, 99 % {slowest:.0f} ms"
    )
    rates = growth.figures["requests a second, os"]
    assert rates[10_000] > 0.4 * max(rates.values()), "it goes on answering"
