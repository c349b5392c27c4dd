"""Prices a Dask DataFrame: `value`."""

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
    """Adds prices to a Dask DataFrame, partition by partition (`map_partitions`). Nothing is read or priced
    until the result is computed or written.

    Parameters
    ----------
    stones : dask.dataframe.DataFrame
        Columns as for `Model.predict`. All columns and the index come back beside the prices: carry a number
        of the stone's own and join by it, since shuffles and repartitions change the order of rows.
    registry : str, os.PathLike or Registry
        A folder that all workers see under the same path. Each process of a worker loads the model once, and
        refuses one whose file has another digest than here.
    version : int, optional
        Of the model; the champion of this moment where it is left out, also if another is promoted meanwhile.
    ranges : bool
        Whether to add `low_usd`, `high_usd` and `confidence`.
    reasons : bool
        Whether to add `average_usd` and `reason_size_usd` to `reason_proportions_usd`, as in `Model.value`.
        A range or the reasons of one stone take about as long as a thousand prices.
    confidence : float
        How often a range shall hold the price, from 0.5 to 0.99.

    Returns
    -------
    dask.dataframe.DataFrame
        The rows with `price_usd` (US dollars, bit for bit that of `Model.predict`; NaN where there is none),
        the columns asked for, `warnings` with ranges or reasons, and `faults`: why a row has no price, null
        where it has one. A name that is taken is preceded by `xtream_`.

    Raises
    ------
    InvalidInputError
        A column is missing, or another confidence.
    ModelNotFoundError
        There is no such registry, version or champion.
    TypeError
        `stones` is no frame of this engine.

    Examples
    --------
    >>> import dask.dataframe as dd, pandas as pd, xtream_core.dask
    >>> stones = dd.from_pandas(pd.read_csv("data/first-delivery.csv"), npartitions=4)
    >>> priced = xtream_core.dask.value(stones, "registry")
    >>> priced.columns[-2:].tolist()
    ['price_usd', 'faults']
    >>> int(priced["price_usd"].isna().sum().compute())
    3
    """
    require(stones, "map_partitions", "a Dask DataFrame")
    columns = [str(name) for name in stones.columns]
    scoring = Scoring.of(registry, version, columns, ranges=ranges, reasons=reasons, confidence=confidence)
    return stones.map_partitions(_valued, scoring, meta=_valued(stones._meta, scoring))


def _valued(partition: Any, scoring: Scoring) -> Any:
    import pandas

    names = scoring.names(map(str, partition.columns)).values()
    columns = zip(names, scoring.columns(partition), strict=True)
    # The same types in every partition and with every pandas, whether or not there is a text among them.
    return partition.assign(
        **{
            name: pandas.array(values.to_pylist(), dtype="string")
            if pa.types.is_string(values.type)
            else values.to_numpy(zero_copy_only=False)
            for name, values in columns
        }
    )
