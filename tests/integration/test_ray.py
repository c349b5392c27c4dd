"""Stones priced by Ray: the same bits as by one process, whatever happens to a worker."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
import ray
import xtream_core as xc
import xtream_core.ray
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


@pytest.fixture(scope="module", autouse=True)
def engine(folder: Path) -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=200_000_000)
    yield
    ray.shutdown()


def dataset(stones: pd.DataFrame, n_blocks: int) -> ray.data.Dataset:
    return ray.data.from_pandas(stones).repartition(n_blocks)


def test_two_workers_give_the_bits_of_one_process(
    model: xc.Model, stones: pd.DataFrame, expected: pd.Series
) -> None:
    found = xtream_core.ray.value(dataset(stones, 12), REGISTRY, TREES).to_pandas()
    assert list(found) == [*stones, "price_usd", "faults"]
    assert_same_bits(found, expected)
    assert_faults_are_told(found, model, stones)


def test_a_worker_that_is_killed_in_the_middle_changes_nothing(
    stones: pd.DataFrame, expected: pd.Series, tmp_path: Path
) -> None:
    killed = tmp_path / "killed"

    def kill_once(batch: pa.Table) -> pa.Table:
        if BAD in batch["stone"].to_pylist() and not killed.exists():
            killed.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return batch

    priced = xtream_core.ray.value(dataset(stones, 12), REGISTRY, TREES)
    found = priced.map_batches(kill_once, batch_format="pyarrow").to_pandas()
    assert int(killed.read_text()) != os.getpid()
    assert_same_bits(found, expected)


def test_ranges_and_reasons_are_those_of_one_process(model: xc.Model, stones: pd.DataFrame) -> None:
    few = some(stones)
    asked = {"ranges": True, "reasons": True, "confidence": 0.8}
    found = xtream_core.ray.value(dataset(few, 3), REGISTRY, TREES, **asked).to_pandas()
    assert_ranges_and_reasons(found, model, few)


def test_the_example_of_the_guide(public: pd.DataFrame) -> None:
    stones = laid_out(public)
    exec(example("Ray"), {})
    assert_written(stones)
