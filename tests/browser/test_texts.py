"""All words of the page stand in one file, so that another language is one more file."""

import json
import re

from helpers import ROOT

PAGE = ROOT / "server" / "assets" / "page"
TEXTS = json.loads((PAGE / "en.json").read_text())
SCRIPTS = sorted(PAGE.glob("*.js"))
# Names of classes, places in drawings, and a header of HTTP: several words that nobody reads.
NO_TEXT = re.compile(
    r"[a-z -]+|[\d .{}$/-]+|M.*|0 0 .*|text/csv;charset=utf-8|.*\[data-field=.*|input:checked, .*|input, .*"
    r"|Bearer \$\{key\}|translate\(.*|\$\{sign\}.*|family-.*|number \$.*"
)


def code(text: str) -> str:
    return re.sub(r"(?m)^\s*//.*$|/\*\*.*?\*/|\s// .*$", "", text, flags=re.DOTALL | re.MULTILINE)


def used(text: str) -> set[str]:
    return set(re.findall(r'"([a-z][\w.-]*\.[\w.-]+)"|\{\{([\w. -]+)\}\}', text))


def test_no_script_has_words_of_its_own() -> None:
    assert len(SCRIPTS) > 10
    for script in SCRIPTS:
        for quoted in re.findall(r'"([^"\n]*)"|`([^`]*)`', code(script.read_text())):
            literal = "".join(quoted)
            has_words = re.search(r"[A-Za-z]{2,}[ ,]+[A-Za-z]{2,}", literal)
            assert not has_words or NO_TEXT.fullmatch(literal), f"{script.name}: {literal!r}"


def test_every_text_is_used_and_every_name_has_its_text() -> None:
    everything = "\n".join(path.read_text() for path in [*SCRIPTS, *PAGE.glob("*.html")])
    named = set(re.findall(r'\bt\("([\w.-]+)"', everything)) | set(
        re.findall(r"\{\{([\w. -]+)\}\}", everything)
    )
    made = ("choices.", "current.", "page", "main", "title")
    assert {name for name in named if name not in TEXTS and not name.startswith(made)} == set()
    # Some names are put together: `t(`models.${name}`)`.
    prefixes = set(re.findall(r"[`\"]([\w.-]+\.)\$\{", everything))
    unused = [
        key
        for key in TEXTS
        if key.removesuffix(".one") not in named
        and not key.endswith(".title")
        and not any(key.startswith(prefix) for prefix in prefixes)
    ]
    assert unused == []
