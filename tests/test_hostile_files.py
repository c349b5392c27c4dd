"""Files that are broken, on purpose or not, are refused by file and line; nothing panics."""

import subprocess
import sys

import pandas as pd
import pytest
from broken_files import HEADER, ROW, refusal, rows, text
from helpers import PROGRAM, Program, environment

BROKEN = {
    "utf-16": ("\n".join([HEADER, *rows()]).encode("utf-16"), "line 1", "UTF-16"),
    "latin-1": (
        text(HEADER, *rows(3)) + "1,Idéal".encode("latin-1") + b",D,SI1,62,54,7,4,4,2\n",
        "line 5",
        "Latin-1",
    ),
    "latin-1 header": (HEADER.encode() + ",qualité\n".encode("latin-1"), "line 1", "Latin-1"),
    "a NUL": (text(HEADER, *rows(2), ROW.replace("Ideal", "Id\0eal")), "line 4", "NUL"),
    "a field too few": (text(HEADER, *rows(4), ROW.removesuffix(",2.75"), ROW), "line 6", "9 fields"),
    "a field too many": (text(HEADER, *rows(4), ROW + ",", ROW), "line 6", "11 fields"),
    "an unclosed quote": (
        text(HEADER, ROW, ROW.replace("Ideal", '"Ideal'), *rows()),
        "line 3",
        "never closed",
    ),
    "a quote inside": (text(HEADER, ROW, ROW.replace("Ideal", 'Id"eal')), "line 3", "quotation mark"),
    "text behind a quote": (text(HEADER, ROW.replace("Ideal", '"Ideal" ')), "line 2", "closing quotation"),
    "a header twice": (text(HEADER + ",CARAT", ROW + ",1"), "line 1", "both called"),
    "a header missing": (text(HEADER.replace("clarity", "purity"), ROW), "line 1", "no column clarity"),
    "no header": (text(*rows()), "line 1", "no column carat"),
    "semicolons": (text(*[line.replace(",", ";") for line in (HEADER, ROW)]), "line 1", "semicolons"),
    "an empty file": (b"", "line 1", "empty"),
    "blank lines": (b"\n\r\n\n", "line", "empty"),
    "only a byte order mark": (b"\xef\xbb\xbf", "line 1", "empty"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_by_file_and_line(xtream: Program, name: str) -> None:
    content, line, reason = BROKEN[name]
    path = xtream.folder / "broken.csv"
    path.write_bytes(content)
    said = refusal(xtream, path)
    assert line in said and reason in said, said
    assert "allowed is" in said


def test_a_file_with_a_header_only_is_refused(xtream: Program) -> None:
    path = xtream.folder / "header.csv"
    path.write_bytes(text(HEADER))
    said = xtream("train", path, "--models", "linear", status=2).stderr
    assert "0 training and 0 test rows" in said


def test_windows_files_and_quoted_newlines_are_read_and_lines_stay_right(xtream: Program) -> None:
    path, rejects = xtream.folder / "windows.csv", xtream.folder / "rejects.csv"
    lines = [HEADER + ",remark", *(row + ',"line one\r\nline ""two"", and\nthree"' for row in rows(150))]
    lines.append(ROW.replace("Ideal", "Shiny") + ",last")
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    data = xtream.train(path, "--models", "linear", "--rejects", rejects)["data"]
    assert (data["n_rows"], data["n_rejected"]) == (151, 1)
    (refused,) = pd.read_csv(rejects).itertuples()
    assert (refused.line, refused.column, refused.value) == (1 + 3 * 150 + 1, "cut", "Shiny")
    assert "Very Good" in refused.allowed


def test_a_number_that_no_float_holds_refuses_its_row_only(xtream: Program) -> None:
    path, rejects = xtream.folder / "huge.csv", xtream.folder / "rejects.csv"
    huge = [ROW.replace("62.1", number) for number in ("1e39", "1e999", "-1e39", "nan", "inf")]
    path.write_bytes(text(HEADER, *rows(600), *huge))
    data = xtream.train(path, "--models", "linear", "--rejects", rejects)["data"]
    assert (data["n_rejected"], data["n_train"] + data["n_test"]) == (5, 600)
    assert list(pd.read_csv(rejects)["line"]) == [602, 603, 604, 605, 606]


def test_too_many_refused_rows_refuse_the_delivery_and_keep_the_evidence(xtream: Program) -> None:
    path = xtream.folder / "bad.csv"
    path.write_bytes(text(HEADER, *rows(100), *[ROW.replace("715", "-1")] * 2))
    said = xtream("train", path, "--models", "linear", status=2).stderr
    assert "2 of 102 rows" in said and "--max-rejects" in said
    (evidence,) = (xtream.folder / "registry").glob("refused-rows*.csv")
    assert evidence.name in said
    assert list(pd.read_csv(evidence)["line"]) == [102, 103]


ENDLESS = {
    "header": b"",
    "row": text(HEADER, ROW),
    "quoted": text(HEADER) + b'"',
}


MEASURED = """
import os, resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.parametrize("name", ENDLESS)
def test_an_endless_line_is_refused_in_little_memory(xtream: Program, name: str) -> None:
    path = xtream.folder / "endless.csv"
    with path.open("wb") as file:
        file.write(ENDLESS[name])
        file.write(b"1" * 2**20)
        # The rest is a hole: 300 MB that take no space.
        file.truncate(300 * 2**20)
    # Started by a small process, because Linux counts what the starter held before it became the program.
    command = [sys.executable, "-S", "-c", MEASURED, PROGRAM, "train", path, "--models", "linear"]
    run = subprocess.run(
        command, cwd=xtream.folder, env=environment(), capture_output=True, text=True, check=False
    )
    status, kilobytes = map(int, run.stdout.split())
    assert status == 2, run.stderr
    line = 1 + ENDLESS[name].count(b"\n")
    assert f"endless.csv, line {line}:" in run.stderr
    assert kilobytes < 100 * 1024
