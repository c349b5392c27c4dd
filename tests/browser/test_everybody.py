"""For everybody: no page bars anyone out, and each fits a phone as it fits a desk."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import Csv, Open
from playwright.sync_api import Page
from stone import CERTIFICATE, FULL, answer, submit, type_in

# A small phone, a common one, and a desk.
SIZES = [(320, 900), (360, 640), (1280, 900)]


def counter(page: Page, csv: Csv) -> None:
    pass


def valued(page: Page, csv: Csv) -> None:
    answer(page)
    type_in(page)
    submit(page)
    page.locator(".price").wait_for()


def edited(page: Page, csv: Csv) -> None:
    valued(page, csv)
    page.get_by_label("Carat").fill("1.3")
    page.locator("#stale").wait_for()


def refused(page: Page, csv: Csv) -> None:
    fault = {"pointer": "/x", "message": 'x "68" does not fit', "likely": {"x": 6.8}}
    answer(page, {"detail": "2 faults", "errors": [fault, {"pointer": "/cut", "message": "cut is odd"}]}, 422)
    type_in(page)
    submit(page)
    page.locator("#x-error button").wait_for()


def batch(page: Page, csv: Csv) -> None:
    page.goto("/batch")
    rows = ["1.2,Premium,E,VS1,=1+1", "1.2,Shiny,E,VS1,", "-1,Ideal,Q,VS1,"]
    page.get_by_label("File of stones").set_input_files(
        csv("carat,cut,color,clarity,note\n" + "\n".join(rows))
    )
    page.get_by_role("button", name="Value the stones").click()
    page.get_by_role("link", name="Download the result").wait_for()


def preview(page: Page, csv: Csv) -> None:
    page.goto("/batch")
    header = "Stock number of the shop;Carats;Cut Grade;Colour;Clarity;Shape;Lab"
    rows = ["A1;71,5;Excellent;E;VS1;Round;GIA"] * 30 + ["A2;71;Shiny;E;VS1;;", "A3;71;Ideal;E;VS1;Pear;"]
    page.get_by_label("File of stones").set_input_files(csv("\n".join([header, *rows])))
    page.get_by_role("button", name="Value the stones with these units").wait_for()


def models(page: Page, csv: Csv) -> None:
    page.goto("/models")
    page.locator(".chart").wait_for()
    page.get_by_role("button", name="Promote").click()


def certificate(page: Page, csv: Csv) -> None:
    page.route("**/v1/valuations/*", lambda route: route.fulfill(json=CERTIFICATE))
    page.goto(f"/certificate?id={FULL['request_id']}")
    page.locator(".price").wait_for()


def guide(page: Page, csv: Csv) -> None:
    page.goto("/docs/guide")


STATES: list[Callable[[Page, Csv], None]] = [
    counter,
    valued,
    edited,
    refused,
    batch,
    preview,
    models,
    certificate,
    guide,
]


@pytest.mark.parametrize("state", STATES)
def test_axe_finds_nothing_and_nothing_is_cut_off(
    visit: Open, csv: Csv, state: Callable[[Page, Csv], None]
) -> None:
    page = visit(width=SIZES[0][0])
    state(page, csv)
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        overflow = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow <= 0, f"{width} px: {overflow} px too wide"
        assert_clean(page, f"{state.__name__}-{width}")
    # By night the colors are others, and nothing else.
    page.emulate_media(color_scheme="dark")
    assert_clean(page, f"{state.__name__}-dark", {"runOnly": ["color-contrast"]})


def assert_clean(page: Page, name: str, options: dict | None = None) -> None:
    """XTREAM_SCREENSHOTS names a folder for pictures to look at."""
    if folder := os.environ.get("XTREAM_SCREENSHOTS"):
        page.wait_for_timeout(100)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
    found = Axe().run(page, options={"resultTypes": ["violations"]} | (options or {}))
    assert found.violations_count == 0, f"{name}: {found.generate_report()}"


def test_everything_that_can_be_used_is_large_enough_for_a_finger(visit: Open, csv: Csv) -> None:
    """At least 24 by 24 pixels (WCAG 2.2, 2.5.8)."""
    page = visit(width=320)
    valued(page, csv)
    sizes = page.locator("button:visible, .choice:visible, .button:visible, nav a, summary").evaluate_all(
        "all => all.map(one => [one.textContent, one.offsetWidth, one.offsetHeight])"
    )
    assert len(sizes) > 25
    assert not [size for size in sizes if min(size[1:]) < 24]
