"""The native half of the package, whose names beginning with an underscore are for the package alone."""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal, TypeAlias, final, overload

import numpy as np
from numpy.typing import NDArray

from ._card import Card
from ._frames import Frame

_Path: TypeAlias = str | PathLike[str]

__all__ = [
    "InvalidDiamondError",
    "InvalidInputError",
    "Model",
    "ModelNotFoundError",
    "Registry",
    "XtreamError",
    "_Fitted",
    "_GRADES",
    "_RunModels",
    "__version__",
    "_compare",
    "_count_rows",
    "_errors_by_carat",
    "_fit_numbers",
    "_fit_stones",
    "_importance",
    "_inspect",
    "_in_minutes",
    "_is_column",
    "_metrics",
    "_restore_fitted",
    "_restore_model",
    "_run_job",
    "_join_detached",
    "_similar",
    "_train",
    "_validate",
    "_xgboost_library",
]

_GRADES: Mapping[str, list[str]]
__version__: str

class XtreamError(Exception):
    """Base of all errors of this package. Its text says what is wrong and what mends it."""

class InvalidInputError(XtreamError, ValueError):
    """A file, a frame or an argument that cannot be used as it is."""

class InvalidDiamondError(InvalidInputError):
    """Stones that cannot be. Its text names row, field, value and what is allowed.

    An instance has `faults`, all of them as dicts with `row` (from 0 in a frame, the line from 1
    in a file, None for a single stone), `field`, `value`, `reason` and `allowed`; `row` and `field` are
    those of the first.
    """

    faults: Sequence[dict[str, Any]]
    row: int | None
    field: str | None

class ModelNotFoundError(XtreamError, LookupError):
    """There is no such registry, model version or champion."""

@final
class Registry:
    """Every model ever trained, and which one answers."""

    def __new__(cls, path: _Path) -> Registry: ...
    @property
    def folder(self) -> Path | str:
        """Its folder as a path; of one in a store, its address as a str."""

    def versions(self) -> list[Card]:
        """Every model's card, newest first."""

    def champion(self) -> Model:
        """The model that answers now."""

    def load(self, version: int) -> Model:
        """The model of that version."""

    def promote(self, version: int, *, reason: str = "Promoted by hand.") -> dict[str, Any]:
        """Makes that version the champion; returns the decision."""

    def rollback(self, *, reason: str = "Rolled back by hand.") -> int:
        """Makes the former champion the champion again; returns its version."""

    def history(self) -> list[dict[str, Any]]:
        """Everything that ever happened, oldest first."""

    def _repr_html_(self) -> str: ...

@final
class Model:
    """A fitted model of a registry."""

    @property
    def version(self) -> int:
        """Its number in the registry."""

    @property
    def family(self) -> str:
        """Family of models, such as `xgboost`."""

    @property
    def card(self) -> Card:
        """Everything that is known about it."""

    def predict(
        self, data: Frame | _Path, *, errors: Literal["raise", "nan"] = "raise"
    ) -> NDArray[np.float64]:
        """One price in US dollars a row, shape (n_rows,). Missing measurements are estimated."""

    def evaluate(self, data: Frame | _Path) -> dict[str, Any]:
        """How good its prices are for stones that were sold."""

    def fit(self, X: Any, y: Any = None) -> Model:
        """For scikit-learn: nothing is learned."""

    @property
    def estimator(self) -> Any:
        """For scikit-learn: an estimator that gives the model's number, whatever it is."""

    def score(self, X: Frame | _Path, y: Any) -> float:
        """For scikit-learn: R2 of its prices against `y`."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """For scikit-learn: there are no parameters."""

    @overload
    def value(self, data: Frame | _Path, *, confidence: float = 0.9) -> Any: ...
    @overload
    def value(
        self,
        data: None = None,
        *,
        confidence: float = 0.9,
        carat: float | None = None,
        cut: str | None = None,
        color: str | None = None,
        clarity: str | None = None,
        depth: float | None = None,
        table: float | None = None,
        x: float | None = None,
        y: float | None = None,
        z: float | None = None,
    ) -> dict[str, Any]:
        """Of one stone `price_usd`, `range` and `assumed`; of many a frame with price, range and reasons."""

    def explain(self, data: Frame | _Path) -> Any:
        """How size, grades and proportions move each price: five rows for each stone."""

    def similar(
        self, *, carat: float, cut: str, color: str, clarity: str, n: int = 5
    ) -> list[dict[str, Any]]:
        """The training stones of the same grades that are nearest in weight."""

    def trials(self) -> list[dict[str, Any]]:
        """The trials of the search that found its parameters, by number."""

    def _appraise(self, data: Frame | _Path, confidence: float) -> dict[str, Any]: ...
    def _price_sold(self, data: Frame | _Path) -> dict[str, Any]: ...
    def _numbers(self, data: Frame | _Path) -> NDArray[np.float64]: ...
    def _rows(self, side: str) -> dict[str, Any]: ...
    def _study(self) -> list[dict[str, Any]]: ...
    def __sklearn_clone__(self) -> Model: ...
    def __sklearn_is_fitted__(self) -> bool: ...
    def __sklearn_tags__(self) -> Any: ...
    def _repr_html_(self) -> str: ...
    def __reduce__(self) -> tuple[Any, tuple[bytes, str, Path]]: ...

@final
class _Fitted:
    def predict_numbers(self, features: NDArray[np.float64]) -> NDArray[np.float64]: ...
    def predict_stones(self, stones: Frame) -> NDArray[np.float64]: ...
    def linear(self) -> tuple[float, NDArray[np.float64], list[str]] | None: ...
    def gains(self) -> tuple[NDArray[np.float64], list[str]] | None: ...
    def __reduce__(self) -> tuple[Any, tuple[str, bytes]]: ...

@final
class _RunModels:
    def rows(self) -> dict[str, Any]: ...
    def prices(self) -> dict[str, NDArray[np.float64]]: ...
    def predict(self, name: str, data: Frame | _Path, errors: str) -> NDArray[np.float64]: ...

def _compare(
    actual: NDArray[np.float64], first: NDArray[np.float64], second: NDArray[np.float64]
) -> dict[str, Any]: ...
def _count_rows(data: Frame | _Path) -> int: ...
def _errors_by_carat(
    carat: Sequence[float] | NDArray[np.float64],
    actual: Sequence[float] | NDArray[np.float64],
    predicted: Sequence[float] | NDArray[np.float64],
    edges: Sequence[float] | None,
) -> dict[str, list[Any]]: ...
def _fit_numbers(
    family: str,
    features: NDArray[np.float64],
    target: NDArray[np.float64],
    weight: NDArray[np.float64] | None,
    params: Sequence[tuple[str, float]],
    seed: int,
) -> _Fitted: ...
def _fit_stones(
    family: str,
    stones: Frame,
    prices: NDArray[np.float64],
    weight: NDArray[np.float64] | None,
    params: Sequence[tuple[str, float]],
    seed: int,
) -> _Fitted: ...
def _importance(trials: str) -> dict[str, Any]: ...
def _in_minutes(seconds: float) -> str: ...
def _is_column(name: str) -> bool: ...
def _metrics(actual: NDArray[np.float64], predicted: NDArray[np.float64]) -> dict[str, Any]: ...
def _restore_fitted(header: str, body: bytes) -> _Fitted: ...
def _restore_model(pipeline: bytes, card: str, place: _Path) -> Model: ...
def _join_detached() -> None: ...
def _similar(data: Frame, carat: float, cut: str, color: str, clarity: str, n: int) -> dict[str, Any]: ...
def _train(
    data: Any,
    test: Any,
    models: list[Any] | None,
    trials: int,
    seed: int,
    jobs: int | None,
    parallel: int,
    registry: _Path,
    promote: bool,
    suspect: str,
    duplicates: str,
    max_rejects: float,
    space: str,
    monotone: bool,
    ranges: bool,
    executor: Any,
    progress: Callable[[dict[str, Any]], object] | None,
) -> tuple[dict[str, Any], _RunModels]: ...
def _run_job(job: bytes, rows: bytes | None, own: Any) -> bytes: ...
def _inspect(file: Any) -> tuple[str, str]: ...
def _validate(data: Any, suspect: str, duplicates: str, unpriced: bool) -> dict[str, Any]: ...
def _xgboost_library() -> Path | None: ...
