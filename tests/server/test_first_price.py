"""`xtream serve --train`: the first price within seconds, and the best model as soon as it is found."""

import signal
import time
from pathlib import Path

import pytest
from helpers import A_SECOND, FIRST, SECOND, Program
from served import STONE, VALUATIONS, Serve, Served, eventually

# A full training of seconds, and one that is not done before the test is.
SHORT = {"XTREAM_TRAIN_TRIALS": "4", "XTREAM_TRAIN_MODELS": "linear,xgboost-derived"}
LONG = SHORT | {"XTREAM_TRAIN_TRIALS": "5000"}


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    return tmp_path / "empty"


def cards(registry: Path) -> list[dict]:
    """Oldest first."""
    models = Program(registry.parent).json("models", "list", "--registry", registry)["models"]
    return sorted(models, key=lambda card: card["version"])


def version(served: Served) -> int:
    answer = served.ask("POST", VALUATIONS, STONE)
    assert answer.status == 200, answer.content
    return answer.json()["model"]["version"]


def test_a_first_model_answers_at_once_and_the_best_of_all_takes_over_by_itself(
    serve: Serve, empty: Path
) -> None:
    served = serve(registry=empty, settings=SHORT, arguments=["--train", FIRST])
    assert version(served) == 1
    said = served.stderr
    assert "A first model answers now; the full training goes on meanwhile. It tries 2 families" in said
    eventually(lambda: version(served) > 1, 60, "the best model takes over")
    first, *others = cards(empty)
    assert first["family"] == "linear-derived"
    assert [card["family"] for card in others] == ["linear", "xgboost-derived"]
    assert others[1]["version"] == version(served)
    # The search is the one of `xtream train`: the same model to the bit.
    by_hand = Program(empty.parent)
    by_hand.train(FIRST, "--registry", "by-hand", "--trials", "4", "--models", "xgboost-derived", ranges=True)
    assert cards(empty.parent / "by-hand")[0]["model"] == others[1]["model"]
    assert "mean error" in served.stderr and "The champion is version 3 (xgboost-derived)" in served.stderr


@pytest.mark.alone
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM], ids=lambda sign: sign.name)
def test_the_server_and_its_training_end_within_a_second_and_the_next_one_goes_on(
    serve: Serve, empty: Path, sign: int
) -> None:
    served = serve(registry=empty, settings=LONG, arguments=["--train", FIRST])
    studies = empty / "studies"
    eventually(lambda: sum(map(n_trials, studies.glob("*"))) >= 3, 60, "trials are done")
    started = time.monotonic()
    assert served.stop(sign) == 0
    assert time.monotonic() - started < A_SECOND
    assert "The full training was stopped" in served.stderr
    assert [card["version"] for card in cards(empty)] == [1]
    (study,) = studies.glob("*")
    kept = n_trials(study)
    served.settings = LONG
    served.start()
    assert version(served) == 1
    eventually(lambda: "of them done by an earlier run" in served.stderr, 60, "the search is found again")
    eventually(lambda: n_trials(study) > kept, 60, "and goes on")
    assert "its full training, which was not finished, goes on" in served.stderr


def n_trials(study: Path) -> int:
    """Its first line says what is searched."""
    return max(study.read_bytes().count(b"\n") - 1, 0)


def test_a_champion_of_another_origin_answers_and_nothing_is_trained(serve: Serve, empty: Path) -> None:
    """Its owner's own model, or a first one on other rows."""
    program = Program(empty.parent)
    program.train(SECOND, "--models", "linear-derived", "--registry", empty)
    first_of_others = serve(registry=empty, settings=SHORT, arguments=["--train", FIRST])
    assert version(first_of_others) == 1
    assert first_of_others.stop() == 0
    program.train(SECOND, "--models", "linear", "--registry", empty)
    owners = serve(registry=empty, settings=SHORT, arguments=["--train", SECOND])
    assert version(owners) == 1
    assert "full training" not in owners.stderr
    assert len(cards(empty)) == 2


def test_a_training_that_fails_says_so_and_the_first_model_stays(serve: Serve, empty: Path) -> None:
    settings = SHORT | {"XTREAM_XGBOOST_LIB": str(empty / "libxgboost.so")}
    served = serve(registry=empty, settings=settings, arguments=["--train", FIRST])
    eventually(lambda: "error: the full training failed" in served.stderr, 30, "the failure is told")
    assert "libxgboost" in served.stderr.split("the full training failed")[1]
    assert version(served) == 1


def test_data_that_cannot_be_read_starts_no_server(empty: Path, tmp_path: Path) -> None:
    run = Program(tmp_path)("serve", "--registry", empty, "--train", "nothing.csv", status=2)
    assert "nothing.csv" in run.stderr
    assert not empty.exists()
