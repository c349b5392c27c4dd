"""What earlier services of this kind did wrong, each by its name."""

import json
import math
import shutil
from pathlib import Path

import pytest
from helpers import FIRST, PUBLIC, Program, free_port, read_csv
from served import (
    STONE,
    VALUATIONS,
    Serve,
    Served,
    Target,
    Traffic,
    assert_recorded_once,
    eventually,
)

BATCH = f"{VALUATIONS}/batch"
SIMILAR = "/v1/similar-diamonds"


def priced(served: Served, stone: dict) -> float:
    answer = served.ask("POST", VALUATIONS, stone)
    assert answer.status == 200, answer.content
    return answer.json()["price_usd"]


def test_grades_of_a_single_stone_are_not_lost_in_encoding(serve: Serve) -> None:
    """One-hot encoding of one row has one category in each column, and the model saw none of them."""
    served = serve()
    grades = [("Fair", "J", "I1"), ("Good", "G", "SI1"), ("Ideal", "D", "IF")]
    stones = [STONE | dict(zip(("cut", "color", "clarity"), grade, strict=True)) for grade in grades]
    alone = [priced(served, stone) for stone in stones]
    assert alone[0] < alone[1] < alone[2], "better grades cost more"
    together = served.ask("POST", BATCH, {"diamonds": stones}).json()["results"]
    assert [result["price_usd"] for result in together] == alone


@pytest.mark.parametrize("grade", ["Excellent", "Z", "", "premium plus", "0"])
@pytest.mark.parametrize("name", ["cut", "color", "clarity"])
def test_an_unknown_grade_is_not_priced(serve: Serve, name: str, grade: str) -> None:
    answer = serve().ask("POST", VALUATIONS, STONE | {name: grade})
    assert answer.status == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == f"/{name}" and len(error["allowed"]) in (5, 7, 8)


def test_what_is_no_number_is_not_priced(serve: Serve) -> None:
    served = serve()
    for carat in ("NaN", "Infinity", '"NaN"', '"nan"', "null", "1e999"):
        body = json.dumps(STONE | {"carat": 0}).replace('"carat": 0', f'"carat": {carat}')
        answer = served.ask("POST", VALUATIONS, body.encode())
        assert answer.status in (400, 422), (carat, answer.content)


def test_similar_stones_are_the_nearest_as_many_as_were_asked_for_and_have_prices(
    serve: Serve, registry: Path, tmp_path: Path
) -> None:
    """They were random ones within a band; `n` was ignored, and the price was missing."""
    served = serve()
    rows = Program(tmp_path).json("models", "show", 1, "--registry", registry)["data"]["n_train"]
    for n in (1, 7, 100):
        answer = served.ask("GET", f"{SIMILAR}?carat=1.01&cut=Ideal&color=G&clarity=VS2&n={n}").json()
        diamonds = answer["diamonds"]
        assert answer["dataset"]["n_rows"] == rows
        assert len(diamonds) == answer["n"] == n
        assert all((d["cut"], d["color"], d["clarity"]) == ("Ideal", "G", "VS2") for d in diamonds)
        order = [(d["carat_difference"], d["price_usd"]) for d in diamonds]
        assert order == sorted(order) and all(math.isfinite(price) and price > 0 for _, price in order)
    # Nearer ones than the hundredth are all among the hundred: nothing in between was left out.
    public = read_csv(PUBLIC)
    grades = (public["cut"] == "Ideal") & (public["color"] == "G") & (public["clarity"] == "VS2")
    farthest = diamonds[-1]["carat_difference"]
    n_nearer = ((public[grades]["carat"] - 1.01).abs() < farthest - 1e-9).sum()
    # A fifth of the public stones is set aside for tests.
    assert len([d for d in diamonds if d["carat_difference"] < farthest - 1e-9]) >= 0.7 * n_nearer


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


@pytest.mark.parametrize("name", ["model", "model_path", "path", "pickle", "version"])
def test_no_file_is_named_by_a_client(serve: Serve, name: str) -> None:
    """The path of a pickle came from the client, and a pickle runs whatever is in it."""
    served = serve()
    for value in ("/etc/passwd", "../../model.pkl", "file:///tmp/model.pkl"):
        answer = served.ask("POST", VALUATIONS, STONE | {name: value})
        assert answer.status == 422
        assert answer.json()["errors"][0]["pointer"] == f"/{name}"
        answer = served.ask("GET", f"/v1/models/{value.replace('/', '%2F')}")
        assert answer.status == 404 and "root:" not in answer.content.decode()


def test_refused_requests_are_stored_with_their_bodies(serve: Serve, target: Target) -> None:
    served = serve(target.uri)
    answers = [
        served.ask("POST", VALUATIONS, {"carat": -1}),
        served.ask("POST", VALUATIONS, {}),
        served.ask("POST", VALUATIONS, [STONE]),
        served.ask("POST", "/v1/nothing", STONE),
        served.ask("PUT", VALUATIONS, STONE),
        served.ask("POST", VALUATIONS, STONE, Content_Type="text/plain"),
    ]
    assert [answer.status for answer in answers] == [422, 422, 422, 404, 405, 415]
    eventually(served.outbox_is_empty, 20, "all is shipped")
    assert_recorded_once(answers, target.find([answer.id for answer in answers]))


def test_a_stop_loses_no_record(serve: Serve) -> None:
    """729 requests were answered and 649 answers were in the database."""
    served = serve()
    with Traffic(served) as traffic:
        traffic.wait_for(729)
        assert served.stop(within=10) == 0
    traffic.assert_no_failures()
    assert len(traffic.answers) >= 729
    assert_recorded_once(traffic.answers, served.in_outbox())


def test_no_record_is_lost_while_the_database_is_down(serve: Serve, database) -> None:
    served = serve(database.start().uri())
    first = served.ask("POST", VALUATIONS, STONE)
    eventually(lambda: database.collection().find_one({"_id": first.id}), 20, "the first one is shipped")
    database.kill()
    answers = [served.ask("POST", VALUATIONS, STONE) for _ in range(20)]
    assert {answer.status for answer in answers} == {200}
    database.start()
    eventually(served.outbox_is_empty, 40, "all is shipped")
    assert_recorded_once([first, *answers], list(database.collection().find({})))


def test_the_server_starts_without_its_database(serve: Serve) -> None:
    served = serve(f"mongodb://127.0.0.1:{free_port()}/")
    answer = served.ask("POST", VALUATIONS, STONE)
    assert answer.status == 200
    assert served.ask("GET", "/readyz").status == 200
    assert_recorded_once([answer], served.in_outbox())


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


def test_a_400_of_the_log_stays_a_400(serve: Serve) -> None:
    """A body that was no JSON made the middleware itself fail, with a 500."""
    served = serve()
    answers = [served.ask("POST", VALUATIONS, body) for body in (b"{", b"\xff", b"", b"carat=1.2", b"\x00")]
    assert [answer.status for answer in answers] == [400] * 5
    assert {answer.id for answer in answers} == {record["_id"] for record in served.in_outbox()}
