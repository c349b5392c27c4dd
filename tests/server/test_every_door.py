"""Every door reads a delivery to the same stones and prices, or refuses it in the same words."""

import gzip
import io
import json
import re
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
import xlwt
import xtream_core as xc
from every_delivery import DELIVERIES, EXPECTED, OURS, through_rest
from helpers import Program, Trained
from served import Serve, Served


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
    name, answer = file.name, through_rest(served, file, file.name)
    out = xtream.folder / "priced.parquet"
    run = xtream("value", file, "--out", out, "--registry", trained.folder, status=None)
    inspected = xtream("inspect", "--json", file, status=None)
    if isinstance(expected, str):
        assert isinstance(answer, str), answer
        # The same words, but for where the file lies.
        assert expected in answer and answer.removeprefix(name).removesuffix(".") in run.stderr
        assert (run.returncode, inspected.returncode, out.exists()) == (2, 2, False)
        if "no column" in expected:
            # What is there is shown, for whoever wants to say which columns are meant.
            assert xc.inspect(file)["missing"] == ["carat", "cut", "color", "clarity"]
        else:
            with pytest.raises(xc.InvalidInputError, match=re.escape(expected)):
                xc.inspect(file)
        return
    first, rows = answer
    understood = first["understood"]
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
