"""Whatever is damaged in a registry is found, and nothing answers from it."""

import json
import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import FIRST, Program, blob, stop

SEED = 13
LINEAR = ["--models", "linear"]


def faults(xtream: Program) -> list[dict]:
    run = xtream("models", "fsck", "--json", status=1)
    report = json.loads(run.stdout)
    assert not report["sound"]
    return [finding for finding in report["findings"] if finding["severity"] == "fault"]


def test_a_flipped_bit_in_any_file_of_a_model_is_found(history: Program) -> None:
    print(f"seed {SEED}")
    generator = random.Random(SEED)
    assert history("models", "fsck").stdout.endswith("is sound.\n")
    registry = history.folder / "registry"
    paths = sorted((registry / "blobs").iterdir())
    assert {"".join(path.suffixes) for path in paths} == {".xtream", ".parquet", ".rejects.csv"}
    for path in paths:
        whole = path.read_bytes()
        flipped = bytearray(whole)
        flipped[generator.randrange(len(whole))] ^= 1 << generator.randrange(8)
        for damaged in (bytes(flipped), whole[: len(whole) // 2], b""):
            path.write_bytes(damaged)
            assert any(path.name in fault["message"] for fault in faults(history))
        path.unlink()
        assert any("gone" in fault["message"] for fault in faults(history))
        path.write_bytes(whole)
    assert history.json("models", "fsck")["sound"]


def test_a_damaged_model_never_answers(history: Program) -> None:
    card = history.json("models", "show", "champion")
    path = blob(history.folder / "registry", card["model"], "xtream")
    path.write_bytes(path.read_bytes()[:-1])
    said = history("value", FIRST, "--out", "priced.csv", status=1).stderr
    assert path.name in said and "fsck" in said
    assert not (history.folder / "priced.csv").exists()
    history("models", "promote", 3, status=1)
    history("models", "rollback")
    history("value", FIRST, "--out", "priced.csv", status=2)


def test_a_damaged_history_is_found_and_nothing_is_built_on_it(history: Program) -> None:
    commits = sorted((history.folder / "registry" / "commits").iterdir())
    for path in commits:
        whole = path.read_bytes()
        for damaged in (whole[: len(whole) // 2], whole[:-1], b""):
            path.write_bytes(damaged)
            assert any(path.name in fault["message"] for fault in faults(history))
            assert path.name in history("models", "list", status=1).stderr
            history("train", FIRST, *LINEAR, status=1)
        path.write_bytes(whole)
    commits[1].unlink()
    assert any(commits[2].name in fault["subject"] for fault in faults(history))


def champion(xtream: Program) -> int | None:
    return xtream.json("models", "list", "--registry", "registry")["champion"]


def test_no_lost_commit_changes_the_champion_and_no_training_fills_its_place(history: Program) -> None:
    registry = history.folder / "registry"
    history("models", "promote", 2)
    whole = history.folder / "whole"
    shutil.copytree(registry, whole)
    names = sorted(path.name for path in (registry / "commits").iterdir())
    for name in names:
        shutil.rmtree(registry)
        shutil.copytree(whole, registry)
        (registry / "commits" / name).unlink()
        for command in (["models", "list"], ["train", FIRST, *LINEAR], ["models", "rollback"]):
            said = history(*command, status=1).stderr
            assert f"commits/{name}" in said and "gone" in said, said
        assert any(f"commits/{name}" in fault["message"] for fault in faults(history))
        assert not (registry / "commits" / name).exists()
        # The file from a backup mends it.
        shutil.copy(whole / "commits" / name, registry / "commits" / name)
        assert champion(history) == 2 and history.json("models", "fsck")["sound"]


def put_pipe(path: Path) -> None:
    os.mkfifo(path)


def put_folder(path: Path) -> None:
    path.mkdir()


def put_hole(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(4_000_000_000)


@pytest.mark.parametrize("put", [put_pipe, put_folder, put_hole])
def test_strange_objects_are_refused_by_name_and_nobody_waits_for_them(
    history: Program, put: Callable[[Path], None]
) -> None:
    registry = history.folder / "registry"
    card = history.json("models", "show", 2)
    refused_by = {
        registry / "commits/00000003.json": ["models", "list"],
        registry / "commits/00000005.json": ["models", "promote", 1],
        blob(registry, card["model"], "xtream"): ["models", "promote", 2],
        blob(registry, card["data"]["digest"], "parquet"): ["models", "compare", 1, 2],
    }
    for path, command in refused_by.items():
        whole = path.read_bytes() if path.exists() else None
        path.unlink(missing_ok=True)
        put(path)
        assert any(path.name in fault["message"] for fault in faults(history))
        assert path.name in history(*command, status=1, timeout=60).stderr
        if path.parent.name == "commits":
            # A server says so, too, and ends when it is told to.
            said = history.folder / "said"
            with said.open("w") as output:
                server = history.start(
                    "serve", "--registry", registry, "--bind", "127.0.0.1:0", output=output
                )
            until = time.monotonic() + 60
            while path.name not in said.read_text():
                assert time.monotonic() < until and server.poll() is None, said.read_text()
                time.sleep(0.05)
            assert stop(server)[2] < 5
        path.rmdir() if path.is_dir() else path.unlink()
        if whole is not None:
            path.write_bytes(whole)
    assert history.json("models", "fsck")["sound"]


def test_promoting_the_champion_changes_nothing_and_a_rollback_goes_to_the_one_before(
    history: Program,
) -> None:
    assert champion(history) == 3
    commits = history.folder / "registry" / "commits"
    n_commits = len(list(commits.iterdir()))
    for _ in range(2):
        history("models", "promote", 2)
        said = history("models", "promote", 2).stdout
    assert said == "Version 2 is the champion already; nothing was changed.\n"
    decision = history.json("models", "promote", 2)
    assert (decision["promoted"], decision["candidate"], decision["champion"]) == (False, 2, 2)
    assert len(list(commits.iterdir())) == n_commits + 1
    history("models", "rollback")
    assert champion(history) == 3
