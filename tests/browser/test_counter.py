"""The counter: a stone typed in has its value and all that explains it; what is wrong stands at its field."""

import re

import pytest
from browsing import Open
from playwright.sync_api import Page, expect
from pytest import approx
from served import VALUATIONS, Served
from stone import FULL, STONE, answer, assert_asked, submit, type_in


def dollars(price: float) -> str:
    return f"${price:,.0f}"


def valued(visit: Open, body: dict = FULL, width: int = 1280) -> tuple[Page, list[dict]]:
    """The counter after a stone was valued, with this answer; and the stones that were asked about."""
    page = visit(width=width)
    asked = answer(page, body)
    type_in(page)
    submit(page)
    return page, asked


def test_a_stone_is_valued_as_the_api_values_it(visit: Open, served: Served) -> None:
    page = visit()
    type_in(page)
    submit(page)
    expected = served.ask("POST", VALUATIONS, STONE).json()
    expect(page.locator(".price")).to_have_text(dollars(expected["price_usd"]))
    expect(page.get_by_text(f"{dollars(expected['price_per_carat_usd'])} per carat")).to_be_visible()
    expect(page.locator("#said")).to_contain_text(dollars(expected["price_usd"]))
    expect(page.locator(".of")).to_have_text("1.2 ct, Premium cut, color E, clarity VS1")
    expect(
        page.get_by_text("Estimated, because not given: depth, table, length, width, height.")
    ).to_be_visible()


def test_range_reasons_similar_stones_and_what_ifs_are_those_of_the_api(visit: Open, served: Served) -> None:
    page = visit()
    type_in(page)
    submit(page)
    everything = f"{VALUATIONS}?include=reasons,comparables,what_if&confidence=0.9"
    expected = served.ask("POST", everything, STONE).json()
    low, high = (dollars(expected["range"][end]) for end in ("low_usd", "high_usd"))
    expect(page.locator(".range")).to_have_text(f"between {low} and {high} in 90% of cases")
    sentences = [part["sentence"] for part in expected["reasons"]["contributions"]]
    average = f"The average stone: {dollars(expected['reasons']['average_usd'])}"
    this = f"This stone: {dollars(expected['price_usd'])}"
    expect(page.locator(".reasons li")).to_have_text([average, *sentences, this])
    expect(page.locator(".chart circle.sold")).to_have_count(len(expected["comparables"]))
    cells = page.get_by_role("region", name="Similar stones").locator("tbody td:last-child")
    expect(cells).to_have_text([dollars(sold["adjusted_price_usd"]) for sold in expected["comparables"]])
    labels = page.locator(".what-if span:first-child")
    expect(labels).to_have_text([other["label"] for other in expected["what_if"]])
    chosen = expected["what_if"][0]
    page.locator(".what-if").first.click()
    expect(page.locator(".price")).to_have_text(dollars(chosen["price_usd"]))


def test_the_keyboard_is_enough(visit: Open, served: Served) -> None:
    page = visit()
    page.get_by_label("Carat").focus()
    page.keyboard.type("1,2")  # a decimal comma
    for grade in ("Ideal", "D", "IF"):
        page.keyboard.press("Tab")
        expect(page.locator(f'input[value="{grade}"]')).to_be_focused()
        page.keyboard.press("Space")
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    stone = {"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VVS1"}
    expected = served.ask("POST", VALUATIONS, stone).json()["price_usd"]
    expect(page.locator(".price")).to_have_text(dollars(expected))


def test_a_refused_value_is_explained_at_its_field(visit: Open) -> None:
    page = visit()
    type_in(page, "-1")
    page.locator("summary").click()
    page.get_by_label("Length x, mm").fill("six")
    page.locator("summary").click()
    submit(page)
    expect(page.locator("#carat-error")).to_contain_text('carat "-1" is not greater than zero')
    expect(page.locator("#x-error")).to_contain_text('x "six" is not a number')
    expect(page.locator("#x-error")).to_be_visible()
    expect(page.get_by_label("Carat")).to_be_focused()
    expect(page.get_by_label("Carat")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#said")).to_have_text("2 fields need a correction.")
    expect(page.locator(".price")).to_have_count(0)
    page.get_by_label("Carat").fill("1.2")
    page.get_by_label("Length x, mm").fill("")
    submit(page)
    expect(page.locator(".price")).to_be_visible()
    expect(page.locator(".error p")).to_have_count(0)
    expect(page.get_by_label("Carat")).not_to_have_attribute("aria-invalid", "true")


def test_what_is_missing_is_asked_for_at_its_field(visit: Open) -> None:
    page = visit()
    asked = answer(page)
    page.locator('input[name="color"][value="E"]').check()
    submit(page)
    expect(page.locator("#carat-error")).to_have_text("Please fill this in.")
    expect(page.locator("#cut-error")).to_have_text("Choose one.")
    expect(page.locator("#clarity-error")).to_have_text("Choose one.")
    expect(page.locator("#color-error")).to_be_empty()
    assert asked == []


def test_a_stone_beyond_the_model_and_a_server_that_is_away_are_explained(visit: Open) -> None:
    page = visit()
    type_in(page, 5000)
    submit(page)
    expect(page.locator("#carat-error")).to_contain_text("too far beyond what the model knows")
    page.route("**/v1/valuations?*", lambda route: route.abort())
    submit(page)
    expect(page.locator("#general")).to_contain_text("The server does not answer.")
    page.unroute("**/v1/valuations?*")
    page.route("**/v1/valuations?*", lambda route: route.fulfill(status=502, body="<html>"))
    submit(page)
    expect(page.locator("#general")).to_contain_text("cannot be read (status 502)")


def test_range_reasons_and_similar_stones_are_shown(visit: Open) -> None:
    page, asked = valued(visit)
    expect(page.locator(".range")).to_have_text("between $8,411 and $10,299 in 90% of cases")
    sentences = [part["sentence"] for part in FULL["reasons"]["contributions"]]
    shown = page.locator(".reasons li")
    expect(shown).to_have_text(["The average stone: $3,933", *sentences, "This stone: $9,312"])
    expect(page.get_by_role("img", name="Prices of similar stones")).to_be_visible()
    expect(page.locator(".chart circle.sold")).to_have_count(5)
    rows = page.get_by_role("region", name="Similar stones, most similar first").locator("tbody tr")
    expect(rows).to_have_count(5)
    expect(rows.nth(1).locator("td").nth(1)).to_have_text("color F instead of E")
    expect(rows.nth(1).locator("td").nth(3)).to_have_text("$9,644")
    assert asked == [STONE]


@pytest.mark.parametrize("width", [320, 400, 512, 513, 600, 959, 960, 1280])
def test_similar_stones_fit_every_screen(visit: Open, width: int) -> None:
    page, _ = valued(visit, width=width)
    stones = page.get_by_role("table", name="Similar stones, most similar first")
    expect(stones.get_by_role("row")).to_have_count(6)
    expect(stones.get_by_role("columnheader")).to_have_text(
        ["Stone", "Differs in", "Sold for", "Adjusted to this stone"]
    )
    expect(stones.get_by_role("cell")).to_have_count(20)
    too_wide = "all => all.filter(one => one.scrollWidth > one.clientWidth).length"
    assert page.locator(".wide, .wide td").evaluate_all(too_wide) == 0


def bars(page: Page) -> list[tuple[float, float]]:
    """Where the bar of each reason begins and how wide it is, of 100."""
    places = "all => all.map(bar => [bar.x.baseVal.value, bar.width.baseVal.value])"
    return [tuple(place) for place in page.locator(".bar rect").evaluate_all(places)]


def test_the_bars_lead_from_the_average_to_this_stone(visit: Open) -> None:
    page, _ = valued(visit)
    page.locator(".bar").first.wait_for()
    average, *steps, this = bars(page)
    # The tallest point, before the two deductions, is the right end.
    share = 100 / (3933 + 3920.1 + 812.2 + 1240)
    assert [average, this] == [(0, approx(3933 * share)), (0, approx(9312.4 * share))]
    assert steps[0][0] == approx(3933 * share)
    assert steps[-1][0] == approx(9312.4 * share)


def test_a_what_if_is_valued_when_it_is_chosen(visit: Open) -> None:
    page, asked = valued(visit)
    page.get_by_role("button", name="Color D").click()
    expect(page.locator(".of")).to_have_text("1.2 ct, Premium cut, color D, clarity VS1")
    expect(page.get_by_role("heading", name="Value", exact=True)).to_be_focused()
    page.get_by_role("button", name="1.5 carat").click()
    expect(page.get_by_label("Carat")).to_have_value("1.5")
    assert_asked(page, asked, [STONE, STONE | {"color": "D"}, STONE | {"color": "D", "carat": 1.5}])


def test_a_likely_correction_is_taken_over_with_one_button(visit: Open) -> None:
    page, asked = valued(visit)
    expect(page.locator(".notice")).to_contain_text("does not fit a stone of 6.8 x 6.75 x 2.4 mm")
    page.get_by_role("button", name="Did you mean height 4.2 mm?").click()
    expect(page.get_by_label("Height z, mm")).to_have_value("4.2")
    assert_asked(page, asked, [STONE, STONE | {"z": 4.2}])


def test_a_likely_correction_of_a_refused_value_is_offered_at_its_field(visit: Open) -> None:
    page = visit()
    fault = {"pointer": "/carat", "message": "carat is 120", "likely": {"carat": 1.2}}
    asked = answer(page, {"detail": "carat is 120", "code": "invalid_request", "errors": [fault]}, 422)
    type_in(page, 120)
    submit(page)
    button = page.locator("#carat-error").get_by_role("button", name="Did you mean 1.2 ct?")
    expect(button).to_be_visible()
    button.click()
    expect(page.get_by_label("Carat")).to_have_value("1.2")
    assert_asked(page, asked, [STONE | {"carat": 120}, STONE])


def test_a_slip_of_the_pen_is_mended_by_the_server_that_found_it(visit: Open, served: Served) -> None:
    page = visit()
    type_in(page)
    page.locator("summary").click()
    for label, typed in {"Length x, mm": "68", "Width y, mm": "6.75", "Height z, mm": "4.2"}.items():
        page.get_by_label(label).fill(typed)
    submit(page)
    page.get_by_role("button", name="Did you mean length 6.8 mm?").click()
    expect(page.get_by_label("Length x, mm")).to_have_value("6.8")
    expected = served.ask("POST", VALUATIONS, STONE | {"x": 6.8, "y": 6.75, "z": 4.2}).json()
    expect(page.locator(".price")).to_have_text(dollars(expected["price_usd"]))
    expect(page.locator(".notice, .error p")).to_have_count(0)


def test_an_answer_that_has_no_more_than_a_price_is_shown_too(visit: Open) -> None:
    plain = {key: FULL[key] for key in ("request_id", "price_usd", "price_per_carat_usd", "model")}
    page, _ = valued(visit, plain)
    expect(page.locator(".price")).to_have_text("$9,312")
    expect(page.locator(".range, .reasons, .chart, .what-if, .notice")).to_have_count(0)


def test_words_of_the_server_are_never_markup(visit: Open) -> None:
    bad = "<img src=x onerror=alert(1)>"
    page, _ = valued(visit, FULL | {"warnings": [{"pointer": "/x", "message": bad}]})
    expect(page.locator(".notice li")).to_have_text(bad)
    expect(page.locator("main img")).to_have_count(0)


def test_a_new_stone_clears_the_counter(visit: Open) -> None:
    page = visit()
    type_in(page, "-1")
    submit(page)
    page.locator("#carat-error p").wait_for()
    page.get_by_role("button", name="New stone").click()
    expect(page.get_by_label("Carat")).to_have_value("")
    expect(page.get_by_label("Carat")).to_be_focused()
    expect(page.locator(".error p")).to_have_count(0)
    expect(page.locator("input:checked")).to_have_count(0)


def test_on_a_phone_the_value_comes_into_view_and_is_announced(visit: Open) -> None:
    page = visit(width=360, height=640)
    answer(page)
    type_in(page)
    submit(page)
    expect(page.locator(".price")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("heading", name="Value", exact=True)).to_be_in_viewport()
    said = page.get_by_role("status").first
    expect(said).to_have_text(
        "Value $9,312, between $8,411 and $10,299 in 90% of cases. One number looks odd."
    )


def test_on_a_desk_the_page_stays_where_it_is(visit: Open) -> None:
    page, _ = valued(visit)
    page.locator(".price").wait_for()
    assert page.evaluate("window.scrollY") == 0


def stone_of(page: Page) -> dict[str, str]:
    values = {name: page.locator(f"#{name}").input_value() for name in ("carat", "x", "y", "z")}
    pairs = "all => all.map(one => [one.name, one.value])"
    chosen = page.locator("fieldset input:checked").evaluate_all(pairs)
    return {name: value for name, value in values.items() if value} | dict(chosen)


def test_form_and_value_survive_when_the_page_is_loaded_again(visit: Open) -> None:
    page, asked = valued(visit)
    expect(page).to_have_url(re.compile(r"/\?carat=1.2&cut=Premium&color=E&clarity=VS1$"))
    page.reload()
    expect(page.locator(".price")).to_have_text("$9,312")
    assert stone_of(page) == {key: str(value) for key, value in STONE.items()}
    assert len(asked) == 1, "the same value, not another one"
    page.get_by_label("Carat").fill("1,25")
    page.reload()
    expect(page.get_by_label("Carat")).to_have_value("1,25")
    expect(page.locator("#stale")).to_be_visible()


def test_the_way_to_the_certificate_and_back_loses_nothing(visit: Open) -> None:
    page, asked = valued(visit)
    page.get_by_role("link", name="Certificate to print").click()
    page.wait_for_url("**/certificate?id=*")
    page.go_back()
    expect(page.locator(".price")).to_have_text("$9,312")
    assert stone_of(page) == {key: str(value) for key, value in STONE.items()}
    assert len(asked) == 1


def test_back_undoes_a_what_if_and_forward_does_it_again(visit: Open) -> None:
    page, asked = valued(visit)
    page.get_by_role("button", name="Color D").click()
    expect(page.locator(".of")).to_contain_text("color D")
    page.get_by_role("button", name="1.5 carat").click()
    expect(page.locator(".of")).to_contain_text("1.5 ct")
    page.get_by_label("Carat").fill("3")
    for n, (carat, color) in enumerate([("1.2", "D"), ("1.2", "E")]):
        page.go_back()
        expect(page.locator(".of")).to_have_text(f"{carat} ct, Premium cut, color {color}, clarity VS1")
        assert (stone_of(page)["carat"], stone_of(page)["color"]) == (carat, color), n
        expect(page.locator("#stale")).to_be_hidden()
    page.go_forward()
    expect(page.locator(".of")).to_contain_text("color D")
    assert len(asked) == 3, "what was answered is not asked again"


def test_back_from_a_refused_stone_leads_to_the_value_before(visit: Open) -> None:
    page, _ = valued(visit)
    page.get_by_label("Carat").fill("")
    submit(page)
    expect(page.locator("#carat-error")).to_have_text("Please fill this in.")
    expect(page.locator(".price")).to_have_count(0)
    page.go_back()
    expect(page.locator(".price")).to_have_text("$9,312")
    expect(page.get_by_label("Carat")).to_have_value("1.2")
    expect(page.locator(".error p")).to_have_count(0)


def test_a_stone_in_the_address_is_valued_when_the_page_is_opened(visit: Open, served: Served) -> None:
    page = visit("/?carat=1.2&cut=Premium&color=E&clarity=VS1&x=6.8&evil=%3Cimg%3E")
    expected = served.ask("POST", VALUATIONS, STONE | {"x": 6.8}).json()
    expect(page.locator(".price")).to_have_text(dollars(expected["price_usd"]))
    expect(page.get_by_label("Length x, mm")).to_have_value("6.8")
    expect(page.get_by_label("Length x, mm")).to_be_visible()


def test_the_value_of_a_stone_that_was_changed_is_dimmed_until_it_is_the_same_again(visit: Open) -> None:
    page, _ = valued(visit)
    price = page.locator(".price")
    bright = price.evaluate("one => getComputedStyle(one).color")
    page.get_by_label("Carat").fill("1.3")
    expect(page.locator("#stale")).to_contain_text("The stone was changed.")
    expect(page.get_by_role("status").first).to_contain_text("The stone was changed.")
    assert price.evaluate("one => getComputedStyle(one).color") != bright
    page.get_by_label("Carat").fill("1.2")
    expect(page.locator("#stale")).to_be_hidden()
    assert price.evaluate("one => getComputedStyle(one).color") == bright
    page.locator('input[name="color"][value="F"]').check()
    expect(page.locator("#stale")).to_be_visible()
    submit(page)
    expect(page.locator(".of")).to_contain_text("color F")
    expect(page.locator("#stale")).to_be_hidden()


def test_chosen_grades_stand_out_in_print(visit: Open) -> None:
    page, _ = valued(visit)
    page.emulate_media(media="print")
    style = "one => (({color, fontWeight, borderTopWidth}) => [color, fontWeight, borderTopWidth])"
    style += "(getComputedStyle(one))"
    chosen = page.locator(".choice input:checked + span").first.evaluate(style)
    other = page.locator(".choice input:not(:checked) + span").first.evaluate(style)
    assert chosen == ["rgb(0, 0, 0)", "700", "2px"]
    assert other != chosen
