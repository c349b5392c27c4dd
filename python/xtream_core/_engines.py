"""One batch of stones on a worker of Dask, Ray or Spark: what the doors to the three share."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa

from ._frames import take
from ._native import InvalidDiamondError, Model, Registry, XtreamError
from ._run import place_of

# Reasons are worked out for so many stones at a time, since each takes some kilobytes on the way.
_AT_ONCE = 10_000

_RANGE = ("low_usd", "high_usd", "confidence")
_REASONS = (
    "average_usd",
    "reason_size_usd",
    "reason_color_usd",
    "reason_clarity_usd",
    "reason_cut_usd",
    "reason_proportions_usd",
)
TEXTS = ("warnings", "faults")


@dataclass(frozen=True)
class Scoring:
    """Which model prices, and what is asked of it. It is a few hundred bytes, and goes to every worker; the
    model does not, each process loads it once."""

    registry: str
    version: int
    # Of the model's file: a worker whose registry has another model of that version prices nothing.
    digest: str
    ranges: bool
    reasons: bool
    confidence: float

    @classmethod
    def of(
        cls,
        registry: str | os.PathLike[str] | Registry,
        version: int | None,
        columns: Iterable[str],
        *,
        ranges: bool,
        reasons: bool,
        confidence: float,
    ) -> "Scoring":
        """Decides about the model now, so that a promotion meanwhile changes nothing, and refuses what no
        batch could do: a model, a confidence or columns that are not there.
        """
        opened = registry if isinstance(registry, Registry) else Registry(registry)
        model = opened.champion() if version is None else opened.load(version)
        place = str(place_of(opened.folder))
        scoring = cls(place, model.version, model.card["model"], ranges, reasons, confidence)
        scoring.columns(pa.schema([(name, pa.null()) for name in columns]).empty_table())
        return scoring

    def names(self, taken: Iterable[str]) -> dict[str, str]:
        """Our columns, each with the name that it gets beside columns of those names."""
        ours = ["price_usd"]
        ours += _RANGE if self.ranges else ()
        ours += _REASONS if self.reasons else ()
        ours += TEXTS if self.ranges or self.reasons else TEXTS[1:]
        # Spark does not tell capitals from small letters.
        lowered = {name.lower() for name in taken}
        names = {}
        for name in ours:
            names[name] = name
            while names[name] in lowered:
                names[name] = f"xtream_{names[name]}"
        return names

    def columns(self, frame: Any) -> list[pa.Array]:
        """Our columns for each row of the frame, in the order of `names`. What there is not is null."""
        model = _loaded(self.registry, self.version, self.digest)
        prices = model.predict(frame, errors="nan")
        faults = np.full(len(frame), None, dtype=object)
        refused = np.flatnonzero(np.isnan(prices))
        if len(refused):
            faults[refused] = _faults(model, take(frame, refused))
        columns: dict[str, Any] = {"price_usd": prices, "faults": faults}
        if self.ranges or self.reasons:
            columns |= self._appraised(model, frame, np.flatnonzero(~np.isnan(prices)))
        return [
            pa.array(columns[name], pa.string() if name in TEXTS else pa.float64(), from_pandas=True)
            for name in self.names(())
        ]

    def _appraised(self, model: Model, frame: Any, sound: Any) -> dict[str, Any]:
        """Range, reasons and warnings of the rows that have a price; NaN and None for the others."""
        columns: dict[str, Any] = {name: np.full(len(frame), np.nan) for name in _RANGE + _REASONS}
        columns["warnings"] = np.full(len(frame), None, dtype=object)
        # Once also for no rows, so that a wrong confidence is refused before the work begins.
        for start in range(0, max(1, len(sound)), _AT_ONCE):
            rows = sound[start : start + _AT_ONCE]
            found = model._appraise(take(frame, rows), self.confidence)
            for name, values in columns.items():
                values[rows] = [text or None for text in found[name]] if name in TEXTS else found[name]
        return columns


def require(stones: Any, method: str, what: str) -> None:
    """Refuses a frame of another library."""
    if not hasattr(stones, method):
        given = type(stones)
        raise TypeError(
            f"{what} is needed, not {given.__module__}.{given.__qualname__}; `Model.predict` prices frames "
            "of pandas, polars and pyarrow"
        )


def _faults(model: Model, refused: Any) -> list[str]:
    """Of each row of a frame in which none has a price, why."""
    words: list[list[str]] = [[] for _ in range(len(refused))]
    try:
        model.predict(refused)
    except InvalidDiamondError as error:
        for fault in error.faults:
            words[fault["row"]].append(_in_words(fault))
    return [" | ".join(each) for each in words]


def _in_words(fault: dict[str, Any]) -> str:
    value = json.dumps(fault["value"], ensure_ascii=False)
    allowed = f"; allowed is {fault['allowed']}" if fault["allowed"] else ""
    return f"{fault['field']} = {value} {fault['reason']}{allowed}"


_loading = Lock()


def _loaded(registry: str, version: int, digest: str) -> Model:
    """The model of this process, whichever of its threads asks first."""
    with _loading:
        return _cached(registry, version, digest)


def _checked(registry: str, version: int, digest: str) -> Model:
    model = Registry(registry).load(version)
    found = model.card["model"]
    if found != digest:
        raise XtreamError(
            f"version {version} of the registry {registry} is another model here ({found}) than where the "
            f"work was given out ({digest}); all workers must see the same registry"
        )
    return model


# A worker that lives for long prices with many models, one after the other.
_cached = lru_cache(maxsize=4)(_checked)
