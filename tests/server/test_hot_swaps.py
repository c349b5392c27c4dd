"""Models change under load, and every price is that of the model which the answer names."""

import json
import random
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from helpers import FIRST, PUBLIC, SECOND, Program, in_soak, read_csv, seed
from served import KEY, VALUATIONS, Serve, exchange

N_SWAPS = 1000 if in_soak() else 100
N_STONES = 50
SIMILAR = "/v1/similar-diamonds"


@dataclass
class Models:
    """Three models of two families and two data sets, and what each of them answers, offline."""

    registry: Path
    stones: list[dict]
    digests: dict[int, str]
    prices: dict[int, list[float]]
    datasets: dict[int, str]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    folder = tmp_path_factory.mktemp("models")
    program, registry = Program(folder), folder / "registry"
    program.train(FIRST, "--models", "linear,xgboost", "--trials", "0", "--registry", registry)
    program.train(FIRST, SECOND, "--models", "linear", "--trials", "0", "--registry", registry)
    stones = read_csv(PUBLIC).sample(N_STONES, random_state=1).drop(columns="price")
    stones.to_csv(folder / "stones.csv", index=False)
    # From the file, so that both sides read the same digits.
    stones = read_csv(folder / "stones.csv")
    cards = {
        version: program.json("models", "show", version, "--registry", registry) for version in (1, 2, 3)
    }
    prices = {}
    for version in cards:
        out = folder / f"{version}.parquet"
        program("value", folder / "stones.csv", "--version", version, "--out", out, "--registry", registry)
        prices[version] = list(pd.read_parquet(out)["price_usd"])
    return Models(
        registry,
        stones.to_dict("records"),
        {version: card["model"] for version, card in cards.items()},
        prices,
        {version: card["data"]["digest"] for version, card in cards.items()},
    )


def test_every_price_under_swaps_is_that_of_the_model_that_the_answer_names(
    serve: Serve, models: Models
) -> None:
    served = serve(registry=models.registry)
    dice = random.Random(seed())
    is_over = threading.Event()
    answers: dict[str, list] = {VALUATIONS: [], SIMILAR: []}
    failures = []

    def value(client: int) -> None:
        mine = random.Random(client)
        connection = served.connect()
        while not is_over.is_set():
            row = mine.randrange(N_STONES)
            stone = models.stones[row]
            try:
                answer = exchange(connection, "POST", VALUATIONS, stone)
                answers[VALUATIONS].append((row, answer.status, answer.json()))
                asked = {name: stone[name] for name in ("carat", "cut", "color", "clarity")}
                query = "&".join(f"{name}={value}".replace(" ", "%20") for name, value in asked.items())
                answer = exchange(connection, "GET", f"{SIMILAR}?{query}")
                answers[SIMILAR].append((row, answer.status, answer.json()))
            except Exception as error:
                failures.append(error)
                return

    clients = [threading.Thread(target=value, args=(n,)) for n in range(3)]
    for client in clients:
        client.start()
    before = served.metric("xtream_model_swaps_total")
    champion = served.ask("GET", "/readyz").json()["model"]["version"]
    administrator = served.connect()
    for _ in range(N_SWAPS):
        champion = dice.choice([version for version in models.digests if version != champion])
        answer = exchange(
            administrator,
            "POST",
            f"/v1/models/{champion}/promote",
            {"reason": "a swap of the tests"},
            Authorization=f"Bearer {KEY}",
        )
        assert answer.status == 200, answer.content
        until = time.monotonic() + 30
        while exchange(administrator, "GET", "/readyz").json()["model"]["version"] != champion:
            assert time.monotonic() < until, "the promoted model does not answer"
    is_over.set()
    for client in clients:
        client.join(30)
    assert not failures, failures
    assert served.metric("xtream_model_swaps_total") - before == N_SWAPS
    assert len(answers[VALUATIONS]) > N_SWAPS
    for row, status, valued in answers[VALUATIONS]:
        assert status == 200, valued
        model = valued["model"]
        assert model["digest"] == models.digests[model["version"]]
        assert valued["price_usd"] == models.prices[model["version"]][row], f"seed of row {row}"
    assert {valued["model"]["version"] for _, _, valued in answers[VALUATIONS]} == set(models.digests)
    # Two models share their rows, so the neighbours of a stone are one of two lists, each with its name.
    lists = {}
    for row, status, similar in answers[SIMILAR]:
        assert status == 200, similar
        name = (row, similar["dataset"]["digest"])
        assert similar["dataset"]["digest"] in models.datasets.values()
        assert lists.setdefault(name, json.dumps(similar["diamonds"])) == json.dumps(similar["diamonds"])
    print(f"{N_SWAPS} swaps, {len(answers[VALUATIONS])} valuations, none failed")
