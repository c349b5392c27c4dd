"""Files that belong to no model are removed after a day, and nothing else."""

import os
import shutil
import time

from helpers import blob


def test_a_dry_run_says_what_goes_and_the_next_one_removes_it(trained, xtream):
    registry = xtream.folder / "registry"
    shutil.copytree(trained.folder, registry)
    old, young = (blob(registry, f"sha256:{digit * 64}", "study.jsonl") for digit in "ab")
    for path, hours in ((old, 25), (young, 23)):
        path.write_text("a trial\n")
        at = time.time() - hours * 3600
        os.utime(path, (at, at))
    for path in set((registry / "blobs").iterdir()) - {old, young}:
        os.utime(path, (0, 0))
    before = {path.name for path in (registry / "blobs").iterdir()}

    dry = xtream.json("models", "prune", "--dry-run")
    assert (dry["dry_run"], dry["n_bytes"]) == (True, 8)
    assert [file["path"] for file in dry["files"]] == [f"blobs/{old.name}"]
    assert {path.name for path in (registry / "blobs").iterdir()} == before

    said = xtream("models", "prune").stdout
    assert "1 file, 8 bytes removed." in said, said
    assert {path.name for path in (registry / "blobs").iterdir()} == before - {old.name}
    assert xtream.json("models", "fsck")["sound"]
    assert xtream.json("models", "prune")["files"] == []


def test_a_registry_that_lost_a_commit_is_not_pruned(trained, xtream):
    registry = xtream.folder / "registry"
    shutil.copytree(trained.folder, registry)
    (registry / "commits" / "00000001.json").unlink()
    for path in (registry / "blobs").iterdir():
        os.utime(path, (0, 0))
    before = {path.name for path in (registry / "blobs").iterdir()}
    assert "00000001" in xtream("models", "prune", status=1).stderr
    assert {path.name for path in (registry / "blobs").iterdir()} == before
