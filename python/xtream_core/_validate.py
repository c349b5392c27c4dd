"""`validate`: what is wrong with rows, before anything is trained on them."""

import os
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, final

from ._frames import Frame, at_rest, is_frame, kind_of, make, take
from ._html import table
from ._native import _validate

_Path: TypeAlias = str | os.PathLike[str]
Data: TypeAlias = Frame | _Path | Sequence[Frame | _Path]

# Lines of a report that a notebook shows.
_MOST_SHOWN = 20


@final
class ValidationReport:
    """What became of each row. `validate` makes one.

    Attributes
    ----------
    clean : frame
        The rows that `train` would use, in order.
    rejected : frame
        The rows that it would refuse, in order.
    duplicates : frame
        Repeated rows that it would drop: of equal rows the first is clean.
    faults : frame
        Every fault of every rejected row: `row` (position from 0), `column`, `value` as written,
        `severity` ("wrong": such a stone cannot be; "suspect": most likely a slip), `reason`,
        `allowed`, what would be accepted, and `likely`, the value that was most likely meant (NaN
        where the other numbers do not tell). For files also `file` and `line` (from 1).
    doubts : frame
        The same of clean rows that look mistyped all the same (severity "doubtful"; with
        `suspect="keep"` also those that are suspect): they are used, and worth a second look.
    n_rows, n_clean, n_rejected, n_suspect, n_duplicates : int
        `n_rows = n_clean + n_rejected + n_duplicates`; `n_suspect` of the rejected are suspect only.

    A single frame comes back in parts: all its columns, its types and (pandas) its index. From files
    come the ten columns of a delivery, the rejected ones as text.
    """

    def __init__(self, data: Any, found: dict[str, Any]) -> None:
        kind = kind_of(data)
        counts, faults, doubts = found["counts"], found["faults"], found["doubts"]
        self.n_rows: int = counts["n_rows"]
        self.n_clean: int = counts["n_kept"]
        self.n_rejected: int = counts["n_rejected"]
        self.n_suspect: int = counts["n_suspect"]
        self.n_duplicates: int = counts["n_duplicates"]
        self._faults: dict[str, Any] = faults
        self._n_doubtful = len(set(doubts["row"]))
        if is_frame(data):
            self.clean: Any = take(data, found["kept_rows"])
            self.rejected: Any = take(data, found["refused_rows"])
            self.duplicates: Any = take(data, found["duplicate_rows"])
            faults, doubts = (
                {name: part for name, part in found[which].items() if name not in ("file", "line")}
                for which in ("faults", "doubts")
            )
        else:
            self.clean = make(found["kept"], kind)
            self.rejected = make(found["refused"], kind)
            self.duplicates = make({"row": found["duplicate_rows"]}, kind)
        self.faults: Any = make(faults, kind)
        self.doubts: Any = make(doubts, kind)

    def _summary(self) -> str:
        return (
            f"{self.n_rows:,} rows: {self.n_clean:,} clean, {self.n_rejected:,} rejected "
            f"({self.n_suspect:,} of them suspect only), {self.n_duplicates:,} duplicates"
        )

    def __repr__(self) -> str:
        return f"ValidationReport({self._summary()})"

    def _repr_html_(self) -> str:
        names = ["row", "column", "value", "severity", "reason", "allowed", "likely"]
        rows = list(zip(*(self._faults[name] for name in names), strict=True))
        caption = self._summary()
        if self._n_doubtful:
            caption += f". {self._n_doubtful:,} clean rows look mistyped; `doubts` has them"
        if len(rows) > _MOST_SHOWN:
            caption += f". The first {_MOST_SHOWN} of {len(rows):,} faults; `faults` has all of them"
        # Row numbers are labels, not figures.
        shown = [
            (str(row), *rest, "" if likely != likely else f"{likely:g}")
            for row, *rest, likely in rows[:_MOST_SHOWN]
        ]
        return table(names, shown, caption)


def validate(
    data: Data,
    *,
    price: bool = True,
    suspect: Literal["reject", "keep"] = "reject",
    duplicates: Literal["drop", "keep"] | None = None,
) -> ValidationReport:
    """Looks at every row as `train` would, or, without a price, as `Model.predict` would, and says what is
    wrong with it.

    Parameters
    ----------
    data : frame, str, os.PathLike or a list of them
        Columns `carat` (ct), `cut`, `color`, `clarity`, `depth` and `table` (percent), `price` (US
        dollars), `x`, `y` and `z` (mm). Other columns are left alone.
    price : bool
        Whether the stones have one. Without it `carat`, `cut`, `color` and `clarity` are enough,
        measurements may be missing, and a column `price` is not looked at.
    suspect : {"reject", "keep"}
        What to do with stones whose numbers contradict each other.
    duplicates : {"drop", "keep"}, optional
        What to do with rows that stand there twice, price included. By default they are dropped; without a
        price they are kept, since two stones may well be alike.

    Returns
    -------
    ValidationReport
        `clean` and `rejected` rows, and every fault with row, column and reason.

    Raises
    ------
    InvalidInputError
        A column is missing or of a type that is neither number nor text, or a file cannot be read.

    Examples
    --------
    >>> import pandas as pd
    >>> delivery = pd.read_csv("data/first-delivery.csv")
    >>> report = xc.validate(delivery)
    >>> report
    ValidationReport(5,000 rows: 4,975 clean, 23 rejected (8 of them suspect only), 2 duplicates)
    >>> report.faults.iloc[0].drop(["reason", "allowed"]).to_dict()
    {'row': 77, 'column': 'depth', 'value': '56', 'severity': 'suspect', 'likely': 62.1}
    >>> len(report.doubts)
    5
    """
    data = at_rest(data)
    if duplicates is None:
        duplicates = "drop" if price else "keep"
    return ValidationReport(data, _validate(data, suspect, duplicates, not price))
