"""`similar`: the rows of a frame that are most like a stone."""

import os
import warnings
from typing import Any, TypeVar

from . import _native
from ._frames import Frame, at_rest, is_frame, kind_of, make, take, with_column

_Data = TypeVar("_Data", bound=Frame | str | os.PathLike[str])


def similar(data: _Data, *, carat: float, cut: str, color: str, clarity: str, n: int = 5) -> Any:
    """The rows of the same cut, color and clarity that are nearest in weight; equally near ones by
    price, then by row.

    Parameters
    ----------
    data : frame, str or os.PathLike
        Where to look: columns `carat` (ct), `cut`, `color`, `clarity`, and `price` if there is one. Rows
        of these grades with a mistake in carat or price, and rows whose grades cannot be read, are left
        out, and a warning says how many were.
    carat : float
        Weight in ct.
    cut, color, clarity : str
        Grades, regardless of case.
    n : int
        How many; there are fewer when there are fewer.

    Returns
    -------
    frame of the same kind
        These rows with all their columns, nearest first, and `carat_difference` (ct).

    Raises
    ------
    InvalidDiamondError
        A weight or grade that cannot be.
    InvalidInputError
        A column is missing, or `n` is not at least 1.

    Notes
    -----
    The whole frame is read at each call. For many questions to one set of stones, `Model.similar`
    answers from an index.

    Examples
    --------
    >>> stones = xc.validate("data/diamonds.csv").clean
    >>> found = xc.similar(stones, carat=1.2, cut="Premium", color="E", clarity="VS1", n=3)
    >>> found[["carat", "price", "carat_difference"]].round(2).values.tolist()
    [[1.2, 10053.0, 0.0], [1.19, 9263.0, 0.01], [1.21, 9541.0, 0.01]]
    """
    frame: Any = at_rest(data)
    if not is_frame(frame):
        kept = _native._validate(frame, "keep", "keep", False)
        frame = make(kept["kept"], kind_of(frame))
        n_left_out = kept["counts"]["n_rejected"]
    else:
        n_left_out = 0
    found = _native._similar(frame, carat, cut, color, clarity, n)
    n_left_out += found["n_wrong"]
    if n_left_out:
        warnings.warn(
            f"{n_left_out:,} rows cannot be read and were left out; `validate` names them", stacklevel=2
        )
    return with_column(take(frame, found["rows"]), "carat_difference", found["carat_difference"])
