"""`Model.value` and `Model.explain` over frames."""

import os
from typing import Any

import numpy as np

from ._frames import Frame, at_rest, is_frame, kind_of, make
from ._native import Model

_GROUPS = ("size", "color", "clarity", "cut", "proportions")


def _appraised(model: Model, data: "Frame | str | os.PathLike[str]", confidence: float) -> tuple[Any, Any]:
    frame: Any = at_rest(data)
    return frame, model._appraise(frame, confidence)


def value(model: Model, data: "Frame | str | os.PathLike[str]", confidence: float) -> Any:
    """Price, range and reasons, a row for each of `data`."""
    frame, columns = _appraised(model, data, confidence)
    del columns["sentences"]
    valued = make(columns, kind_of(frame))
    if kind_of(frame) == "pandas" and is_frame(frame):
        valued.index = frame.index
    return valued


def explain(model: Model, data: "Frame | str | os.PathLike[str]") -> Any:
    """The reasons, five rows for each of `data`."""
    frame, columns = _appraised(model, data, 0.9)
    amounts = np.column_stack([columns[f"reason_{group}_usd"] for group in _GROUPS])
    rows = np.flatnonzero(np.isfinite(columns["average_usd"]))
    reasons = {
        "row": np.repeat(rows, len(_GROUPS)),
        "group": list(_GROUPS) * len(rows),
        "average_usd": np.repeat(columns["average_usd"][rows], len(_GROUPS)),
        "amount_usd": amounts[rows].ravel(),
        "sentence": columns["sentences"],
    }
    return make(reasons, kind_of(frame))
