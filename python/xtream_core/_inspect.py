"""`File` and `inspect`: how a file is to be read, and what it would be understood as."""

import html
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, final

from ._native import _inspect


@final
class File(os.PathLike[str]):
    """A file, and how it is to be read where what is found out about it is not right.

    It can stand wherever a path can.

    Parameters
    ----------
    path : str or os.PathLike
        CSV, Excel or Parquet.
    delimiter : str, optional
        What parts the columns: ",", ";", "|" or "tab".
    decimal : str, optional
        The sign of decimals: "." or ",".
    encoding : str, optional
        Such as "utf-8" or "windows-1252".
    sheet : str, optional
        Of a workbook; by default the first one that has the columns.
    columns : mapping of str to str, optional
        What columns of these names are: `{"Gewicht": "carat"}`; "-" leaves one aside.
    grades : mapping, optional
        What grades of the shop's own stand for: `{"cut": {"Excellent": "Ideal"}}`.
    accept_units : bool
        Whether numbers that look as if they had another unit are taken as they are.

    Examples
    --------
    >>> stones = xc.File("stock.csv", columns={"Gewicht": "carat"}, decimal=",")  # doctest: +SKIP
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        delimiter: str | None = None,
        decimal: Literal[".", ","] | None = None,
        encoding: str | None = None,
        sheet: str | None = None,
        columns: Mapping[str, str] | None = None,
        grades: Mapping[str, Mapping[str, str]] | None = None,
        accept_units: bool = False,
    ) -> None:
        self.path = Path(path)
        self.delimiter, self.decimal, self.encoding, self.sheet = delimiter, decimal, encoding, sheet
        self.columns = dict(columns or {})
        self.grades = {column: dict(of_column) for column, of_column in (grades or {}).items()}
        self.accept_units = accept_units

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def __repr__(self) -> str:
        said = {name: value for name, value in vars(self).items() if name != "path" and value}
        return (
            ", ".join([f"File({os.fspath(self)!r}", *(f"{name}={value!r}" for name, value in said.items())])
            + ")"
        )


@final
class Inspection(Mapping[str, Any]):
    """What a file would be understood as. `inspect` makes one; printed, it says so in words.

    As a mapping it has `file`, `understood` (its form, None where it is plain), `columns` (each with `name`,
    `field`, `unit` and `examples`), `missing` columns, `has_prices`, `n_rows`, `n_usable`, `n_refused`,
    `faults` (each kind with `column`, `example`, `n` and the first `lines`), suspected `units`, `spellings`
    of grades, and `settings`, lines of `xtream.toml` that would settle what is open.
    """

    def __init__(self, found: dict[str, Any], words: str) -> None:
        self._found, self._words = found, words

    def __getitem__(self, name: str) -> Any:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return self._words

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self._words)}</pre>"


def inspect(file: str | os.PathLike[str]) -> Inspection:
    """Look at a file: its form, its columns and units, which rows can be used, what is wrong with the others.

    Parameters
    ----------
    file : str, os.PathLike or File
        CSV, Excel or Parquet.

    Returns
    -------
    Inspection

    Raises
    ------
    InvalidInputError
        When the file cannot be read at all.
    """
    found, words = _inspect(file)
    return Inspection(json.loads(found), words)
