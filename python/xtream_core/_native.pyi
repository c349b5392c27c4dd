from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, Literal, Protocol, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

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

class _Frame(Protocol):
    """A frame of pandas, polars, pyarrow, or anything else that hands out its columns this way."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

_Path: TypeAlias = str | PathLike[str]

class XtreamError(Exception):
    """Base of all errors of this package. Its text says what is wrong and what mends it."""

class InvalidInputError(XtreamError, ValueError):
    """A file, a frame or an argument that cannot be used as it is."""

class InvalidDiamondError(InvalidInputError):
    """Stones that cannot be. Its text names row, field, value and what is allowed."""

class ModelNotFoundError(XtreamError, LookupError):
    """There is no such registry, model version or champion."""

@final
class Registry:
    """Every model ever trained, and which one answers."""

    def __new__(cls, path: _Path) -> Registry: ...
    def versions(self) -> list[dict[str, Any]]:
        """Every model's card, newest first."""

    def champion(self) -> Model:
        """The model that answers now."""

    def load(self, version: int) -> Model:
        """The model of that version."""

    def promote(self, version: int, *, reason: str = "Promoted by hand.") -> dict[str, Any]:
        """Makes that version the champion; returns the decision."""

    def rollback(self, *, reason: str = "Rolled back by hand.") -> int:
        """Makes the former champion the champion again; returns its version."""

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
    def card(self) -> dict[str, Any]:
        """Everything that is known about it."""

    def predict(self, data: _Frame | _Path) -> NDArray[np.float64]:
        """One price in US dollars a row, shape (n_rows,). Missing measurements are estimated."""

    def value(
        self,
        *,
        carat: float,
        cut: str,
        color: str,
        clarity: str,
        depth: float | None = None,
        table: float | None = None,
        x: float | None = None,
        y: float | None = None,
        z: float | None = None,
    ) -> dict[str, Any]:
        """The value of one stone: `price_usd`, and `assumed`, the names of what was estimated."""

    def similar(
        self, *, carat: float, cut: str, color: str, clarity: str, n: int = 5
    ) -> list[dict[str, Any]]:
        """The training stones of the same grades that are nearest in weight."""

@final
class Run:
    """What a training run brought."""

    @property
    def leaderboard(self) -> list[dict[str, Any]]:
        """The models trained, best first."""

    @property
    def champion(self) -> dict[str, Any] | None:
        """The model that answers now."""

    @property
    def decision(self) -> dict[str, Any] | None:
        """What was decided about the best model, and why."""

    @property
    def data(self) -> dict[str, Any]:
        """The rows behind it all."""

def train(
    data: _Path | Sequence[_Path],
    *,
    test: _Path | Sequence[_Path] | None = None,
    models: Sequence[str] | None = None,
    trials: int = 100,
    seed: int = 42,
    jobs: int | None = None,
    registry: _Path = "registry",
    promote: bool = True,
    suspect: Literal["reject", "keep"] = "reject",
    duplicates: Literal["drop", "keep"] = "drop",
    max_rejects: float = 1.0,
    progress: Callable[[dict[str, Any]], object] | None = None,
) -> Run:
    """Trains every family of models on the data, records each, and promotes the best."""
