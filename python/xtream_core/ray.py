"""Prices a dataset of Ray Data: `value`."""

import os
from typing import Any

import pyarrow as pa

from ._engines import Scoring, require
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
    """Adds prices to a dataset of Ray Data, batch by batch (`map_batches`, in pyarrow's format). Nothing is
    read or priced until the result is consumed or written.

    Parameters, further columns and errors are those of `xtream_core.dask.value`.

    Parameters
    ----------
    stones : ray.data.Dataset
        Columns as for `Model.predict`. All columns come back beside the prices: carry a number of the
        stone's own and join by it, since Ray does not promise the order of rows.

    Returns
    -------
    ray.data.Dataset
        The rows with `price_usd` (US dollars, bit for bit that of `Model.predict`; null where there is none),
        the columns asked for, and `faults`: why a row has no price.
    """
    require(stones, "map_batches", "a dataset of Ray Data")
    four_cs = ("carat", "cut", "color", "clarity")
    # What columns there are, Ray may know only when it reads them.
    scoring = Scoring.of(registry, version, four_cs, ranges=ranges, reasons=reasons, confidence=confidence)
    return stones.map_batches(_valued, batch_format="pyarrow", fn_kwargs={"scoring": scoring})


def _valued(batch: pa.Table, scoring: Scoring) -> pa.Table:
    names = scoring.names(batch.column_names).values()
    for name, values in zip(names, scoring.columns(batch), strict=True):
        batch = batch.append_column(name, values)
    return batch
