"""The page "Value a file" says of every delivery what the other doors say, and gives it the same prices."""

import csv
import io
import os
import re
from pathlib import Path

from browsing import Open
from every_delivery import DELIVERIES, EXPECTED, through_rest
from helpers import Program
from playwright.sync_api import Page, expect
from served import Served


def choose(page: Page, path: Path) -> str | None:
    """Gives the page a file and returns why it refuses it, if it does."""
    page.get_by_label("File of stones").set_input_files([])
    page.get_by_label("File of stones").set_input_files(path)
    page.locator("#file-error > p, #preview:not([hidden])").first.wait_for()
    refusal = page.locator("#file-error")
    return refusal.inner_text() or None


def counts(page: Page) -> tuple[int, int]:
    """The rows that can be valued and those that cannot, as the preview says it."""
    said = page.locator("#preview").inner_text().replace(",", "")
    if "Its one row can be valued." in said:
        return 1, 0
    if found := re.search(r"All (\d+) rows can be valued\.", said):
        return int(found[1]), 0
    found = re.search(r"Of \d+ rows (\d+) can be valued and (\d+) cannot\.", said)
    return int(found[1]), int(found[2])


def result(page: Page) -> bytes:
    """The file that can be downloaded."""
    page.locator("#start").click()
    expect(page.locator("#said")).to_contain_text("Done: ")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the result").click()
    return Path(download.value.path()).read_bytes()


def cells(content: bytes, first: dict, n_added: int) -> list[tuple[list[str], str]]:
    """The rows of a result: their own cells, and the price in cents, nothing where there is none."""
    encoding = {"UTF-8": "utf-8-sig", "UTF-16LE": "utf-16"}.get(
        (first["text"] or {}).get("encoding", "UTF-8")
    )
    text = io.StringIO(content.decode(encoding or "cp1252"), newline="")
    rows = list(csv.reader(text, delimiter=first["signs"]["separator"]))
    n_above = len(first["text"]["head"].splitlines()) - 1 if first["text"] else 0
    priced = []
    for row in rows[n_above + 1 :]:
        price = row[-n_added].replace(first["signs"]["decimal"], ".")
        priced.append((row[:-n_added], price and f"{float(price):.2f}"))
    return priced


def test_every_delivery_is_understood_and_priced_by_the_page_as_elsewhere(
    visit: Open, xtream: Program, served: Served
) -> None:
    page, out = visit("/batch"), xtream.folder / "priced.csv"
    for name, expected in EXPECTED.items():
        file = DELIVERIES / name
        refusal, answer = choose(page, file), through_rest(served, file, name)
        if isinstance(expected, str):
            assert refusal == answer and expected in refusal
            expect(page.locator("#start")).to_be_disabled()
            continue
        first, _ = answer
        understood = first["understood"]
        assert (name, refusal, counts(page)) == (name, None, expected)
        form = understood["understood"]
        plain = "A plain file: commas, decimal points, columns whose names are known."
        expect(page.locator("#preview p").first).to_have_text(f"Read as {form}." if form else plain)
        expect(page.locator("#preview .notice li")).to_have_count(len(understood["units"]))
        # The command line prices no file of which a column seems to have another unit.
        if understood["units"]:
            continue
        out.unlink(missing_ok=True)
        run = xtream("value", file, "--out", out, "--registry", served.registry, status=None)
        ours, theirs = result(page), out.read_bytes()
        found, wanted = cells(ours, first, n_added=5), cells(theirs, first, n_added=2)
        assert (name, found) == (name, wanted), run.stderr
        assert len(found) == understood["n_rows"]
        if first["text"]:
            # Up to the names that are added, it is the file itself.
            head = first["text"]["head"].removeprefix("\ufeff").rstrip("\r\n")
            encoded = head.encode(first["text"]["encoding"].replace("UTF-16LE", "utf-16-le"))
            assert encoded in os.path.commonprefix([ours, file.read_bytes()]), name
