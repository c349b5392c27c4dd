"""What may depend on what. The arrows are drawn in ARCHITECTURE.md; here they are held."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def dependencies(crate, *, depth=None):
    command = ["cargo", "tree", "-p", crate, "-e", "normal", "--prefix", "none"]
    if depth is not None:
        command += ["--depth", str(depth)]
    tree = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    names = {line.split()[0] for line in tree.splitlines() if line.strip()}
    return names - {crate}


def code(path):
    """A source file without its comments and its tests."""
    text = re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.MULTILINE)
    return text.split("#[cfg(test)]\nmod tests {")[0]


def sources(crate):
    return [path for path in sorted((ROOT / crate / "src").rglob("*.rs")) if path.name != "tests.rs"]


def test_nothing_points_out_of_core():
    assert not {name for name in dependencies("xtream-core") if name.startswith("xtream")}


@pytest.mark.parametrize("absent", ["actix-web", "actix-rt", "pyo3", "numpy", "mongodb", "clap", "indicatif"])
def test_core_knows_no_door(absent):
    assert absent not in dependencies("xtream-core")


def test_core_asks_for_no_async_runtime():
    # polars brings tokio along for readers that core does not use; core itself must not.
    assert not {"tokio", "async-std", "smol"} & dependencies("xtream-core", depth=1)


@pytest.mark.parametrize("absent", ["xtream-cli", "xtream-python", "linfa", "polars", "libloading"])
def test_the_server_depends_on_core_alone_and_does_no_learning(absent):
    assert absent not in dependencies("xtream-server", depth=1)


def test_the_python_module_depends_on_core_alone():
    ours = {name for name in dependencies("xtream-python", depth=1) if name.startswith("xtream")}
    assert ours == {"xtream-core"}


def features(*flags):
    """Each library with the features that a build with these flags would compile it with."""
    command = ["cargo", "tree", "-e", "normal,build", "-f", "{p} {f}", "--prefix", "none", "--no-dedupe"]
    tree = subprocess.run([*command, *flags], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    lines = {re.sub(r" \((\*|proc-macro|/.*?)\)", "", line).strip() for line in tree.splitlines()}
    return {line for line in lines if line and not line.startswith("xtream")}


def test_nothing_is_compiled_a_second_time_for_the_python_module():
    makefile = (ROOT / "Makefile").read_text()
    flags = re.search(r"maturin develop .*--features (\S+)", makefile)[1].split(",")
    of_the_module = [flag for flag in flags if not flag.startswith("pyo3/")]
    assert of_the_module, "`make module` asks for the features of the whole workspace"
    of_the_program = features("--workspace")
    assert len(of_the_program) > 300
    assert features("-p", "xtream-python", "--features", ",".join(of_the_module)) <= of_the_program


def test_core_reads_no_environment_and_prints_nothing():
    for path in sources("core"):
        found = re.search(r"env::var|println!|print!\(|dbg!|static mut", code(path))
        assert not found, f"{path}: {found and found[0]}"


ROOMS = {
    "diamond": {"dataset", "features", "model", "pipeline", "tuning", "training", "registry", "promotion"},
    "metrics.rs": {"diamond", "dataset", "features", "model", "pipeline", "training", "registry"},
    "model": {"diamond", "dataset", "features", "pipeline", "tuning", "training", "registry", "promotion"},
    "features": {"dataset", "pipeline", "tuning", "training", "registry", "promotion"},
    "pipeline": {"dataset", "tuning", "training", "registry", "promotion"},
    "tuning": {"diamond", "dataset", "features", "pipeline", "training", "registry", "promotion"},
    # Of features it takes the measurements that a textbook expects where a stone to be priced lacks them.
    "dataset": {"model", "pipeline", "tuning", "training", "registry"},
    "registry": {"training"},
    "similar": {"dataset", "features", "model", "pipeline", "tuning", "training", "registry"},
}


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_of_core_look_only_where_they_may(room):
    place = ROOT / "core" / "src" / room
    for path in [place] if place.is_file() else sorted(place.rglob("*.rs")):
        if path.name == "tests.rs":
            continue
        used = set(re.findall(r"crate::(?:\{)?(\w+)", code(path)))
        assert not used & ROOMS[room], f"{path.relative_to(ROOT)} uses {used & ROOMS[room]}"


def test_unsafe_code_lives_in_two_places():
    allowed = {"core/src/model/xgboost/library.rs"}
    found = set()
    for crate in ["core", "server", "cli", "python"]:
        for path in sources(crate):
            if re.search(r"\bunsafe\b", code(path).replace("'unsafe-inline'", "")):
                found.add(str(path.relative_to(ROOT)))
    assert allowed <= found
    assert len(found) <= 2, found
    assert all(path in allowed or path.startswith("python/src/") for path in found), found


def test_the_environment_is_read_in_settings_alone():
    for crate in ["server", "cli"]:
        for path in sources(crate):
            if path.name != "settings.rs":
                assert "env::var" not in code(path), path
