"""Prices diamonds: trains models, keeps every one of them, and answers with the best.

>>> import xtream_core as xc
>>> run = xc.train("data/first-delivery.csv", models=["linear"], registry="registry", progress=False)
>>> model = xc.Registry("registry").champion()
>>> model.value(carat=1.2, cut="Premium", color="E", clarity="VS1")["assumed"]
['depth', 'table', 'x', 'y', 'z']
>>> stones = xc.validate("data/second-delivery.csv").clean
>>> model.predict(stones).shape
(9973,)

A frame is pandas, polars, pyarrow or anything else with the Arrow PyCapsule interface; a path is
accepted where a frame is. Frames that come back are of the kind that was given; for a path they are
pandas, else polars, else pyarrow, whichever is installed first in this order. Grades are text, never
codes. Prices are US dollars, weights carat, dimensions millimetres, `depth` and `table` percent.
Ctrl-C stops whatever runs within a fifth of a second and leaves nothing half-written.

Core's messages go to the logger `xtream_core` of Python's `logging`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from ._native import (
    InvalidDiamondError,
    InvalidInputError,
    Model,
    ModelNotFoundError,
    Registry,
    XtreamError,
    __version__,
)

if TYPE_CHECKING:
    from . import dask as dask
    from . import plots
    from . import ray as ray
    from . import spark as spark
    from ._card import Card
    from ._compare import Comparison, compare
    from ._families import Family, Integer, LogUniform, NotServedWarning, Uniform
    from ._inspect import File, Inspection, inspect
    from ._run import Run, TrainingInterrupted
    from ._similar import similar
    from ._train import train
    from ._validate import ValidationReport, validate
    from .estimators import (
        LinearDerivedRegressor,
        LogLinearRegressor,
        XGBoostDerivedRegressor,
        XGBoostRegressor,
    )

__all__ = [
    "Card",
    "Comparison",
    "Family",
    "File",
    "Inspection",
    "Integer",
    "InvalidDiamondError",
    "InvalidInputError",
    "LinearDerivedRegressor",
    "LogLinearRegressor",
    "LogUniform",
    "Model",
    "ModelNotFoundError",
    "NotServedWarning",
    "Registry",
    "Run",
    "TrainingInterrupted",
    "Uniform",
    "ValidationReport",
    "XGBoostDerivedRegressor",
    "XGBoostRegressor",
    "XtreamError",
    "__version__",
    "compare",
    "inspect",
    "plots",
    "similar",
    "train",
    "validate",
]

# Imported when they are first asked for: pricing a stone should not wait for scikit-learn.
_PLACES = {
    "Card": "_card",
    "Comparison": "_compare",
    "Family": "_families",
    "File": "_inspect",
    "Inspection": "_inspect",
    "Integer": "_families",
    "LinearDerivedRegressor": "estimators",
    "LogLinearRegressor": "estimators",
    "LogUniform": "_families",
    "NotServedWarning": "_families",
    "Run": "_run",
    "TrainingInterrupted": "_run",
    "Uniform": "_families",
    "ValidationReport": "_validate",
    "XGBoostDerivedRegressor": "estimators",
    "XGBoostRegressor": "estimators",
    "compare": "_compare",
    "inspect": "_inspect",
    # Not in `__all__`: a star must not hide the engines themselves.
    "dask": "dask",
    "plots": "plots",
    "ray": "ray",
    "similar": "_similar",
    "spark": "spark",
    "train": "_train",
    "validate": "_validate",
}


def __getattr__(name: str) -> object:
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f".{place}", __name__)
    found = module if name == place else getattr(module, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
