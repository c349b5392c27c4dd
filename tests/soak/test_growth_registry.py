"""What a long history of models costs, in a folder and in a store: to open, list, promote, start a server."""

import subprocess
import time
from pathlib import Path

import stores
from growth import Growth, memory, run, size, state_of_the_machine
from helpers import FIRST, PROGRAM, Program, environment
from served import Served

VERSIONS = [10, 100, 1000, 10_000]


def measure(growth: Growth, place: object, grow: Path, folder: Path, variables: dict[str, str]) -> None:
    where = ["--registry", place]
    Program(folder).train(FIRST, "--models", "linear,linear-derived", "--trials", "0", *where, env=variables)
    for n in VERSIONS:
        begun = time.perf_counter()
        subprocess.run(
            [str(grow), str(place), str(n)], check=True, env=environment(**variables), capture_output=True
        )
        growth.add("ms to register, for one", n, (time.perf_counter() - begun) / (n - n // 10) * 1000)
        seconds, peak = run([PROGRAM, "models", "show", "champion", *where], folder, **variables)
        growth.add("seconds to open", n, seconds)
        growth.add("MiB to open", n, peak)
        growth.add("seconds to list all", n, run([PROGRAM, "models", "list", *where], folder, **variables)[0])
        # Another one each time.
        growth.add(
            "seconds to promote",
            n,
            run([PROGRAM, "models", "promote", n - 1, *where], folder, **variables)[0],
        )
        begun = time.perf_counter()
        served = Served(place, folder / f"log{n}", said_in=folder, settings=variables)
        with served:
            growth.add("seconds until a server listens", n, time.perf_counter() - begun)
            begun = time.perf_counter()
            assert len(served.ask("GET", "/v1/models?limit=20").json()["models"]) == min(n, 20)
            growth.add("seconds to the first page of models", n, time.perf_counter() - begun)
            growth.add("MiB of the server", n, memory(served.process.pid))


def test_models_in_a_folder(example, tmp_path: Path) -> None:
    print(state_of_the_machine())
    growth = Growth("versions, in a folder")
    measure(growth, tmp_path / "registry", example("grow_registry"), tmp_path, {})
    growth.add("MB on the disk", VERSIONS[-1], size(tmp_path / "registry"))
    print(growth.table(), state_of_the_machine(), sep="\n\n")
    growth.assert_no_worse_than_linear("seconds to open", 2.0)
    growth.assert_no_worse_than_linear("seconds to promote", 2.0)


def test_models_in_a_store(example, tmp_path: Path) -> None:
    print(state_of_the_machine())
    growth = Growth("versions, in a store")
    with stores.localbucket(tmp_path / "bucket") as store:
        measure(growth, store.address(), example("grow_registry"), tmp_path, store.variables())
        growth.add("MB in the store", VERSIONS[-1], size(store.folder))
    print(growth.table(), state_of_the_machine(), sep="\n\n")
    few, many = (growth.figures["seconds to open"][n] for n in (100, 10_000))
    assert many < 1.5 * few + 1, "a store's history costs checkpoints, not commits"
