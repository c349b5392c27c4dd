"""Ten million rows on two workers of Dask with 1 GiB each take at most 1.3 times as long as one process."""

import json
import subprocess
import sys
import time
from pathlib import Path

import dask.dataframe as dd
import pandas as pd
import xtream_core.dask
from distributed import Client, LocalCluster
from helpers import PUBLIC, read_csv
from priced import REGISTRY, TREES

N_FILES, N_ROWS_A_FILE = 100, 100_000
N_ROWS = N_FILES * N_ROWS_A_FILE
MOST_MEMORY = 1 << 30
MOST_TIMES = 1.3

ONE_PROCESS = """
import json, sys, time, warnings
from pathlib import Path
import numpy as np, pandas as pd, xtream_core as xc
warnings.simplefilter("ignore")
source, target, registry, version = sys.argv[1:]
started = time.perf_counter()
model = xc.Registry(registry).load(int(version))
for path in sorted(Path(source).iterdir()):
    stones = pd.read_parquet(path)
    prices = model.predict(stones, errors="nan")
    stones.assign(price_usd=prices).to_parquet(Path(target) / path.name, index=False)
print(json.dumps({"seconds": time.perf_counter() - started}))
"""


def delivered(folder: Path) -> Path:
    """The public stones again and again, each row with a number of its own."""
    public = read_csv(PUBLIC).drop(columns="price")
    folder.mkdir()
    laps = pd.concat([public] * (N_ROWS_A_FILE // len(public) + 2), ignore_index=True)
    for file in range(N_FILES):
        first = file * N_ROWS_A_FILE
        rows = laps.iloc[first % len(public) :].head(N_ROWS_A_FILE)
        rows = rows.assign(stone=range(first, first + N_ROWS_A_FILE))
        rows.to_parquet(folder / f"{file:03}.parquet", index=False)
    return folder


def prices(folder: Path) -> pd.Series:
    priced = pd.read_parquet(folder, columns=["stone", "price_usd"])
    return priced.set_index("stone")["price_usd"].sort_index()


def test_ten_million_rows_on_two_workers_with_a_gibibyte_each(tmp_path: Path) -> None:
    def peak_memory() -> int:
        """Of this process, in bytes."""
        (line,) = [each for each in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in each]
        return int(line.split()[1]) * 1024

    source, alone, target = delivered(tmp_path / "stones"), tmp_path / "alone", tmp_path / "priced"
    alone.mkdir()
    command = [sys.executable, "-c", ONE_PROCESS, source, alone, REGISTRY, TREES]
    run = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    one_s = json.loads(run.stdout)["seconds"]
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit=MOST_MEMORY, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        started = time.perf_counter()
        priced = xtream_core.dask.value(dd.read_parquet(source), REGISTRY, TREES)
        priced.to_parquet(target, write_index=False)
        two_s = time.perf_counter() - started
        peaks = list(client.run(peak_memory).values())
    found, expected = prices(target), prices(alone)
    print(f"\none process {one_s:.1f} s, two workers {two_s:.1f} s: {two_s / one_s:.2f} times;")
    print(f"most memory of a worker {max(peaks) / 2**20:.0f} MiB; {N_ROWS / two_s:,.0f} stones a second")
    assert len(found) == N_ROWS and found.equals(expected)
    assert two_s <= MOST_TIMES * one_s
    assert max(peaks) < MOST_MEMORY
