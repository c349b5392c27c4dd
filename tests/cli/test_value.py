"""`xtream value` keeps every row, its order and its columns, and prices what can be priced."""

import csv
import json
import os
import re
import stat
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import COLUMNS, FIRST, PUBLIC, Program, Trained, read_csv

RANGED = ["price_usd", "low_usd", "high_usd", "confidence"]
GRADED = ["carat", "cut", "color", "clarity"]


def value(
    trained: Trained,
    file: object,
    out: object,
    status: int = 0,
    version: object = "champion",
    options: tuple[object, ...] = (),
) -> str:
    where = ["--registry", trained.folder, "--version", version]
    return trained.program("value", file, "--out", out, *where, *options, status=status).stderr


def as_csv(rows: pd.DataFrame, folder: Path) -> Path:
    rows.to_csv(folder / "rows.csv", index=False)
    return folder / "rows.csv"


def priced(trained: Trained, rows: pd.DataFrame, folder: Path, status: int = 0) -> pd.Series:
    value(trained, as_csv(rows, folder), folder / "priced.csv", status)
    return read_csv(folder / "priced.csv")["price_usd"]


def test_rows_order_and_further_columns_stay_as_they_were_written(trained: Trained, tmp_path: Path) -> None:
    header = ["seller", "clarity", "y", "cut", "x", "Carat", "note", "z", "table", "color", "depth"]
    remarks = [
        '"best" in town',
        "",
        "two\nlines",
        "comma, inside",
        " spaces ",
        "Ünïcode ✓",
        "007",
        "1e5",
        "NA",
    ]
    rows = [
        [remark, "vs1", "4.450", "very good", "4.4", f"0.{32 + n}0", remarks[-n], "2.75", "54", "d", "62.1"]
        for n, remark in enumerate(remarks)
    ]
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    value(trained, tmp_path / "rows.csv", tmp_path / "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        found_header, *found = csv.reader(file)
    assert found_header == [*header, "price_usd", "warnings"]
    assert [row[:-2] for row in found] == rows
    assert all(float(row[-2]) > 100 for row in found)
    to_stdout = trained.program("value", tmp_path / "rows.csv", "--registry", trained.folder).stdout
    assert to_stdout.encode() == (tmp_path / "out.csv").read_bytes().replace(b"\r\n", b"\n")


def test_a_stone_has_the_same_price_alone_as_among_all_others(trained: Trained, tmp_path: Path) -> None:
    rows = trained.rows("test").head(25)
    together = priced(trained, rows, tmp_path)
    shuffled = priced(trained, rows.iloc[::-1], tmp_path)
    assert list(shuffled) == list(together)[::-1]
    for place in range(0, 25, 6):
        assert priced(trained, rows.iloc[[place]], tmp_path)[0] == together[place]


def test_csv_and_parquet_give_the_same_bits(trained: Trained, tmp_path: Path) -> None:
    rows = trained.rows("test")
    rows.to_csv(tmp_path / "rows.csv", index=False)
    rows.to_parquet(tmp_path / "rows.parquet")
    prices = {}
    for source in ("rows.csv", "rows.parquet"):
        for ending in ("csv", "parquet"):
            out = tmp_path / f"from-{source}.{ending}"
            value(trained, tmp_path / source, out)
            frame = read_csv(out) if ending == "csv" else pd.read_parquet(out)
            assert list(frame) == [*COLUMNS, "price_usd", "warnings"] and len(frame) == len(rows)
            prices[source, ending] = frame["price_usd"].to_numpy()
    expected = prices["rows.csv", "csv"]
    assert all((found == expected).all() for found in prices.values())


def test_a_parquet_file_keeps_its_types(trained: Trained, tmp_path: Path) -> None:
    rows = trained.rows("test").head(50)
    rows = rows.assign(
        id=np.arange(50, dtype="int64"), seen=pd.Timestamp("2024-05-01"), sold=[True, None] * 25
    )
    rows.to_parquet(tmp_path / "rows.parquet", index=False)
    value(trained, tmp_path / "rows.parquet", tmp_path / "out.parquet")
    found = pd.read_parquet(tmp_path / "out.parquet")
    assert (found["price_usd"] > 100).all()
    pd.testing.assert_frame_equal(found.drop(columns=["price_usd", "warnings"]), rows, check_dtype=False)


def test_refused_rows_have_an_empty_price_and_are_named(trained: Trained, tmp_path: Path) -> None:
    rows = trained.rows("test").head(40).astype(object)
    wrong = {3: ("cut", "Shiny"), 7: ("carat", "-1"), 20: ("color", ""), 21: ("z", "-0.1"), 39: ("x", "1e39")}
    for place, (column, content) in wrong.items():
        rows.iat[place, list(rows).index(column)] = content
    rows.to_csv(tmp_path / "rows.csv", index=False)
    said = value(trained, tmp_path / "rows.csv", tmp_path / "out.csv", status=2)
    found = pd.read_csv(tmp_path / "out.csv")
    assert list(found.index[found["price_usd"].isna()]) == list(wrong)
    for place, (column, _) in wrong.items():
        assert f"rows.csv, line {place + 2}: {column} = " in said
    assert "5 of 40 rows could not be priced" in said


def test_a_stone_too_unlike_all_others_has_no_price_and_is_named(trained: Trained, tmp_path: Path) -> None:
    rows = trained.rows("test").head(3)
    rows.loc[1, ["carat", "x", "y", "z"]] = [1e6, 1e6, 1e6, 6e5]
    rows.to_csv(tmp_path / "rows.csv", index=False)
    said = value(trained, tmp_path / "rows.csv", tmp_path / "out.csv", 2, trained.version("linear"))
    assert "rows.csv, line 3: carat = " in said
    assert "the heaviest stone learned from has" in said
    priced = read_csv(tmp_path / "out.csv")
    assert priced["price_usd"].isna().tolist() == [False, True, False]
    assert "the heaviest stone learned from has" in priced["warnings"][1], "a row without a price says why"


def test_what_is_missing_is_estimated_well_enough(trained: Trained, tmp_path: Path) -> None:
    rows = trained.rows("test")
    whole = priced(trained, rows, tmp_path)
    without = priced(trained, rows[GRADED], tmp_path)
    empty = rows.assign(**dict.fromkeys(["depth", "table", "x", "y", "z"], None))
    assert (priced(trained, empty, tmp_path) == without).all(), "no column or no value: the same"
    assert without.notna().all()
    assert (np.abs(without / whole - 1)).median() < 0.05
    partly = priced(trained, rows.drop(columns=["depth", "y"]), tmp_path)
    assert (np.abs(partly / whole - 1)).median() < 0.03
    assert not (partly == without).all(), "what is known is used"


def test_a_price_in_the_file_does_not_matter_to_the_value(trained: Trained, tmp_path: Path) -> None:
    rows = trained.rows("test").head(30)
    expected = priced(trained, rows, tmp_path)
    assert (priced(trained, rows.assign(price="unknown"), tmp_path) == expected).all()


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_without_rows_is_refused_because_something_went_wrong_with_it(
    trained: Trained, tmp_path: Path, ending: str
) -> None:
    file, out = tmp_path / f"rows.{ending}", tmp_path / "out.csv"
    nothing = pd.DataFrame({name: pd.Series(dtype="str") for name in GRADED})
    nothing.to_csv(file, index=False) if ending == "csv" else nothing.to_parquet(file, index=False)
    said = value(trained, file, out, status=2)
    assert file.name in said and "no stone" in said and not out.exists()


def test_a_measurement_of_zero_is_one_that_nobody_made(trained: Trained, tmp_path: Path) -> None:
    rows = trained.rows("test").head(5)
    zero, empty = (rows.assign(x=nothing, y=nothing, z=nothing) for nothing in (0, None))
    assert (priced(trained, zero, tmp_path) == priced(trained, empty, tmp_path)).all()


def test_another_version_may_be_asked(trained: Trained, tmp_path: Path) -> None:
    outs = {family: tmp_path / f"{family}.csv" for family in ("linear", "xgboost")}
    for family, out in outs.items():
        value(trained, FIRST, out, status=2, version=trained.version(family))
    value(trained, FIRST, tmp_path / "champion.csv", status=2)
    assert (tmp_path / "champion.csv").read_bytes() == outs["xgboost"].read_bytes()
    assert outs["linear"].read_bytes() != outs["xgboost"].read_bytes()
    value(trained, FIRST, tmp_path / "none.csv", status=2, version=99)
    assert not (tmp_path / "none.csv").exists()


@pytest.mark.parametrize("family", ["linear", "xgboost"])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_ranges_are_those_of_the_python_module(
    trained: Trained, tmp_path: Path, family: str, ending: str
) -> None:
    xc = pytest.importorskip("xtream_core")
    version = trained.version(family)
    model = xc.Registry(trained.folder).load(version)
    rows = trained.rows("test").head(150).drop(columns="price")
    rows.loc[::3, ["depth", "x"]] = np.nan
    file, out = tmp_path / "rows.csv", tmp_path / f"out.{ending}"
    rows.to_csv(file, index=False)
    for options, confidence in [((), 0.9), (("--confidence", 0.57), 0.57), (("--confidence", "0.99"), 0.99)]:
        value(trained, file, out, version=version, options=("--range", *options))
        found = read_csv(out) if ending == "csv" else pd.read_parquet(out)
        assert list(found) == [*rows, *RANGED, "warnings"]
        pd.testing.assert_frame_equal(
            found[RANGED], model.value(rows, confidence=confidence)[RANGED], check_exact=True
        )


def test_a_refused_row_has_no_range(trained: Trained, tmp_path: Path) -> None:
    rows = trained.rows("test").head(9).astype(object)
    value(trained, as_csv(rows, tmp_path), tmp_path / "once.csv", options=("--range",))
    rows.loc[4, "color"] = "Z"
    ranged = ("--range", "--confidence", "0.9")
    value(trained, as_csv(rows, tmp_path), tmp_path / "refused.csv", status=2, options=ranged)
    once, refused = read_csv(tmp_path / "once.csv"), read_csv(tmp_path / "refused.csv")
    assert refused[RANGED].isna().all(axis=1).tolist() == [row == 4 for row in range(9)]
    assert refused[RANGED].drop(index=4).equals(once[RANGED].drop(index=4))


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_columns_of_the_users_stay_and_ours_have_other_names_then(
    trained: Trained, tmp_path: Path, ending: str
) -> None:
    rows = trained.rows("test").head(9)
    value(trained, as_csv(rows, tmp_path), tmp_path / "once.csv", options=("--range",))
    once = read_csv(tmp_path / "once.csv")
    theirs = rows.assign(low_usd="?", Price_USD=7, warnings="x", xtream_warnings="y", note='a "best", so far')
    out = tmp_path / f"again.{ending}"
    said = value(trained, as_csv(theirs, tmp_path), out, options=("--range",))
    assert "has a column price_usd already, so ours is xtream_price_usd" in said
    assert "has a column warnings already, so ours is xtream_xtream_warnings" in said
    found = read_csv(out) if ending == "csv" else pd.read_parquet(out)
    ours = ["xtream_price_usd", "xtream_low_usd", "high_usd", "confidence", "xtream_xtream_warnings"]
    assert list(found) == [*theirs, *ours]
    assert found[ours[:-1]].set_axis(RANGED, axis=1).equals(once[RANGED])
    if ending == "csv":
        assert found[list(theirs)].equals(read_csv(tmp_path / "rows.csv"))


@pytest.mark.parametrize("confidence", ["0.4", "0.999", "90", "nan", "much", "90%"])
def test_a_confidence_that_is_none_is_refused(trained: Trained, tmp_path: Path, confidence: str) -> None:
    out = tmp_path / "out.csv"
    said = value(trained, FIRST, out, status=2, options=("--range", "--confidence", confidence))
    assert "allowed is a number from 0.5 to 0.99, such as 0.9" in said
    assert "--range" in value(trained, FIRST, out, status=2, options=("--confidence", "0.9"))
    assert not list(tmp_path.iterdir())


def test_the_leaderboard_says_how_wide_ranges_are(xtream: Program) -> None:
    few = xtream.folder / "few.csv"
    few.write_text("".join(FIRST.read_text().splitlines(keepends=True)[:1500]))
    said = xtream("train", few, "--models", "linear", "--registry", "wide", "--json")
    (line,) = json.loads(said.stdout)["leaderboard"]
    card = xtream.json("models", "show", "champion", "--registry", "wide")
    assert 100 < line["range_width_usd"] == card["range_width_usd"] < 20_000
    shown = xtream("train", few, "--models", "linear", "--registry", "again").stdout
    assert "range $" in shown and f"{line['range_width_usd']:.0f}" in shown
    without = xtream("train", few, "--models", "linear", "--no-ranges", "--registry", "narrow")
    assert re.search(r"linear .* -  +[0-9.]+$", without.stdout, re.MULTILINE), without.stdout


def test_a_model_without_calibration_has_no_ranges(xtream: Program, tmp_path: Path) -> None:
    few = as_csv(read_csv(PUBLIC).head(80), tmp_path)
    xtream.train(few, "--models", "linear", ranges=True)
    xtream("value", few, "--out", "priced.csv")
    said = xtream("value", few, "--range", "--out", "ranged.csv", status=2).stderr
    assert "a model that was trained without ranges or on too few stones" in said
    assert "allowed is prices without ranges" in said
    assert not list(tmp_path.glob("ranged.csv*"))


def test_a_model_trained_without_ranges_has_the_same_prices_and_says_that_it_has_no_ranges(
    xtream: Program,
) -> None:
    linear = [FIRST, "--models", "linear"]
    xtream.train(*linear, ranges=True)
    xtream.train(*linear, "--no-ranges")
    (xtream.folder / "xtream.toml").write_text("[train]\nranges = false\n")
    xtream.train(*linear, ranges=True)
    rows = as_csv(read_csv(PUBLIC).head(50), xtream.folder)
    prices = [xtream("value", rows, "--version", version).stdout for version in (1, 2, 3)]
    assert prices[0] == prices[1] == prices[2]
    xtream("value", rows, "--version", 1, "--range")
    for version in (2, 3):
        refused = xtream("value", rows, "--version", version, "--range", status=2)
        assert "a model that was trained without ranges" in refused.stderr and not refused.stdout


def test_a_broken_file_leaves_nothing_half_written(trained: Trained, tmp_path: Path) -> None:
    lines = PUBLIC.read_text().splitlines(keepends=True)
    # Broken so late that much was priced before it shows.
    (tmp_path / "broken.csv").write_text(
        "".join([*lines, *lines[1:], *lines[1:], *lines[1:], '1,Ideal,E,"\n'])
    )
    said = value(trained, tmp_path / "broken.csv", tmp_path / "out.csv", status=2)
    assert f"line {4 * 53_940 + 2}" in said
    assert [path.name for path in tmp_path.iterdir()] == ["broken.csv"]


def test_one_stone_has_one_price_in_every_type_of_number(trained: Trained, tmp_path: Path) -> None:
    rows = trained.rows("test").head(400).drop(columns="price")
    numbers = [name for name in rows if name not in ("cut", "color", "clarity")]
    expected = priced(trained, rows, tmp_path)
    noisy = rows.assign(**{name: (rows[name] + 0.3) - 0.3 for name in numbers})
    assert not noisy[numbers].equals(rows[numbers])
    single = rows.astype(dict.fromkeys(numbers, "float32"))
    for name, frame in {"noise": noisy, "float32": single}.items():
        frame.to_parquet(tmp_path / f"{name}.parquet", index=False)
        value(trained, tmp_path / f"{name}.parquet", tmp_path / "out.csv")
        assert read_csv(tmp_path / "out.csv")["price_usd"].equals(expected), name
    assert priced(trained, noisy, tmp_path).equals(expected)


def test_every_price_and_end_of_a_range_is_whole_cents(trained: Trained, tmp_path: Path) -> None:
    value(trained, as_csv(trained.rows("test"), tmp_path), tmp_path / "out.csv", options=("--range",))
    figures = read_csv(tmp_path / "out.csv")[["price_usd", "low_usd", "high_usd"]]
    assert (figures.round(2) == figures).all(axis=None)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_what_is_odd_about_a_row_stands_beside_its_price(
    trained: Trained, tmp_path: Path, ending: str
) -> None:
    rows = trained.rows("test").head(6).drop(columns="price")
    rows.loc[1, "x"] *= 10
    heaviest = trained.rows("train")["carat"].max()
    rows.loc[4, ["carat", "x", "y", "z"]] = [1.2 * heaviest, np.nan, np.nan, np.nan]
    out = tmp_path / f"out.{ending}"
    said = value(trained, as_csv(rows, tmp_path), out, options=("--range",))
    found = read_csv(out) if ending == "csv" else pd.read_parquet(out)
    assert (found["warnings"].fillna("") != "").tolist() == [False, True, False, False, True, False]
    assert "as if its decimal point had moved" in found["warnings"][1]
    assert f"the heaviest stone learned from has {heaviest:g} ct" in found["warnings"][4]
    assert found["confidence"].isna().tolist() == [False, False, False, False, True, False]
    assert found[["price_usd", "low_usd", "high_usd"]].notna().all(axis=None)
    assert "2 of 6 rows look odd; their warnings say why" in said


def test_prices_are_written_where_a_link_leads_and_whoever_could_read_the_file_can_read_the_new_one(
    trained: Trained, tmp_path: Path
) -> None:
    rows, out, link = as_csv(read_csv(PUBLIC).head(5), tmp_path), tmp_path / "real.csv", tmp_path / "link.csv"
    out.write_text("of yesterday")
    out.chmod(0o600)
    link.symlink_to(out)
    value(trained, rows, link)
    assert link.is_symlink() and len(read_csv(out)) == 5
    assert out.stat().st_mode & 0o777 == 0o600


def test_what_is_no_file_is_written_into(trained: Trained, tmp_path: Path) -> None:
    rows, pipe = as_csv(read_csv(PUBLIC).head(5), tmp_path), tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True)
    value(trained, rows, pipe)
    assert reader.communicate(timeout=60)[0].count("\n") == 6
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert value(trained, rows, "/dev/null") == ""


def test_prices_take_the_place_of_nothing_else(trained: Trained, tmp_path: Path) -> None:
    rows = as_csv(read_csv(PUBLIC).head(5), tmp_path)
    before = rows.read_bytes()
    link = tmp_path / "link.csv"
    link.symlink_to(rows)
    for out in (rows, link):
        assert "prices do not take the place of the stones" in value(trained, rows, out, status=2)
    assert rows.read_bytes() == before
    (tmp_path / "folder").mkdir()
    assert "it is a folder; name a file in it" in value(trained, rows, tmp_path / "folder", status=2)
    for ending in ("json", "xls", "csv.gz"):
        assert "allowed are .csv, .xlsx and .parquet" in value(
            trained, rows, tmp_path / f"a.{ending}", status=2
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "link.csv", "rows.csv"]
