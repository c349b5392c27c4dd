"""The certificate: a past valuation on a sheet to print."""

import pytest
from browsing import Open
from playwright.sync_api import Page, expect
from stone import CERTIFICATE, FULL, answer, submit, type_in


def open_certificate(visit: Open, content: dict, **options: object) -> Page:
    page = visit("/certificate", **options)
    page.route("**/v1/valuations/*", lambda route: route.fulfill(json=content))
    page.goto(f"/certificate?id={content['valuation']['request_id']}")
    return page


def test_a_valuation_leads_to_its_certificate(visit: Open) -> None:
    page = visit()
    answer(page)
    page.route(f"**/v1/valuations/{FULL['request_id']}", lambda route: route.fulfill(json=CERTIFICATE))
    type_in(page)
    submit(page)
    page.get_by_role("link", name="Certificate to print").click()
    expect(page.locator(".price")).to_have_text("$9,312")
    content = page.locator("#content")
    for part in [
        "1.2 ct, Premium cut, color E, clarity VS1",
        "$9,312.40",
        "between $8,411 and $10,299 in 90% of cases",
        "2008 US dollars, retail appraisal",
        "depth, table",
        "Version 7, xgboost",
        "Model trained on",
        "Jan 30, 2026",
        FULL["request_id"],
        FULL["model"]["digest"],
        "the same value to the last bit",
    ]:
        expect(content).to_contain_text(part)


def test_the_certificate_of_a_real_valuation_agrees_with_what_was_answered(visit: Open) -> None:
    page = visit()
    type_in(page)
    submit(page)
    price = page.locator(".price").inner_text()
    page.get_by_role("link", name="Certificate to print").click()
    content = page.locator("#content")
    expect(content).to_contain_text("the same value to the last bit")
    expect(page.locator(".price")).to_have_text(price)
    for part in ["1.2 ct", "2008 US dollars, retail appraisal", "sha256:"]:
        expect(content).to_contain_text(part)


@pytest.mark.parametrize(
    ("matches", "said"), [(False, "the value differs"), (None, "could not be computed again")]
)
def test_a_value_that_cannot_be_confirmed_says_so(visit: Open, matches: bool | None, said: str) -> None:
    page = open_certificate(visit, CERTIFICATE | {"matches": matches, "note": "Model 7 is gone."})
    expect(page.locator("#content .notice")).to_contain_text(said)
    expect(page.locator("#content")).to_contain_text("Model 7 is gone.")


def test_on_paper_there_is_the_certificate_alone(visit: Open) -> None:
    page = open_certificate(visit, CERTIFICATE)
    expect(page.get_by_role("button", name="Print")).to_be_visible()
    page.emulate_media(media="print")
    expect(page.get_by_role("button", name="Print")).to_be_hidden()
    expect(page.get_by_role("navigation")).to_be_hidden()
    expect(page.locator("#content")).to_be_visible()


def test_a_valuation_that_there_is_not_is_explained(visit: Open) -> None:
    page = visit("/certificate")
    expect(page.locator("#said")).to_contain_text("names no valuation")
    page.goto("/certificate?id=0197f2a4-8c1b-7e52-9d3a-5b6c7d8e9f01")
    expect(page.locator("#said")).not_to_be_empty()
    expect(page.get_by_role("button", name="Print")).to_be_hidden()


def test_a_valuation_that_is_on_its_way_from_another_server_is_asked_for_again(visit: Open) -> None:
    page = visit("/certificate")
    asked = []

    def fulfill(route) -> None:
        asked.append(route.request.url)
        if len(asked) < 3:
            problem = {"detail": "Its record is on its way.", "errors": []}
            route.fulfill(status=404, headers={"Retry-After": "1"}, json=problem)
        else:
            route.fulfill(json=CERTIFICATE)

    page.route("**/v1/valuations/*", fulfill)
    page.goto(f"/certificate?id={FULL['request_id']}")
    expect(page.locator("#said")).to_have_text("Its record is on its way.")
    expect(page.locator(".price")).to_have_text("$9,312")
    assert len(asked) == 3
