"""A stone's side is its own: fresh data, order and price never move it from training to test."""

import random
from pathlib import Path

import pandas as pd
from helpers import COLUMNS, FEATURES, FIRST, SECOND, Program, Trained, stored_rows

SEED = 4
LINEAR = ["--models", "linear"]


def sides(program: Program, version: object, registry: Path | None = None) -> dict[tuple, set[bool]]:
    """For each stone (its nine features) the sides that its rows are on."""
    rows = stored_rows(program, registry or program.folder / "registry", version)
    found: dict[tuple, set[bool]] = {}
    for *stone, is_test in rows[[*FEATURES, "is_test"]].itertuples(index=False):
        found.setdefault(tuple(stone), set()).add(is_test)
    return found


def test_no_stone_changes_side_when_fresh_data_is_added(xtream: Program) -> None:
    first = xtream.train(FIRST, *LINEAR)["data"]
    both = xtream.train(SECOND, FIRST, *LINEAR)["data"]
    assert both["n_test"] > first["n_test"] and both["n_train"] > first["n_train"]
    before, after = sides(xtream, 1), sides(xtream, 2)
    assert len(before) > 4900 and len(after) > 14_800
    assert all(after[stone] == side for stone, side in before.items())


def test_order_and_spelling_do_not_move_a_stone(xtream: Program, trained: Trained) -> None:
    print(f"seed {SEED}")
    rows = stored_rows(trained.program, trained.folder, 1)[COLUMNS]
    rows = rows.sample(frac=1, random_state=SEED)
    rows["cut"] = rows["cut"].str.upper().str.replace(" ", "_")
    rows["carat"] = rows["carat"].map("{:.4f}".format)
    rows.to_csv(xtream.folder / "respelt.csv", index=False)
    xtream.train("respelt.csv", *LINEAR)
    assert sides(xtream, 1) == sides(trained.program, 1, trained.folder)


def test_appraisals_of_one_stone_never_straddle(xtream: Program, public: pd.DataFrame) -> None:
    sound = public[(public[["x", "y", "z"]] > 0).all(axis="columns")].head(4000)
    again = sound.assign(price=sound["price"] + 137)
    pd.concat([sound, again, sound]).to_csv(xtream.folder / "twice.csv", index=False)
    data = xtream.train("twice.csv", *LINEAR, "--duplicates", "keep", "--suspect", "keep")["data"]
    assert data["n_train"] + data["n_test"] == 12_000
    assert all(len(found) == 1 for found in sides(xtream, 1).values())


def test_about_a_fifth_tests_and_settings_move_the_share(xtream: Program) -> None:
    data = xtream.train(FIRST, *LINEAR)["data"]
    assert 0.18 < data["n_test"] / (data["n_train"] + data["n_test"]) < 0.22
    (xtream.folder / "half.toml").write_text("[split]\ntest_share = 0.5\n")
    data = xtream.train(FIRST, *LINEAR, "--config", "half.toml")["data"]
    assert 0.47 < data["n_test"] / (data["n_train"] + data["n_test"]) < 0.53


def test_every_row_read_is_kept_refused_or_a_duplicate(xtream: Program, public: pd.DataFrame) -> None:
    print(f"seed {SEED}")
    generator = random.Random(SEED)
    for case in range(6):
        rows = public.sample(1500, random_state=generator.randrange(10**6)).astype(object)
        n_wrong, n_repeated = generator.randrange(40), generator.randrange(60)
        for place in generator.sample(range(len(rows)), n_wrong):
            # Weight, grades and price; of measurements an empty cell is none that is wrong.
            column = generator.choice([0, 1, 2, 3, 6])
            rows.iat[place, column] = generator.choice(["", "-1", "NaN", "1e39", "?"])
        rows = pd.concat([rows, rows.sample(n_repeated, random_state=case)])
        delivery, rejects = xtream.folder / f"{case}.csv", xtream.folder / f"{case}-rejects.csv"
        rows.to_csv(delivery, index=False)
        data = xtream.train(delivery, *LINEAR, "--max-rejects", "100", "--rejects", rejects)["data"]
        n_kept = data["n_train"] + data["n_test"]
        assert data["n_rows"] == len(rows) == n_kept + data["n_rejected"] + data["n_duplicates"]
        refused = pd.read_csv(rejects)
        assert refused["line"].nunique() == data["n_rejected"] >= n_wrong
        assert len(stored_rows(xtream, xtream.folder / "registry", case + 1)) == n_kept


def test_a_row_of_the_test_file_is_taken_out_of_training(xtream: Program, public: pd.DataFrame) -> None:
    # Of stones that stand there with several prices one is taken: here the user decides who tests.
    rows = public[(public[["x", "y", "z"]] > 0).all(axis="columns")].drop_duplicates(FEATURES).iloc[2000:4000]
    rows.to_csv(xtream.folder / "all.csv", index=False)
    rows.iloc[:300].to_csv(xtream.folder / "test.csv", index=False)
    data = xtream.train("all.csv", "--test", "test.csv", *LINEAR, "--suspect", "keep")["data"]
    assert (data["n_train"], data["n_test"], data["n_duplicates"]) == (1700, 300, 300)
    assert all(len(found) == 1 for found in sides(xtream, 1).values())
