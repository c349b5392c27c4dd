"""The module xtream_core: the same answers as from the command line, whatever frame the rows come in."""

import decimal
import os
import pickle
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import xtream_core as xc
from helpers import A_SECOND, FEATURES, FIRST, PUBLIC, Program, Trained, read_csv, stop

STONE = {"carat": 1.2, "cut": "Premium", "color": "E", "clarity": "VS1"}
GRADES = ["cut", "color", "clarity"]
CUTS = ["Ideal", "Premium", "Very Good", "Good", "Fair"]


@pytest.fixture(scope="module")
def stones(public: pd.DataFrame) -> pd.DataFrame:
    """Some hundred sound stones from all over the file."""
    sound = public[(public[["x", "y", "z"]] > 0).all(axis="columns")]
    return sound.iloc[::150].reset_index(drop=True)


@pytest.fixture(scope="module")
def registry(trained: Trained) -> xc.Registry:
    return xc.Registry(trained.folder)


@pytest.fixture(scope="module")
def model(trained: Trained, registry: xc.Registry) -> xc.Model:
    """The trees, whose prices jump where a number crosses a threshold."""
    return registry.load(trained.version("xgboost"))


def bits(prices: np.ndarray) -> list[int]:
    assert prices.dtype == np.float64
    assert prices.ndim == 1
    return prices.view(np.uint64).tolist()


# Prices


@pytest.mark.parametrize("family", ["linear", "xgboost"])
def test_a_frame_has_the_prices_of_the_command_line_bit_for_bit(
    trained: Trained, registry: xc.Registry, stones: pd.DataFrame, tmp_path: Path, family: str
) -> None:
    version, file, priced = trained.version(family), tmp_path / "stones.csv", tmp_path / "priced.csv"
    stones.to_csv(file, index=False)
    trained.program("value", file, "--out", priced, "--version", version, "--registry", trained.folder)
    expected = read_csv(priced)["price_usd"].to_numpy()
    assert len(expected) > 300
    ours = registry.load(version)
    assert bits(ours.predict(stones)) == bits(expected)
    assert bits(ours.predict(file)) == bits(expected)
    assert bits(ours.predict(str(file))) == bits(expected)


@pytest.mark.parametrize("family", ["linear", "xgboost"])
def test_a_stone_has_the_same_price_alone_and_among_others(
    trained: Trained, registry: xc.Registry, stones: pd.DataFrame, family: str
) -> None:
    ours = registry.load(trained.version(family))
    alone = [ours.value(**stone)["price_usd"] for stone in stones[FEATURES].to_dict("records")]
    assert bits(ours.predict(stones)) == bits(np.array(alone))


def test_more_rows_than_are_priced_at_once_keep_their_order(model: xc.Model, public: pd.DataFrame) -> None:
    sound = public[(public[["x", "y", "z"]] > 0).all(axis="columns")]
    prices = model.predict(sound)
    assert len(prices) == len(sound) > 50_000
    backwards = model.predict(sound[::-1])
    assert bits(prices[::-1].copy()) == bits(backwards)


def test_estimated_measurements_are_named_and_give_the_price_of_the_command_line(
    trained: Trained, model: xc.Model, tmp_path: Path
) -> None:
    file, priced = tmp_path / "stone.csv", tmp_path / "priced.csv"
    file.write_text("carat,cut,color,clarity\n1.2,Premium,E,VS1\n")
    trained.program("value", file, "--out", priced, "--version", model.version, "--registry", trained.folder)
    valuation = model.value(**STONE)
    assert valuation["assumed"] == ["depth", "table", "x", "y", "z"]
    assert valuation["price_usd"] == read_csv(priced)["price_usd"][0]
    assert model.predict(pd.DataFrame([STONE]))[0] == valuation["price_usd"]
    given = model.value(**STONE, x=6.8, y=6.75, z=4.2)
    assert given["assumed"] == ["depth", "table"]


# Frames


def frames(stones: pd.DataFrame) -> dict[str, object]:
    """The same stones in every form that a column can take."""
    table = pa.Table.from_pandas(stones)
    names = table.schema.names

    def texts(kind: pa.DataType) -> pa.Table:
        return pa.table({name: table[name].cast(kind) if name in GRADES else table[name] for name in names})

    def in_chunks(table: pa.Table) -> pa.Table:
        return pa.Table.from_batches(table.to_batches(max_chunksize=64), schema=table.schema)

    of_polars = pl.from_arrow(table)
    return {
        "pandas": stones,
        "pandas with an index": stones.set_index(stones.index + 7),
        "pandas categories": stones.astype(dict.fromkeys(GRADES, "category")),
        "pandas slice": pd.concat([stones.head(3), stones]).iloc[3:],
        "polars": of_polars,
        "polars query": of_polars.lazy(),
        "polars categories": of_polars.with_columns(pl.col(GRADES).cast(pl.Categorical)),
        "polars enumerations": of_polars.with_columns(pl.col("cut").cast(pl.Enum(CUTS))),
        "polars in chunks": pl.concat([of_polars.head(100), of_polars.slice(100)], rechunk=False),
        "polars text only": of_polars.with_columns(pl.all().cast(pl.String)),
        "pyarrow": table,
        "pyarrow in chunks": in_chunks(table),
        "pyarrow slice": pa.concat_tables([table.slice(0, 9), table]).slice(9),
        "pyarrow reader": table.to_reader(),
        "large text": texts(pa.large_string()),
        "text views": texts(pa.string_view()),
        "dictionaries in chunks": in_chunks(texts(pa.dictionary(pa.int16(), pa.string()))),
        "columns shuffled": stones[stones.columns[::-1]],
        "names in capitals": stones.rename(columns=str.upper),
        "columns of no meaning": stones.assign(
            when=pd.Timestamp("2026-01-01"), parts=[[1, 2]] * len(stones), price=decimal.Decimal(1)
        ),
    }


def test_the_same_stones_have_the_same_prices_in_every_kind_of_frame(
    model: xc.Model, stones: pd.DataFrame
) -> None:
    expected = bits(model.predict(stones))
    for name, frame in frames(stones).items():
        assert bits(model.predict(frame)) == expected, name


@pytest.mark.parametrize(
    "kind",
    [
        *["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"],
        *["halffloat", "float", "double", pa.decimal128(6, 1), pa.decimal128(38, 20)],
    ],
    ids=str,
)
def test_every_kind_of_number_is_read_as_the_number_it_is(model: xc.Model, kind: object) -> None:
    kind = pa.type_for_alias(kind) if isinstance(kind, str) else kind
    tables = pa.chunked_array([pa.array(part).cast(kind) for part in ([57.0, None], [60.0])])
    frame = pa.table({"carat": [1.2] * 3, "cut": ["Ideal"] * 3, "color": ["E"] * 3, "clarity": ["VS1"] * 3})
    expected = [
        model.value(**STONE | {"cut": "Ideal"}, table=table)["price_usd"] for table in [57.0, None, 60.0]
    ]
    assert model.predict(frame.append_column("table", tables)).tolist() == expected


def test_nulls_in_measurements_are_estimated_row_by_row(model: xc.Model, stones: pd.DataFrame) -> None:
    holes = pl.from_pandas(stones[FEATURES]).with_columns(
        pl.when(pl.int_range(pl.len()) % 3 == 0).then(None).otherwise(pl.col("z")).alias("z"),
        depth=pl.lit(None),
    )
    expected = [model.value(**stone)["price_usd"] for stone in holes.to_dicts()]
    for frame in [holes, holes.to_pandas(), holes.to_arrow()]:
        assert model.predict(frame).tolist() == expected


def test_no_rows_have_no_prices(model: xc.Model, stones: pd.DataFrame) -> None:
    for frame in frames(stones.head(0)).values():
        assert model.predict(frame).shape == (0,)


def test_rows_are_left_as_they_were(model: xc.Model, stones: pd.DataFrame) -> None:
    before = stones.copy()
    model.predict(stones)
    pd.testing.assert_frame_equal(stones, before)


def test_many_threads_get_the_same_prices(model: xc.Model, stones: pd.DataFrame) -> None:
    expected, found = bits(model.predict(stones)), []
    threads = [threading.Thread(target=lambda: found.append(bits(model.predict(stones)))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8


# Similar stones


def test_similar_stones_are_those_of_the_command_line(trained: Trained, model: xc.Model) -> None:
    asked = [part for name, value in STONE.items() for part in (f"--{name}", value)]
    expected = trained.program.json(
        "similar", *asked, "-n", 7, "--version", model.version, "--registry", trained.folder
    )
    assert model.similar(**STONE, n=7) == expected["diamonds"]
    assert model.similar(**STONE) == expected["diamonds"][:5]
    assert model.similar(carat=1.2, cut="PREMIUM", color="e", clarity=" vs1") == expected["diamonds"][:5]


# Registry


def test_cards_are_those_of_the_command_line_newest_first(trained: Trained, registry: xc.Registry) -> None:
    expected = trained.program.json("models", "list", "--registry", trained.folder)
    assert registry.versions() == expected["models"]
    assert [card["version"] for card in registry.versions()] == [2, 1]
    champion = registry.champion()
    assert champion.version == expected["champion"]
    assert champion.card == registry.versions()[-champion.version]
    assert champion.family == champion.card["family"]


def test_a_promotion_and_its_rollback_are_seen_by_the_command_line(xtream: Program) -> None:
    folder = xtream.folder / "registry"
    xc.train(FIRST, models=["linear"], registry=folder)
    xc.train(FIRST, models=["linear"], registry=folder)
    registry = xc.Registry(folder)
    decision = registry.promote(2, reason="Better on large stones.")
    assert (decision["promoted"], decision["candidate"], decision["champion"]) == (True, 2, 1)
    assert decision["reason"] == "Better on large stones."
    assert xtream.json("models", "list")["champion"] == registry.champion().version == 2
    xtream("models", "promote", 1)
    assert registry.champion().version == 1
    assert registry.rollback(reason="A mistake.") == 2
    assert xtream.json("models", "list")["champion"] == 2


# Training


def test_a_run_reports_and_decides_as_the_command_line_does(xtream: Program) -> None:
    few = xtream.folder / "few.csv"
    few.write_text("".join(FIRST.read_text().splitlines(keepends=True)[:1500]))
    theirs = xtream.train(few, "--trials", 2, "--registry", "theirs")
    run = xc.train(few, trials=2, ranges=False, registry=xtream.folder / "ours")
    for line in [*theirs["leaderboard"], *run.report["leaderboard"]]:
        assert line.pop("duration_s") > 0
    assert run.report["leaderboard"] == theirs["leaderboard"]
    assert run.leaderboard["mae_usd"].tolist() == [line["mae_usd"] for line in theirs["leaderboard"]]
    assert run.champion == theirs["champion"]
    assert run.decision == theirs["decision"]
    assert run.data == theirs["data"]


def test_files_and_test_rows_may_be_given_in_every_way(public: pd.DataFrame, tmp_path: Path) -> None:
    halves = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for half, rows in zip(halves, [public[:4000], public[4000:8000]], strict=True):
        rows.to_csv(half, index=False)

    def digest(data: object, **more: object) -> str:
        return xc.train(data, models=["linear"], registry=tmp_path / "registry", **more).data["digest"]

    whole = digest(halves)
    assert digest([str(half) for half in halves]) == whole
    assert digest(tuple(halves)) == digest(tmp_path) == digest(f"{tmp_path}/*.csv") == whole
    assert digest(halves[0], test=halves[1]) == digest(halves[:1], test=[str(halves[1])]) != whole
    assert digest(halves, suspect="keep", duplicates="keep") != whole


def test_progress_is_told_in_order_and_on_the_calling_thread(tmp_path: Path) -> None:
    events, threads = [], set()

    def listen(event: dict) -> None:
        events.append(event)
        threads.add(threading.get_ident())

    run = xc.train(
        FIRST, models=["xgboost"], trials=3, ranges=False, registry=tmp_path / "registry", progress=listen
    )
    assert threads == {threading.get_ident()}
    names = list(dict.fromkeys(event["event"] for event in events))
    assert names == [
        "reading",
        "file_read",
        "data_ready",
        "search_started",
        "trial_finished",
        "search_finished",
        "fitting",
        "judged",
        "decided",
    ]
    trials = [event for event in events if event["event"] == "trial_finished"]
    assert [trial["n_finished"] for trial in trials] == [1, 2, 3]
    assert events[-2]["mae_usd"] == run.report["leaderboard"][0]["mae_usd"]
    assert events[-1]["decision"] == run.decision


def test_other_threads_run_while_a_model_is_trained(tmp_path: Path) -> None:
    done, longest = threading.Event(), []

    def tick() -> None:
        last = time.monotonic()
        while not done.wait(0.01):
            longest.append(time.monotonic() - last)
            last = time.monotonic()

    clock = threading.Thread(target=tick)
    clock.start()
    started = time.monotonic()
    try:
        xc.train(FIRST, models=["xgboost"], trials=4, ranges=False, registry=tmp_path / "registry")
    finally:
        seconds = time.monotonic() - started
        done.set()
        clock.join()
    # Whoever keeps the interpreter's lock while it trains stops the clock for most of that time.
    assert max(longest) < seconds / 2


def test_an_exception_of_the_callback_stops_the_run_and_is_raised(tmp_path: Path) -> None:
    def refuse(event: dict) -> None:
        if event["event"] == "trial_finished":
            raise RuntimeError("enough")

    folder = tmp_path / "registry"
    with pytest.raises(RuntimeError, match="enough"):
        xc.train(FIRST, models=["xgboost"], trials=500, registry=folder, progress=refuse)
    assert xc.Registry(folder).versions() == []


INTERRUPTED = """
    import sys, time
    import xtream_core as xc

    def show(event):
        if event["event"] == "trial_finished":
            print(event["n_finished"], flush=True)

    try:
        xc.train(sys.argv[1], models=["xgboost"], trials=500, registry=sys.argv[2], progress=show)
    except KeyboardInterrupt as interrupt:
        sys.exit(f"interrupted: {interrupt}")
"""


@pytest.mark.alone
def test_ctrl_c_stops_a_run_within_a_second_and_finished_trials_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "registry"
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(INTERRUPTED), FIRST, folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    while int(process.stdout.readline()) < 3:
        pass
    shown, said, seconds = stop(process)
    assert seconds < A_SECOND
    assert process.returncode == 1
    assert said.startswith("interrupted: stopped as asked; finished trials are kept")
    n_shown = max(map(int, shown.split()), default=3)
    assert xc.Registry(folder).versions() == []
    assert not list(folder.glob("*.csv"))

    kept = []
    n_trials = n_shown + 2
    run = xc.train(
        FIRST,
        models=["xgboost"],
        trials=n_trials,
        ranges=False,
        registry=folder,
        progress=lambda event: kept.append(event["n_kept"]) if "n_kept" in event else None,
    )
    assert kept[0] >= n_shown
    options = {"trials": n_trials, "ranges": False, "registry": tmp_path / "fresh"}
    fresh = xc.train(FIRST, models=["xgboost"], **options)
    assert run.report["leaderboard"][0]["params"] == fresh.report["leaderboard"][0]["params"]
    assert run.report["leaderboard"][0]["mae_usd"] == fresh.report["leaderboard"][0]["mae_usd"]


PRICING = """
    import sys
    import polars as pl
    import xtream_core as xc

    stones = pl.read_csv(sys.argv[1]).filter((pl.col("x") > 0) & (pl.col("y") > 0) & (pl.col("z") > 0))
    model = xc.Registry(sys.argv[2]).load(int(sys.argv[3]))
    many = pl.concat([stones] * 40)
    print("ready", flush=True)
    try:
        model.predict(many)
    except KeyboardInterrupt:
        sys.exit("interrupted")
"""


@pytest.mark.alone
def test_ctrl_c_stops_the_pricing_of_millions_of_rows(trained: Trained) -> None:
    arguments = [PUBLIC, trained.folder, trained.version("xgboost")]
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PRICING), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    _, said, seconds = stop(process)
    assert said == "interrupted\n"
    assert seconds < A_SECOND


# XGBoost's library


def in_python(code: str, **variables: str) -> str:
    """What a Python of its own prints; no variable of ours but those given is set there."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("XTREAM_")}
    command = [sys.executable, "-c", textwrap.dedent(code)]
    run = subprocess.run(command, env=clean | variables, capture_output=True, text=True, check=True)
    return run.stdout


def test_the_library_is_found_without_importing_its_package(tmp_path: Path) -> None:
    printed = in_python(f"""
        import sys
        import xtream_core as xc
        xc.train({str(FIRST)!r}, models=["xgboost"], trials=0, registry={str(tmp_path)!r})
        print("xgboost" in sys.modules)
    """)
    assert printed == "False\n"


@pytest.mark.parametrize("is_named", [True, False])
def test_a_missing_library_is_an_error_with_the_command_that_mends_it(tmp_path: Path, is_named: bool) -> None:
    variables = {"XTREAM_XGBOOST_LIB": "/nowhere/libxgboost.so"} if is_named else {}
    printed = in_python(
        f"""
        import importlib.util
        import xtream_core as xc
        find = importlib.util.find_spec
        importlib.util.find_spec = lambda name: None if name == "xgboost" else find(name)
        try:
            xc.train({str(FIRST)!r}, models=["xgboost"], trials=0, registry={str(tmp_path)!r})
        except xc.XtreamError as error:
            print(error)
        """,
        **variables,
    )
    assert "pip install xgboost-cpu" in printed
    assert ("/nowhere/libxgboost.so" in printed) == is_named


# Errors


def test_rows_that_are_no_diamonds_are_named_with_field_value_and_what_is_allowed(
    model: xc.Model, stones: pd.DataFrame, tmp_path: Path
) -> None:
    wrong = stones.head(20).copy()
    wrong.loc[3, "cut"] = "Shiny"
    wrong.loc[5, "carat"] = -1.0
    wrong.loc[5, "z"] = -1.0
    wrong.loc[7, "z"] = 0.0  # a measurement that nobody made
    with pytest.raises(xc.InvalidDiamondError) as caught:
        model.predict(wrong)
    first, *lines = str(caught.value).splitlines()
    assert first == "2 of 20 rows are not valid diamonds"
    assert lines[0].strip() == (
        'row 3: cut = "Shiny" is not a known grade; allowed is one of Fair, Good, Very Good, Premium, Ideal'
    )
    assert [line.split(" is ")[0].strip() for line in lines[1:]] == ['row 5: carat = "-1"', 'row 5: z = "-1"']
    file = tmp_path / "wrong.csv"
    wrong.to_csv(file, index=False)
    with pytest.raises(xc.InvalidDiamondError, match='line 5: cut = "Shiny"'):
        model.predict(file)


def test_a_stone_too_unlike_all_others_has_no_price_and_is_named(
    trained: Trained, stones: pd.DataFrame
) -> None:
    model = xc.Registry(trained.folder).load(trained.version("linear"))
    far = stones.head(3).reset_index(drop=True)
    far.loc[1, ["carat", "x", "y", "z"]] = [1e6, 1e6, 1e6, 6e5]
    with pytest.raises(
        xc.InvalidDiamondError, match="row 1: carat = .* too far beyond what the model knows"
    ) as caught:
        model.predict(far)
    assert (caught.value.row, caught.value.field) == (1, "carat")
    assert model.predict(far.drop(index=1)).shape == (2,)


def test_of_very_many_faults_the_first_are_named_and_the_rest_counted(
    model: xc.Model, public: pd.DataFrame
) -> None:
    wrong = public.assign(cut="Shiny")
    with pytest.raises(xc.InvalidDiamondError) as caught:
        model.predict(wrong)
    first, *lines, last = str(caught.value).splitlines()
    assert first == f"{len(wrong)} of {len(wrong)} rows are not valid diamonds"
    assert [line.split(":")[0].strip() for line in lines] == [f"row {row}" for row in range(10)]
    assert last.strip() == f"and {len(wrong) - 10} more faults"
    assert len(caught.value.faults) == len(wrong), "to look at, they are all there"


def test_all_faults_of_one_stone_are_named_at_once(model: xc.Model) -> None:
    with pytest.raises(xc.InvalidDiamondError) as caught:
        model.value(carat=float("nan"), cut="Shiny", color="K", clarity="VS1", depth=-1.0)
    for part in [
        'carat = "NaN"',
        'cut = "Shiny"',
        'color = "K"',
        'depth = "-1"',
        "one of J, I, H, G, F, E, D",
    ]:
        assert part in str(caught.value)
    with pytest.raises(xc.InvalidDiamondError, match="Shiny"):
        model.similar(carat=1.0, cut="Shiny", color="E", clarity="VS1")


def test_a_frame_without_a_needed_column_is_refused_by_the_columns_name(
    model: xc.Model, stones: pd.DataFrame
) -> None:
    for frame in [
        stones.drop(columns=["cut", "color"]),
        pl.from_pandas(stones.drop(columns=["cut", "color"])),
    ]:
        with pytest.raises(
            xc.InvalidInputError, match="no column cut, color; the columns found are carat, cl"
        ):
            model.predict(frame)


def test_a_column_that_stands_there_twice_is_refused(model: xc.Model, stones: pd.DataFrame) -> None:
    with pytest.raises(xc.InvalidInputError, match='"carat" and "Carat" are the same column twice'):
        model.predict(stones.assign(Carat=1.0))


@pytest.mark.parametrize(
    "carat",
    [
        pa.array([[1.0]]),
        pa.array([{"ct": 1.0}]),
        pa.array([b"1.0"]),
        pa.array([b"1.000000"], pa.binary(8)),
        pa.array([1.0]).dictionary_encode(),
        pa.array([True]),
        pa.array([pd.Timestamp("2026-01-01")]),
        pa.array([pd.Timedelta(days=1)]),
    ],
    ids=lambda carat: str(carat.type),
)
def test_a_column_that_holds_neither_numbers_nor_text_is_refused(model: xc.Model, carat: pa.Array) -> None:
    frame = pa.table({"carat": carat, "cut": ["Ideal"], "color": ["E"], "clarity": ["VS1"]})
    with pytest.raises(xc.InvalidInputError, match="column carat is of type .*; allowed is integers, "):
        model.predict(frame)


class Broken:
    """A frame that hands out something else than the interface prescribes."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_a_broken_frame_is_an_error_and_never_a_crash(model: xc.Model, stones: pd.DataFrame) -> None:
    with pytest.raises(TypeError):
        model.predict(Broken("not a capsule"))
    with pytest.raises(ValueError):
        model.predict(Broken(pa.array([1]).__arrow_c_array__()[0]))
    with pytest.raises(ZeroDivisionError):
        model.predict(Broken(ZeroDivisionError()))
    capsule = stones.__arrow_c_stream__()
    assert len(model.predict(Broken(capsule))) == len(stones)
    with pytest.raises(xc.InvalidInputError, match="released"):
        model.predict(Broken(capsule))
    with pytest.raises(xc.InvalidInputError, match="single column"):
        model.predict(stones["carat"])

    def failing() -> object:
        yield pa.RecordBatch.from_pandas(stones)
        raise OSError("the disk is gone")

    table = pa.RecordBatchReader.from_batches(pa.Schema.from_pandas(stones), failing())
    with pytest.raises(xc.InvalidInputError, match="the disk is gone"):
        model.predict(table)


def test_what_is_neither_a_frame_nor_a_path_is_a_type_error(model: xc.Model, stones: pd.DataFrame) -> None:
    for wrong in [3, None, [1.2], STONE, stones.to_numpy()]:
        with pytest.raises(TypeError, match=type(wrong).__name__):
            model.predict(wrong)
    for wrong in [3, None, stones.to_numpy(), {"a": 1}, ["a.csv", {"a": 1}]]:
        named = type(wrong[1] if isinstance(wrong, list) else wrong).__name__
        with pytest.raises(TypeError, match=f"data must be a frame .*, a path, or a list.*{named}"):
            xc.train(wrong)


class Median:
    """A model that cannot be served."""

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        self.value = float(np.median(y))

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), self.value)


@pytest.mark.filterwarnings("ignore::xtream_core.NotServedWarning")
def test_models_that_are_not_there_are_lookup_errors(registry: xc.Registry, tmp_path: Path) -> None:
    with pytest.raises(xc.ModelNotFoundError, match="no model version 99; known versions are 1 to 2"):
        registry.load(99)
    with pytest.raises(LookupError):
        registry.promote(99)
    with pytest.raises(xc.ModelNotFoundError, match="no registry at"):
        xc.Registry(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    xc.train(FIRST, models=[Median], trials=0, registry=tmp_path / "registry", progress=False)
    with pytest.raises(xc.ModelNotFoundError, match="no model has been promoted yet"):
        xc.Registry(tmp_path / "registry").champion()
    with pytest.raises(xc.ModelNotFoundError, match="no former champion"):
        xc.Registry(tmp_path / "registry").rollback()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": "nowhere.csv"}, "nowhere.csv: there is no such file"),
        ({"models": ["lineer"]}, '"lineer" is not a family.*linear, xgboost'),
        ({"suspect": "maybe"}, 'suspect = "maybe"; allowed is "reject" or "keep"'),
        ({"duplicates": "maybe"}, 'duplicates = "maybe"; allowed is "drop" or "keep"'),
        ({"trials": -1}, "trials = -1; allowed is a whole number of at least 0"),
        ({"jobs": 0}, "jobs = 0; allowed is a whole number of at least 1"),
        ({"seed": -1}, "seed = -1"),
        ({"seed": 2**64}, "seed = "),
        ({"test": "nowhere.csv"}, "nowhere.csv: there is no such file"),
    ],
)
def test_wrong_arguments_are_value_errors_that_say_what_is_allowed(
    tmp_path: Path, arguments: dict, message: str
) -> None:
    arguments = {"data": FIRST, "models": ["linear"], "registry": tmp_path} | arguments
    with pytest.raises(xc.InvalidInputError, match=message) as caught:
        xc.train(**arguments)
    assert isinstance(caught.value, ValueError)


def test_other_wrong_arguments_are_value_errors_too(model: xc.Model, registry: xc.Registry) -> None:
    for n in [0, -1]:
        with pytest.raises(ValueError, match=f"n = {n}; allowed is a whole number of at least 1"):
            model.similar(**STONE, n=n)
    with pytest.raises(ValueError, match="version = -1"):
        registry.load(-1)
    with pytest.raises(ValueError, match=r"nowhere\.csv"):
        model.predict("nowhere.csv")


def test_too_many_refused_rows_train_nothing(public: pd.DataFrame, tmp_path: Path) -> None:
    file = tmp_path / "wrong.csv"
    rows = public.head(1000).copy()
    rows.loc[:99, "cut"] = "Shiny"
    rows.to_csv(file, index=False)
    arguments = {"models": ["linear"], "registry": tmp_path / "registry"}
    with pytest.raises(xc.InvalidInputError, match="102 of 1000 rows were refused"):
        xc.train(file, **arguments)
    assert xc.Registry(tmp_path / "registry").versions() == []
    assert xc.train(file, max_rejects=20, **arguments).data["n_rejected"] == 102


def test_the_exceptions_are_a_tree_that_python_knows() -> None:
    assert issubclass(xc.InvalidDiamondError, xc.InvalidInputError)
    assert issubclass(xc.InvalidInputError, xc.XtreamError)
    assert issubclass(xc.InvalidInputError, ValueError)
    assert issubclass(xc.ModelNotFoundError, xc.XtreamError)
    assert issubclass(xc.ModelNotFoundError, LookupError)
    error = pickle.loads(pickle.dumps(xc.InvalidDiamondError("row 3")))
    assert type(error) is xc.InvalidDiamondError
    assert str(error) == "row 3"


# The package


def test_every_public_name_is_documented() -> None:
    for name in xc.__all__:
        thing = getattr(xc, name)
        assert thing.__doc__, name
        for member, value in vars(thing).items() if isinstance(thing, type) else ():
            is_data = value is None or value == ()
            assert member.startswith("_") or is_data or value.__doc__, f"{name}.{member}"


def test_objects_show_what_they_are(registry: xc.Registry, model: xc.Model, trained: Trained) -> None:
    assert repr(registry) == f'Registry("{trained.folder}")'
    assert repr(model) == f'Model(version={model.version}, family="xgboost")'
