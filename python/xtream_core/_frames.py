"""Frames in and frames out, of the library that the caller uses."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ._native import InvalidInputError

# "pandas", "polars" or "pyarrow".
Kind: TypeAlias = str
Columns: TypeAlias = Mapping[str, Sequence[Any] | NDArray[Any]]


class Frame(Protocol):
    """A frame of pandas, polars, pyarrow, or anything else that hands out its columns this way."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


METHOD = "__arrow_c_stream__"
_KINDS: tuple[Kind, ...] = ("pandas", "polars", "pyarrow")


def at_rest(data: Any) -> Any:
    """The data as something that can be read more than once and of which rows can be taken.

    A reader of pyarrow becomes a table, a query of polars its result, and a frame of a library that we
    do not know a frame of pyarrow, polars or pandas, whichever is installed. All else stays what it is.
    """
    if isinstance(data, list | tuple):
        return [at_rest(part) for part in data]
    kind, name = _library(data), type(data).__name__
    if kind == "polars" and name == "LazyFrame":
        return data.collect()
    if kind == "pyarrow" and name == "RecordBatchReader":
        return data.read_all()
    if kind is None and hasattr(data, METHOD):
        return _converted(data)
    return data


def kind_of(data: Any) -> Kind:
    """The library whose frames the caller wants: the one that the first frame of `data` is of, and for
    paths the first installed of pandas, polars and pyarrow."""
    for part in data if isinstance(data, list | tuple) else [data]:
        if kind := _library(part):
            return kind
    for kind in _KINDS:
        if find_spec(kind):
            return kind
    raise ImportError("a frame needs a library to be of: `pip install pandas` (or polars, or pyarrow)")


def is_frame(data: Any) -> bool:
    """Whether rows can be taken of it: a single frame, not a path and not a list."""
    return _library(data) is not None


def _library(data: Any) -> Kind | None:
    if not hasattr(data, METHOD) and type(data).__name__ != "LazyFrame":
        return None
    roots = {each.__module__.partition(".")[0] for each in type(data).__mro__}
    return next((kind for kind in _KINDS if kind in roots), None)


def _converted(data: Frame) -> Any:
    if find_spec("pyarrow"):
        import pyarrow

        return pyarrow.table(data)
    if find_spec("polars"):
        import polars

        return polars.DataFrame(data)
    raise InvalidInputError(
        f"a {type(data).__name__} cannot be turned into a frame; `pip install pyarrow` (or polars) mends it"
    )


def make(columns: Columns, kind: Kind) -> Any:
    """A frame of these columns. Lists hold text or None, arrays numbers."""
    if kind == "pandas":
        import pandas

        return pandas.DataFrame({name: _for_pandas(values) for name, values in columns.items()})
    if kind == "polars":
        import polars

        return polars.DataFrame(
            [
                polars.Series(name, values, dtype=polars.String if _is_text(values) else None)
                for name, values in columns.items()
            ]
        )
    import pyarrow

    arrays = [
        pyarrow.array(values, type=pyarrow.string() if _is_text(values) else None)
        for values in columns.values()
    ]
    return pyarrow.table(arrays, names=list(columns))


def _is_text(values: object) -> bool:
    return isinstance(values, list) and all(value is None or isinstance(value, str) for value in values)


def _for_pandas(values: Any) -> Any:
    # An empty list would become a column of numbers.
    return np.array(values, dtype=object) if _is_text(values) and not len(values) else values


def take(data: Any, rows: NDArray[np.int64]) -> Any:
    """These rows of a frame, in this order, with all its columns."""
    match _library(data):
        case "pandas":
            return data.iloc[rows]
        case "polars":
            return data[rows]
        case _:
            return data.take(rows)


def names_of(data: Any) -> list[str]:
    """The names of a frame's columns."""
    return [str(name) for name in (data.columns if _library(data) != "pyarrow" else data.schema.names)]


def narrow(data: Any, wanted: Sequence[str]) -> Any:
    """The frame with these of its columns only, whatever the case of their names: pandas copies every column
    that is handed over."""
    names = [name for name in names_of(data) if name.strip().lower() in wanted]
    if _library(data) == "pyarrow":
        return data.select(names)
    return data[names]


def with_column(data: Any, name: str, values: NDArray[np.float64]) -> Any:
    """The frame with one more column, or another one in the place of that name's."""
    match _library(data):
        case "pandas":
            return data.assign(**{name: values})
        case "polars":
            import polars

            return data.with_columns(polars.Series(name, values))
        case _:
            import pyarrow

            table = pyarrow.table(data)
            if name in table.column_names:
                table = table.drop_columns([name])
            return table.append_column(name, pyarrow.array(values))
