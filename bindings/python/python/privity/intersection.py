"""Which rows of a table another institution has too."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from . import _native
from ._checks import integer, names, refuse
from ._native import Policy
from .results import Costs, Estimate, Network, Progress, StepCost
from .session import NETWORKS, _policies, _progress_callback
from .tables import _column, _is_pandas, _series

__all__ = [
    "Intersection",
    "Totals",
    "psi",
    "psi_estimate",
    "psi_local",
    "psi_totals",
    "psi_totals_local",
]

Nulls = Literal["refuse", "drop"]
Duplicates = Literal["refuse", "join", "first"]
Join = Literal["inner", "left", "anti"]


class Intersection:
    """The rows that all parties have in common, as one of them sees it."""

    #: Own rows that are common, counted from 0, in an order that is the same at both
    #: parties; None if this party does not learn the result.
    rows: npt.NDArray[np.int64] | None
    #: Rows with an identifier: own, then the other parties'.
    sizes: tuple[int, ...]
    #: Common identifiers; None if this party does not learn the result.
    common: int | None
    #: Whether this party has found the result itself. If both learn, the one that is
    #: listed first is told by the other, and has its word only.
    verified: bool
    #: What it cost this party.
    cost: StepCost

    def __init__(self, native: _native.PsiCommon, source: _native.PsiSource, data: Any) -> None:
        self._native, self._source, self._data = native, source, data
        self.rows = _numbers(native.rows())
        sizes, self.common, self.verified, (sent, received), rounds = native.figures
        self.sizes = tuple(sizes)
        self.cost = StepCost(1, "psi", sent, received, rounds, 0.0)

    @property
    def others(self) -> npt.NDArray[np.int64] | None:
        """Own rows that are not common, ascending."""
        return _numbers(self._native.others())

    def table(self, join: Join = "inner") -> Any:
        """Own rows as a table of the kind that was given.

        ``"inner"``: common rows in the common order; ``"left"``: then all others;
        ``"anti"``: the others alone. For a table that was given as a file, use
        :meth:`write`.
        """
        if join not in ("inner", "left", "anti"):
            refuse("psi", f"join={join!r} is unknown", 'use "inner", "left" or "anti"')
        others = self.others
        if self.rows is None or others is None:
            refuse("psi", "this party does not learn the result", "ask at a party that does")
        rows = {"inner": self.rows, "left": np.concatenate([self.rows, others]), "anti": others}
        return _take(self._data, rows[join])

    def write(
        self,
        path: str | os.PathLike[str],
        *,
        join: Join = "inner",
        order: Literal["common", "own"] = "common",
        place: str | None = None,
        columns: bool = True,
    ) -> int:
        """Writes own rows to a new .csv or .parquet file and says how many.

        ``order="own"`` keeps the order of the table, and ``place`` names a column
        that is added with the place in the common order. ``columns=False`` writes
        the numbers of rows alone. Of a table in memory only the columns of the
        identifier are written: write :meth:`table` instead.
        """
        return self._native.write(self._source, os.fspath(path), join, order, place, columns)

    def __repr__(self) -> str:
        common = "not told" if self.common is None else self.common
        return f"<intersection of {' and '.join(map(str, self.sizes))} rows: {common}>"


def psi(
    data: Any,
    on: str | Iterable[str],
    *,
    party: str | os.PathLike[str] = "party.toml",
    peer: str | None = None,
    learns: str | Iterable[str] | None = None,
    nulls: Nulls = "refuse",
    duplicates: Duplicates = "refuse",
    memory: int | str = "1G",
    workers: int = 1,
    checkpoint: str | os.PathLike[str] | None = None,
    delimiter: str = ",",
    progress: Callable[[Progress], object] | bool | None = None,
) -> Intersection:
    """Finds the rows of ``data`` whose identifiers another institution has too.

    Both call it at the same time, each with its own table. ``party`` is the file
    that says who they are. If it lists more than two, all of them call it and find the
    rows that all have (up to ten parties, which follow the protocol), or those that
    name each other as ``peer``.

    ``data`` is a pandas or polars data frame, a pyarrow table, anything else with the
    Arrow C stream interface, a dict of columns, or the path of a .csv or .parquet
    file of any size. ``on`` names the columns of the identifier; ``"id:integer"``
    says what a column is compared as: integer, decimal, text, folded (without
    regard to case and compatibility forms), date or bool. Kinds must be the same
    at both.

    ``learns`` names who learns the result, all unless given. ``nulls="drop"``
    leaves rows without an identifier out. ``duplicates="join"`` joins all own rows
    of an identifier with the other party's one row, ``"first"`` takes the first.

    ``memory`` bounds what identifiers take, ``workers`` how many parts of about a
    million rows are worked at the same time. With a ``checkpoint`` file a call that
    was interrupted goes on where it broke off.
    """
    source, kept = _source(data, on, delimiter)
    options = _options(on, learns, nulls, duplicates, memory, workers, checkpoint)
    callback = _progress_callback(progress)
    common = _native.psi(os.fspath(party), peer, source, options, callback)
    return Intersection(common, source, kept)


def psi_local(
    data: Mapping[str, Any],
    on: str | Iterable[str] | Mapping[str, str | Iterable[str]],
    *,
    learns: str | Iterable[str] | None = None,
    nulls: Nulls = "refuse",
    duplicates: Mapping[str, Duplicates] | None = None,
    policies: Mapping[str, Policy | str] | None = None,
    memory: int | str = "1G",
    workers: int = 1,
    delimiter: str = ",",
) -> dict[str, Intersection]:
    """The same with two to ten tables of this process, for learning and for tests.

    >>> import privity as pv
    >>> a = {"id": ["ada", "emmy"], "age": [36, 53]}
    >>> b = {"id": ["emmy", "sofia"], "bad": [0, 1]}
    >>> both = pv.psi_local({"alpha": a, "beta": b}, on="id")
    >>> both["alpha"].table()
    {'id': ['emmy'], 'age': [53]}
    >>> both["beta"].rows.tolist()
    [0]
    """
    if not 2 <= len(data) <= 10:
        refuse("psi", f"{len(data)} tables", "pass two to ten: a dict of names and tables")
    rules = _policies("psi", list(data), policies)
    parties, kept = [], {}
    for (name, table), policy in zip(data.items(), rules, strict=True):
        own = on[name] if isinstance(on, Mapping) else on
        source, kept[name] = _source(table, own, delimiter)
        repeats = (duplicates or {}).get(name, "refuse")
        options = _options(own, learns, nulls, repeats, memory, workers, None)
        parties.append((name, source, policy, options))
    results = _native.psi_local(parties)
    return {
        name: Intersection(common, source, kept[name])
        for (name, source, _, _), common in zip(parties, results, strict=True)
    }


@dataclass(frozen=True)
class Totals:
    """A count and sums over common rows that nobody else learns anything about."""

    #: Common rows.
    count: int
    #: Sums over them, by party and column.
    sums: dict[tuple[str, str], float]


def psi_totals(
    data: Any,
    on: str | Iterable[str],
    *,
    sums: str | Iterable[str] = (),
    at_least: int = 0,
    party: str | os.PathLike[str] = "party.toml",
    peer: str | None = None,
    learns: str | Iterable[str] | None = None,
    nulls: Nulls = "refuse",
    delimiter: str = ",",
) -> Totals | None:
    """Counts the rows that another institution has too, and sums columns over them.

    Nobody learns which rows these are. Both call it at the same time, each with its
    own table and the names of its own columns of numbers as ``sums``; see :func:`psi`
    for the rest. Nothing is opened if fewer than ``at_least`` rows are common, or fewer
    than ``min_cell`` of either policy, which must allow the operation ``totals``. A
    party that does not learn the result gets None.
    """
    listed = _columns(sums)
    source, _ = _source(data, [*_columns(on), *listed], delimiter)
    options = _options(on, learns, nulls, "refuse", "1G", 1, None)
    least = integer("psi", "at_least", at_least, 0, 2**32)
    return _totals(_native.psi_totals(os.fspath(party), peer, source, options, listed, least))


def psi_totals_local(
    data: Mapping[str, Any],
    on: str | Iterable[str] | Mapping[str, str | Iterable[str]],
    *,
    sums: Mapping[str, str | Iterable[str]] | None = None,
    at_least: int = 0,
    learns: str | Iterable[str] | None = None,
    nulls: Nulls = "refuse",
    policies: Mapping[str, Policy | str] | None = None,
    delimiter: str = ",",
) -> dict[str, Totals | None]:
    """The same with two tables of this process, for learning and for tests.

    >>> import privity as pv
    >>> a = {"id": ["ada", "emmy", "grace"], "spent": [10, 20, 30]}
    >>> b = {"id": ["emmy", "grace", "sofia"]}
    >>> both = pv.psi_totals_local({"alpha": a, "beta": b}, on="id", sums={"alpha": "spent"})
    >>> both["beta"]
    Totals(count=2, sums={('alpha', 'spent'): 50.0})
    """
    if len(data) != 2:
        refuse("psi", f"{len(data)} tables", "pass two: a dict of names and tables")
    rules = _policies("psi", list(data), policies)
    parties = []
    for (name, table), policy in zip(data.items(), rules, strict=True):
        own = on[name] if isinstance(on, Mapping) else on
        listed = _columns((sums or {}).get(name, ()))
        source, _ = _source(table, [*_columns(own), *listed], delimiter)
        options = _options(own, learns, nulls, "refuse", "1G", 1, None)
        parties.append((name, source, policy, options, listed))
    least = integer("psi", "at_least", at_least, 0, 2**32)
    results = _native.psi_totals_local(parties, least)
    return {name: _totals(found) for name, found in zip(data, results, strict=True)}


def _totals(found: tuple[int, list[tuple[str, str, float]]] | None) -> Totals | None:
    if found is None:
        return None
    count, sums = found
    return Totals(count, {(party, column): total for party, column, total in sums})


def psi_estimate(
    rows: Mapping[str, int],
    *,
    common: int | None = None,
    learns: str | Iterable[str] | None = None,
    workers: int = 1,
    network: str | Network = "lan",
) -> Estimate:
    """What a comparison of so many rows would cost, by party as listed.

    >>> import privity as pv
    >>> print(pv.psi_estimate({"alpha": 1_000_000, "beta": 1_000_000}, network="wan"))
    ... # doctest: +ELLIPSIS
    party               sent  received  rounds
    alpha ...
    """
    counts = [integer("psi", f"rows of {n}", c, 0, 2**32 - 1) for n, c in rows.items()]
    if len(counts) != 2:
        refuse("psi", f"rows of {len(counts)} parties", "pass two: a dict of names and rows")
    least = min(counts) if common is None else integer("psi", "common", common, 0, min(counts))
    options = _options(["id"], learns, "refuse", "refuse", "1G", workers, None)
    sent, rounds, _ = _native.psi_estimate(options, counts, least)
    if not isinstance(network, Network):
        if network not in NETWORKS:
            refuse("psi", f"network {network!r} is unknown", f"use {', '.join(NETWORKS)}")
        network = NETWORKS[network]
    seconds = rounds * network.latency_ms / 1e3 + 8 * max(sent) / (network.mbit_per_s * 1e6)
    pairs = zip(rows, sent, sent[::-1], strict=True)
    costs = {name: Costs([StepCost(1, "psi", s, r, rounds, 0.0)]) for name, s, r in pairs}
    return Estimate(network, costs, seconds)


def _options(
    on: str | Iterable[str],
    learns: str | Iterable[str] | None,
    nulls: Nulls,
    duplicates: Duplicates,
    memory: int | str,
    workers: int,
    checkpoint: str | os.PathLike[str] | None,
) -> dict[str, Any]:
    if isinstance(learns, str):
        learns = [learns]
    return {
        "on": _columns(on),
        "learns": names("psi", "learns", learns or []),
        "nulls": nulls,
        "duplicates": duplicates,
        "memory": _bytes(memory),
        "workers": integer("psi", "workers", workers, 1, 64),
        "checkpoint": None if checkpoint is None else os.fspath(checkpoint),
    }


def _columns(on: str | Iterable[str]) -> list[str]:
    return [on] if isinstance(on, str) else names("psi", "on", on)


def _bytes(memory: int | str) -> int:
    if isinstance(memory, str):
        found = re.fullmatch(r"(\d+)([KMG]?)", memory.upper())
        if not found:
            refuse("psi", f"memory={memory!r} is no size", 'use bytes, or a text such as "500M"')
        memory = int(found[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[found[2]]
    return integer("psi", "memory", memory, 1, 2**63 - 1)


def _source(data: Any, on: str | Iterable[str], delimiter: str) -> tuple[_native.PsiSource, Any]:
    """The table as the native half reads it, and the table to take rows of."""
    if isinstance(data, (str, os.PathLike)):
        return _native.PsiSource.open(os.fspath(data), delimiter), None
    if isinstance(data, Mapping):
        kept = {str(key): values for key, values in data.items()}
        columns = [(key, _column(key, values)) for key, values in kept.items()]
        return _native.PsiSource.from_columns("table", columns), kept
    if _is_pandas(data):
        wanted = {column.rpartition(":")[0] or column for column in _columns(on)} | set(
            _columns(on)
        )
        items = [(str(key), values) for key, values in data.items()]
        columns = [(key, _days(key, values)) for key, values in items if key in wanted]
        if not columns:
            listed = ", ".join(str(c) for c in data.columns)
            refuse("psi", "the table has none of the columns", f"the columns are: {listed}")
        return _native.PsiSource.from_columns("table", columns), data
    if hasattr(data, "__arrow_c_stream__") or hasattr(data, "__arrow_c_array__"):
        return _native.PsiSource.from_arrow("table", data), data
    refuse(
        "psi",
        f"an object of type {type(data).__name__} is not a table",
        "pass a pandas or polars data frame, a pyarrow table, a dict of columns, or a path",
    )


def _days(name: str, series: Any) -> Any:
    """A pandas column; time stamps as dates, which must be at midnight."""
    if getattr(series.dtype, "kind", "") != "M":
        return _series(name, series)
    present = series.dropna()
    if not (present == present.dt.normalize()).all():
        refuse(
            "psi",
            f"column '{name}' holds times of the day, which a date leaves out",
            "convert it to dates or to text",
        )
    return [
        None if missing else day
        for missing, day in zip(series.isna(), series.dt.strftime("%Y-%m-%d"), strict=True)
    ]


def _numbers(rows: bytes | None) -> npt.NDArray[np.int64] | None:
    return None if rows is None else np.frombuffer(rows, dtype="<u4").astype(np.int64)


def _take(data: Any, rows: npt.NDArray[np.int64]) -> Any:
    """These rows of a table, as a table of its kind."""
    if data is None:
        refuse("psi", "the table was given as a file", "use write(path)")
    if isinstance(data, Mapping):
        return {
            key: values[rows] if isinstance(values, np.ndarray) else [values[r] for r in rows]
            for key, values in data.items()
        }
    if _is_pandas(data):
        return data.iloc[rows]
    if hasattr(data, "take"):
        return data.take(rows)
    return data[rows]
