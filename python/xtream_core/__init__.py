"""Prices diamonds: trains models, keeps every one of them, and answers with the best.

>>> import xtream_core as xc
>>> run = xc.train("data/diamonds.csv", registry="registry")
>>> run.leaderboard[0]["mae_usd"]
>>> model = xc.Registry("registry").champion()
>>> model.value(carat=1.2, cut="Premium", color="E", clarity="VS1")
>>> model.predict(df)

A frame is pandas, polars, pyarrow or anything else with the Arrow PyCapsule interface; a path is
accepted where a frame is. Prices are US dollars, weights carat, dimensions millimetres, `depth` and
`table` percent. Ctrl-C stops whatever runs within a second and leaves nothing half-written.
"""

from ._native import (
    InvalidDiamondError,
    InvalidInputError,
    Model,
    ModelNotFoundError,
    Registry,
    Run,
    XtreamError,
    train,
)

__all__ = [
    "InvalidDiamondError",
    "InvalidInputError",
    "Model",
    "ModelNotFoundError",
    "Registry",
    "Run",
    "XtreamError",
    "train",
]
