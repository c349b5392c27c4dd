"""The page "Value a file" says of every delivery what the other doors say, and gives it the same prices."""

import csv
import io
import re
from pathlib import Path

import pandas as pd
from browsing import Open
from every_delivery import DELIVERIES, EXPECTED, OURS, through_rest
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


def cents(page: Page, signs: dict[str, str], price: str) -> list[str]:
    """The prices of the file that can be downloaded; nothing where there is none."""
    page.locator("#start").click()
    expect(page.locator("#said")).to_contain_text("Done: ")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the result").click()
    text = Path(download.value.path()).read_bytes().decode("utf-8-sig")
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=signs["separator"])
    return [row[price].replace(signs["decimal"], ".") for row in rows]


def test_every_delivery_is_understood_and_priced_by_the_page_as_elsewhere(
    visit: Open, xtream: Program, served: Served
) -> None:
    page, out = visit("/batch"), xtream.folder / "priced.parquet"
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
        said = (
            f"Read as {form}."
            if form
            else "A plain file: commas, decimal points, columns whose names are known."
        )
        expect(page.locator("#preview p").first).to_have_text(said)
        expect(page.locator("#preview .notice li")).to_have_count(len(understood["units"]))
        # The command line prices no file of which a column seems to have another unit.
        if understood["units"]:
            continue
        out.unlink(missing_ok=True)
        run = xtream("value", file, "--out", out, "--registry", served.registry, status=None)
        prices = pd.read_parquet(out)[OURS[name]]
        expected_cents = ["" if price != price else f"{price:.2f}" for price in prices]
        assert (name, cents(page, first["signs"], OURS[name])) == (name, expected_cents), run.stderr
