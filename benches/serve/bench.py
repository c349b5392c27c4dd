"""Requests a second, and how long the slow ones take: `xtream serve` beside two peers, in one run.

The peers are a plain actix route that answers with a constant, which nothing of this kind can beat, and
the same service in FastAPI with Python's XGBoost and pymongo. The goal for `fsync` is stated for a disk
whose sync takes 4 ms, so ours is measured with syncs slowed down to that, too. All of them, the load
generator `wrk` and the database share the machine's cores, one server at a time. The model is the champion
that `xtream train` makes of the public data.
"""

import argparse
import contextlib
import json
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "benches"))
from results import Result, bounded, save  # noqa: E402

LOADS = [8, 64]
SLOW_FSYNC_MS = 4
PLAIN, OS, FSYNC, SLOW, PEER = (
    "plain actix route",
    "xtream serve, os",
    "xtream serve, fsync",
    f"xtream serve, fsync {SLOW_FSYNC_MS} ms",
    "FastAPI, XGBoost, pymongo",
)


@dataclass
class Measured:
    """One server under one load."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    n_failed: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5, help="of load for each figure of a round")
    parser.add_argument("--rounds", type=int, default=3, help="over all servers; the figures are medians")
    parser.add_argument("--trials", type=int, default=100, help="of the search for the model")
    parser.add_argument("--only", nargs="*", help="servers to measure, by the words in their names")
    arguments = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("The load generator wrk is missing; `apt-get install wrk` brings it.")
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    # On the disk of the project: a temporary folder may be in memory, where an fsync costs nothing.
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".bench-") as folder:
        bench(Path(folder), target, arguments)


def bench(folder: Path, target: Path, arguments: argparse.Namespace) -> None:
    xtream = target / "xtream"
    registry = folder / "registry"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
    # The family that the peer can run as it is: the other one's features would have to be computed in Python.
    train = [xtream, "train", ROOT / "data" / "diamonds.csv", "--registry", registry, "--models", "xgboost"]
    subprocess.run([*train, "--trials", str(arguments.trials)], **quiet)
    subprocess.run(
        [xtream, "models", "export", "champion", "--out", folder / "model", "--registry", registry], **quiet
    )
    card = json.loads((folder / "model" / "card.json").read_text())

    serve = [xtream, "serve", "--registry", registry, "--bind", "127.0.0.1:0", "--exchange-log"]

    def fresh() -> Path:
        """A log of an earlier round would be one that is full already."""
        return Path(tempfile.mkdtemp(dir=folder))

    servers = {
        PLAIN: lambda: announced([target / "examples" / "plain_route"], folder),
        OS: lambda: announced([*serve, fresh(), "--durability", "os"], folder),
        FSYNC: lambda: announced([*serve, fresh(), "--durability", "fsync"], folder),
        SLOW: lambda: announced([*serve, fresh(), "--durability", "fsync"], folder, slow_disk(folder)),
        PEER: lambda: fastapi(folder),
    }
    if arguments.only:
        servers = {
            name: start for name, start in servers.items() if any(word in name for word in arguments.only)
        }
    print(f"{platform.machine()}, {os.cpu_count()} cores, fsync {fsync_ms(folder):.1f} ms (median)")
    print(f"model: {card['params']['n_estimators']} trees of depth {card['params']['max_depth']}\n")
    print(f"{'':28} {'clients':>7} {'requests/s':>11} {'p50 ms':>8} {'p99 ms':>8} {'failed':>6}")
    rounds: dict[tuple[str, int], list[Measured]] = {}
    # All servers one after the other and then again: a machine that is slow for a while is so for all.
    for _ in range(arguments.rounds):
        for name, start in servers.items():
            # What the one before left in memory would be written while this one is measured.
            os.sync()
            with start() as address:
                load(address, 8, 2)
                for n_clients in LOADS:
                    figures = load(address, n_clients, arguments.seconds)
                    rounds.setdefault((name, n_clients), []).append(figures)
                    print_figures(name, n_clients, figures)
    measured = {key: median(figures) for key, figures in rounds.items()}
    print(f"\nmedians of {arguments.rounds} rounds")
    for (name, n_clients), figures in measured.items():
        print_figures(name, n_clients, figures)
    found = results(measured)
    print_results(found)
    save("serve", found)


def median(figures: list[Measured]) -> Measured:
    """The median of each figure, and all failures."""
    by_name = {
        name: [getattr(one, name) for one in figures] for name in ["requests_per_s", "p50_ms", "p99_ms"]
    }
    medians = {name: statistics.median(values) for name, values in by_name.items()}
    return Measured(**medians, n_failed=sum(one.n_failed for one in figures))


def print_figures(name: str, n_clients: int, figures: Measured) -> None:
    print(
        f"{name:28} {n_clients:7} {figures.requests_per_s:11,.0f} {figures.p50_ms:8.2f}"
        f" {figures.p99_ms:8.2f} {figures.n_failed:6}",
        flush=True,
    )


def results(measured: dict[tuple[str, int], Measured]) -> list[Result]:
    """The goals, for the table of all benchmarks. With few clients a commit holds few exchanges, so that the
    plain route is no measure of a server that records."""
    found = []
    for peer, at_least in [(PLAIN, {64: 0.4}), (PEER, {8: 15, 64: 15})]:
        for n in LOADS:
            with contextlib.suppress(KeyError):
                rates = [measured[name, n].requests_per_s for name in (OS, peer)]
                ratio, least = rates[0] / rates[1], at_least.get(n)
                goal, met = ("", None) if least is None else (f"{least:g} x or more", ratio >= least)
                found.append(
                    Result(f"{OS}, {n} clients", "requests/s", rates[0], peer, rates[1], ratio, goal, met)
                )
    for n in LOADS:
        with contextlib.suppress(KeyError):
            found.append(bounded(f"{SLOW}, {n} clients, p99", "ms", measured[SLOW, n].p99_ms, 20))
    return found


def print_results(found: list[Result]) -> None:
    for one in found:
        against = (
            f"{one.ratio:.2f} times the {one.peer_name}" if one.peer_name else f"{one.ours:.1f} {one.unit}"
        )
        print(f"{one.what:40} {against:48} {one.goal:18} {one.met}")


def load(address: str, n_clients: int, seconds: int) -> Measured:
    command = [
        "wrk",
        "--latency",
        "-t1",
        f"-c{n_clients}",
        f"-d{seconds}s",
        "-s",
        HERE / "valuation.lua",
        address,
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def figure(pattern: str) -> str:
        return re.search(pattern, said, re.MULTILINE)[1]

    def milliseconds(text: str) -> float:
        number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
        return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]

    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    return Measured(
        float(figure(r"^Requests/sec: +([\d.]+)")),
        milliseconds(figure(r"^ +50% +(\S+)")),
        milliseconds(figure(r"^ +99% +(\S+)")),
        int(refused[1] if refused else 0) + sum(int(n) for n in (broken.groups() if broken else [])),
    )


@contextlib.contextmanager
def started(command: list, folder: Path, **more: object) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen([str(part) for part in command], cwd=folder, stdin=subprocess.DEVNULL, **more)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            # The peer may have thousands of records that still wait for the database.
            process.kill()
            process.wait()


@contextlib.contextmanager
def announced(command: list, folder: Path, environment: dict[str, str] | None = None) -> Iterator[str]:
    """A server of ours: it says where it listens."""
    said = folder / "said"
    with (
        said.open("w") as output,
        started(command, folder, stdout=output, stderr=output, env=environment) as process,
    ):
        deadline = time.monotonic() + 30
        while not (found := re.search(r"Listening on (http://\S+);", said.read_text())):
            assert process.poll() is None and time.monotonic() < deadline, said.read_text()
            time.sleep(0.05)
        yield found[1]


def slow_disk(folder: Path) -> dict[str, str]:
    """Surroundings in which a sync takes as long as the goal says."""
    library = folder / "slow_fsync.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, HERE / "slow_fsync.c", "-ldl"], check=True)
    return os.environ | {"LD_PRELOAD": str(library), "FSYNC_MS": str(SLOW_FSYNC_MS)}


@contextlib.contextmanager
def fastapi(folder: Path) -> Iterator[str]:
    """The peer with its database; a worker for each core, as its documentation advises."""
    database, port = free_port(), free_port()
    secantus = [sys.executable, "-m", "secantus", "--sync-on-commit", "--host", "127.0.0.1"]
    secantus += ["--port", database, "--storage-path", tempfile.mkdtemp(dir=folder)]
    uvicorn = [sys.executable, "-m", "uvicorn", "fastapi_app:app", "--app-dir", HERE, "--port", port]
    uvicorn += ["--workers", os.cpu_count(), "--no-access-log", "--log-level", "error"]
    environment = os.environ | {
        "MODEL": str(folder / "model" / "xgboost.ubj"),
        "MONGODB_URI": f"mongodb://127.0.0.1:{database}/?directConnection=true",
    }
    with (
        (folder / "peer.log").open("w") as output,
        started(secantus, folder, stdout=output, stderr=output),
        started(uvicorn, folder, env=environment, stdout=output, stderr=output),
    ):
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/docs", timeout=1):
                break
            assert time.monotonic() < deadline, (folder / "peer.log").read_text()
            time.sleep(0.1)
        yield address


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def fsync_ms(folder: Path) -> float:
    """What the disk takes for one write and its fsync."""
    times = []
    with (folder / "probe").open("wb", buffering=0) as file:
        for _ in range(100):
            started = time.perf_counter()
            file.write(b"x" * 4096)
            os.fsync(file.fileno())
            times.append(time.perf_counter() - started)
    return sorted(times)[50] * 1000


if __name__ == "__main__":
    main()
