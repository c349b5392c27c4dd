"""Whatever is damaged in a registry is found, and nothing answers from it."""

import json
import random

from helpers import FIRST, Program, blob

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
