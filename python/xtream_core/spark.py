"""Prices a DataFrame of Spark: `value`."""

import os
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from ._engines import TEXTS, Scoring, require
from ._native import Registry


def value(
    stones: Any,
    registry: str | os.PathLike[str] | Registry = "registry",
    version: int | None = None,
    *,
    ranges: bool = False,
    reasons: bool = False,
    confidence: float = 0.9,
) -> Any:
    """Adds prices to a DataFrame of Spark, Arrow batch by Arrow batch (`mapInArrow`). Nothing is read or
    priced until an action asks for it.

    Parameters, further columns and errors are those of `xtream_core.dask.value`.

    Parameters
    ----------
    stones : pyspark.sql.DataFrame
        Columns as for `Model.predict`. All columns come back beside the prices: carry a number of the
        stone's own and join by it, since shuffles change the order of rows.

    Returns
    -------
    pyspark.sql.DataFrame
        The rows with `price_usd` (US dollars, bit for bit that of `Model.predict`; null where there is none),
        the columns asked for, and `faults`: why a row has no price.
    """
    require(stones, "mapInArrow", "a DataFrame of Spark")
    from pyspark.sql.types import DoubleType, StringType, StructType

    scoring = Scoring.of(
        registry, version, stones.columns, ranges=ranges, reasons=reasons, confidence=confidence
    )
    names = scoring.names(stones.columns)
    schema = StructType(list(stones.schema.fields))
    for ours, name in names.items():
        schema = schema.add(name, StringType() if ours in TEXTS else DoubleType())

    def valued(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            columns = [*batch.columns, *scoring.columns(batch)]
            yield pa.RecordBatch.from_arrays(columns, names=[*batch.schema.names, *names.values()])

    return stones.mapInArrow(valued, schema)
