"""Frames in and frames out, of the library that the caller uses."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from importlib.util import find_spec
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ._native import InvalidInputError, _is_column

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


def handed(data: Any) -> Any:
    """The frame as the native half takes it: of each column of ours the values, of every other its name
    alone, without an index. A column that holds objects of several kinds becomes one of text, so that a
    fault in it is one of a row and not of the whole frame.

    Raises
    ------
    ImportError
        A frame of pandas without pyarrow, through which pandas hands its frames over.
    """
    kind = _library(data)
    if kind == "pandas" and hasattr(data, "columns"):
        return _from_pandas(data)
    if kind == "polars" and hasattr(data, "columns"):
        return _from_polars(data)
    if kind == "pyarrow" and type(data).__name__ in ("Table", "RecordBatch"):
        return _from_pyarrow(data)
    return data


def _from_pandas(data: Any) -> Any:
    try:
        import pyarrow
    except ImportError:
        # Python shows the cause by itself.
        raise ImportError(  # noqa: B904
            "pandas hands its frames over through pyarrow, which is not installed; `pip install "
            "pyarrow` mends it"
        )
    names = [str(name) for name in data.columns]
    columns = [
        _of_series(data.iloc[:, place], pyarrow) if _is_column(name) else pyarrow.nulls(len(data))
        for place, name in enumerate(names)
    ]
    return pyarrow.table(columns, names=names) if names else pyarrow.table({})


def _of_series(values: Any, pyarrow: Any) -> Any:
    if values.dtype == object:
        from pandas.api.types import infer_dtype

        if infer_dtype(values, skipna=True) != "string":
            return pyarrow.array(list(map(_as_text, values)), pyarrow.string())
    try:
        return pyarrow.array(values, from_pandas=True)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, pyarrow.ArrowNotImplementedError):
        return pyarrow.array(list(map(_as_text, values)), pyarrow.string())


def _from_polars(data: Any) -> Any:
    import polars

    columns = []
    for values in data.iter_columns():
        if not _is_column(values.name):
            columns.append(polars.Series(values.name, [None] * len(values), dtype=polars.Null))
        elif values.dtype == polars.Object:
            columns.append(polars.Series(values.name, list(map(_as_text, values)), dtype=polars.String))
        else:
            columns.append(values)
    return polars.DataFrame(columns)


def _from_pyarrow(data: Any) -> Any:
    import pyarrow

    names = data.schema.names
    columns = [
        data.column(place) if _is_column(name) else pyarrow.nulls(data.num_rows)
        for place, name in enumerate(names)
    ]
    return pyarrow.table(columns, names=names) if names else data


def _as_text(value: Any) -> str | None:
    """A value as it would stand in a file: numbers by their shortest decimal, None for what is missing."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return None if value.is_nan() else format(value, "f")
    if isinstance(value, float | np.floating):
        return None if value != value else str(value).removesuffix(".0")
    # What pandas has for missing values.
    return None if type(value).__name__ in ("NAType", "NaTType") else str(value)


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
