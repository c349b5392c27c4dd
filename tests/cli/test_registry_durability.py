"""What the registry says is kept outlives a power cut, on any file system: a name is certain only once the
folder that it stands in was synced. A small library between the program and the system notes the order of
both."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import FIRST, SECOND, Program

WITNESS = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void note(const char *what, const char *path) {
    char line[PATH_MAX + 16];
    int size = snprintf(line, sizeof line, "%s %s\n", what, path);
    int log = open(getenv("NAME_WITNESS"), O_WRONLY | O_APPEND | O_CREAT, 0600);
    if (log >= 0) { if (write(log, line, size)) {} close(log); }
}

static void note_made(const char *path) {
    char whole[PATH_MAX];
    if (realpath(path, whole)) note("made", whole);
}

static void note_synced(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return;
    path[length] = 0;
    note("synced", path);
}

int mkdir(const char *path, mode_t mode) {
    int result = ((int (*)(const char *, mode_t))dlsym(RTLD_NEXT, "mkdir"))(path, mode);
    if (result == 0) note_made(path);
    return result;
}

int link(const char *from, const char *to) {
    int result = ((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "link"))(from, to);
    if (result == 0) note_made(to);
    return result;
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags) {
    int (*next)(int, const char *, int, const char *, int) = dlsym(RTLD_NEXT, "linkat");
    int result = next(from_fd, from, to_fd, to, flags);
    if (result == 0) note_made(to);
    return result;
}

int fsync(int fd) {
    int result = ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
    if (result == 0) note_synced(fd);
    return result;
}
"""

Events = list[tuple[str, Path]]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("witness")
    (folder / "witness.c").write_text(WITNESS)
    command = ["cc", "-shared", "-fPIC", "-o", folder / "witness.so", folder / "witness.c", "-ldl"]
    subprocess.run(command, check=True, timeout=60)
    return folder / "witness.so"


@pytest.fixture
def watched(library: Path, xtream: Program) -> Callable[..., Events]:
    """Runs the program and gives what it made and synced below its folder, in order."""
    log = xtream.folder / "events"

    def run(*arguments: object) -> Events:
        log.write_text("")
        xtream(*arguments, env={"LD_PRELOAD": str(library), "NAME_WITNESS": str(log)})
        events = [line.split(" ", 1) for line in log.read_text().splitlines()]
        root = str(xtream.folder)
        return [(what, Path(path)) for what, path in events if path.startswith(root)]

    return run


def uncertain(events: Events) -> set[Path]:
    """Names that a power cut after these events may take back."""
    names: set[Path] = set()
    for what, path in events:
        if what == "made":
            names.add(path)
        else:
            names = {name for name in names if name.parent != path}
    return names


def test_every_name_is_certain_before_a_commit_that_rests_on_it_and_before_the_program_says_so(
    watched: Callable[..., Events], xtream: Program
) -> None:
    runs = [
        ["train", FIRST, "--models", "linear", "--registry", "deep/er/registry"],
        ["train", SECOND, "--models", "linear", "--registry", "deep/er/registry"],
        ["models", "promote", "2", "--registry", "deep/er/registry"],
        ["models", "rollback", "--registry", "deep/er/registry"],
    ]
    n_commits = 0
    for arguments in runs:
        events = watched(*arguments)
        assert uncertain(events) == set(), "after the run"
        for at, (what, path) in enumerate(events):
            if what == "made" and path.parent.name == "commits":
                n_commits += 1
                assert uncertain(events[:at]) == set(), f"before {path.name}"
                staged = {f"{path}#{number}" for number in range(1, 9)}
                assert any(str(other) in staged for what, other in events[:at] if what == "synced")
            if what == "made" and path.parent.name == "receipts":
                # A receipt of a commit that is not there would be a false alarm.
                commit = path.parent.parent / "commits" / f"{path.name}.json"
                assert commit in {other for _, other in events[:at]}
    assert n_commits == len(os.listdir(xtream.folder / "deep/er/registry/commits")) >= 6


def test_a_folder_that_was_made_by_a_run_that_was_killed_is_made_certain_by_the_next(
    watched: Callable[..., Events], xtream: Program
) -> None:
    registry = xtream.folder / "registry"
    for part in ("commits", "receipts", "blobs", "studies"):
        (registry / part).mkdir(parents=True)
    events = watched("train", FIRST, "--models", "linear")
    first = next(at for at, (what, path) in enumerate(events) if what == "made")
    synced = {path for what, path in events[:first] if what == "synced"}
    assert {registry, xtream.folder} <= synced


def test_the_name_of_a_study_is_certain(watched: Callable[..., Events], xtream: Program) -> None:
    events = watched("train", FIRST, "--models", "xgboost", "--trials", "2")
    # Nothing else is ever made in that folder, so nothing else syncs it.
    assert ("synced", xtream.folder / "registry" / "studies") in events
