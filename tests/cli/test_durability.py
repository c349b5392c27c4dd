"""What is said to be kept was synced to disk first. A small library between the program and the system
notes which files are synced; without the sync in the program, these tests turn red."""

import json
import os
import subprocess
import urllib.request

import pytest
from helpers import FIRST, PROGRAM, Program, environment

WITNESS = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void note(const char *what, int fd) {
    char link[64], path[4096], line[4200];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return;
    path[length] = 0;
    int size = snprintf(line, sizeof line, "%s %s\n", what, path);
    int log = open(getenv("SYNC_WITNESS"), O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (log >= 0) { if (write(log, line, size)) {} close(log); }
}

int fsync(int fd) {
    note("sync", fd);
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}

int fdatasync(int fd) {
    note("sync", fd);
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
"""


@pytest.fixture(scope="session")
def witness(tmp_path_factory):
    folder = tmp_path_factory.mktemp("witness")
    (folder / "witness.c").write_text(WITNESS)
    library = folder / "witness.so"
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-o", library, folder / "witness.c", "-ldl"], check=True, timeout=60
    )
    return library


@pytest.fixture
def watched(witness, tmp_path):
    log = tmp_path / "synced"
    log.touch()
    return {"LD_PRELOAD": str(witness), "SYNC_WITNESS": str(log)}, log


def synced(log, part):
    return [line for line in log.read_text().splitlines() if part in line]


def test_models_rows_and_commits_are_synced_before_they_can_be_seen(watched, tmp_path):
    env, log = watched
    program = Program(tmp_path)
    program("train", FIRST, "--models", "linear", "--registry", "r", env=env)
    registry = tmp_path / "r"
    for folder in ["commits", "blobs"]:
        stored = sorted((registry / folder).iterdir())
        assert len(stored) >= 2
        for path in stored:
            # A file is written under a staging name and appears under its own only when it is whole.
            assert synced(log, f"{path}#"), f"{path} was not synced"
        assert [line for line in synced(log, str(registry / folder)) if line.endswith(folder)], (
            f"the folder {folder} was not synced: a new name in it may be lost"
        )


def test_each_finished_trial_is_synced(watched, tmp_path):
    env, log = watched
    program = Program(tmp_path)
    program("train", FIRST, "--models", "xgboost", "--trials", "12", "--registry", "r", env=env)
    assert len(synced(log, "/studies/xgboost-")) >= 12


@pytest.mark.parametrize(("durability", "is_synced"), [("fsync", True), ("os", False)])
def test_an_exchange_is_synced_before_its_answer_leaves_unless_told_otherwise(
    watched, tmp_path, durability, is_synced
):
    env, log = watched
    program = Program(tmp_path)
    program("train", FIRST, "--models", "linear", "--registry", "r")
    server = subprocess.Popen(
        [PROGRAM, "serve", "--registry", "r", "--bind", "127.0.0.1:0", "--durability", durability],
        cwd=tmp_path,
        env=environment(**env),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = next(line for line in server.stderr if line.startswith("Listening on http://"))
        address = said.split()[2].rstrip(";")
        stone = {"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VS1"}
        n_synced = 0
        for _ in range(10):
            before = len(synced(log, "exchange-log/exchanges.sqlite-wal"))
            request = urllib.request.Request(
                f"{address}/v1/valuations",
                data=json.dumps(stone).encode(),
                headers={"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                assert answer.status == 200
            n_synced += len(synced(log, "exchange-log/exchanges.sqlite-wal")) > before
        # Without, the log is synced now and then all the same, when it is emptied into its file.
        assert n_synced == 10 if is_synced else n_synced < 5
        assert [line for line in synced(log, "exchange-log") if line.endswith("exchange-log")], (
            "the folder was not synced: the names in it may be lost"
        )
    finally:
        server.terminate()
        assert server.wait(timeout=60) == 0
    assert os.path.exists(tmp_path / "exchange-log" / "exchanges.sqlite")
