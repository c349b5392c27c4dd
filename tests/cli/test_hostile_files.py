"""Files that are broken, on purpose or not, are refused by file and line; nothing panics."""

import csv
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from broken_files import HEADER, ROW, refusal, rows, text
from helpers import FIRST, PROGRAM, Program, Trained, environment

BROKEN = {
    "utf-16 without a header": ("\n".join(rows()).encode("utf-16"), "line 1", "UTF-16"),
    "latin-1 far behind the beginning": (
        text(HEADER, *rows(9000)) + "1,Idéal".encode("latin-1") + b",D,SI1,62,54,7,4,4,2\n",
        "line 9002",
        "Latin-1",
    ),
    "a NUL": (text(HEADER, *rows(2), ROW.replace("Ideal", "Id\0eal")), "line 4", "NUL"),
    "shifted columns": (text(HEADER, *rows(4), *[ROW + ",1"] * 30), "line 6", "10): lines 6, 7, 8"),
    "an unclosed quote": (
        text(HEADER, ROW, ROW.replace("Ideal", '"Ideal'), *rows()),
        "line 3",
        "never closed",
    ),
    "a header twice": (text(HEADER + ",CARAT", ROW + ",1"), "line 1", "both called"),
    "a header missing": (text(HEADER.replace("clarity", "purity"), ROW), "line 1", "no column clarity"),
    "no header": (text(*rows()), "line 1", "no column carat"),
    "semicolons without a header": (
        text(*[ROW.replace(",", ";")] * 2),
        "line 1",
        "is the line with the names missing?",
    ),
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
    assert "no stone below them" in said


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (ROW.removesuffix(",2.75"), "has 9 values, and the header 10 names"),
        (ROW + ",1", "has 11 values, and the header 10 names"),
        (ROW.replace("Ideal", 'Id"eal'), "is not a known grade"),
        (ROW.replace("Ideal", '"Ideal" '), "is not a known grade"),
    ],
)
def test_one_bad_line_is_one_refused_row(xtream: Program, row: str, reason: str) -> None:
    path, list_of_them = xtream.folder / "one.csv", xtream.folder / "refused.csv"
    path.write_bytes(text(HEADER, *rows(40), row, *rows(80)[40:]))
    xtream("train", path, "--models", "linear", "--max-rejects", 5, "--rejects", list_of_them)
    with list_of_them.open(newline="") as file:
        (refused,) = csv.DictReader(file)
    assert refused["line"] == "42" and refused["reason"] in reason, refused
    priced = xtream("value", path, status=2)
    assert "line 42: " in priced.stderr and reason in priced.stderr
    assert "1 of 81 rows could not be priced" in priced.stderr
    assert len(list(csv.reader(priced.stdout.splitlines()))) == 82


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
    huge = [ROW.replace("62.1", number) for number in ("1e39", "1e999", "-1e39", "-inf", "inf")]
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
    status, kilobytes, said = measured(xtream, "train", path, "--models", "linear")
    assert status == 2, said
    line = 1 + ENDLESS[name].count(b"\n")
    assert f"endless.csv, line {line}:" in said
    assert kilobytes < 100 * 1024


def measured(xtream: Program, *arguments: object) -> tuple[int, int, str]:
    """Exit status, the most memory that was used in kilobytes, and what was said."""
    # Started by a small process, because Linux counts what the starter held before it became the program.
    command = [sys.executable, "-S", "-c", MEASURED, PROGRAM, *map(str, arguments)]
    run = subprocess.run(
        command, cwd=xtream.folder, env=environment(), capture_output=True, text=True, check=False
    )
    status, kilobytes = map(int, run.stdout.split())
    return status, kilobytes, run.stderr


N_ROWS = 40
LONG = "x" * 100_000_000


def stones(n_rows: int = N_ROWS) -> pa.Table:
    stone = pd.read_csv(FIRST).iloc[:1]
    return pa.Table.from_pandas(stone.sample(n_rows, replace=True), preserve_index=False)


def with_column(column: pa.Array) -> pa.Table:
    return stones(len(column)).append_column("note", column)


def repeated(text: str | bytes, n: int = N_ROWS) -> pa.DictionaryArray:
    """The same text again and again, of which there is only one."""
    kind = pa.large_string() if isinstance(text, str) else pa.large_binary()
    return pa.DictionaryArray.from_arrays(pa.array([0] * n, pa.int32()), pa.array([text], kind))


def in_lists(texts: pa.Array) -> pa.Array:
    return pa.LargeListArray.from_arrays(pa.array(range(len(texts) + 1), pa.int64()), texts)


def in_records(texts: pa.Array) -> pa.Array:
    return pa.StructArray.from_arrays([texts], ["text"])


# Each with how it is written: without the schema of pyarrow's own, what repeats is plain text.
PLAIN = {"store_schema": False}
EXPANDING = {
    "a long text": (lambda: with_column(repeated(LONG)), PLAIN),
    "long bytes": (lambda: with_column(repeated(LONG.encode())), PLAIN),
    "a long category": (lambda: with_column(repeated(LONG)), {}),
    "a long text in lists": (lambda: with_column(in_lists(repeated(LONG))), PLAIN),
    "a long text in records": (lambda: with_column(in_records(repeated(LONG))), PLAIN),
    "a long text among short ones": (
        lambda: with_column(pa.array([LONG, *(f"{n:010000}" for n in range(2000))], pa.large_string())),
        {},
    ),
    "a long grade": (lambda: stones().set_column(1, "cut", repeated(LONG)), PLAIN),
    "texts that each repeat the one before": (
        lambda: with_column(pa.array(["x" * 60_000 + f"{n:06}" for n in range(5000)], pa.large_string())),
        {"use_dictionary": False, "column_encoding": {"note": "DELTA_BYTE_ARRAY"}},
    ),
    "wide bytes of one length": (
        lambda: with_column(pa.array([LONG.encode()] * 3, pa.binary(len(LONG)))),
        {},
    ),
    "endless lists": (
        lambda: with_column(pa.array([[0] * 60_000_000, *[[]] * (N_ROWS - 1)], pa.large_list(pa.int8()))),
        {},
    ),
}


@pytest.mark.parametrize("name", EXPANDING)
def test_a_small_parquet_file_that_unpacks_to_gigabytes_is_refused_in_little_memory(
    xtream: Program, trained: Trained, name: str
) -> None:
    make, options = EXPANDING[name]
    path = xtream.folder / "expanding.parquet"
    pyarrow.parquet.write_table(make(), path, compression="zstd", **options)
    assert path.stat().st_size < 1_000_000
    registry = ["--registry", trained.folder]
    for command in (
        ["value", path, "--out", "priced.csv", *registry],
        ["value", path, "--out", "priced.parquet", *registry],
        ["train", path, "--models", "linear"],
    ):
        status, kilobytes, said = measured(xtream, *command)
        assert status == 2, said
        assert "expanding.parquet: not a sound Parquet file" in said, said
        assert "panicked" not in said
        assert kilobytes < 600 * 1024
    assert not list(xtream.folder.glob("priced*"))


def test_long_texts_that_fit_into_a_row_are_carried_along(xtream: Program, trained: Trained) -> None:
    note = "x" * 50_000
    notes = with_column(repeated(note, 20_000))
    pyarrow.parquet.write_table(notes, xtream.folder / "notes.parquet", compression="zstd", **PLAIN)
    arguments = ["value", "notes.parquet", "--out", "priced.parquet", "--registry", trained.folder]
    status, kilobytes, said = measured(xtream, *arguments)
    assert status == 0, said
    # A gigabyte of text, but never all of it at once.
    assert kilobytes < 600 * 1024
    priced = pyarrow.parquet.read_table(xtream.folder / "priced.parquet", columns=["price_usd"])
    assert len(priced) == 20_000 and priced["price_usd"].null_count == 0


@pytest.mark.parametrize("command", ["value", "train"])
def test_a_file_that_is_written_to_while_it_is_read_is_refused(
    xtream: Program, trained: Trained, command: str
) -> None:
    path = xtream.folder / "growing.csv"
    lines = FIRST.read_text().splitlines(keepends=True)
    path.write_text("".join([lines[0], *(lines[1:] * 30)]))
    is_over = threading.Event()

    def grow(path: Path) -> None:
        with path.open("a") as file:
            while not is_over.wait(0.002):
                file.write(lines[1])
                file.flush()

    writer = threading.Thread(target=grow, args=[path])
    writer.start()
    try:
        options = {
            "value": ["--out", "priced.csv", "--registry", trained.folder],
            "train": ["--models", "linear", "--registry", "refused"],
        }
        said = xtream(command, path, *options[command], status=2).stderr
    finally:
        is_over.set()
        writer.join()
    assert "growing.csv: the file changed while it was read" in said
    assert not (xtream.folder / "priced.csv").exists()
