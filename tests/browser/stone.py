"""A stone at the counter: how it is typed in, and an answer that has all there can be."""

import time

from playwright.sync_api import Page

STONE = {"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VS1"}


def type_in(page: Page, carat: object = 1.2, **grades: str) -> None:
    page.get_by_label("Carat").fill(str(carat))
    for name, value in ({key: STONE[key] for key in ("cut", "color", "clarity")} | grades).items():
        page.locator(f'input[name="{name}"][value="{value}"]').check()


def submit(page: Page) -> None:
    page.get_by_role("button", name="Value this stone").click()


def sold(carat: float, price_usd: float, *differences: str, **grades: str) -> dict:
    measures = {"depth": 62.0, "table": 58.0, "x": 6.8, "y": 6.75, "z": 4.2}
    stone = STONE | {"carat": carat} | grades | measures
    found = {"price_usd": price_usd, "carat_difference": carat - 1.2, "differences": list(differences)}
    return stone | found | {"adjusted_price_usd": price_usd + 100}


FULL = {
    "request_id": "0197f2a4-8c1b-7e52-9d3a-5b6c7d8e9f01",
    "price_usd": 9312.4,
    "price_per_carat_usd": 7760.3,
    "range": {"low_usd": 8411.0, "high_usd": 10299.0, "confidence": 0.9},
    "assumed": ["depth", "table"],
    "warnings": [
        {
            "pointer": "/carat",
            "message": 'carat "1.2" does not fit a stone of 6.8 x 6.75 x 2.4 mm; allowed is about 0.67',
            "likely": {"z": 4.2},
        }
    ],
    "model": {"version": 7, "family": "xgboost", "digest": "sha256:" + "0" * 64},
    "reasons": {
        "average_usd": 3933.0,
        "contributions": [
            {
                "group": "size",
                "amount_usd": 3920.1,
                "sentence": "+ $3,920 for 1.2 ct against an average stone",
            },
            {
                "group": "color",
                "amount_usd": 812.2,
                "sentence": "+ $812 for color E against an average stone",
            },
            {
                "group": "clarity",
                "amount_usd": 1240.0,
                "sentence": "+ $1,240 for clarity VS1 against an average",
            },
            {
                "group": "cut",
                "amount_usd": -96.9,
                "sentence": "− $97 for cut Premium against an average stone",
            },
            {"group": "proportions", "amount_usd": -496.0, "sentence": "− $496 for its proportions"},
        ],
    },
    "comparables": [
        sold(1.2, 9120),
        sold(1.21, 9544, "color F instead of E", color="F"),
        sold(1.18, 8733),
        sold(1.25, 9999, "clarity VS2 instead of VS1", clarity="VS2"),
        sold(1.15, 8021, "cut Very Good instead of Premium", cut="Very Good"),
    ],
    "what_if": [
        {"change": {"color": "D"}, "label": "Color D", "price_usd": 9900.0, "difference_usd": 587.6},
        {"change": {"color": "F"}, "label": "Color F", "price_usd": 9001.0, "difference_usd": -311.4},
        {
            "change": {"clarity": "VVS2"},
            "label": "Clarity VVS2",
            "price_usd": 10200.0,
            "difference_usd": 887.6,
        },
        {"change": {"carat": 1.5}, "label": "1.5 carat", "price_usd": 14100.0, "difference_usd": 4787.6},
    ],
}

CERTIFICATE = {
    "request_id": "0197f2a4-8c1b-7e52-9d3a-000000000000",
    "valuation": {
        "request_id": FULL["request_id"],
        "valued_at": "2026-01-31T12:00:00.123Z",
        "stone": STONE | {"depth": 61.8, "table": 58.0, "x": 6.8, "y": 6.75, "z": 4.2},
        "price_usd": 9312.4,
        "range": FULL["range"],
        "assumed": ["depth", "table"],
        "warnings": [],
        "model": FULL["model"],
    },
    "trained_at": "2026-01-30T08:00:00Z",
    "data_date": "2026-01-30T08:00:00Z",
    "basis": "2008 US dollars, retail appraisal",
    "matches": True,
    "note": None,
}


def answer(page: Page, content: dict = FULL, status: int = 200) -> list[dict]:
    """Answers valuations in the place of the server; returns what is asked from now on."""
    asked: list[dict] = []

    def fulfil(route) -> None:
        asked.append(route.request.post_data_json)
        route.fulfill(status=status, json=content)

    page.route("**/v1/valuations?*", fulfil)
    return asked


def assert_asked(page: Page, asked: list[dict], stones: list[dict]) -> None:
    """That these were asked about and no others; a page asks a moment after it was told to."""
    until = time.monotonic() + 30
    while len(asked) < len(stones) and time.monotonic() < until:
        page.wait_for_timeout(20)
    assert asked == stones
