"""The models: which there are, which answers, why, and a promotion by hand."""

from browsing import Open
from playwright.sync_api import Page, expect
from served import KEY, Served, eventually


def promote(page: Page, version: int, reason: str, key: str) -> None:
    page.get_by_label("Model", exact=True).select_option(str(version))
    page.get_by_label("Reason").fill(reason)
    page.get_by_label("Administrator key").fill(key)
    page.get_by_role("button", name="Promote").click()


def test_every_model_is_there_with_its_figures_and_the_champion_is_marked(
    visit: Open, served: Served
) -> None:
    page = visit("/models")
    history = served.ask("GET", "/v1/models").json()
    rows = page.get_by_role("region", name="Every model, newest first").locator("tbody tr")
    expect(rows).to_have_count(len(history["models"]))
    for row, model in zip(rows.all(), history["models"], strict=True):
        expect(row).to_contain_text(f"${model['metrics']['mae_usd']:,.2f}")
        expect(row).to_contain_text(f"{model['data']['n_train']:,}")
        expect(row.get_by_text("champion")).to_have_count(int(model["is_champion"]))
    expect(page.locator(".decisions li").first).to_contain_text(history["decisions"][0]["reason"])


def test_the_figure_that_is_drawn_can_be_chosen(visit: Open) -> None:
    page = visit("/models")
    expect(page.get_by_role("img", name="mean error (MAE), $ of every model")).to_be_visible()
    expect(page.locator(".chart path")).to_have_count(2)
    expect(page.locator(".chart .champion")).to_have_count(1)
    page.get_by_label("Show").select_option("r2")
    expect(page.get_by_role("img", name="share explained (R²) of every model")).to_be_visible()


def test_a_promotion_changes_the_page_and_the_model_that_answers(visit: Open, served: Served) -> None:
    page = visit("/models")
    champion = served.ask("GET", "/v1/models").json()["champion"]
    other = 3 - champion
    expect(page.locator("#champion")).to_contain_text(f"Model {champion}, linear")
    promote(page, other, "It was checked by hand.", KEY)
    expect(page.locator("#said")).to_have_text(f"Version {other} is the champion now.")
    expect(page.locator("#champion")).to_contain_text(f"Model {other}, linear")
    marked = page.get_by_role("region", name="Every model, newest first").locator("tr", has_text="champion")
    expect(marked.locator("td").first).to_have_text(f"{other} champion")
    latest = page.locator(".decisions li").first
    expect(latest).to_contain_text(f"Version {other} became the champion")
    expect(latest).to_contain_text("It was checked by hand.")
    answers = lambda: served.ask("GET", "/v1/models/champion").json()["version"] == other  # noqa: E731
    eventually(answers, 5, "the promoted model answers")


def test_a_promotion_that_is_refused_is_explained_at_its_field(visit: Open, served: Served) -> None:
    page = visit("/models")
    before = served.ask("GET", "/v1/models").json()["decisions"]
    promote(page, 2, "", "")
    expect(page.locator("#reason-error")).to_have_text("Please fill this in.")
    expect(page.locator("#key-error")).to_have_text("Please fill this in.")
    for wrong in ("a guess", "ключ"):
        promote(page, 2, "A try.", wrong)
        expect(page.locator("#key-error")).to_contain_text("with the key that this server was started with")
    assert served.ask("GET", "/v1/models").json()["decisions"] == before


def test_the_key_is_forgotten_when_the_page_is_left(visit: Open) -> None:
    page = visit("/models")
    page.get_by_label("Administrator key").fill("a secret")
    stored = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"
    assert page.evaluate(stored) == '[{},{},""]'
    page.reload()
    expect(page.get_by_label("Administrator key")).to_have_value("")


def test_a_shop_without_models_is_told_so(visit: Open) -> None:
    page = visit("/models")
    empty = {"champion": None, "models": [], "decisions": []}
    page.route("**/v1/models", lambda route: route.fulfill(json=empty | {"next_cursor": None}))
    page.reload()
    expect(page.locator("#champion")).to_have_text("No model has been promoted yet.")
    expect(page.locator("#decisions")).to_have_text("Nothing has been decided yet.")


def test_older_models_are_shown_when_they_are_asked_for(visit: Open, served: Served) -> None:
    history = served.ask("GET", "/v1/models").json()
    newest, oldest = history["models"]
    oldest, newest = oldest | {"is_champion": True}, newest | {"is_champion": False}
    first = history | {"champion": oldest["version"], "models": [newest], "next_cursor": "1-1"}
    rest = history | {"champion": oldest["version"], "models": [oldest], "next_cursor": None}
    page = visit("/docs/problems")
    page.route("**/v1/models", lambda route: route.fulfill(json=first))
    page.route("**/v1/models?cursor=1-1", lambda route: route.fulfill(json=rest))
    page.route(f"**/v1/models/{oldest['version']}", lambda route: route.fulfill(json=oldest))
    page.goto("/models")
    rows = page.get_by_role("region", name="Every model, newest first").locator("tbody tr")
    expect(rows).to_have_count(1)
    expect(page.locator("#champion")).to_contain_text(f"Model {oldest['version']}, linear")
    n_decisions = len(history["decisions"])
    page.get_by_role("button", name="Show older ones").click()
    expect(rows).to_have_count(2)
    expect(page.locator(".decisions li")).to_have_count(2 * n_decisions)
    expect(page.locator("#said")).to_have_text("Older models and decisions were added below.")
    expect(page.get_by_role("button", name="Show older ones")).to_be_hidden()
