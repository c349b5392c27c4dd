"""Stones priced by two workers of Dask: the same bits as by one process, whatever happens to a worker."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import dask.dataframe as dd
import pandas as pd
import pytest
import xtream_core as xc
import xtream_core.dask
from distributed import Client, LocalCluster
from priced import (
    BAD,
    REGISTRY,
    TREES,
    assert_faults_are_told,
    assert_ranges_and_reasons,
    assert_same_bits,
    numbered,
    priced_by_one_process,
    some,
)
from xtream_core._engines import Scoring


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Two workers, each a process of its own."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def stones(public: pd.DataFrame) -> pd.DataFrame:
    return numbered(public)


@pytest.fixture(scope="module")
def model() -> xc.Model:
    return xc.Registry(REGISTRY).load(TREES)


@pytest.fixture(scope="module")
def expected(model: xc.Model, stones: pd.DataFrame) -> pd.Series:
    return priced_by_one_process(model, stones)


def test_two_workers_give_the_bits_of_one_process(
    client: Client, stones: pd.DataFrame, expected: pd.Series
) -> None:
    priced = xtream_core.dask.value(dd.from_pandas(stones, npartitions=12, sort=False), REGISTRY, TREES)
    found = priced.shuffle("stone").compute()
    assert found["stone"].tolist() != stones["stone"].tolist()
    assert_same_bits(found, expected)
    assert list(found) == [*stones, "price_usd", "faults"]
    pd.testing.assert_series_equal(found.dtypes, priced.dtypes)


def test_a_row_with_faults_has_no_price_and_says_why_in_the_words_of_one_process(
    client: Client, model: xc.Model, stones: pd.DataFrame
) -> None:
    priced = xtream_core.dask.value(dd.from_pandas(stones, npartitions=5, sort=False), REGISTRY, TREES)
    assert_faults_are_told(priced.compute(), model, stones)


def test_a_worker_that_is_killed_in_the_middle_changes_nothing(
    client: Client, stones: pd.DataFrame, expected: pd.Series, tmp_path: Path
) -> None:
    killed = tmp_path / "killed"

    def kill_once(partition: pd.DataFrame) -> pd.DataFrame:
        if (partition["stone"] == BAD).any() and not killed.exists():
            killed.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return partition

    before = set(client.run(os.getpid).values())
    parts = dd.from_pandas(stones, npartitions=12, sort=False)
    priced = xtream_core.dask.value(parts, REGISTRY, TREES)
    found = priced.map_partitions(kill_once, meta=priced).compute()
    assert int(killed.read_text()) in before
    assert_same_bits(found, expected)


def test_ranges_and_reasons_are_those_of_one_process(
    client: Client, model: xc.Model, stones: pd.DataFrame
) -> None:
    few = some(stones)
    parts = dd.from_pandas(few, npartitions=3, sort=False)
    asked = {"ranges": True, "reasons": True, "confidence": 0.8}
    found = xtream_core.dask.value(parts, REGISTRY, TREES, **asked).compute()
    assert_ranges_and_reasons(found, model, few)
    ranged = xtream_core.dask.value(parts, REGISTRY, TREES, ranges=True)
    assert list(ranged)[-6:] == ["price_usd", "low_usd", "high_usd", "confidence", "warnings", "faults"]


def test_each_process_loads_the_model_once(client: Client, stones: pd.DataFrame) -> None:
    def cache() -> object:
        return xtream_core._engines._cached

    parts = dd.from_pandas(stones.iloc[:6_000], npartitions=24, sort=False)
    client.run(lambda: cache().cache_clear())
    xtream_core.dask.value(parts, REGISTRY, TREES).compute()
    n_asked = n_loaded = 0
    for information in client.run(lambda: cache().cache_info()).values():
        assert information.misses <= 1
        n_asked, n_loaded = n_asked + information.hits + information.misses, n_loaded + information.misses
    assert n_asked == 24 and 1 <= n_loaded <= 2


def test_a_worker_with_another_model_of_that_version_prices_nothing(
    client: Client, stones: pd.DataFrame
) -> None:
    asked = {"ranges": False, "reasons": False, "confidence": 0.9}
    right = Scoring.of(REGISTRY, TREES, stones.columns, **asked)
    wrong = Scoring.of(REGISTRY, 2, stones.columns, **asked)
    mixed = Scoring(right.registry, right.version, wrong.digest, **asked)
    assert client.submit(lambda: len(right.columns(stones)[0])).result() == 53_940
    with pytest.raises(xc.XtreamError, match="version 4 of the registry .* is another model here"):
        client.submit(lambda: mixed.columns(stones)).result()


def test_the_champion_is_the_one_of_the_moment_it_was_asked(stones: pd.DataFrame) -> None:
    registry = xc.Registry(os.path.relpath(REGISTRY))
    scoring = Scoring.of(registry, None, stones.columns, ranges=False, reasons=False, confidence=0.9)
    champion = registry.champion()
    assert scoring.registry == str(REGISTRY), "workers run in folders of their own"
    assert (scoring.version, scoring.digest) == (champion.version, champion.card["model"])


def test_what_no_worker_could_do_is_refused_at_once(stones: pd.DataFrame) -> None:
    parts = dd.from_pandas(stones.iloc[:9], npartitions=2)
    with pytest.raises(xc.InvalidInputError, match="no column cut"):
        xtream_core.dask.value(parts.drop(columns="cut"), REGISTRY)
    with pytest.raises(xc.InvalidInputError, match=r"0\.5 to 0\.99"):
        xtream_core.dask.value(parts, REGISTRY, ranges=True, confidence=2)
    with pytest.raises(xc.ModelNotFoundError):
        xtream_core.dask.value(parts, REGISTRY, 99)


@pytest.mark.parametrize("engine", [xc.dask, xc.ray, xc.spark])
def test_a_frame_of_pandas_is_no_frame_of_an_engine(engine: ModuleType, stones: pd.DataFrame) -> None:
    with pytest.raises(TypeError, match="is needed, not pandas.*DataFrame; `Model.predict` prices"):
        engine.value(stones, REGISTRY)


def test_all_doors_look_at_model_columns_and_confidence_before_any_worker_does() -> None:
    four_cs = ["carat", "cut", "color", "clarity"]
    asked = {"ranges": True, "reasons": False, "confidence": 0.9}
    with pytest.raises(xc.InvalidInputError, match="no column cut"):
        Scoring.of(REGISTRY, TREES, [name for name in four_cs if name != "cut"], **asked)
    with pytest.raises(xc.InvalidInputError, match=r"0\.5 to 0\.99"):
        Scoring.of(REGISTRY, TREES, four_cs, **asked | {"confidence": 2})


def test_reasons_are_the_same_however_many_stones_are_looked_at_at_once(
    model: xc.Model, stones: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = some(stones).iloc[250:350]
    scoring = Scoring.of(REGISTRY, TREES, few.columns, ranges=True, reasons=True, confidence=0.9)
    at_once = scoring.columns(few)
    monkeypatch.setattr("xtream_core._engines._AT_ONCE", 7)
    assert scoring.columns(few) == at_once


def test_a_column_that_is_there_keeps_its_name(client: Client, stones: pd.DataFrame) -> None:
    own = stones.iloc[:50].assign(price_usd=1.0, FAULTS="none")
    found = xtream_core.dask.value(dd.from_pandas(own, npartitions=2), REGISTRY, TREES).compute()
    assert list(found) == [*own, "xtream_price_usd", "xtream_faults"]
    assert (found["price_usd"] == 1).all() and (found["FAULTS"] == "none").all()
    assert (found["xtream_price_usd"] > 100).all()


def test_partitions_of_nothing_but_faults_and_without_rows_do_no_harm(
    client: Client, stones: pd.DataFrame
) -> None:
    wrong = stones.iloc[:20].assign(cut="Awful")
    parts = dd.concat([dd.from_pandas(wrong, npartitions=2), dd.from_pandas(stones.iloc[:0], npartitions=1)])
    found = xtream_core.dask.value(parts, REGISTRY, TREES, ranges=True, reasons=True).compute()
    assert len(found) == 20 and found["price_usd"].isna().all() and found["faults"].notna().all()


def test_the_package_imports_no_engine() -> None:
    code = "import sys, xtream_core, xtream_core.ray, xtream_core.spark, xtream_core.dask\n"
    code += "print(sorted({'dask', 'distributed', 'ray', 'pyspark', 'pandas'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
