"""What earlier services of this kind did wrong, each by its name."""

import itertools
import json
import shutil
from pathlib import Path

from helpers import FIRST, Program
from served import STONE, VALUATIONS, Serve, Served, Target, assert_recorded_once

SIMILAR = "/v1/similar-diamonds"


def priced(served: Served, stone: dict) -> float:
    answer = served.ask("POST", VALUATIONS, stone)
    assert answer.status == 200, answer.content
    return answer.json()["price_usd"]


def test_the_best_model_is_the_one_with_the_smallest_error_on_the_same_stones(xtream: Program) -> None:
    """`max` chose the model with the largest error, and each was judged on stones of its own."""
    report = xtream.train(FIRST, "--trials", "0")
    errors = [line["mae_usd"] for line in report["leaderboard"]]
    assert errors == sorted(errors) and errors[0] < errors[-1]
    assert report["champion"]["version"] == report["leaderboard"][0]["version"]
    cards = [xtream.json("models", "show", line["version"]) for line in report["leaderboard"]]
    assert len({json.dumps([card["data"]["digest"], card["data"]["split"]]) for card in cards}) == 1


def test_neither_model_nor_data_are_read_for_a_request(serve: Serve, registry: Path, tmp_path: Path) -> None:
    """The model was unpickled and the data file read again for every request."""
    copy = tmp_path / "registry"
    shutil.copytree(registry, copy)
    served = serve(registry=copy)
    similar = f"{SIMILAR}?carat=1.2&cut=Premium&color=E&clarity=VS1"
    before = (priced(served, STONE), served.ask("GET", similar).json()["diamonds"])
    shutil.rmtree(copy / "blobs")
    assert (priced(served, STONE), served.ask("GET", similar).json()["diamonds"]) == before


def test_no_file_is_named_by_a_client(serve: Serve) -> None:
    """The path of a pickle came from the client, and a pickle runs whatever is in it."""
    served = serve()
    paths = ["/etc/passwd", "../../model.pkl", "file:///tmp/model.pkl"]
    for name, value in itertools.product(["model", "model_path", "pickle"], paths):
        answer = served.ask("POST", VALUATIONS, STONE | {name: value})
        assert answer.status == 422
        assert answer.json()["errors"][0]["pointer"] == f"/{name}"
        answer = served.ask("GET", f"/v1/models/{value.replace('/', '%2F')}")
        assert answer.status == 404 and "root:" not in answer.content.decode()


def test_the_server_starts_without_the_name_service_of_its_database(serve: Serve) -> None:
    """An address of the kind that hosted databases hand out; the network is away."""
    served = serve("mongodb+srv://shipper:secret@database.invalid/")
    answer = served.ask("POST", VALUATIONS, STONE)
    assert answer.status == 200
    assert_recorded_once([answer], served.in_outbox())
    assert "secret" not in served.stderr


def test_the_log_does_not_break_the_documentation(serve: Serve, target: Target) -> None:
    """A middleware that read every answer as JSON broke the page with the documentation."""
    served = serve(target.uri)
    for path, content_type in [
        ("/", "text/html; charset=utf-8"),
        ("/docs/", "text/html; charset=utf-8"),
        ("/docs/problems", "text/html; charset=utf-8"),
        ("/docs/swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
        ("/openapi.json", "application/json; charset=utf-8"),
    ]:
        answer = served.ask("GET", path)
        assert (answer.status, answer.headers["content-type"]) == (200, content_type), path
    assert served.in_outbox() == []
