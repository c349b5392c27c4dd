"""What the old server did wrong, each by its name."""

from conftest import Serve, Target
from served import STONE, VALUATIONS, assert_recorded_once, eventually, free_port


def test_refused_requests_are_stored(serve: Serve, target: Target) -> None:
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
