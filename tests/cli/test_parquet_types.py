"""A Parquet file may hold its numbers and grades in any type that fits, and anything beside them."""

import datetime
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from helpers import COLUMNS, GRADES, Program, Trained, stored_rows

TRAIN = ["--models", "linear", "--suspect", "keep", "--duplicates", "keep"]
KINDS = [
    "int8",
    "uint8",
    "int16",
    "uint16",
    "int32",
    "uint32",
    "int64",
    "uint64",
    "float32",
    "float64",
    "string",
]


@pytest.fixture
def stones(trained: Trained) -> pa.Table:
    """Depth and table are whole numbers here, which every kind of number holds."""
    rows = stored_rows(trained.program, trained.folder, 1)[COLUMNS].head(900)
    return pa.Table.from_pandas(rows.round({"depth": 0, "table": 0}), preserve_index=False)


def digest(xtream: Program, rows: pa.Table) -> str:
    pyarrow.parquet.write_table(rows, xtream.folder / "rows.parquet")
    return xtream.train("rows.parquet", *TRAIN)["data"]["digest"]


def replaced(rows: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, column)


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_is_read_from_every_kind_of_number(xtream: Program, stones: pa.Table, kind: str) -> None:
    expected = digest(xtream, stones)
    cast = pa.type_for_alias(kind)
    for name in ("depth", "table"):
        stones = replaced(stones, name, stones[name].cast(cast))
    assert digest(xtream, stones) == expected


def test_a_price_in_decimals_as_databases_keep_it_is_read(xtream: Program, stones: pa.Table) -> None:
    expected = digest(xtream, stones)
    price = pa.array([Decimal(str(value.as_py())) for value in stones["price"]], pa.decimal128(12, 2))
    assert digest(xtream, replaced(stones, "price", price)) == expected


def test_grades_may_be_categories(xtream: Program, stones: pa.Table) -> None:
    expected = digest(xtream, stones)
    for name in GRADES:
        stones = replaced(stones, name, stones[name].dictionary_encode())
    assert digest(xtream, stones) == expected


BESIDE = {
    "a date": datetime.date(2024, 5, 1),
    "a moment": datetime.datetime(2024, 5, 1, tzinfo=datetime.UTC),
    "a duration": datetime.timedelta(days=1),
    "a decimal": Decimal("1.50"),
    "bytes": b"photo",
    "a truth": True,
    "nothing": None,
    "a list": [1, 2],
    "a record": {"seller": "O'Neil", "since": 1999},
    "a small number": 7,
}


@pytest.mark.parametrize("name", BESIDE)
def test_whatever_stands_beside_our_columns_is_left_aside(
    xtream: Program, stones: pa.Table, name: str
) -> None:
    expected = digest(xtream, stones)
    kind = pa.int8() if name == "a small number" else None
    column = pa.array([BESIDE[name]] * len(stones), kind)
    assert digest(xtream, stones.append_column("beside", column)) == expected


def test_null_is_missing_and_refuses_its_row(xtream: Program, stones: pa.Table) -> None:
    carat = stones["carat"].to_pylist()
    carat[3] = None
    pyarrow.parquet.write_table(replaced(stones, "carat", pa.array(carat)), xtream.folder / "rows.parquet")
    data = xtream.train("rows.parquet", *TRAIN, "--rejects", "rejects.csv")["data"]
    assert data["n_rejected"] == 1
    (refused,) = pd.read_csv(xtream.folder / "rejects.csv").itertuples()
    assert (refused.line, refused.column, refused.reason) == (4, "carat", "is missing")
