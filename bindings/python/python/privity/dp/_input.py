"""Columns on their way in. Arrays of NumPy and Arrow are not copied where they fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .._checks import refuse
from ..exceptions import DataError

NOWHERE = 2**32 - 1


def numbers(op: str, data: Any) -> Any:
    """One column of numbers: a NumPy array of float64 or int64, or an object of Arrow."""
    fix = "pass one column of numbers: an array, a series or a list"
    if _is_series(data):
        # By type, before a value is looked at: an error must not depend on one.
        kind = str(data.dtype).lower()
        if kind.startswith(("str", "category")):
            refuse(
                op,
                f"a series of {data.dtype} holds no numbers",
                'convert it first: pd.to_numeric(column, errors="coerce")',
            )
        data = _numpy(op, data, fix)
    if isinstance(data, np.ma.MaskedArray):
        data = np.ma.filled(data.astype(np.float64), np.nan)
    if isinstance(data, np.ndarray):
        if data.ndim != 1:
            refuse(op, f"the data have {data.ndim} dimensions", fix)
        match data.dtype.kind:
            case "f":
                return np.ascontiguousarray(data, dtype=np.float64)
            case "b" | "i":
                return np.ascontiguousarray(data, dtype=np.int64)
            case "u":
                wide = np.float64 if data.dtype.itemsize == 8 else np.int64
                return np.ascontiguousarray(data, dtype=wide)
            case "O":
                data = data.tolist()
            case _:
                refuse(op, f"an array of {data.dtype} holds no numbers", fix)
    elif _is_arrow(data):
        return data
    if isinstance(data, (str, bytes, Mapping)) or not isinstance(data, Iterable):
        refuse(op, f"an object of type {type(data).__name__} is no column of numbers", fix)
    return np.fromiter((_real(op, x, fix) for x in data), dtype=np.float64)


def _real(op: str, x: Any, fix: str) -> float:
    if x is None:
        return math.nan
    if not isinstance(x, (str, bytes)):
        try:
            return float(x)
        except (TypeError, ValueError):
            pass
        except OverflowError:
            return math.inf if x > 0 else -math.inf
    refuse(op, f"the column holds an object of type {type(x).__name__}", fix)


def conditions(op: str, what: str, data: Any) -> Any:
    """One column of booleans, as bytes, or an object of Arrow. What is missing is false."""
    fix = f"pass booleans as {what}, such as column > 40 or column == 1"
    if _is_series(data):
        if data.dtype == np.bool_:
            data = data.to_numpy()
        elif str(data.dtype) == "boolean":
            data = data.to_numpy(dtype=bool, na_value=False)
        else:
            data = data.tolist()
    if isinstance(data, np.ndarray):
        if data.ndim == 1 and data.dtype == np.bool_:
            return np.ascontiguousarray(data).view(np.uint8)
        if data.ndim != 1 or data.dtype.kind != "O":
            refuse(op, f"{what}: an array of {data.ndim} dimensions of {data.dtype}", fix)
        data = data.tolist()
    elif _is_arrow(data):
        return data
    if isinstance(data, (str, bytes, Mapping)) or not isinstance(data, Iterable):
        refuse(op, f"{what} is of type {type(data).__name__}", fix)
    flags = list(data)
    for flag in flags:
        if flag is not None and not isinstance(flag, (bool, np.bool_)):
            refuse(op, f"{what} holds an object of type {type(flag).__name__}", fix)
    return np.fromiter((flag is not None and bool(flag) for flag in flags), dtype=np.uint8)


def columns(op: str, what: str, data: Any) -> list[Any]:
    """The columns of a table, or of a list of columns."""
    if isinstance(data, np.ndarray):
        if data.ndim != 2:
            fix = "pass an array of two dimensions: rows, then columns"
            refuse(op, f"{what} has {data.ndim} dimensions", fix)
        return [data[:, j] for j in range(data.shape[1])]
    if isinstance(data, Mapping):
        return list(data.values())
    if hasattr(data, "iloc") and hasattr(data, "columns"):
        return [data.iloc[:, j] for j in range(data.shape[1])]
    if hasattr(data, "get_columns"):
        return list(data.get_columns())
    if isinstance(getattr(data, "columns", None), list):
        return list(data.columns)
    if isinstance(data, (list, tuple)):
        return list(data)
    fix = "pass a data frame, an array of two dimensions, or a list of columns"
    refuse(op, f"{what} is of type {type(data).__name__}", fix)


def codes(op: str, data: Any, known: Mapping[Any, int]) -> npt.NDArray[np.uint32]:
    """The number of each key; of a key that is not known, one that is nowhere."""
    values, places = _distinct(op, data)
    names = [known.get(value, NOWHERE) if not _missing(value) else NOWHERE for value in values]
    return _pick(names, places)


def own_codes(op: str, data: Any) -> tuple[npt.NDArray[np.uint32], list[Any]]:
    """A number for each key, in the order of the keys. Rows without a key are left out."""
    values, places = _distinct(op, data)
    keys = sorted(
        (value for value in values if not _missing(value)),
        key=lambda key: (type(key).__name__, key),
    )
    found = codes_of(keys)
    return _pick([found.get(value, NOWHERE) for value in values], places), keys


def _pick(names: list[int], places: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
    picked: npt.NDArray[np.uint32] = np.array(names, dtype=np.uint32)[places]
    return np.ascontiguousarray(picked)


def codes_of(keys: Sequence[Any]) -> dict[Any, int]:
    """Numbers of keys."""
    return {key: i for i, key in enumerate(keys)}


def units(op: str, ids: Any) -> npt.NDArray[np.uint64]:
    """A number for each unit."""
    values = _values(op, "ids", ids)
    if isinstance(values, np.ndarray) and values.dtype.kind in "iu":
        wide = np.uint64 if values.dtype.kind == "u" else np.int64
        return np.ascontiguousarray(values, dtype=wide).view(np.uint64)
    names, places = _distinct(op, values)
    if any(_missing(name) for name in names):
        rule, fix = "an identifier is missing", "leave rows without one out"
        raise DataError(f"{op}: {rule}; {fix}", column="ids", rule=rule, fix=fix)
    return np.ascontiguousarray(places, dtype=np.uint64)


def _distinct(op: str, data: Any) -> tuple[list[Any], npt.NDArray[Any]]:
    """Distinct values, and where each row's is among them."""
    values = _values(op, "the column", data)
    if isinstance(values, np.ndarray):
        distinct, places = np.unique(values, return_inverse=True)
        return distinct.tolist(), places
    numbers: dict[Any, int] = {}
    try:
        listed = [numbers.setdefault(value, len(numbers)) for value in values]
    except TypeError:
        refuse(op, "a key cannot be hashed", "pass a column of text or of whole numbers")
    return list(numbers), np.array(listed, dtype=np.int64)


def _values(op: str, what: str, data: Any) -> npt.NDArray[Any] | list[Any]:
    """An array of numbers, text or booleans, or a list."""
    if hasattr(data, "__array__") and not isinstance(data, np.ndarray):
        data = np.asarray(data)
    if isinstance(data, np.ndarray):
        if data.ndim != 1:
            refuse(op, f"{what} has {data.ndim} dimensions", "pass one value per row")
        if data.dtype.kind in "iuUSb" and not isinstance(data, np.ma.MaskedArray):
            return data
        return list(data.tolist())
    if isinstance(data, (str, bytes, Mapping)) or not isinstance(data, Iterable):
        refuse(op, f"{what} is of type {type(data).__name__}", "pass one value per row")
    return list(data)


def _missing(value: Any) -> bool:
    return value is None or value != value


def _numpy(op: str, series: Any, fix: str) -> npt.NDArray[Any]:
    if isinstance(series.dtype, np.dtype):
        return np.asarray(series.to_numpy())
    try:
        return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError):
        refuse(op, f"a series of {series.dtype} holds no numbers", fix)


def _is_series(data: Any) -> bool:
    return type(data).__module__.partition(".")[0] == "pandas" and hasattr(data, "dtype")


def _is_arrow(data: Any) -> bool:
    return hasattr(data, "__arrow_c_array__") or hasattr(data, "__arrow_c_stream__")
