"""Several files are one data set, whatever their formats, columns and order of columns."""

import random
from pathlib import Path

import pandas as pd
import pytest
from helpers import COLUMNS, Program, Trained, stored_rows

SEED = 30
LINEAR = ["--models", "linear", "--no-promote"]


@pytest.fixture
def stones(trained: Trained) -> pd.DataFrame:
    return stored_rows(trained.program, trained.folder, 1)[COLUMNS].head(900)


def digest(xtream: Program, *data: object) -> str:
    summary = xtream.train(*data, *LINEAR)["data"]
    assert summary["n_rejected"] == summary["n_duplicates"] == 0
    return summary["digest"]


def test_formats_folders_and_patterns_give_the_same_data_set(xtream: Program, stones: pd.DataFrame) -> None:
    parts = xtream.folder / "parts"
    parts.mkdir()
    stones.to_csv(xtream.folder / "whole.csv", index=False)
    stones.to_parquet(xtream.folder / "whole.parquet")
    stones[:300].to_csv(parts / "1.csv", index=False)
    stones[300:500].to_parquet(parts / "2.parquet")
    stones[500:].to_csv(parts / "3.CSV", index=False)
    (parts / "README.md").write_text("Not a delivery.\n")
    expected = digest(xtream, "whole.csv")
    assert digest(xtream, "whole.parquet") == expected
    assert digest(xtream, parts) == expected
    assert digest(xtream, "parts/1.csv", "parts/2.parquet", "parts/3.CSV") == expected
    assert digest(xtream, "parts/[1-2].*", "parts/3*") == expected
    # The rows are the same in another order: another data set, of which the same stones test.
    assert digest(xtream, "parts/3.CSV", "parts/1.csv", "parts/2.parquet") != expected


def test_the_format_is_told_by_the_content_and_not_by_the_name(xtream: Program, stones: pd.DataFrame) -> None:
    stones.to_csv(xtream.folder / "a.csv", index=False)
    stones.to_parquet(xtream.folder / "really-parquet.csv")
    stones.to_csv(xtream.folder / "really-csv.parquet", index=False)
    assert (
        digest(xtream, "a.csv")
        == digest(xtream, "really-parquet.csv")
        == digest(xtream, "really-csv.parquet")
    )


def test_order_spelling_and_number_of_columns_do_not_matter(xtream: Program, stones: pd.DataFrame) -> None:
    print(f"seed {SEED}")
    generator = random.Random(SEED)
    stones.to_csv(xtream.folder / "plain.csv", index=False)
    expected = digest(xtream, "plain.csv")
    for case in range(4):
        columns = [*COLUMNS, "seller", "Preis, alt", "seen at"]
        generator.shuffle(columns)
        more = {"seller": 'O\'Neil "& Sons"', "Preis, alt": range(900), "seen at": pd.Timestamp("2024-05-01")}
        spelt = {name: generator.choice([name, name.upper(), f" {name.title()} "]) for name in COLUMNS}
        frame = stones.assign(**more)[columns].rename(columns=spelt)
        frame.to_csv(xtream.folder / f"{case}.csv", index=False)
        assert digest(xtream, f"{case}.csv") == expected
        frame.rename(columns=str.strip).to_parquet(xtream.folder / f"{case}.parquet")
        assert digest(xtream, f"{case}.parquet") == expected
    card = xtream.json("models", "show", "2", "--registry", "registry")
    (file,) = card["data"]["files"]
    assert sorted(file["extra_columns"]) == ["Preis, alt", "seen at", "seller"]


def test_one_bad_file_among_several_is_named(xtream: Program, stones: pd.DataFrame) -> None:
    folder: Path = xtream.folder / "deliveries"
    folder.mkdir()
    stones.to_csv(folder / "a.csv", index=False)
    (folder / "b.csv").write_text("carat;cut\n1;Ideal\n")
    said = xtream("train", "deliveries", *LINEAR, status=2).stderr
    assert "b.csv, line 1" in said and "a.csv" not in said
