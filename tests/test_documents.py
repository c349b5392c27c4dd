"""What the documents name is there."""

import re

import pytest
from helpers import ROOT

SAFETY = (ROOT / "docs" / "safety.md").read_text()
# The last cell of each row: files and modules, each with the tests in it.
HELD_BY = [row.strip(" |").rpartition(" | ")[2] for row in SAFETY.splitlines() if row.startswith("| ")][1:]


def sources(folder: str, pattern: str) -> str:
    return "\n".join(path.read_text() for path in (ROOT / folder).rglob(pattern))


@pytest.fixture(scope="module")
def tests() -> set[str]:
    """The names of all tests there are."""
    rust = "\n".join(sources(folder, "*.rs") for folder in ("core", "server", "cli"))
    return set(re.findall(r"fn (\w+)\(\)", rust)) | set(
        re.findall(r"def (test_\w+)\(", sources("tests", "*.py"))
    )


@pytest.mark.parametrize("held_by", sorted(set(HELD_BY)))
def test_every_test_that_keeps_a_promise_is_there(held_by: str, tests: set[str]) -> None:
    paths = re.findall(r"`((?:core|server|tests)/[\w/.]+)`", held_by)
    for path in paths:
        assert (ROOT / path).exists(), path
    named = set(re.findall(r"(?:: |; )(\w{12,})", held_by))
    assert paths or named or held_by.startswith("the same"), held_by
    assert named <= tests, named - tests


def test_every_folder_that_is_linked_is_there() -> None:
    for document in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"
