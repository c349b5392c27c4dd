"""Frames go in and come out of whatever library they are, and nothing about the stones changes."""

import random
import subprocess
import sys
import textwrap
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xtream_core as xc
from helpers import COLUMNS, FIRST, GRADES, SECOND, Trained, read_csv
from xtream_core import _native

KINDS: dict[str, Callable[[pd.DataFrame], object]] = {
    "pandas": lambda frame: frame,
    "polars": pl.from_pandas,
    "pyarrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
}


@pytest.fixture(scope="module")
def delivery() -> pd.DataFrame:
    """The first delivery, mistakes included; a price with a comma makes its column one of text."""
    return read_csv(FIRST)


def as_pandas(frame: object) -> pd.DataFrame:
    if isinstance(frame, pl.DataFrame | pa.Table | pa.RecordBatch):
        return frame.to_pandas()
    assert isinstance(frame, pd.DataFrame)
    return frame


# validate


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_parts_the_frame_into_pieces_of_its_own_kind(delivery: pd.DataFrame, kind: str) -> None:
    marked = delivery.assign(note=[f"stone {row}" for row in range(len(delivery))])
    frame = KINDS[kind](marked)
    report = xc.validate(frame)
    parts = [report.clean, report.rejected, report.duplicates]
    assert {type(part) for part in [*parts, report.faults]} == {type(frame)}
    assert (report.n_rows, report.n_clean, report.n_rejected, report.n_duplicates) == (5000, 4975, 23, 2)
    assert [len(part) for part in parts] == [4975, 23, 2]
    pieces = [as_pandas(part) for part in parts]
    assert all(list(piece.columns) == list(marked.columns) for piece in pieces)
    together = pd.concat(pieces).reset_index(drop=True)
    together["row"] = together["note"].str.removeprefix("stone ").astype(int)
    back = together.sort_values("row").drop(columns="row").reset_index(drop=True)
    pd.testing.assert_frame_equal(back, marked, check_dtype=False)


def test_the_index_of_a_pandas_frame_stays_with_its_rows(delivery: pd.DataFrame) -> None:
    named = delivery.set_index(pd.Index([f"no {row}" for row in range(len(delivery))]))
    report = xc.validate(named)
    first = report.faults.iloc[0]
    assert report.rejected.index[0] == named.index[first["row"]]
    assert named.iloc[first["row"]][first["column"]] is not None


@pytest.mark.parametrize("kind", KINDS)
def test_faults_are_those_of_the_command_lines_list(
    delivery: pd.DataFrame, kind: str, tmp_path: Path
) -> None:
    xc.train(FIRST, models=["linear"], registry=tmp_path, progress=False)
    digest = xc.Registry(tmp_path).versions()[0]["data"]["rejects"].removeprefix("sha256:")
    (file,) = (tmp_path / "blobs").glob(f"{digest}*")
    listed = pd.read_csv(file, dtype=str, keep_default_na=False)
    faults = as_pandas(xc.validate(KINDS[kind](delivery)).faults)
    assert len(faults) == len(listed) > 23
    # In the file, line 1 is the header; in the frame, the first row is 0.
    assert (faults["row"] + 2).tolist() == listed["line"].astype(int).tolist()
    for column in ["column", "severity", "reason", "allowed"]:
        assert faults[column].tolist() == listed[column].tolist(), column


def test_a_file_gives_a_report_with_file_and_line() -> None:
    report = xc.validate([FIRST, SECOND])
    assert report.n_rows == 15_020
    assert isinstance(report.clean, pd.DataFrame)
    assert list(report.clean.columns) == COLUMNS
    assert len(report.clean) == report.n_clean
    assert list(report.rejected.columns) == ["file", "line", *COLUMNS]
    assert list(report.faults.columns)[:4] == ["file", "line", "row", "column"]
    lines = {path: path.read_text().splitlines() for path in [FIRST, SECOND]}
    for row in report.rejected.to_dict("records"):
        written = lines[Path(row["file"])][row["line"] - 1]
        assert all(row[name] in written for name in COLUMNS if isinstance(row[name], str)), row
    assert set(report.faults["file"]) == {str(FIRST), str(SECOND)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_without_faults_has_empty_tables_with_all_their_columns(
    delivery: pd.DataFrame, kind: str
) -> None:
    frame = KINDS[kind](xc.validate(delivery).clean)
    report = xc.validate(frame)
    assert (report.n_clean, report.n_rejected, report.n_duplicates) == (4975, 0, 0)
    faults = as_pandas(report.faults)
    assert len(faults) == 0 and "allowed" in faults.columns


def test_what_is_kept_on_request_is_not_faulty(delivery: pd.DataFrame) -> None:
    strict, mild = xc.validate(delivery), xc.validate(delivery, suspect="keep", duplicates="keep")
    assert mild.n_clean == strict.n_clean + strict.n_suspect + strict.n_duplicates
    with pytest.raises(xc.InvalidInputError, match='suspect = "maybe"; allowed is "reject" or "keep"'):
        xc.validate(delivery, suspect="maybe")
    with pytest.raises(xc.InvalidInputError, match="no column price; the columns found are carat, "):
        xc.validate(delivery.drop(columns="price"))


MIXED = {
    "a price with a comma": ("price", "4,988", 'price = "4,988" is not a number'),
    "no answer": ("carat", "n/a", 'carat = "" is missing'),
    "a date": ("depth", pd.Timestamp("2026-01-01"), "is not a number"),
    "a yes": ("table", True, 'table = "True" is not a number'),
    "a list": ("x", [1, 2], "is not a number"),
    "a number for a grade": ("cut", 3, 'cut = "3" is not a known grade'),
}


@pytest.mark.parametrize("case", MIXED)
def test_one_odd_cell_of_a_spreadsheet_is_a_fault_of_its_row(case: str, tmp_path: Path) -> None:
    column, odd, said = MIXED[case]
    stones = xc.validate(SECOND).clean.head(200).reset_index(drop=True)
    # As `read_excel` gives them: objects of several kinds, in columns of no meaning too.
    mixed = stones.astype(object).assign(
        note=[1, "a", None, 2.5] * 50, seen=[pd.Timestamp("2026-01-01"), "?"] * 100
    )
    mixed.at[7, column] = odd
    report = xc.validate(mixed)
    assert (report.n_clean, report.rejected.index.tolist()) == (199, [7])
    fault = report.faults.iloc[0]
    assert (fault["row"], fault["column"]) == (7, column)
    written = f'{column} = "{fault["value"]}" {fault["reason"]}'
    assert said in written, written
    run = xc.train(mixed, models=["linear"], registry=tmp_path, progress=False)
    whole = xc.train(stones.drop(index=7), models=["linear"], registry=tmp_path, progress=False)
    assert run.data["digest"] == whole.data["digest"], "the others are what they were"


def test_odd_objects_of_polars_are_text_too() -> None:
    stones = xc.validate(SECOND).clean.head(50)
    mixed = pl.from_pandas(stones).with_columns(
        pl.Series("carat", [*stones["carat"][:-1], "n/a"], dtype=pl.Object),
        pl.Series("note", [object()] * 50, dtype=pl.Object),
    )
    report = xc.validate(mixed)
    assert report.faults["row"].to_list() == [49] and report.n_clean == 49


def test_an_index_is_no_column(tmp_path: Path) -> None:
    stones = xc.validate(SECOND).clean.head(500).iloc[::-1].set_index(["depth"], append=True, drop=False)
    events: list[dict] = []
    xc.train(stones, models=["linear"], registry=tmp_path, progress=events.append)
    assert next(event for event in events if event["event"] == "file_read")["extra_columns"] == []


NUMBERS = ["carat", "depth", "table", "x", "y", "z"]


def test_numbers_of_every_type_are_the_decimals_that_they_stand_for() -> None:
    stones = xc.validate(SECOND).clean.head(2000).reset_index(drop=True)
    decimals = {name: stones[name].map(lambda number: Decimal(str(number))) for name in NUMBERS}
    typed = {
        "float32": stones.astype(dict.fromkeys(NUMBERS, "float32")),
        "decimals of Python": stones.assign(**decimals),
        "decimals of polars": pl.from_pandas(stones).with_columns(pl.col(NUMBERS).cast(pl.Decimal(12, 3))),
        "decimals of pyarrow": pa.Table.from_pandas(stones.assign(**decimals), preserve_index=False),
        "text": stones.astype(dict.fromkeys(NUMBERS, str)),
    }
    expected = _native._validate(stones, "keep", "keep", False)["kept"]
    for name, frame in typed.items():
        kept = _native._validate(frame, "keep", "keep", False)["kept"]
        for column in NUMBERS:
            assert np.array_equal(kept[column], expected[column]), (name, column)
    # 16 bits hold a weight of up to two carat to the hundredth.
    small = stones[stones["carat"] < 2]
    half = _native._validate(small.astype({"carat": "float16"}), "keep", "keep", False)["kept"]
    assert np.array_equal(half["carat"], small["carat"])


def test_one_stone_of_numpy_numbers_is_the_stone_of_their_decimals(trained: Trained) -> None:
    model = xc.Registry(trained.folder).load(1)
    grades = {"cut": "Ideal", "color": "G", "clarity": "VS2"}
    numbers = {"carat": 0.9, "depth": 61.7, "x": 6.11}
    expected = model.value(**grades, **numbers)["price_usd"]
    stones = xc.validate(SECOND).clean
    for kind in [np.float16, np.float32, np.float64, lambda number: np.array(number, "float16")]:
        typed = {name: kind(number) for name, number in numbers.items()}
        assert model.value(**grades, **typed)["price_usd"] == expected, kind
        found = xc.similar(stones, **grades, carat=typed["carat"], n=5)
        assert (found["carat_difference"] == (found["carat"] - 0.9).abs()).all(), kind
        assert model.similar(**grades, carat=typed["carat"]) == model.similar(**grades, carat=0.9), kind


def test_stones_without_a_price_are_looked_at_as_predict_would(tmp_path: Path) -> None:
    stones = xc.validate(SECOND).clean.head(6).reset_index(drop=True).drop(columns="price")
    wrong = pd.concat([stones, stones.head(1)], ignore_index=True)
    wrong.loc[2, "color"], wrong.loc[3, "x"], wrong.loc[5, "z"] = "K", np.nan, -1.0
    for frame in [wrong, wrong.assign(price="what?"), pl.from_pandas(wrong)]:
        report = xc.validate(frame, price=False)
        assert (report.n_clean, report.n_rejected, report.n_duplicates) == (5, 2, 0)
        assert as_pandas(report.faults)["column"].tolist() == ["color", "z"]
        assert len(as_pandas(report.clean)) == 5 and list(report.clean.columns) == list(frame.columns)
    assert xc.validate(wrong, price=False, duplicates="drop").n_duplicates == 1
    wrong.to_csv(tmp_path / "wrong.csv", index=False)
    of_file = xc.validate(tmp_path / "wrong.csv", price=False)
    assert "price" not in of_file.clean and of_file.clean["x"].isna().tolist() == [
        False,
        False,
        True,
        False,
        False,
    ]
    few = xc.validate(wrong[["carat", "cut", "color", "clarity"]], price=False)
    assert (few.n_clean, few.n_rejected) == (6, 1)
    with pytest.raises(xc.InvalidInputError, match="no column price"):
        xc.validate(wrong)


def test_pandas_without_pyarrow_says_what_is_missing() -> None:
    code = f"""
        import sys
        import pandas as pd
        stones = pd.read_csv({str(SECOND)!r}, nrows=5)
        sys.modules["pyarrow"] = None
        import xtream_core as xc
        try:
            xc.validate(stones)
        except ImportError as error:
            print(error)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert (
        printed.startswith("pandas hands its frames over through pyarrow")
        and "pip install pyarrow" in printed
    )


# train


def in_every_form(stones: pd.DataFrame) -> dict[str, object]:
    """The same rows, in every form that users have them in."""
    table = pa.Table.from_pandas(stones, preserve_index=False)

    def texts(kind: pa.DataType) -> pa.Table:
        names = table.schema.names
        return pa.table({name: table[name].cast(kind) if name in GRADES else table[name] for name in names})

    return {
        "pandas": stones,
        "pandas categories": stones.astype(dict.fromkeys(GRADES, "category")),
        "pandas with an index": stones.set_index(stones.index[::-1]),
        "polars": pl.from_arrow(table),
        "polars query": pl.from_arrow(table).lazy(),
        "polars enumerations": pl.from_arrow(table).with_columns(pl.col("cut").cast(pl.Enum(GRADES["cut"]))),
        "pyarrow": table,
        "pyarrow reader": table.to_reader(),
        "large text": texts(pa.large_string()),
        "text views": texts(pa.string_view()),
        "dictionaries": texts(pa.dictionary(pa.int8(), pa.string())),
        "any library": Foreign(table),
        "columns shuffled": stones[stones.columns[::-1]],
        "in two parts": [stones.iloc[:2000], stones.iloc[2000:]],
    }


class Foreign:
    """A frame of a library that nobody here knows."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


def test_the_same_rows_give_the_same_bytes_of_model_in_every_form(tmp_path: Path) -> None:
    stones = xc.validate(SECOND).clean.head(4000)
    file = tmp_path / "stones.parquet"
    stones.to_parquet(file)
    forms = {"a file": file} | in_every_form(stones)
    digests = {}
    for name, data in forms.items():
        run = xc.train(data, models=["linear"], registry=tmp_path / "registry", progress=False)
        digests[name] = (run.data["digest"], xc.Registry(tmp_path / "registry").versions()[0]["model"])
    assert set(digests.values()) == {digests["a file"]}, digests


def test_category_codes_mean_nothing_and_labels_everything(tmp_path: Path) -> None:
    stones = xc.validate(SECOND).clean.head(3000)

    def model_of(order: int) -> str:
        shuffled = {name: labels[::order] for name, labels in GRADES.items()}
        kinds = {name: pd.CategoricalDtype(labels) for name, labels in shuffled.items()}
        xc.train(stones.astype(kinds), models=["linear"], registry=tmp_path / str(order), progress=False)
        return xc.Registry(tmp_path / str(order)).versions()[0]["model"]

    assert model_of(1) == model_of(-1)


@pytest.mark.parametrize("kind", KINDS)
def test_test_rows_may_be_a_frame_and_the_leaderboard_is_of_the_callers_kind(
    tmp_path: Path, kind: str
) -> None:
    stones = xc.validate(SECOND).clean
    train, test = KINDS[kind](stones.head(3000)), KINDS[kind](stones.iloc[3000:4000])
    run = xc.train(train, test=test, models=["linear"], registry=tmp_path / "a", progress=False)
    assert (run.data["n_train"], run.data["n_test"]) == (3000, 1000)
    assert type(run.leaderboard) is type(run.trials) is type(train)
    file = tmp_path / "test.csv"
    stones.iloc[3000:4000].to_csv(file, index=False)
    mixed = xc.train(train, test=file, models=["linear"], registry=tmp_path / "b", progress=False)
    assert mixed.data["digest"] == run.data["digest"]


def test_columns_of_no_meaning_are_left_aside_and_told(tmp_path: Path) -> None:
    stones = xc.validate(SECOND).clean.head(2000)
    events: list[dict] = []
    marked = stones.assign(when=pd.Timestamp("2026-01-01"), parts=[[1, 2]] * len(stones))
    xc.train(marked, models=["linear"], registry=tmp_path, progress=events.append)
    told = next(event for event in events if event["event"] == "file_read")
    assert (told["path"], told["extra_columns"]) == ("the frame", ["when", "parts"])


def test_integers_with_nulls_are_read_and_a_null_price_is_a_fault_of_its_row() -> None:
    stones = pl.from_pandas(xc.validate(SECOND).clean.head(100)).with_columns(
        pl.col("price").cast(pl.Int32), pl.col("table").round().cast(pl.Int8)
    )
    holed = stones.with_columns(
        price=pl.when(pl.int_range(pl.len()) == 7).then(None).otherwise(pl.col("price"))
    )
    for frame in [holed, holed.to_arrow(), holed.to_pandas()]:
        report = xc.validate(frame)
        faults = as_pandas(report.faults)
        assert report.n_clean == 99
        assert faults[["row", "column", "reason"]].values.tolist() == [[7, "price", "is missing"]]


def test_a_frame_of_too_many_mistakes_trains_nothing_and_says_why(
    delivery: pd.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(xc.InvalidInputError, match="of 5000 rows were refused"):
        xc.train(delivery.assign(cut="Shiny"), registry=tmp_path, progress=False)


# similar


def by_sorting(stones: pd.DataFrame, carat: float, cut: str, color: str, clarity: str, n: int) -> list[int]:
    """The rows that pandas finds by filter and sort."""
    alike = stones[(stones["cut"] == cut) & (stones["color"] == color) & (stones["clarity"] == clarity)]
    distance = (alike["carat"] - carat).abs()
    order = alike.assign(distance=distance, row=alike.index).sort_values(["distance", "price", "row"])
    return order["row"].head(n).tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_similar_stones_are_those_that_filter_and_sort_find(kind: str) -> None:
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    stones = xc.validate(SECOND).clean.reset_index(drop=True)
    frame = KINDS[kind](stones.assign(row=range(len(stones))))
    for _ in range(40):
        asked = {name: chance.choice(labels) for name, labels in GRADES.items()}
        carat, n = round(chance.uniform(0.2, 3), 2), chance.randint(1, 12)
        found = xc.similar(frame, carat=carat, n=n, **asked)
        assert type(found) is type(frame)
        rows = as_pandas(found)
        assert rows["row"].tolist() == by_sorting(stones, carat, **asked, n=n), (carat, asked, n)
        assert np.array_equal(rows["carat_difference"], (rows["carat"] - carat).abs())


def test_similar_needs_no_prices_and_no_measurements_and_reads_grades_as_people_write_them() -> None:
    few = pl.DataFrame(
        {
            "Carat": [1.0, 1.1, 1.3, 1.2],
            "cut": ["ideal", "IDEAL", "Ideal", "Good"],
            "color": ["e"] * 4,
            "clarity": ["VS1"] * 4,
        }
    )
    found = xc.similar(few, carat=1.21, cut="Ideal", color="E", clarity="vs1", n=2)
    assert found["Carat"].to_list() == [1.3, 1.1]


def test_rows_that_are_no_diamonds_are_left_out_and_counted(delivery: pd.DataFrame) -> None:
    unread = delivery.assign(price=pd.to_numeric(delivery["price"], errors="coerce"))
    unread["is_alike"] = unread[list(GRADES)].eq(["Ideal", "E", "VS1"]).all(axis=1)
    known = unread[list(GRADES)].apply(lambda column: column.isin(GRADES[column.name]))
    wrong = ~known.all(axis=1) | (unread["is_alike"] & ~(unread["price"] > 0))
    with pytest.warns(UserWarning, match=rf"^{wrong.sum()} rows cannot be read and were left out"):
        xc.similar(delivery, carat=1.2, cut="Ideal", color="E", clarity="VS1")
    assert wrong.sum() > 0
    with pytest.raises(xc.InvalidDiamondError, match="one of Fair, Good") as caught:
        xc.similar(delivery, carat=1.2, cut="Shiny", color="E", clarity="VS1")
    assert (caught.value.field, caught.value.row) == ("cut", None)
    with pytest.raises(xc.InvalidInputError, match="n = 0"):
        xc.similar(delivery, carat=1.2, cut="Ideal", color="E", clarity="VS1", n=0)
    with pytest.raises(xc.InvalidInputError, match="no column color"):
        xc.similar(delivery.drop(columns="color"), carat=1.2, cut="Ideal", color="E", clarity="VS1")


def test_a_measurement_s_name_with_a_letter_wrong_is_asked_about(
    trained: Trained, delivery: pd.DataFrame
) -> None:
    model = xc.Registry(trained.folder).champion()
    stones = delivery.drop(columns="price").head(20)
    wrong = stones.rename(columns={"depth": "dpeth"})
    for price in (model.predict, model.value):
        with pytest.raises(xc.InvalidInputError, match='no column depth, and one called "dpeth"') as caught:
            price(wrong)
        assert '"dpeth" renamed to "depth" if that is what it means' in str(caught.value)
    # Where there is a depth, or nobody asks for one, it is a column like any other.
    beside = model.predict(stones.assign(dpeth=1.0), errors="nan")
    np.testing.assert_array_equal(beside, model.predict(stones, errors="nan"))
    xc.similar(wrong.assign(price=delivery["price"]), carat=1.2, cut="Ideal", color="E", clarity="VS1")
