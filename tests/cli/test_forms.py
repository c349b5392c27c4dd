"""Files as they come: other separators, signs, encodings, line ends and names, and what programs leave."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
import xlwt
import xtream_core as xc
from helpers import PUBLIC, Program, Trained, read_csv, stored_rows

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


def cells_of(text: str) -> list[list[str | float]]:
    """Numbers as numbers, as people type them into a sheet."""

    def cell(text: str) -> str | float:
        try:
            return float(text)
        except ValueError:
            return text

    return [[cell(text) for text in line.split(",")] for line in text.splitlines()]


def workbook(text: str, n_above: int = 0) -> bytes:
    """The stones on the second sheet."""
    book = openpyxl.Workbook()
    book.active.append(["Notes of May"])
    sheet = book.create_sheet("Stones")
    for _ in range(n_above):
        sheet.append([])
    for row in cells_of(text):
        sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def old_workbook(text: str) -> bytes:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Stones")
    for y, row in enumerate(cells_of(text)):
        for x, cell in enumerate(row):
            sheet.write(y, x, cell)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def with_measurements(text: str, sign: str = " x ") -> str:
    """The three lengths in one column."""
    header, *lines = text.splitlines()
    rows = [line.split(",") for line in lines]
    return "\n".join(
        [
            header.replace("x,y,z", "Measurements"),
            *(",".join([*row[:-3], sign.join(row[-3:])]) for row in rows),
            "",
        ]
    )


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
    "Excel": (workbook(PLAIN), 'Excel, sheet "Stones"'),
    "Excel with a title": (workbook(PLAIN, 2), 'Excel, sheet "Stones", commas, UTF-8, the header on line 3'),
    "Excel of before 2007": (old_workbook(PLAIN), 'Excel, sheet "Stones"'),
    "packed": (gzip.compress(PLAIN.encode()), "gzip"),
    "packed in two parts, with semicolons": (
        gzip.compress(european(PLAIN).encode()[:150]) + gzip.compress(european(PLAIN).encode()[150:]),
        "gzip, semicolons, decimal comma, UTF-8",
    ),
    "measurements in one column": (with_measurements(PLAIN).encode(), None),
    "measurements as of laboratories": (
        with_measurements(PLAIN, "-").replace("Measurements", "Dimensions").encode(),
        '"Dimensions" taken for measurements',
    ),
    "a count below": (PLAIN.encode() + b"(3 rows)\n", None),
    "other columns": (
        "\n".join(line + f",{n}" for n, line in enumerate(PLAIN.splitlines())).encode(),
        '11 columns, of which "0" is not used',
    ),
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
    # What comes out has the form of what went in, so it is read as that was; a workbook becomes a table.
    found = trained.program("inspect", out, "--json", status=None).stdout
    assert '"price_usd"' in found
    trained.program("value", out, "--out", folder / "again.parquet", *where)
    again = pd.read_parquet(folder / "again.parquet")
    ours = again["price_usd"].astype(str).str.replace(",", ".").astype(float)
    assert list(ours) == list(again["xtream_price_usd"]), "a result that is valued again has the same prices"
    return again["xtream_price_usd"]


@pytest.mark.parametrize("form", FORMS)
def test_stones_of_another_form_have_the_prices_of_the_plain_file(
    trained: Trained, tmp_path: Path, form: str
) -> None:
    content, said = FORMS[form]
    plain = prices(trained, tmp_path, PLAIN.encode(), None)
    assert list(prices(trained, tmp_path, content, said)) == list(plain)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("separator", [b",", b";"])
def test_a_result_begins_and_ends_as_its_file_does(
    xtream: Program, trained: Trained, mark: bytes, separator: bytes
) -> None:
    """With the mark that Excel looks for; a last line without an end gets that of the others."""
    file, out = xtream.folder / "stock.csv", xtream.folder / "priced.csv"
    rows = [b"seller,carat,cut,color,clarity", "Café,0.71,Ideal,G,VS2".encode(), b"Dot,1.2,Fair,D,IF"]
    rows = [row.replace(b",", separator) for row in rows]
    file.write_bytes(mark + b"\r\n".join(rows))
    xtream("value", file, "--out", out, "--registry", trained.folder)
    result = out.read_bytes()
    assert result.startswith(mark + rows[0] + separator + b"price_usd")
    for line, row in zip(result.removeprefix(mark).splitlines(), rows, strict=True):
        assert line.startswith(row + separator)
    if mark or separator == b";":
        # A plain file is written anew.
        assert result.count(b"\n") == result.count(b"\r\n") == 3 and result.endswith(b"\r\n")
    assert not xtream("value", file, "--registry", trained.folder).stdout.startswith("\ufeff")


@pytest.mark.parametrize("separator", [",", ";"])
def test_what_is_added_stands_below_its_name_beside_rows_that_do_not_fit_too(
    xtream: Program, trained: Trained, separator: str
) -> None:
    rows = ["carat,cut,color,clarity", "0.71,Ideal,G,VS2", '1.2,Fair,D,IF,"x",y', "1.2,Fair", "0.9,Fair,D,IF"]
    (xtream.folder / "stock.csv").write_text("\n".join(rows).replace(",", separator))
    run = xtream("value", "stock.csv", "--registry", trained.folder, status=2)
    header, *found = csv.reader(run.stdout.splitlines(), delimiter=separator)
    assert {len(row) for row in found} == {len(header)} == {6}
    assert [row[:3] for row in found] == [
        row.split(",")[:3] + [""] * (row.count(",") == 1) for row in rows[1:]
    ]
    assert [bool(row[4]) for row in found] == [True, False, False, True]
    # Nothing is lost.
    assert found[1][3].replace('"', "") == separator.join(["IF", "x", "y"])
    assert "has 6 values" in found[1][5] and "has 2 values" in found[2][5]


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
    plain = read_csv(xtream.folder / "plain.out.csv")
    other = pd.read_csv(xtream.folder / "other.out.csv", sep=";", decimal=",", encoding="utf-16")
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
    assert "late.csv, line 20002: byte 0xE9 is not UTF-8" in said
    # Half of a character of two units.
    file.write_bytes(text.replace("é", "\ud83d").encode("utf-16", "surrogatepass"))
    said = xtream("value", file, "--registry", trained.folder, status=2).stderr
    assert "late.csv, line 20002: it is not UTF-16LE, as the beginning of the file is" in said


def test_lines_that_end_otherwise_on_the_way_are_refused_by_line(xtream: Program, trained: Trained) -> None:
    rows = [HEADER, *[ROWS[0]] * 20_000, f"{ROWS[0]}\n{ROWS[0]}", ""]
    (xtream.folder / "late.csv").write_bytes("\r".join(rows).encode())
    said = xtream("value", "late.csv", "--registry", trained.folder, status=2).stderr
    assert "late.csv, line 20002: a line feed stands here, and above a carriage return alone ends" in said


def test_prices_come_back_in_the_form_of_the_file(xtream: Program, trained: Trained) -> None:
    """Each row as it stands there, even its spelling of numbers, and ours beside it."""
    text = with_thousands(PLAIN).replace("\n", ";\r\n").replace("z;\r\n", "z\r\n", 1)
    text = "Bestand von Mai é\r\n\r\n" + text.replace("Premium", "Shiny")
    file, out = xtream.folder / "bestand.csv", xtream.folder / "out.csv"
    file.write_bytes(text.encode("windows-1252"))
    xtream("value", file, "--out", out, "--registry", trained.folder, status=2)
    title, blank, header, *rows = out.read_bytes().decode("windows-1252").split("\r\n")[:-1]
    assert (title, blank) == ("Bestand von Mai é", "")
    assert header == HEADER.replace(",", ";") + ";price_usd;warnings"
    assert rows[0].startswith("0,71;Ideal;G;VS2;61,8;56;2.757;5,72;5,75;3,54;")
    assert rows[0].removesuffix(";").rsplit(";", 1)[1].count(",") == 1, "a price with a decimal comma"
    assert rows[1].startswith('1,01;Shiny;E;SI1;62,1;58;4.950;6,41;6,37;3,97;;"cut = ""Shiny"" is not')
    xtream("value", file, "--out", "out.xlsx", "--registry", trained.folder, status=2)
    sheet = list(openpyxl.load_workbook(xtream.folder / "out.xlsx").active.values)
    assert sheet[0][-2:] == ("price_usd", "warnings") and sheet[1][0] == 0.71 and sheet[2][-2] is None


def test_a_workbook_comes_back_as_a_workbook_with_numbers(xtream: Program, trained: Trained) -> None:
    file = xtream.folder / "stock.xlsx"
    file.write_bytes(workbook(PLAIN))
    xtream("value", file, "--out", "priced.xlsx", "--registry", trained.folder)
    header, *rows = openpyxl.load_workbook(xtream.folder / "priced.xlsx").active.values
    assert header == (*HEADER.split(","), "price_usd", "warnings")
    assert [row[0] for row in rows] == [0.71, 1.01, 1.5] and all(row[10] > 100 for row in rows)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("Shape", "Heart", 'shape = "Heart" is a shape'),
        ("type", "Lab-Grown", 'origin = "Lab-Grown" is not a stone that grew in the earth'),
        ("Lab grown", "yes", 'origin = "yes" is not'),
        ("Fancy Color", "Vivid Yellow", 'fancy color = "Vivid Yellow" is a fancy color'),
        ("currency", "EUR", 'currency = "EUR" is a currency'),
    ],
)
def test_what_changes_the_price_refuses_its_rows_by_name(
    xtream: Program, trained: Trained, column: str, value: str, said: str
) -> None:
    harmless = {"Shape": "Round", "currency": "USD", "type": "Natural"}.get(column, "")
    lines = PLAIN.splitlines()
    rows = [f"{column},{lines[0]}", f"{harmless},{lines[1]}", f"{value},{lines[2]}", f"{harmless},{lines[3]}"]
    file = xtream.folder / "stock.csv"
    file.write_text("\n".join([*rows, ""]))
    run = xtream("value", file, "--registry", trained.folder, status=2)
    assert f"line 3: {said}" in run.stderr and "1 of 3 rows could not be priced" in run.stderr
    report = xc.validate(file)
    assert (report.n_clean, list(report.faults["line"])) == (2, [3])
    frame = xc.validate(pd.read_csv(file))
    assert (frame.n_clean, list(frame.faults["row"])) == (2, [1])
    # A column that means something else at this shop is left aside when it says so.
    xtream("value", file, "--registry", trained.folder, "--column", f"{column}=-")


def sold(n: int) -> pd.DataFrame:
    """Some of the public stones, those that somebody measured."""
    rows = read_csv(PUBLIC)
    return rows[(rows[["x", "y", "z"]] > 0).all(axis="columns")].sample(n, random_state=1)


UNITS = {
    "points": ("carat", 100.0, "points"),
    "milligrams": ("carat", 200.0, "milligrams"),
    "grams": ("carat", 0.2, "grams"),
    "cm": ("xyz", 0.1, "cm"),
    "inches": ("xyz", 1 / 25.4, "inches"),
    "shares": ("depth", 0.01, "a share and no percentage"),
    "thousands": ("price", 0.001, "a thousandth of what such stones cost"),
    "cents": ("price", 100.0, "cents"),
    "another currency": ("price", 7.0, "another currency"),
}


@pytest.mark.parametrize("unit", UNITS)
def test_numbers_of_another_unit_neither_teach_nor_are_priced(
    xtream: Program, trained: Trained, unit: str
) -> None:
    columns, factor, said = UNITS[unit]
    rows = sold(400)
    names = list(columns) if columns == "xyz" else [columns]
    rows[names] = (rows[names] * factor).round(6)
    file = xtream.folder / "delivery.csv"
    rows.to_csv(file, index=False)
    run = xtream("train", file, "--models", "linear", status=2)
    assert said in run.stderr and "seems to have another unit" in run.stderr, run.stderr
    assert not (xtream.folder / "registry" / "commits").exists() or not any(
        (xtream.folder / "registry" / "commits").iterdir()
    )
    with pytest.raises(xc.InvalidInputError, match=said):
        xc.train(file, models=["linear"], registry=xtream.folder / "python")
    with pytest.raises(xc.InvalidInputError, match=said):
        xc.train(rows, models=["linear"], registry=xtream.folder / "python")
    assert said in xtream("inspect", file, status=2).stdout
    if columns == "price":
        xtream("train", file, "--models", "linear", "--accept-units", "--max-rejects", 100)
    else:
        assert said in xtream("value", file, "--registry", trained.folder, status=2).stderr


@pytest.mark.parametrize("unit", ["points", "grams", "cm", "shares"])
def test_a_part_further_down_in_another_unit_refuses_the_file(
    xtream: Program, trained: Trained, unit: str
) -> None:
    columns, factor, said = UNITS[unit]
    rows = sold(20_000)
    names = list(columns) if columns == "xyz" else [columns]
    # Fewer than half, so that the middle of all numbers is sound.
    rows.iloc[12_000:, [rows.columns.get_loc(name) for name in names]] *= factor
    file, table = xtream.folder / "delivery.csv", xtream.folder / "delivery.parquet"
    rows.to_csv(file, index=False)
    rows.to_parquet(table, index=False)
    for path in (file, table):
        for command in ("train", "value"):
            run = xtream(command, path, "--registry", trained.folder, status=2)
            assert "seems to have another unit: from line" in run.stderr and said in run.stderr, run.stderr
        assert said in xtream("inspect", path, status=2).stdout


@pytest.mark.parametrize(("column", "percent"), [("depth", "62.1"), ("table", "57")])
def test_cells_of_a_workbook_in_percent_are_told_as_the_shares_that_they_hold(
    xtream: Program, trained: Trained, column: str, percent: str
) -> None:
    book, share = openpyxl.Workbook(), float(percent) / 100
    rows = sold(30)
    book.active.append(list(rows))
    for row in rows.assign(**{column: share}).to_numpy().tolist():
        book.active.append(row)
    for cell in list(book.active.columns)[list(rows).index(column)][1:]:
        # Shown as 62.1 %, and 0.621 all the same.
        cell.number_format = "0.0%"
    book.save(xtream.folder / "stock.xlsx")
    why = f"the column {column} seems to have another unit"
    what = "which looks like a share and no percentage"
    how = f"such as {percent} (a cell of Excel in the format Percentage holds {share})"
    for command in ("train", "value"):
        said = xtream(command, "stock.xlsx", "--registry", trained.folder, status=2).stderr
        assert f"stock.xlsx: {why}" in said and what in said and how in said, said
    inspected = xtream("inspect", "stock.xlsx", status=2).stdout
    assert why.replace("the", "The", 1) in inspected and what in inspected and how in inspected, inspected


def test_of_several_files_the_one_in_another_unit_is_named(xtream: Program) -> None:
    rows = sold(10_000)
    rows[:9_900].to_csv(xtream.folder / "a.csv", index=False)
    # One price of a hundred is no reason to doubt all of them.
    rows[9_900:].assign(price=rows["price"] / 1000).to_csv(xtream.folder / "b.csv", index=False)
    said = xtream("train", "a.csv", "b.csv", "--models", "linear", status=2).stderr
    assert "b.csv: the column price seems to have another unit: 100 of 100 prices" in said, said


def test_prices_of_one_carat_are_made_prices_of_the_stone(xtream: Program) -> None:
    rows = sold(500)
    per_carat = rows.assign(price=rows["price"] / rows["carat"])
    file = xtream.folder / "delivery.csv"
    per_carat.to_csv(file, index=False)
    said = xtream("train", file, "--models", "linear", status=2).stderr
    assert "prices of one carat" in said
    per_carat.rename(columns={"price": "Price/ct"}).to_csv(file, index=False)
    of_carats = xtream.train(file, "--models", "linear")["leaderboard"][0]
    rows.to_csv(file, index=False)
    of_stones = xtream.train(file, "--models", "linear", "--registry", "whole")["leaderboard"][0]
    assert of_carats["mae_usd"] == pytest.approx(of_stones["mae_usd"], rel=1e-3)


def test_a_candidate_whose_prices_are_far_from_the_champion_s_is_not_promoted(xtream: Program) -> None:
    rows = sold(4000)
    rows.head(2000).to_csv(xtream.folder / "sound.csv", index=False)
    rows.tail(2000).assign(price=rows["price"] / 3).to_csv(xtream.folder / "third.csv", index=False)
    xtream.train("sound.csv", "--models", "linear")
    report = xtream.train("third.csv", "--models", "linear")
    assert (
        not report["decision"]["promoted"] and "times those of the champion" in report["decision"]["reason"]
    )
    xtream("models", "promote", 2)


def test_columns_and_grades_of_the_shop_s_own_are_settled_by_its_settings(
    xtream: Program, trained: Trained
) -> None:
    file, where = xtream.folder / "bestand.csv", ["--registry", trained.folder]
    renamed = PLAIN.replace("carat", "Gewicht").replace("Premium", "Excellent").replace("Very Good", "VG")
    file.write_text(renamed)
    said = xtream("value", file, *where, status=2).stderr
    assert "no column carat" in said
    said = xtream("value", file, *where, "--column", "Gewicht=carat", status=2).stderr
    assert 'line 3: cut = "Excellent"' in said and "the nearest is Ideal" in said
    assert 'cut "VG" taken for Very Good (once)' in said
    (xtream.folder / "xtream.toml").write_text(
        '[columns]\nGewicht = "carat"\n[grades.cut]\nExcellent = "Premium"\n'
    )
    run = xtream("value", file, *where)
    assert 'cut "EXCELLENT" taken for Premium (once)' in run.stderr
    plain = xtream.folder / "plain.csv"
    plain.write_text(PLAIN)
    prices = [pd.read_csv(io.StringIO(xtream("value", path, *where).stdout)) for path in (file, plain)]
    assert list(prices[0]["price_usd"]) == list(prices[1]["price_usd"])
    told = xc.File(file, columns={"Gewicht": "carat"}, grades={"cut": {"Excellent": "Premium"}})
    model = xc.Registry(trained.folder).champion()
    assert list(model.predict(told)) == list(prices[1]["price_usd"])
    with pytest.raises(xc.InvalidInputError, match="no column carat"):
        model.predict(file)


def test_a_name_that_looks_like_ours_is_asked_about(xtream: Program, trained: Trained) -> None:
    file = xtream.folder / "stock.csv"
    file.write_text(PLAIN.replace("carat", "caratt").replace("clarity", "Clarty"))
    said = xtream("value", file, "--registry", trained.folder, status=2).stderr
    assert '--column "caratt=carat" --column "Clarty=clarity"' in said
    settled = ["--column", "caratt=carat", "--column", "Clarty=clarity"]
    xtream("value", file, "--registry", trained.folder, *settled)


@pytest.mark.parametrize(
    ("flags", "content"),
    [
        (["--delimiter", ";"], PLAIN.replace(",", ";").replace("carat", "carat, weight")),
        (["--encoding", "macintosh"], PLAIN.replace("carat", "carat é")),
    ],
)
def test_what_is_said_of_a_file_counts_before_what_is_found_out(
    xtream: Program, trained: Trained, flags: list[str], content: str
) -> None:
    encoding = "mac_roman" if "--encoding" in flags else "utf-8"
    file = xtream.folder / "stock.csv"
    file.write_bytes(content.encode(encoding))
    name = content.splitlines()[0].replace(";", ",").split("cut")[0].rstrip(",;")
    xtream("value", file, *flags, "--column", f"{name}=carat", "--registry", trained.folder)
    for flag, wrong in [("--delimiter", "tabs"), ("--decimal", "5"), ("--encoding", "klingon")]:
        said = xtream("value", file, flag, wrong, "--registry", trained.folder, status=2).stderr
        assert f'"{wrong}" as' in said and "allowed is" in said


def test_a_file_is_looked_at_before_it_is_used(xtream: Program) -> None:
    file = xtream.folder / "stock.csv"
    wrong = PLAIN.replace("Premium", "Excellent").replace("clarity", "Clarity Grade")
    file.write_bytes(european(wrong).encode("windows-1252"))
    run = xtream("inspect", file, status=2)
    for part in [
        "read as semicolons, decimal comma",
        '"Clarity Grade"',
        "carat, in carat",
        "0.71, 1.01, 1.5",
        "3 rows: 2 can be used to learn from, 1 are refused",
        'once (line 3): cut = "Excellent"',
        "[grades.cut]",
        '"Excellent" = "Ideal"',
    ]:
        assert part in run.stdout, run.stdout
    found = xc.inspect(file)
    assert (found["n_rows"], found["n_usable"], found["n_refused"]) == (3, 2, 1)
    assert repr(found) == run.stdout
    told = json.loads(xtream("inspect", file, "--json", status=2).stdout)
    assert told["files"] == [dict(found)]


def test_sales_without_measurements_teach(xtream: Program) -> None:
    """Trees see that nothing was measured; stones that were sold say nothing of it."""
    rows = sold(3000)
    four = rows[["carat", "cut", "color", "clarity", "price"]]
    four.to_csv(xtream.folder / "sales.csv", index=False)
    run = xtream("train", "sales.csv", "--models", "linear,xgboost-derived", "--trials", 3)
    assert "depth, table, x, y, z estimated, for want of columns" in run.stderr
    best = xtream.json("models", "list")["models"][0]
    assert best["metrics"]["mape"] < 0.25
    similar = xtream.json("similar", "--carat", 1, "--cut", "Ideal", "--color", "G", "--clarity", "VS2")
    assert all(stone["depth"] is None and stone["x"] is None for stone in similar["diamonds"])
    # A measured stone is priced as any other by a model that never saw a measurement.
    rows.head(50).to_csv(xtream.folder / "measured.csv", index=False)
    four.head(50).to_csv(xtream.folder / "bare.csv", index=False)
    prices = []
    for name in ("measured", "bare"):
        xtream("value", f"{name}.csv", "--out", f"{name}.out.csv")
        prices.append(read_csv(xtream.folder / f"{name}.out.csv")["price_usd"])
    assert (prices[0] / prices[1] - 1).abs().median() < 0.02
    # The rows are kept as they were: without measurements, and the same in Python.
    report = xc.validate(xtream.folder / "sales.csv")
    assert report.n_clean == 3000 - report.n_duplicates and report.clean["x"].isna().all()


def test_sales_with_some_measurements_teach_as_far_as_they_go(xtream: Program) -> None:
    rows = sold(3000).reset_index(drop=True)
    rows.loc[::2, ["depth", "x", "y", "z"]] = None
    rows.to_csv(xtream.folder / "sales.csv", index=False)
    report = xtream.train("sales.csv", "--models", "xgboost-derived", "--trials", 3)
    assert report["data"]["n_rejected"] < 10 and report["leaderboard"][0]["mape"] < 0.15
    kept = stored_rows(xtream, xtream.folder / "registry", 1)
    assert kept["x"].isna().mean() == pytest.approx(0.5, abs=0.01) and kept["carat"].notna().all()
    # A zero is no gap here: somebody typed it.
    rows.assign(x=0.0).to_csv(xtream.folder / "zero.csv", index=False)
    said = xtream("train", "zero.csv", "--models", "linear", status=2).stderr
    assert "3,000 rows were refused" in said or "3000 of 3000 rows were refused" in said


def test_a_measurement_s_name_with_a_letter_wrong_is_asked_about(xtream: Program) -> None:
    rows = sold(300).rename(columns={"depth": "dpeth"})
    rows.to_csv(xtream.folder / "sales.csv", index=False)
    said = xtream("train", "sales.csv", "--models", "linear", status=2).stderr
    assert '--column "dpeth=depth" if that is what it means' in said
    xtream("train", "sales.csv", "--models", "linear", "--column", "dpeth=depth")
    # Where stones are priced, too, since the price would be another one.
    for command in (["value", "sales.csv"], ["train", "sales.csv", "--models", "linear"]):
        assert '--column "dpeth=-" if it is not' in xtream(*command, status=2).stderr
        xtream(*command, "--column", "dpeth=-")
    named = xtream("value", "sales.csv", "--column", "dpeth=depth").stdout
    right = xtream.folder / "right.csv"
    rows.rename(columns={"dpeth": "depth"}).to_csv(right, index=False)
    assert named.splitlines()[1:] == xtream("value", right).stdout.splitlines()[1:]
    inspected = xtream("inspect", "sales.csv", status=2).stdout
    assert "no column depth, and one that is nearly called so" in inspected
    assert '"dpeth" = "depth"' in inspected
    with pytest.raises(ValueError, match="dpeth"):
        xc.Registry(xtream.folder / "registry").champion().predict(xtream.folder / "sales.csv")


@pytest.mark.parametrize("save", [workbook, old_workbook])
def test_a_workbook_s_rows_may_end_with_empty_cells(
    xtream: Program, trained: Trained, save: Callable[[str], bytes]
) -> None:
    header, *rows = PLAIN.splitlines()
    notes = ["seen", "", "and again"]
    lines = [header + ",note", *(f"{row},{note}" for row, note in zip(rows, notes, strict=True))]
    (xtream.folder / "stones.xlsx").write_bytes(save("\n".join(lines)))
    where = ["--registry", trained.folder]
    priced = xtream("value", "stones.xlsx", *where).stdout.splitlines()
    (xtream.folder / "stones.csv").write_text("\n".join([*lines, ""]))
    plain = xtream("value", "stones.csv", *where).stdout.splitlines()
    assert [line.split(",")[-2:] for line in priced] == [line.split(",")[-2:] for line in plain]
    assert len(priced) == 4 and all(line.split(",")[-2] for line in priced)
    # What was written is read again: the column of warnings is empty but for its name.
    xtream("value", "stones.xlsx", "--out", "priced.xlsx", *where)
    again = xtream("value", "priced.xlsx", *where).stdout.splitlines()
    assert [line.split(",")[-2] for line in again[1:]] == [line.split(",")[-2] for line in plain[1:]]


def test_no_stone_is_lost_where_only_the_first_lines_end_with_a_carriage_return(
    xtream: Program, trained: Trained
) -> None:
    for n_returns in (1, 2, 3):
        (xtream.folder / "mixed.csv").write_text(PLAIN.replace("\n", "\r", n_returns), newline="")
        run = xtream("value", "mixed.csv", "--registry", trained.folder, status=2)
        assert f"line {n_returns + 1}: a line feed stands here" in run.stderr and not run.stdout
        refused = xtream("train", "mixed.csv", "--models", "linear", status=2).stderr
        assert f"line {n_returns + 1}: a line feed stands here" in refused


def test_what_is_said_of_a_column_that_is_not_there_is_told(xtream: Program, trained: Trained) -> None:
    (xtream.folder / "stones.csv").write_text(PLAIN)
    said = ["value", "stones.csv", "--registry", trained.folder, "--column"]
    assert 'stones.csv: read as plain, no column is called "Nope"' in xtream(*said, "Nope=depth").stderr
    assert xtream(*said, "CARAT=carat").stderr == ""
    # A shop's settings are those of all its deliveries, which need not all have such a column.
    (xtream.folder / "xtream.toml").write_text('[columns]\nNope = "depth"\n')
    assert xtream(*said[:-1]).stderr == ""


def test_names_are_shown_as_they_are_parted_by_what_the_user_says(xtream: Program, trained: Trained) -> None:
    (xtream.folder / "stones.csv").write_text("Gewicht|Schliff|Farbe|Reinheit\n0.71|Ideal|G|VS2\n")
    said = xtream("value", "stones.csv", "--delimiter", "|", "--registry", trained.folder, status=2).stderr
    assert "the columns found are Gewicht, Schliff, Farbe, Reinheit" in said


def test_nobody_is_told_to_learn_from_our_own_estimates(xtream: Program, trained: Trained) -> None:
    without_price = "\n".join(line.rsplit(",", 4)[0] for line in PLAIN.splitlines()) + "\n"
    (xtream.folder / "stones.csv").write_text(without_price)
    xtream("value", "stones.csv", "--out", "priced.csv", "--registry", trained.folder)
    said = xtream("train", "priced.csv", "--models", "linear", status=2).stderr
    assert "no column price" in said and "--column" not in said
    assert "a model learns from prices that were paid, and these stones have none" in said


def test_a_workbook_that_is_damaged_locked_or_too_large_is_told(xtream: Program, trained: Trained) -> None:
    sound = workbook(PLAIN)
    broken = {
        "damaged.xlsx": (sound[:-300], "the workbook cannot be read"),
        "letter.xlsx": (b"PK\x03\x04 and so on", "the workbook cannot be read"),
        "damaged.xls": (old_workbook(PLAIN)[:2000], "the workbook cannot be read"),
        "cut.csv.gz": (gzip.compress(PLAIN.encode() * 50)[:-20], "damaged or cut off"),
    }
    for name, (content, said) in broken.items():
        (xtream.folder / name).write_bytes(content)
        run = xtream("value", name, "--registry", trained.folder, status=2)
        assert name in run.stderr and said in run.stderr
    (xtream.folder / "sheets.xlsx").write_bytes(sound)
    said = xtream("value", "sheets.xlsx", "--sheet", "Notes", "--registry", trained.folder, status=2).stderr
    assert 'it has no sheet "Notes"; its sheets are Sheet, Stones' in said


def test_a_second_column_of_the_same_meaning_stays_as_it_is(xtream: Program, trained: Trained) -> None:
    lines = european(PLAIN).splitlines()
    file = xtream.folder / "twice.csv"
    file.write_text("\n".join([lines[0] + ";Size", *(line + ";1.2" for line in lines[1:]), ""]))
    xtream("value", file, "--out", "out.csv", "--registry", trained.folder)
    out = pd.read_csv(xtream.folder / "out.csv", dtype=str, sep=";")
    assert list(out["Size"]) == ["1.2"] * 3 and out["price_usd"].notna().all()
