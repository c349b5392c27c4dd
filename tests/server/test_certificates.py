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


def test_what_a_newer_server_recorded_besides_is_shown_and_certified(serve: Serve, target: Target) -> None:
    """Two versions may share a database: fields that this one does not know are no fault."""
    served = serve(target.uri)
    valued = served.ask("POST", VALUATIONS, STONE)
    eventually(lambda: target.find([valued.id]), 30, NOT_AWAY)
    (document,) = target.find([valued.id])
    # As an hour ago, so that nobody takes it for one on its way.
    at = int(valued.id[:8] + valued.id[9:13], 16) - 3_600_000
    number = f"{at >> 16:08x}-{at & 0xFFFF:04x}{valued.id[13:]}"
    document |= {"_id": number, "site": "Antwerp", "attempts": [1, {"of": 2.5}]}
    document["response"]["body"] |= {"request_id": number, "offer": {"price_usd": 1}}
    document["request"]["signed"] = True
    target.collection.insert_one(document)
    shown = served.administer(f"/v1/exchanges/{number}")["exchange"]
    assert (shown["site"], shown["attempts"]) == ("Antwerp", [1, {"of": 2.5}])
    assert number in {record["_id"] for record in served.recorded()}
    certified = certificate(served, number).json()
    assert certified["matches"] is True, certified
    assert certified["recomputed_price_usd"] == valued.json()["price_usd"]
