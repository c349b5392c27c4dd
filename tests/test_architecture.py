"""What may depend on what. The arrows are drawn in ARCHITECTURE.md; here they are held."""

import re
import subprocess
from pathlib import Path

import pytest
from imports import Crate, code

ROOT = Path(__file__).parent.parent


def dependencies(crate, *, depth=None):
    command = ["cargo", "tree", "-p", crate, "-e", "normal", "--prefix", "none"]
    if depth is not None:
        command += ["--depth", str(depth)]
    tree = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    names = {line.split()[0] for line in tree.splitlines() if line.strip()}
    return names - {crate}


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


def test_core_reads_no_environment_has_no_global_state_and_prints_nothing():
    for path in sources("core"):
        pattern = r"env::var|println!|print!\(|dbg!|static mut|thread_local!|^\s*(pub )?static "
        found = re.search(pattern, code(path), flags=re.MULTILINE)
        assert not found, f"{path}: {found and found[0]}"


# Of each room of core, the rooms that it may look at: the floors of ARCHITECTURE.md, from the ground up.
ROOMS = {
    "math": set(),
    "format": set(),
    "diamond": {"math"},
    "metrics": {"math"},
    "error": {"diamond"},
    "interrupt": {"error"},
    "folder": {"error"},
    "parallel": {"error"},
    "promotion": {"metrics"},
    "similar": {"diamond"},
    "model": {"error", "interrupt"},
    "features": {"diamond", "error", "math", "model"},
    "dataset": {"diamond", "error", "features", "format", "interrupt", "math", "parallel"},
    "pipeline": {"diamond", "error", "features", "format", "interrupt", "math", "model", "parallel"},
    "valuation": {
        *("dataset", "diamond", "error", "format", "interrupt", "parallel", "pipeline", "similar"),
    },
    "tuning": {"error", "folder", "interrupt", "math", "model", "parallel"},
    "progress": {"dataset", "pipeline", "promotion", "tuning"},
    "registry": {"dataset", "error", "folder", "metrics", "model", "pipeline", "promotion", "tuning"},
    "training": {
        *("dataset", "diamond", "error", "features", "format", "interrupt", "metrics", "model", "parallel"),
        *("pipeline", "progress", "promotion", "registry", "tuning", "valuation"),
    },
}


@pytest.fixture(scope="module")
def core():
    return Crate(ROOT / "core" / "src")


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_of_core_look_only_where_they_may(core, room):
    for use in core.uses:
        ends = use.at(())
        if ends and ends[0] == room:
            assert ends[1] in ROOMS[room], use.place


def test_every_room_of_core_has_its_floor(core):
    rooms = {module[0] for module in core.code if module}
    assert rooms == set(ROOMS)


# The rooms of the server, each above those that it may look at, as ARCHITECTURE.md has them.
FLOORS_OF_THE_SERVER = [
    *("app", "routes", "docs", "pages", "middleware", "admin", "serving", "limits", "exchanges"),
    *("static_file", "etag", "compression", "request", "problem", "connections"),
    *("request_id", "schemas", "cross_origin", "telemetry", "error"),
]


def test_rooms_of_the_server_look_only_down():
    server = Crate(ROOT / "server" / "src")
    assert {module[0] for module in server.code if module} == set(FLOORS_OF_THE_SERVER)
    for use in server.uses:
        ends = use.at(())
        if ends:
            above, below = (FLOORS_OF_THE_SERVER.index(room) for room in ends)
            assert above < below, use.place


@pytest.mark.parametrize("crate", ["core", "server", "cli", "python"])
def test_no_two_modules_use_each_other(crate):
    circles = Crate(ROOT / crate / "src").circles().values()
    told = "\n\n".join("\n".join(way) for way in circles)
    assert not told, f"a circle in {crate}:\n{told}"


def test_a_circle_is_found_however_the_other_module_is_named(tmp_path):
    texts = {
        "lib.rs": "mod a;\nmod b;\nmod room;\npub use a::Shown;\n",
        "a.rs": "use crate::b::Thing;\npub struct Shown;\n",
        "b.rs": "// use crate::a::InAComment;\npub struct Thing;\nfn f() { crate::Shown; }\n",
        "room/mod.rs": "mod one;\nmod two;\npub use self::two::Two;\n",
        "room/one.rs": "use super::{Two, two as other};\nuse crate::a::{\n    Shown,\n};\n",
        "room/two.rs": "pub struct Two;\n#[cfg(test)]\nmod tests {\n    use super::super::one::X;\n}\n",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert Crate(tmp_path).circles() == {
        frozenset({"crate::a", "crate::b"}): [
            "a -> b: a.rs:1 uses crate::b::Thing",
            "b -> a: b.rs:3 uses crate::Shown",
        ]
    }
    (tmp_path / "room/two.rs").write_text("pub struct Two;\nfn f() { super::one::g(); }\n")
    assert frozenset({"crate::room::one", "crate::room::two"}) in Crate(tmp_path).circles()


def test_the_server_neither_encodes_nor_learns_nor_judges():
    for path in sources("server"):
        found = re.search(r"xtream_core::(features|model|training|tuning|metrics)\b", code(path))
        assert not found, f"{path}: {found and found[0]}"


def test_one_part_of_the_server_speaks_to_mongodb():
    users = {path for path in sources("server") if re.search(r"(?<![:\w])mongodb::", code(path))}
    users = {path.relative_to(ROOT / "server/src/") for path in users}
    assert len({str(path).split("mongodb")[0] for path in users if "mongodb" in str(path)}) == 1
    assert all("mongodb" in str(path) for path in users), users


def test_one_place_of_the_server_reads_rows_of_models_and_one_files_that_are_sent():
    # Reading takes its time and its threads: not for a thread that answers requests.
    assert len([path for path in sources("server") if ".dataset(" in code(path)]) == 1
    readers = [path for path in sources("server") if re.search(r"\bTable::open\(|\binspect\(", code(path))]
    assert [path.name for path in readers] == ["files.rs"]
    assert "web::block(move || Lines::of(" in readers[0].read_text()


def test_nothing_is_unpickled_and_no_model_file_is_handed_to_xgboost():
    for path in sorted((ROOT / "python" / "xtream_core").glob("*.py")):
        assert not re.search(r"pickle\.loads?\b|joblib\.load", path.read_text()), path
    assert not re.search(r"LoadModel|Unserialize", (ROOT / "core/src/model/xgboost/library.rs").read_text())


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


def test_the_environment_is_read_in_four_places():
    found = {
        str(path.relative_to(ROOT))
        for crate in ["core", "server", "cli", "python"]
        for path in sources(crate)
        if re.search(r"env::vars?\b|env::var_os\b", code(path))
    }
    assert found == {"cli/src/environment.rs", "python/src/place.rs", "python/src/xgboost.rs"}
    in_python = {
        path.name
        for path in (ROOT / "python" / "xtream_core").glob("*.py")
        if re.search(r"os\.(environ|getenv)", path.read_text())
    }
    assert in_python == {"_program.py"}
