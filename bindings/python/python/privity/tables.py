"""A party's own table, from wherever it is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np

from . import _native
from ._checks import refuse
from ._native import Table
from .exceptions import ArgumentError

__all__ = ["Table", "read_csv", "read_parquet", "table"]

Missing = Literal["refuse", "as_level"]
ColumnData = list[Any] | tuple[str, bytes]


def read_csv(path: str | os.PathLike[str], *, missing: Missing = "refuse") -> Table:
    """Reads a CSV file with a header line.

    ``missing="as_level"`` makes empty cells of text columns a level of their
    own; numbers must be complete.
    """
    return _native.Table.from_csv(os.fspath(path), missing)


def read_parquet(path: str | os.PathLike[str], *, missing: Missing = "refuse") -> Table:
    """Reads a Parquet file."""
    return _native.Table.from_parquet(os.fspath(path), missing)


def table(data: Any, *, name: str = "table", missing: Missing = "refuse") -> Table:
    """Makes a table of a data frame and checks it.

    ``data`` is a pandas or polars data frame, a pyarrow table, anything else
    with the Arrow C stream interface, a dict of lists or NumPy arrays, or the
    path of a ``.csv`` or ``.parquet`` file. ``name`` stands in error messages.

    >>> import privity as pv
    >>> pv.table({"age": [31, 42], "job": ["clerk", "baker"]}).schema()
    [('age', 'number', None), ('job', 'text', 2)]
    """
    if isinstance(data, Table):
        return data
    if isinstance(data, (str, os.PathLike)):
        return _from_path(os.fspath(data), missing)
    if isinstance(data, Mapping):
        columns = [(str(key), _column(str(key), values)) for key, values in data.items()]
        _check_any(columns)
        return _native.Table.from_columns(name, columns, missing)
    if _is_pandas(data):
        columns = [(str(key), _series(str(key), values)) for key, values in data.items()]
        _check_any(columns)
        return _native.Table.from_columns(name, columns, missing)
    if hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__"):
        return _native.Table.from_arrow(name, data, missing)
    raise ArgumentError(
        f"table: an object of type {type(data).__name__} is not a table; pass a pandas or polars "
        "data frame, a pyarrow table, a dict of columns, or a path",
        op="table",
        rule="not a table",
        fix="pass a pandas or polars data frame, a pyarrow table, a dict of columns, or a path",
    )


def _check_any(columns: list[tuple[str, ColumnData]]) -> None:
    if not columns:
        refuse("table", "a table needs a column", "pass at least one column")


def _from_path(path: str, missing: Missing) -> Table:
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".csv":
        return read_csv(path, missing=missing)
    if suffix in (".parquet", ".pq"):
        return read_parquet(path, missing=missing)
    raise ArgumentError(
        f"table: {path} is neither .csv nor .parquet; use read_csv or read_parquet",
        op="table",
        rule="unknown file type",
        fix="use read_csv or read_parquet",
    )


def _is_pandas(data: Any) -> bool:
    module = type(data).__module__.partition(".")[0]
    return module == "pandas" and hasattr(data, "columns")


def _series(name: str, series: Any) -> ColumnData:
    """A pandas column. Its index is not data and is left behind."""
    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "biuf":
        return _column(name, series.to_numpy())
    values = series.astype(object)
    return list(values.where(values.notna(), None))


def _column(name: str, values: Any) -> ColumnData:
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        refuse(
            "table",
            f"column '{name}' is of type {type(values).__name__}, not a list of values",
            "pass a list or an array with one value per row",
        )
    if not isinstance(values, np.ndarray):
        return list(values)
    if values.ndim != 1:
        rule = f"column '{name}' has {values.ndim} dimensions"
        raise ArgumentError(
            f"table: {rule}; pass one array per column",
            op="table",
            rule=rule,
            fix="pass one array per column",
        )
    match values.dtype.kind:
        case "b":
            return "b1", values.astype("u1").tobytes()
        case "i":
            return "i8", values.astype("<i8").tobytes()
        case "u" if values.dtype.itemsize < 8:
            return "i8", values.astype("<i8").tobytes()
        case "u" | "f":
            return "f8", values.astype("<f8").tobytes()
        case _:
            return list(values.tolist())
