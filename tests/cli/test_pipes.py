"""The program as a part of a pipeline of a shell: readers that leave early, data that streams in."""

import os
import subprocess

import pytest
from helpers import FIRST, PROGRAM, Program, Trained, environment


def closed_pipe() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("command", ["models list", "models show 1", "value FIRST", "--help"])
def test_a_reader_that_has_seen_enough_is_no_failure(trained: Trained, command: str) -> None:
    arguments = [FIRST if word == "FIRST" else word for word in command.split()]
    where = [] if command == "--help" else ["--registry", trained.folder]
    writer = closed_pipe()
    run = subprocess.run(
        [PROGRAM, *arguments, *where],
        env=environment(),
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert run.returncode == 0, run.stderr
    assert "panicked" not in run.stderr and "error:" not in run.stderr


@pytest.mark.parametrize("command", ["models list", "value FIRST", "train FIRST --models linear"])
def test_nobody_listening_to_the_progress_is_no_failure(
    xtream: Program, trained: Trained, command: str
) -> None:
    arguments = [FIRST if word == "FIRST" else word for word in command.split()]
    where = [] if command.startswith("train") else ["--registry", trained.folder]
    writer = closed_pipe()
    run = subprocess.run(
        [PROGRAM, *arguments, *where],
        cwd=xtream.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=writer,
        check=False,
    )
    os.close(writer)
    # Some rows of the delivery cannot be priced, which is status 2; a panic would be 101.
    assert run.returncode == (2 if command.startswith("value") else 0)
    assert run.stdout


def test_data_may_come_through_a_pipe(trained: Trained) -> None:
    command = f"cat {FIRST} | {PROGRAM} value /dev/stdin --registry {trained.folder}"
    run = subprocess.run(
        ["sh", "-c", command], env=environment(), capture_output=True, text=True, check=False
    )
    direct = trained.program("value", FIRST, "--registry", trained.folder, status=2)
    assert run.stdout == direct.stdout, run.stderr
