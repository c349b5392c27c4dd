"""What must become of each delivery of `tests/deliveries`, and what the server says of one."""

import json
import urllib.parse
from collections import defaultdict
from pathlib import Path

from served import Served

DELIVERIES = Path(__file__).parent / "deliveries"

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


def through_rest(served: Served, file: Path, name: str, query: str = "") -> tuple[dict, list[dict]] | str:
    """What the server understands and its rows, or why it refuses the file of that name."""
    path = f"/v1/files?name={urllib.parse.quote(name)}{query}"
    answer = served.ask("POST", path, file.read_bytes(), Content_Type="application/octet-stream")
    if answer.status != 200:
        assert (answer.status, answer.json()["code"]) == (422, "unreadable_file"), answer.content
        return answer.json()["detail"]
    first, *rows = map(json.loads, answer.content.decode().splitlines())
    return first, rows
