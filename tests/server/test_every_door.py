"""Every door reads a delivery to the same stones and prices, or refuses it in the same words."""

import gzip
import io
import json
import re
import urllib.parse
from collections import defaultdict
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
import xlwt
import xtream_core as xc
from helpers import Program, Trained
from served import Serve, Served

DELIVERIES = Path(__file__).parent.parent / "deliveries"

# Of each file: the stones that can be priced, and the rows that cannot; or some words of the refusal.
EXPECTED: dict[str, tuple[int, int] | str] = {
    "blank_lines.csv": (2, 0),
    "blank_lines_first.csv": (1, 0),
    "bom.csv": (1, 0),
    "bom_quoted.csv": (1, 0),
    "carat_float32.parquet": (6, 0),
    "carat_float64.parquet": (6, 0),
    "carat_in_mg.csv": (1, 0),
    "carat_in_points.csv": (2, 0),
    "comment_line.csv": (1, 0),
    "cr_only.csv": (2, 0),
    "ct_suffix.csv": (1, 0),
    "depth_in_mm.csv": (1, 0),
    "depth_in_mm_alone.csv": (1, 0),
    "dos_eof.csv": (2, 0),
    "empty.csv": "empty",
    "excel_blank_columns.csv": (2, 0),
    "excel_blank_rows.csv": (1, 0),
    "fluor.csv": (1, 0),
    "fullwidth.csv": (1, 0),
    "grades_trade.csv": (1, 17),
    "has_price_usd.csv": (1, 0),
    "header_only.csv": "line 2: the names of the columns stand there, and no stone below them",
    "lab_grown.csv": (1, 1),
    "latin1.csv": (1, 0),
    "na_r.csv": (1, 0),
    "na_words.csv": (6, 0),
    "names_caps.csv": (1, 0),
    "names_carats.csv": (1, 0),
    "names_colour.csv": (1, 0),
    "names_dup.csv": 'line 1: columns 5 and 6 are both called "Price"',
    "names_lwh.csv": (1, 0),
    "nbsp_grade.csv": (1, 0),
    "newline_in_comment.csv": (2, 0),
    "no_header.csv": "no column carat, cut, color, clarity; the columns found are 0.71, Ideal, G, VS2",
    "one_row_with_comma_price.csv": (2, 1),
    "percent_sign.csv": (1, 0),
    "pipe.csv": (1, 0),
    "quote_in_comment.csv": (1, 0),
    "r_row_names.csv": (2, 0),
    "semicolon.csv": (2, 0),
    "semicolon_decimal_comma.csv": (2, 0),
    "sep_line.csv": (1, 0),
    "shapes.csv": (1, 3),
    "tab.csv": (1, 0),
    "total_row.csv": (2, 1),
    "trailing_comma_rows.csv": (2, 0),
    "train_cr_only.csv": (2, 0),
    "train_thousand_dot.csv": (399, 0),
    "unclosed_quote.csv": "line 2: a quotation mark is opened here and never closed",
    "utf16_bom.csv": (1, 0),
    "value_units.csv": (21, 0),
    "zero_dims.csv": (1, 0),
}


# What our price is called where the file has a column of that name.
OURS = defaultdict(lambda: "price_usd", {"has_price_usd.csv": "xtream_price_usd"})


def kinds_of(text: str) -> dict[str, bytes]:
    """One table in every kind of file that is not plain text."""
    rows = pd.read_csv(io.StringIO(text))
    book, old = openpyxl.Workbook(), xlwt.Workbook()
    sheet = old.add_sheet("Stones")
    for y, row in enumerate([list(rows.columns), *rows.astype(object).to_numpy().tolist()]):
        book.active.append(row)
        for x, cell in enumerate(row):
            sheet.write(y, x, cell)
    files = {name: io.BytesIO() for name in ("stones.xlsx", "stones.xls", "stones.parquet")}
    book.save(files["stones.xlsx"])
    old.save(files["stones.xls"])
    rows.to_parquet(files["stones.parquet"], index=False)
    return {"stones.csv.gz": gzip.compress(text.encode())} | {n: f.getvalue() for n, f in files.items()}


def through_rest(served: Served, file: Path, query: str = "") -> tuple[dict, list[dict]] | str:
    """What the server understands and its rows, or why it refuses the file."""
    path = f"/v1/files?name={urllib.parse.quote(str(file))}{query}"
    answer = served.ask("POST", path, file.read_bytes(), Content_Type="application/octet-stream")
    if answer.status != 200:
        is_told = (answer.status, answer.json()["code"]) == (422, "unreadable_file")
        assert is_told or (answer.status == 400 and file.stat().st_size == 0), answer.content
        return answer.json()["detail"]
    first, *rows = map(json.loads, answer.content.decode().splitlines())
    return first["understood"], rows


def priced_by_batch(served: Served, rows: list[dict]) -> list[float | None]:
    """The prices of stones that are sent on as the page sends them; none of rows that are no stones."""
    stones = [row["diamond"] for row in rows if "diamond" in row]
    answer = served.ask("POST", "/v1/valuations/batch", {"diamonds": stones}).json() if stones else None
    found = iter(answer["results"] if answer else [])
    return [next(found).get("price_usd") if "diamond" in row else None for row in rows]


@pytest.fixture
def served(serve: Serve, trained: Trained) -> Served:
    return serve(registry=trained.folder)


@pytest.mark.parametrize("name", sorted(path.name for path in DELIVERIES.iterdir()))
def test_a_delivery_is_the_same_at_every_door(
    xtream: Program, served: Served, trained: Trained, name: str
) -> None:
    assert_same_everywhere(xtream, served, trained, DELIVERIES / name, EXPECTED[name])


def test_other_kinds_of_files_are_the_same_at_every_door(
    xtream: Program, served: Served, trained: Trained
) -> None:
    for name, content in kinds_of((DELIVERIES / "bom.csv").read_text("utf-8-sig")).items():
        file = xtream.folder / name
        file.write_bytes(content)
        assert_same_everywhere(xtream, served, trained, file, EXPECTED["bom.csv"])


def assert_same_everywhere(
    xtream: Program, served: Served, trained: Trained, file: Path, expected: tuple[int, int] | str
) -> None:
    name, answer = file.name, through_rest(served, file)
    out = xtream.folder / "priced.parquet"
    run = xtream("value", file, "--out", out, "--registry", trained.folder, status=None)
    inspected = xtream("inspect", "--json", file, status=None)
    if isinstance(expected, str):
        assert isinstance(answer, str), answer
        assert expected in answer and expected in run.stderr
        assert (run.returncode, inspected.returncode, out.exists()) == (2, 2, False)
        if "no column" in expected:
            # What is there is shown, for whoever wants to say which columns are meant.
            assert xc.inspect(file)["missing"] == ["carat", "cut", "color", "clarity"]
        else:
            with pytest.raises(xc.InvalidInputError, match=re.escape(expected)):
                xc.inspect(file)
        return
    understood, rows = answer
    assert (understood["n_usable"], understood["n_refused"]) == expected
    if understood["units"]:
        # The server tells it; its page and whoever else sends the stones on decides.
        assert (run.returncode, out.exists()) == (2, False) and "seems to have another unit" in run.stderr
    else:
        prices = [price if price == price else None for price in pd.read_parquet(out)[OURS[name]]]
        assert prices == priced_by_batch(served, rows), run.stderr
        assert run.returncode == (2 if None in prices else 0), run.stderr
        assert prices.count(None) >= expected[1]
    # A column of prices counts where a file may teach, and not where its stones are to be priced.
    by_python = xc.inspect(file)
    (by_command,) = json.loads(inspected.stdout)["files"]
    assert dict(by_python) == by_command
    assert [c["name"] for c in understood["columns"]] == [c["name"] for c in by_command["columns"]]
    if not by_command["has_prices"]:
        same = ("understood", "columns", "n_rows", "n_usable", "faults", "units", "spellings")
        assert {key: understood[key] for key in same} == {key: by_command[key] for key in same}
