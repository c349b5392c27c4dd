"""Files as they come: other separators, signs, encodings, line ends and names, and what programs leave."""

from pathlib import Path

import pandas as pd
import pytest
import xtream_core as xc
from helpers import Program, Trained, read_csv

HEADER = "carat,cut,color,clarity,depth,table,price,x,y,z"
ROWS = [
    "0.71,Ideal,G,VS2,61.8,56,2757,5.72,5.75,3.54",
    "1.01,Premium,E,SI1,62.1,58,4950,6.41,6.37,3.97",
    "1.5,Very Good,D,VS1,62.5,57,15500.5,7.31,7.35,4.58",
]
PLAIN = "\n".join([HEADER, *ROWS, ""])


def european(text: str) -> str:
    return text.replace(",", ";").replace(".", ",")


def with_thousands(text: str) -> str:
    return (
        european(text)
        .replace(";2757;", ";2.757;")
        .replace(";4950;", ";4.950;")
        .replace("15500,5", "15.500,5")
    )


def quoted(text: str) -> str:
    """As a spreadsheet with decimal commas exports with commas between the columns."""
    lines = [line.split(",") for line in text.splitlines()]
    return "".join(",".join(f'"{cell.replace(".", ",")}"' for cell in line) + "\n" for line in lines)


FORMS = {
    "semicolons": (PLAIN.replace(",", ";").encode(), "semicolons, UTF-8"),
    "tabs": (PLAIN.replace(",", "\t").encode(), "tabs, UTF-8"),
    "vertical bars": (PLAIN.replace(",", "|").encode(), "vertical bars, UTF-8"),
    "decimal commas": (european(PLAIN).encode(), "semicolons, decimal comma, UTF-8"),
    "points between thousands": (with_thousands(PLAIN).encode(), "semicolons, decimal comma, UTF-8"),
    "quoted decimal commas": (quoted(PLAIN).encode(), "commas, decimal comma, UTF-8"),
    "commas between thousands": (
        PLAIN.replace(",", "\t").replace("2757", "2,757").replace("15500.5", '"15,500.5"').encode(),
        "tabs, commas between thousands, UTF-8",
    ),
    "lone carriage returns": (PLAIN.replace("\n", "\r").encode(), "ended by a carriage return"),
    "carriage returns and semicolons": (
        PLAIN.replace(",", ";").replace("\n", "\r").encode(),
        "carriage return",
    ),
    "a Windows file": (PLAIN.replace(",", ";").replace("\n", "\r\n").encode(), "semicolons, UTF-8"),
    "UTF-16 of Excel": (PLAIN.replace(",", "\t").encode("utf-16"), "tabs, UTF-16LE"),
    "UTF-16, the other way": (b"\xfe\xff" + PLAIN.encode("utf-16-be"), "commas, UTF-16BE"),
    "a byte order mark": (b"\xef\xbb\xbf" + PLAIN.encode(), None),
    "Excel's hint": (b"sep=;\r\n" + PLAIN.replace(",", ";").encode(), "the header on line 2"),
    "a title": (b"Stock of May\n\n" + PLAIN.encode(), "the header on line 3"),
    "blank lines above": (b"\n\n" + PLAIN.encode(), "the header on line 3"),
    "blank lines between": (PLAIN.replace("\n", "\n\n   \n").encode(), None),
    "rows of separators": (PLAIN.encode() + b",,,,,,,,,\n,,,,,,,,,\n", None),
    "the end of a DOS file": (PLAIN.encode() + b"\x1a", None),
    "the same with semicolons": (PLAIN.replace(",", ";").encode() + b"\x1a", "semicolons"),
    "nameless columns": (PLAIN.replace("\n", ",,\n").encode(), "empty columns without a name left aside"),
    "a separator too many": ((HEADER + "\n" + "".join(row + ",\n" for row in ROWS)).encode(), "commas"),
    "row names of R": (
        ("\n".join([HEADER, *(f'"{n}",{row}' for n, row in enumerate(ROWS, 1))]) + "\n").encode(),
        "the first column taken for row names",
    ),
    "names of the trade": (
        PLAIN.replace("carat", "Carat Weight")
        .replace("color", "Colour")
        .replace("depth", "Depth %")
        .encode(),
        '"Carat Weight" taken for carat, "Colour" taken for color, "Depth %" taken for depth',
    ),
    "length, width, height": (PLAIN.replace("x,y,z", "length,width,height").encode(), '"height" taken for z'),
    "units in cells": (PLAIN.replace("0.71,", "0.71 ct,").replace("61.8,", "61.8%,").encode(), None),
    "currency": (PLAIN.replace(",2757,", ",$2757,").encode(), None),
    "full width": (PLAIN.replace("0.71", "０．７１").replace("Ideal", "Ｉｄｅａｌ").encode(), None),
    "blanks that do not break": (
        PLAIN.replace("Ideal", "Ideal\u00a0").replace("0.71", "0.71\u00a0").encode(),
        None,
    ),
}


def prices(trained: Trained, folder: Path, content: bytes, said: str | None) -> pd.Series:
    file, out = folder / "stones.csv", folder / "out.csv"
    file.write_bytes(content)
    where = ["--registry", trained.folder]
    stderr = trained.program("value", file, "--out", out, *where).stderr
    assert (said or "") in stderr
    assert ("read as" in stderr) == (said is not None), stderr
    return read_csv(out)["price_usd"]


@pytest.mark.parametrize("form", FORMS)
def test_stones_of_another_form_have_the_prices_of_the_plain_file(
    trained: Trained, tmp_path: Path, form: str
) -> None:
    content, said = FORMS[form]
    plain = prices(trained, tmp_path, PLAIN.encode(), None)
    assert list(prices(trained, tmp_path, content, said)) == list(plain)


@pytest.mark.parametrize("form", FORMS)
def test_python_reads_the_same_stones(tmp_path: Path, form: str) -> None:
    (tmp_path / "plain.csv").write_bytes(PLAIN.encode())
    (tmp_path / "other.csv").write_bytes(FORMS[form][0])
    plain, other = (xc.validate(tmp_path / name) for name in ("plain.csv", "other.csv"))
    assert len(plain.clean) == 3 and other.clean.equals(plain.clean), other


def test_frames_with_names_of_the_trade_are_the_same_stones(tmp_path: Path) -> None:
    (tmp_path / "plain.csv").write_bytes(PLAIN.encode())
    frame = pd.read_csv(tmp_path / "plain.csv")
    renamed = frame.rename(columns={"carat": "Size", "color": "Colour", "x": "Length"})
    clean = xc.validate(renamed).clean
    assert list(clean.columns) == list(renamed.columns), "names stay the user's"
    assert clean.set_axis(frame.columns, axis=1).equals(xc.validate(frame).clean)


@pytest.mark.parametrize("word", ["NA", "n/a", "#N/A", "-", "null", "None", "nan", " "])
def test_words_for_nothing_are_missing(trained: Trained, tmp_path: Path, word: str) -> None:
    worded, empty = (
        prices(trained, tmp_path, PLAIN.replace("5.72", nothing).replace("61.8", nothing).encode(), None)
        for nothing in (word, "")
    )
    assert list(worded) == list(empty)


def test_a_number_that_may_be_read_in_two_ways_refuses_its_row(xtream: Program, trained: Trained) -> None:
    """In a file of decimal commas, a weight with a point is neither 1.234 nor 1,234 for sure."""
    file = xtream.folder / "odd.csv"
    file.write_text(european(PLAIN).replace("\n1,01;", "\n1.234;"))
    run = xtream("value", file, "--registry", trained.folder, status=2)
    assert 'line 3: carat = "1.234 (the other numbers have a decimal comma)" is not a number' in run.stderr
    assert run.stdout.count("\n") == 4 and "1 of 3 rows could not be priced" in run.stderr


def test_faults_keep_their_lines_whatever_stands_above(xtream: Program, trained: Trained) -> None:
    file = xtream.folder / "above.csv"
    wrong = PLAIN.replace("Premium", "Shiny").replace(",", ";").replace("\n", "\r\n")
    file.write_bytes(("Stock\r\n\r\n" + wrong).encode("utf-16"))
    said = xtream("value", file, "--registry", trained.folder, status=2).stderr
    assert 'line 5: cut = "Shiny"' in said


def test_a_large_file_of_another_form_is_read_in_pieces(xtream: Program, trained: Trained) -> None:
    """Larger than what is read at once, with characters of several bytes at every place."""
    note = "é✓" * 7
    rows = [f"{row},{note[: n % 15]}" for n in range(9000) for row in ROWS]
    text = "\n".join([HEADER + ",note", *rows, ""])
    (xtream.folder / "plain.csv").write_text(text)
    (xtream.folder / "other.csv").write_bytes(european(text).replace("\n", "\r").encode("utf-16"))
    for name in ("plain", "other"):
        xtream("value", f"{name}.csv", "--out", f"{name}.out.csv", "--registry", trained.folder)
    plain, other = (read_csv(xtream.folder / f"{name}.out.csv") for name in ("plain", "other"))
    assert len(other) == 27_000 and (plain["price_usd"] == other["price_usd"]).all()
    assert (plain["note"].fillna("") == other["note"].fillna("")).all()


def test_our_own_estimates_do_not_teach(xtream: Program, trained: Trained) -> None:
    file = xtream.folder / "priced.csv"
    file.write_text(PLAIN.replace("price", "price_usd"))
    said = xtream("train", file, "--models", "linear", status=2).stderr
    assert "no column price" in said


@pytest.mark.parametrize("n_above", [1, 2, 3])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_stones_above_the_header_refuse_the_file(
    xtream: Program, trained: Trained, n_above: int, delimiter: str
) -> None:
    """As `sort` leaves a file: the header goes below the numbers."""
    lines = [*ROWS[:n_above], HEADER, *ROWS[n_above:]]
    file = xtream.folder / "sorted.csv"
    file.write_text("\n".join([*lines, ""]).replace(",", delimiter))
    for command in (["value", file, "--registry", trained.folder], ["train", file, "--models", "linear"]):
        run = xtream(*command, status=2)
        assert "sorted.csv, line 1: no column carat" in run.stderr
        assert run.stdout == ""


def test_a_column_without_a_name_that_has_a_value_after_all_refuses_the_file(
    xtream: Program, trained: Trained
) -> None:
    rows = [f"{ROWS[n % 3]},,," for n in range(300)] + [f"{ROWS[0]},,KEEP,"]
    file = xtream.folder / "late.csv"
    file.write_text("\n".join([HEADER + ",,,", *rows, ""]))
    said = xtream("value", file, "--registry", trained.folder, status=2).stderr
    assert "late.csv, line 302: a column without a name was empty so far and has a value here" in said


def test_an_encoding_that_changes_on_the_way_is_refused_by_line(xtream: Program, trained: Trained) -> None:
    rows = [f"{ROWS[0]},note"] * 20_000
    file = xtream.folder / "late.csv"
    text = "\n".join([HEADER + ",note", *rows, ROWS[0] + ",Café", ""]).replace(",", ";")
    file.write_bytes(text.encode("latin-1"))
    said = xtream("value", file, "--registry", trained.folder, status=2).stderr
    assert "late.csv, line 20002: it is not UTF-8, as the beginning of the file is" in said


def test_a_second_column_of_the_same_meaning_stays_as_it_is(xtream: Program, trained: Trained) -> None:
    lines = european(PLAIN).splitlines()
    file = xtream.folder / "twice.csv"
    file.write_text("\n".join([lines[0] + ";Size", *(line + ";1.2" for line in lines[1:]), ""]))
    xtream("value", file, "--out", "out.csv", "--registry", trained.folder)
    out = pd.read_csv(xtream.folder / "out.csv", dtype=str)
    assert list(out["Size"]) == ["1.2"] * 3 and out["price_usd"].notna().all()
