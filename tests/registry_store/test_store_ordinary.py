"""A registry in a store does what one in a folder does, at every door."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import FIRST, PROGRAM, SECOND, environment
from served import STONE, VALUATIONS, Served, eventually
from stores import Faults, Faulty, Store

LINEAR = ["--models", "linear,linear-derived"]


def test_models_are_trained_listed_promoted_rolled_back_valued_with_and_checked(moto, program):
    xtream = program(moto)
    where = ["--registry", moto.address()]
    assert "there is no registry at s3://shop/diamonds" in xtream("models", "list", *where, status=2).stderr
    report = xtream.train(FIRST, *where, *LINEAR)
    assert sorted(line["version"] for line in report["leaderboard"]) == [1, 2]
    champion = report["champion"]["version"]
    other = 3 - champion

    listed = xtream.json("models", "list", *where)
    assert listed["champion"] == champion and len(listed["models"]) == 2
    assert xtream.json("models", "promote", other, *where)["promoted"]
    # The delivery has rows that cannot be priced, which are named.
    priced = xtream("value", FIRST, "--out", "priced.csv", *where, status=2)
    assert (xtream.folder / "priced.csv").exists(), priced.stderr
    assert xtream.json("models", "rollback", *where)["champion"] == champion
    shown = xtream("models", "show", "champion", *where)
    assert "Model file:    s3://shop/diamonds/blobs/" in shown.stderr
    stone = ["--carat", "1", "--cut", "ideal", "--color", "e", "--clarity", "vs1"]
    assert xtream.json("similar", *stone, *where)
    assert xtream.json("models", "compare", 1, 2, *where)["comparison"]
    assert xtream.json("models", "fsck", *where) == {"sound": True, "findings": []}
    # Nothing of it is in the folder from which it was asked.
    assert sorted(path.name for path in xtream.folder.iterdir()) == ["priced.csv"]
    # Another prefix is another registry.
    assert xtream("models", "list", "--registry", moto.address("other"), status=2).stderr


def test_prices_are_those_of_a_registry_in_a_folder_bit_for_bit(bucket, program):
    xtream = program(bucket)
    for place in [bucket.address(), "folder"]:
        xtream.train(FIRST, "--registry", place, "--models", "linear-derived", ranges=True)
        xtream("value", SECOND, "--range", "--out", f"{place[:2]}.csv", "--registry", place, status=None)
    assert (xtream.folder / "s3.csv").read_bytes() == (xtream.folder / "fo.csv").read_bytes()


def test_a_server_answers_from_a_store_and_follows_its_champion(bucket, program, tmp_path):
    xtream, where = program(bucket), ["--registry", bucket.address()]
    champion = xtream.train(FIRST, *where, *LINEAR)["champion"]["version"]
    served = Served(
        registry=bucket.address(), log=tmp_path / "log", said_in=tmp_path, settings=bucket.variables()
    ).start()

    def answers() -> int:
        return served.ask("POST", VALUATIONS, STONE).json()["model"]["version"]

    try:
        assert answers() == champion
        other = 3 - champion
        xtream("models", "promote", other, *where)
        eventually(lambda: answers() == other, 5, "the promotion is followed")
        models = served.ask("GET", "/v1/models?limit=1").json()
        assert len(models["models"]) == 1 and models["next_cursor"]
    finally:
        served.stop()


def test_a_folder_of_deliveries_is_watched_into_a_store(bucket, program):
    xtream, where = program(bucket), ["--registry", bucket.address()]
    deliveries = xtream.folder / "deliveries"
    deliveries.mkdir()
    (deliveries / "first.csv").write_bytes(FIRST.read_bytes())
    watching = subprocess.Popen(
        [PROGRAM, "watch", deliveries, *where, "--models", "linear", "--interval", "0.2"],
        cwd=xtream.folder,
        env=environment(**bucket.variables()),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        eventually(lambda: len(bucket.objects("commits")) >= 2, 60, "the delivery is trained on")
    finally:
        watching.send_signal(2)
        watching.communicate(timeout=30)
    assert xtream.json("models", "list", *where)["champion"] == 1


def test_refused_rows_of_a_delivery_that_is_not_believed_are_in_the_present_folder(bucket, program):
    xtream, where = program(bucket), ["--registry", bucket.address()]
    lines = FIRST.read_text().splitlines()
    for at in range(1, 60):
        lines[at] = lines[at].replace(",", ",x", 1)
    (xtream.folder / "poor.csv").write_text("\n".join(lines))
    said = xtream("train", "poor.csv", *where, status=2).stderr
    assert "the refused rows and the reasons are in refused-rows.csv" in said
    assert (xtream.folder / "refused-rows.csv").read_text().count("\npoor.csv,") > 59
    xtream("train", "poor.csv", *where, "--rejects", "mine.csv", status=2)
    assert (xtream.folder / "mine.csv").exists()
    assert bucket.objects("commits") == []


def test_a_registry_can_be_copied_from_a_store_into_a_folder_and_back(bucket, program):
    xtream, where = program(bucket), ["--registry", bucket.address()]
    xtream.train(FIRST, *where, *LINEAR)
    shutil.copytree(bucket.folder / "diamonds", xtream.folder / "copy")
    assert xtream.json("models", "fsck", "--registry", "copy")["sound"]
    assert xtream.json("models", "list", "--registry", "copy") == xtream.json("models", "list", *where)
    shutil.copytree(xtream.folder / "copy", bucket.folder / "again")
    again = xtream.json("models", "list", "--registry", bucket.address("again"))
    assert again == xtream.json("models", "list", *where)


SCRIPT = """
import json, pickle, sys
import dask.dataframe as dd
import pandas as pd
import xtream_core as xc
import xtream_core.dask
address, delivery, out = sys.argv[1:]
models = ["linear", "linear-derived"]
run = xc.train(delivery, models=models, registry=address, trials=0, progress=False, ranges=False)
registry = xc.Registry(address)
champion = registry.champion()
other = 3 - champion.version
decision = registry.promote(other, reason="from a notebook")
model = pickle.loads(pickle.dumps(registry.champion()))
assert model.predict(delivery, errors="nan").shape[0] > 0
frame = pd.read_csv(delivery)[:40]
priced = xtream_core.dask.value(dd.from_pandas(frame, npartitions=2), address).compute(scheduler="threads")
assert list(priced["price_usd"].dropna()) == list(model.predict(frame, errors="nan"))
back = registry.rollback()
try:
    xc.Registry("s3:/shop/diamonds")
except xc.InvalidInputError as error:
    wrong = str(error)
json.dump({
    "repr": repr(registry), "folder": registry.folder, "champion": champion.version, "back": back,
    "promoted": decision["promoted"], "n_history": len(registry.history()), "card": model.card["version"],
    "wrong": wrong, "n_test": len(model._rows("test")["carat"]),
}, open(out, "w"))
"""


def test_python_trains_promotes_and_prices_with_a_registry_in_a_store(moto: Store, tmp_path: Path):
    pytest.importorskip("xtream_core")
    out = tmp_path / "out.json"
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, moto.address(), FIRST, out],
        env=environment(**moto.variables()),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    said = json.loads(out.read_text())
    assert said["folder"] == moto.address() and said["repr"] == f'Registry("{moto.address()}")'
    assert said["promoted"] and said["back"] == said["champion"] and said["card"] == 3 - said["champion"]
    # Registered, the first champion decided, promoted, rolled back.
    assert said["n_history"] == 4 and said["n_test"] > 0
    assert "as a text and not as a path" in said["wrong"]
    assert not (tmp_path / "s3:").exists() and not (tmp_path / "registry").exists()


def test_a_long_history_is_shown_page_by_page_as_from_a_folder(bucket, program, tmp_path):
    xtream, where = program(bucket), ["--registry", bucket.address()]
    xtream.train(FIRST, "--models", "linear,linear-derived", "--no-promote")
    for at in range(150):
        xtream("models", "promote", at % 2 + 1, "--reason", f"reason {at}")
    shutil.copytree(xtream.folder / "registry", bucket.folder / "diamonds")
    # Whoever writes next makes a checkpoint.
    assert xtream.json("models", "promote", 1, *where)["promoted"]
    xtream("models", "promote", 1, "--reason", "Promoted by hand.")
    assert bucket.objects("checkpoints") == ["00000128"]

    def pages(registry: object, limit: int) -> list:
        served = Served(
            registry=registry,
            log=tmp_path / f"log-{limit}-{type(registry).__name__}",
            said_in=tmp_path,
            settings=bucket.variables(),
        )
        with served:
            found, cursor = [], ""
            while cursor is not None:
                page = served.ask("GET", f"/v1/models?limit={limit}{cursor and f'&cursor={cursor}'}").json()
                found.append([[model["version"] for model in page["models"]], reasons(page)])
                cursor = page["next_cursor"]
        return found

    def reasons(page: dict) -> list[str]:
        return [decision["reason"] for decision in page["decisions"]]

    for limit in [7, 64, 100]:
        shown = pages(bucket.address(), limit)
        assert shown == pages(xtream.folder / "registry", limit)
        assert sum(len(decisions) for _, decisions in shown) == 151


def test_a_server_asks_a_store_for_little(faulty, program, bucket, tmp_path):
    xtream = program(bucket)
    xtream.train(FIRST, "--registry", bucket.address(), *LINEAR)
    faults = Faults()
    store = faulty(faults)
    served = Served(
        registry=store.address(), log=tmp_path / "log", said_in=tmp_path, settings=store.variables()
    )
    with served:
        before, started = faults.counts["requests"], time.monotonic()
        time.sleep(5)
        a_second = (faults.counts["requests"] - before) / (time.monotonic() - started)
        # About three looks, each one request, and every sixteenth three.
        assert a_second < 4.5, a_second


def test_a_store_that_is_gone_is_noticed_by_who_looks_after_the_server_and_by_nobody_else(
    faulty, program, bucket, tmp_path
):
    xtream, where = program(bucket), ["--registry", bucket.address()]
    champion = xtream.train(FIRST, *where, *LINEAR)["champion"]["version"]
    faults = Faults()
    store = faulty(faults)
    served = Served(
        registry=store.address(), log=tmp_path / "log", said_in=tmp_path, settings=store.variables()
    )
    trouble = "xtream_model_trouble"
    with served:
        price = served.ask("POST", VALUATIONS, STONE).json()["price_usd"]
        assert served.metric(trouble) == 0
        faults.refuses = (503, "SlowDown")
        deadline = time.monotonic() + 90
        while served.metric(trouble) == 0:
            begun = time.monotonic()
            answer = served.ask("POST", VALUATIONS, STONE).json()
            assert (answer["price_usd"], answer["model"]["version"]) == (price, champion)
            assert begun < deadline and time.monotonic() - begun < 4
            time.sleep(0.1)
        said = served.ask("GET", "/readyz").json()
        assert "503 SlowDown" in json.dumps(said), said
        xtream("models", "promote", 3 - champion, *where)
        faults.refuses = None
        eventually(lambda: served.metric(trouble) == 0, 10, "the store is back")
        eventually(
            lambda: served.ask("POST", VALUATIONS, STONE).json()["model"]["version"] == 3 - champion,
            5,
            "what was promoted meanwhile is followed",
        )


FORK = """
import json, os, sys
import xtream_core as xc
registry = xc.Registry(sys.argv[1])
expected = registry.versions()
child = os.fork()
for _ in range(8):
    if child:
        assert registry.versions() == expected
    else:
        assert registry.load(1).card == expected[-1]
if child == 0:
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


def test_a_process_and_its_fork_ask_over_connections_of_their_own(
    bucket: Store, faulty: Faulty, program, tmp_path: Path
):
    pytest.importorskip("xtream_core")
    # The proxy keeps connections open whatever is answered, and takes its time, so that both wait at once.
    store = faulty(Faults(slow=1.0))
    program(bucket).train(FIRST, "--registry", bucket.address(), *LINEAR)
    run = subprocess.run(
        [sys.executable, "-c", FORK, store.address()],
        env=environment(**store.variables()),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
