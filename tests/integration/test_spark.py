"""Stones priced by Spark: the same bits as by one process, whatever happens to a worker."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
import xtream_core as xc
import xtream_core.spark
from priced import (
    BAD,
    REGISTRY,
    TREES,
    assert_faults_are_told,
    assert_ranges_and_reasons,
    assert_same_bits,
    assert_written,
    example,
    laid_out,
    some,
)
from pyspark.sql import DataFrame, SparkSession


@pytest.fixture(scope="module")
def spark(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Two workers; what fails is tried up to four times, as on a cluster."""
    session = (
        SparkSession.builder.master("local[2, 4]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.local.dir", str(tmp_path_factory.mktemp("spark")))
        .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse")))
        .config("spark.sql.shuffle.partitions", 4)
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .getOrCreate()
    )
    yield session
    session.stop()


def frame(spark: SparkSession, stones: pd.DataFrame, n_partitions: int) -> DataFrame:
    return spark.createDataFrame(stones).repartition(n_partitions)


def test_two_workers_give_the_bits_of_one_process(
    spark: SparkSession, model: xc.Model, stones: pd.DataFrame, expected: pd.Series
) -> None:
    found = xtream_core.spark.value(frame(spark, stones, 12), REGISTRY, TREES).toPandas()
    assert list(found) == [*stones, "price_usd", "faults"]
    assert_same_bits(found, expected)
    assert_faults_are_told(found, model, stones)


def test_a_worker_that_is_killed_in_the_middle_changes_nothing(
    spark: SparkSession, stones: pd.DataFrame, expected: pd.Series, tmp_path: Path
) -> None:
    killed = tmp_path / "killed"

    def kill_once(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if BAD in batch["stone"].to_pylist() and not killed.exists():
                killed.write_text(str(os.getpid()))
                os.kill(os.getpid(), signal.SIGKILL)
            yield batch

    priced = xtream_core.spark.value(frame(spark, stones, 12), REGISTRY, TREES)
    found = priced.mapInArrow(kill_once, priced.schema).toPandas()
    assert int(killed.read_text()) != os.getpid()
    assert_same_bits(found, expected)


def test_ranges_and_reasons_are_those_of_one_process(
    spark: SparkSession, model: xc.Model, stones: pd.DataFrame
) -> None:
    few = some(stones)
    asked = {"ranges": True, "reasons": True, "confidence": 0.8}
    found = xtream_core.spark.value(frame(spark, few, 3), REGISTRY, TREES, **asked).toPandas()
    assert_ranges_and_reasons(found, model, few)


def test_what_no_worker_could_do_is_refused_at_once(spark: SparkSession, stones: pd.DataFrame) -> None:
    rows = frame(spark, stones.iloc[:9], 2)
    with pytest.raises(xc.InvalidInputError, match="no column cut"):
        xtream_core.spark.value(rows.drop("cut"), REGISTRY)
    own = rows.withColumnRenamed("stone", "PRICE_USD")
    assert xtream_core.spark.value(own, REGISTRY).columns[-2:] == ["xtream_price_usd", "faults"]


def test_the_example_of_the_guide(spark: SparkSession, public: pd.DataFrame) -> None:
    stones = laid_out(public)
    exec(example("Spark"), {})
    assert_written(stones)
