"""The crates that we build on are licensed, named and from where deny.toml says. `cargo deny` reads the same
file, but takes minutes to install; a look at `cargo metadata` needs nothing."""

import collections
import json
import re
import subprocess

import license_expression
import pytest
import tomllib
from helpers import ROOT

RULES = tomllib.loads((ROOT / "deny.toml").read_text())
LICENCES = license_expression.get_spdx_licensing()


@pytest.fixture(scope="module")
def crates() -> list[dict]:
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    crates = json.loads(said)["packages"]
    assert len(crates) > 300
    return crates


def is_allowed(expression: str) -> bool:
    """Whether the allowed licences are enough for an expression of SPDX's."""

    def holds(part: object) -> bool:
        if isinstance(part, LICENCES.AND):
            return all(map(holds, part.args))
        if isinstance(part, LICENCES.OR):
            return any(map(holds, part.args))
        return str(part) in RULES["licenses"]["allow"]

    # Older crates write a stroke for "or".
    return holds(LICENCES.parse(expression.replace("/", " OR ")))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", True),
        ("Unlicense/MIT", True),
        ("GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("(MIT OR GPL-3.0-only) AND Unicode-3.0", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
    ],
)
def test_an_expression_is_allowed_when_its_licences_are(expression: str, expected: bool) -> None:
    assert is_allowed(expression) == expected


def test_every_crate_has_a_licence_that_is_allowed(crates: list[dict]) -> None:
    refused = [
        f"{crate['name']} {crate['version']}: {crate['license']}"
        for crate in crates
        if not (crate["license"] and is_allowed(crate["license"]))
    ]
    assert refused == []


def test_no_allowed_licence_is_there_for_nothing(crates: list[dict]) -> None:
    words = {word for crate in crates for word in re.split(r"[()/]| AND | OR ", crate["license"] or "")}
    assert set(RULES["licenses"]["allow"]) <= {word.strip() for word in words}


def test_no_crate_is_banned_and_some_come_in_one_version_only(crates: list[dict]) -> None:
    n_versions = collections.Counter(crate["name"] for crate in crates)
    for rule in RULES["bans"]["deny"]:
        most = 1 if rule.get("deny-multiple-versions") else 0
        n_found = n_versions[rule["crate"]]
        assert n_found <= most, f"{rule['crate']} is there {n_found} times"
        # A rule about one version is about a crate that there is.
        assert most == 0 or n_found == 1, rule


def test_every_crate_is_ours_or_comes_from_the_public_registry(crates: list[dict]) -> None:
    allowed = {f"registry+{address}" for address in RULES["sources"]["allow-registry"]}
    ours = {crate["name"] for crate in crates if crate["source"] is None}
    assert ours == {"xtream-core", "xtream-server", "xtream-cli", "xtream-python"}
    assert {crate["source"] for crate in crates if crate["source"]} == allowed


@pytest.mark.parametrize(
    "path", ["tests/requirements.txt", "benches/requirements.txt", "tests/integration/requirements.txt"]
)
def test_every_python_package_has_its_version(path: str) -> None:
    lines = [line for line in (ROOT / path).read_text().splitlines() if line and not line.startswith("#")]
    assert lines
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9-]+==\S+", line)] == []
