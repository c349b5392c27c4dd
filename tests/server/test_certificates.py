"""Certificates of valuations that lie in MongoDB."""

import pytest
from served import STONE, VALUATIONS, Serve, Target, eventually

NOT_AWAY = "an exchange that was shipped is certified from the database"


def certificate(served, number: str):
    return served.ask("GET", f"{VALUATIONS}/{number}")


@pytest.mark.parametrize("stone", [STONE, STONE | {"carat": 1, "x": 6.45, "y": 6.4, "z": 4}])
def test_a_shipped_valuation_is_certified_to_the_last_bit(serve: Serve, target: Target, stone: dict) -> None:
    served = serve(target.uri)
    valued = served.ask("POST", f"{VALUATIONS}?confidence=0.95", stone)
    assert valued.status == 200, valued.content
    eventually(lambda: target.find([valued.id]), 30, NOT_AWAY)
    eventually(served.outbox_is_empty, 30, "it has left the local log")
    answer = certificate(served, valued.id)
    assert answer.status == 200, answer.content
    certified = answer.json()
    assert certified["matches"] is True, certified
    assert certified["valuation"]["price_usd"] == valued.json()["price_usd"]
    assert certified["recomputed_price_usd"] == valued.json()["price_usd"]
    assert "client" not in certified["valuation"]
    assert certified["valuation"].get("range") == valued.json().get("range")
