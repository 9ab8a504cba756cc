"""Statistics of rows, with clipping, bounded contributions and noise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from .. import _native
from .._checks import integer, number, refuse
from . import _input, _plan
from ._exact import step
from ._plan import Asked, Bounds, Plan, Protection
from .release import Explanation, Release

__all__ = [
    "Histogram",
    "LinearModel",
    "Moments",
    "Protection",
    "contingency",
    "count",
    "covariance",
    "explain",
    "histogram",
    "histogram_keys",
    "linear_regression",
    "logistic_regression",
    "mean",
    "median",
    "quantile",
    "quantiles",
    "sum",
    "variance",
]


# ---------------------------------------------------------------- counts, sums and means


def _count(asked: Asked) -> Plan[int]:
    return Plan(asked, _native.DpQuery.count(asked.native), _plan.whole)


def count(data: Any, **options: Unpack[Protection]) -> Release[int]:
    """How many rows are true.

    ``data`` is a column of booleans: a condition on a column. See :class:`Protection` for
    the options.

    >>> from privity import dp
    >>> release = dp.count([True, False, True], epsilon=1)
    >>> isinstance(release.value, int)
    True
    """
    plan = _count(Asked("count", options))
    return plan.release(lambda: [_input.conditions("count", "data", data)])


def _sum(asked: Asked, *, bounds: Bounds, granularity: float | None = None) -> Plan[float]:
    native = _native.DpQuery.sum(
        _plan.bounds("sum", bounds), step("sum", granularity), asked.native
    )
    return Plan(asked, native, _plan.real)


def sum(
    data: Any,
    *,
    bounds: Bounds,
    granularity: float | None = None,
    **options: Unpack[Protection],
) -> Release[float]:
    """The sum of numbers that are clipped to ``bounds``.

    Missing numbers count as the middle of the bounds. ``granularity`` is the power of two
    to whose multiples numbers are rounded; unless given, one part in 2^19 to 2^20 of the
    width. With 1, integers are added as they are.
    """
    plan = _sum(Asked("sum", options), bounds=bounds, granularity=granularity)
    return plan.release(lambda: [_input.numbers("sum", data)])


def _mean(asked: Asked, *, bounds: Bounds, granularity: float | None = None) -> Plan[float]:
    native = _native.DpQuery.mean(
        _plan.bounds("mean", bounds), step("mean", granularity), asked.native
    )
    return Plan(asked, native, _plan.real)


def mean(
    data: Any,
    *,
    bounds: Bounds,
    granularity: float | None = None,
    **options: Unpack[Protection],
) -> Release[float]:
    """The mean of numbers that are clipped to ``bounds``; always between them.

    >>> import numpy as np
    >>> from privity import dp
    >>> incomes = np.random.default_rng(1).normal(50, 15, 100_000)
    >>> release = dp.mean(incomes, bounds=(0, 100), epsilon=1)
    >>> abs(release.value - 50) < 1
    True
    >>> lower, upper = release.interval(0.99)
    >>> upper - lower < 0.1
    True
    """
    plan = _mean(Asked("mean", options), bounds=bounds, granularity=granularity)
    return plan.release(lambda: [_input.numbers("mean", data)])


def _variance(asked: Asked, *, bounds: Bounds) -> Plan[float]:
    native = _native.DpQuery.variance(_plan.bounds("variance", bounds), asked.native)
    return Plan(asked, native, _plan.real)


def variance(data: Any, *, bounds: Bounds, **options: Unpack[Protection]) -> Release[float]:
    """The variance (of the population, ddof 0) of numbers that are clipped to ``bounds``."""
    plan = _variance(Asked("variance", options), bounds=bounds)
    return plan.release(lambda: [_input.numbers("variance", data)])


@dataclass(frozen=True, eq=False)
class Moments:
    """First and second moments of columns."""

    #: The number of rows: noisy, unless it is public.
    rows: float
    #: The mean of each column.
    means: npt.NDArray[np.float64]
    #: Covariances (of the population). By noise, eigenvalues may be negative.
    covariance: npt.NDArray[np.float64]


def _moments(native: Any) -> Moments:
    rows, means, matrix = native
    d = len(means)
    return Moments(rows, np.array(means), np.array(matrix, dtype=np.float64).reshape(d, d))


def _covariance(asked: Asked, *, bounds: Sequence[Bounds]) -> Plan[Moments]:
    native = _native.DpQuery.covariance(_plan.many_bounds("covariance", bounds), asked.native)
    return Plan(asked, native, _moments)


def covariance(
    data: Any, *, bounds: Sequence[Bounds], **options: Unpack[Protection]
) -> Release[Moments]:
    """Means and covariances of columns, each clipped to its own bounds.

    ``data`` is a data frame, an array of two dimensions, or a list of columns; ``bounds`` has
    one pair for each column.
    """
    plan = _covariance(Asked("covariance", options), bounds=bounds)
    return plan.release(lambda: _columns("covariance", "data", data, bounds))


def _columns(op: str, what: str, data: Any, bounds: Sequence[Bounds]) -> list[Any]:
    columns = _input.columns(op, what, data)
    if len(columns) != len(bounds):
        rule = f"{what} has {len(columns)} columns, and there are {len(bounds)} bounds"
        refuse(op, rule, "pass one pair of numbers for each column")
    return [_input.numbers(op, column) for column in columns]


# ---------------------------------------------------------------- counts of bins and keys


@dataclass(frozen=True, eq=False)
class Histogram:
    """Noisy counts between edges."""

    #: One for each bin, each with its own noise. They may be negative.
    counts: npt.NDArray[np.int64]
    #: One more than bins.
    edges: npt.NDArray[np.float64]


def _ints(native: bytes) -> npt.NDArray[np.int64]:
    return np.frombuffer(native, dtype="<i8").astype(np.int64)


def _floats(native: bytes) -> npt.NDArray[np.float64]:
    return np.frombuffer(native, dtype="<f8").astype(np.float64)


def _histogram(
    asked: Asked, *, bins: int | Sequence[float], bounds: Bounds | None = None
) -> Plan[Histogram]:
    if isinstance(bins, (int, np.integer)):
        if bounds is None:
            refuse("histogram", "a number of bins needs bounds", "pass bounds=(lower, upper)")
        lower, upper = _plan.bounds("histogram", bounds)
        number_of_bins = integer("histogram", "bins", bins, 1, 2**24)
        native = _native.DpQuery.histogram((lower, upper), number_of_bins, asked.native)
        edges = lower + (upper - lower) * (np.arange(number_of_bins + 1) / number_of_bins)
        edges[-1] = upper
    else:
        if bounds is not None:
            refuse("histogram", "edges say the bounds already", "leave bounds out")
        edges = np.array([number("histogram", "bins", edge) for edge in bins])
        native = _native.DpQuery.histogram_with_edges(edges.tolist(), asked.native)
    return Plan(asked, native, lambda counts: Histogram(_ints(counts), edges))


def histogram(
    data: Any,
    *,
    bins: int | Sequence[float],
    bounds: Bounds | None = None,
    max_bins: int = 1,
    **options: Unpack[Protection],
) -> Release[Histogram]:
    """Counts of bins, a number of them between ``bounds``, or between edges.

    A bin has its lower edge, the last one its upper edge as well. Numbers beyond the ends
    count in the first or last bin, missing ones nowhere. A unit with several rows counts in
    at most ``max_bins`` bins, in each with at most ``max_rows``.
    """
    groups = integer("histogram", "max_bins", max_bins, 1, 2**32 - 1)
    plan = _histogram(Asked("histogram", options, groups), bins=bins, bounds=bounds)
    return plan.release(lambda: [_input.numbers("histogram", data)])


def _keys(op: str, what: str, given: Any) -> list[Any]:
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        refuse(op, f"{what} are not a list", "pass a list of values that is public")
    keys = list(dict.fromkeys(given))
    if not keys:
        refuse(op, f"{what} are empty", "pass one at least")
    return keys


def _histogram_keys(
    asked: Asked, *, keys: Iterable[Any] | None = None, delta: float | None = None
) -> Plan[dict[Any, int]]:
    if keys is not None:
        names = _keys("histogram_keys", "keys", keys)
        native = _native.DpQuery.public_keys(len(names), asked.native)
        return Plan(asked, native, lambda rows: {names[key]: count for key, count in rows})
    if delta is None:
        fix = "pass keys=[...] if they are public, or a delta such as 1e-9 if they are not"
        refuse("histogram_keys", "neither keys nor delta are given", fix)
    _plan.pure(asked)
    return Plan(asked, _native.DpQuery.private_keys(float(delta), asked.native), dict)


def histogram_keys(
    data: Any,
    *,
    keys: Iterable[Any] | None = None,
    delta: float | None = None,
    max_keys: int = 1,
    **options: Unpack[Protection],
) -> Release[dict[Any, int]]:
    """Counts of keys: text or whole numbers.

    With ``keys``, a list that is public, each of them gets a noisy count, also one that no
    row has; rows with other keys count nowhere. Without, which keys there are is protected
    as well: only those whose noisy count reaches a threshold are shown, which costs
    ``delta`` besides. A unit counts in at most ``max_keys`` keys, in each with at most
    ``max_rows`` rows.

    >>> from privity import dp
    >>> release = dp.histogram_keys(["a"] * 900 + ["b"] * 3, delta=1e-9, epsilon=1)
    >>> list(release.value)
    ['a']
    """
    op = "histogram_keys"
    groups = integer(op, "max_keys", max_keys, 1, 2**32 - 1)
    if keys is not None:
        names = _keys(op, "keys", keys)
        plan = _histogram_keys(Asked(op, options, groups), keys=names)
        return plan.release(lambda: [_input.codes(op, data, _input.codes_of(names))])
    plan = _histogram_keys(Asked(op, options, groups, delta or 0.0), delta=delta)
    found: list[Any] = []

    def columns() -> list[Any]:
        codes, own = _input.own_codes(op, data)
        found.extend(own)
        # Rows without a key are in none; they may not become one.
        return [codes]

    plan.value = lambda rows: {found[key]: count for key, count in rows if key < len(found)}
    return plan.release(columns)


def _contingency(
    asked: Asked, *, categories: Sequence[Iterable[Any]]
) -> Plan[npt.NDArray[np.int64]]:
    sizes = [len(_keys("contingency", "categories", names)) for names in categories]
    native = _native.DpQuery.contingency(sizes, asked.native)
    return Plan(asked, native, lambda counts: _ints(counts).reshape(sizes))


def contingency(
    data: Any,
    *,
    categories: Sequence[Iterable[Any]],
    max_cells: int = 1,
    **options: Unpack[Protection],
) -> Release[npt.NDArray[np.int64]]:
    """How many rows have each combination of categories.

    ``data`` has as many columns as there are lists in ``categories``, which are public. The
    result has one dimension for each; rows with another value count nowhere.

    >>> from privity import dp
    >>> data = {"job": ["clerk", "baker"], "owner": [True, False]}
    >>> table = dp.contingency(data, categories=[["clerk", "baker"], [False, True]], epsilon=1)
    >>> table.value.shape
    (2, 2)
    """
    op = "contingency"
    groups = integer(op, "max_cells", max_cells, 1, 2**32 - 1)
    names = [_keys(op, "categories", names) for names in categories]
    plan = _contingency(Asked(op, options, groups), categories=names)

    def columns() -> list[Any]:
        given = _input.columns(op, "data", data)
        if len(given) != len(names):
            rule = f"data has {len(given)} columns, categories are for {len(names)}"
            refuse(op, rule, "pass one list of categories for each column")
        return [
            _input.codes(op, column, _input.codes_of(known))
            for column, known in zip(given, names, strict=True)
        ]

    return plan.release(columns)


# ---------------------------------------------------------------- quantiles


def _quantile(
    asked: Asked, *, q: float, bounds: Bounds, granularity: float | None = None
) -> Plan[float]:
    op = asked.op
    _plan.pure(asked)
    native = _native.DpQuery.quantile(
        number(op, "q", q), _plan.bounds(op, bounds), step(op, granularity), asked.native
    )
    return Plan(asked, native, _plan.real)


def quantile(
    data: Any,
    q: float,
    *,
    bounds: Bounds,
    granularity: float | None = None,
    **options: Unpack[Protection],
) -> Release[float]:
    """One quantile, 0.5 for the median, of numbers that are clipped to ``bounds``.

    The result is chosen among the multiples of ``granularity`` between the bounds. Takes an
    epsilon, no rho.
    """
    asked = Asked("quantile", options)
    plan = _quantile(asked, q=q, bounds=bounds, granularity=granularity)
    return plan.release(lambda: [_input.numbers("quantile", data)])


def _median(asked: Asked, *, bounds: Bounds, granularity: float | None = None) -> Plan[float]:
    return _quantile(asked, q=0.5, bounds=bounds, granularity=granularity)


def median(
    data: Any,
    *,
    bounds: Bounds,
    granularity: float | None = None,
    **options: Unpack[Protection],
) -> Release[float]:
    """The median of numbers that are clipped to ``bounds``; see :func:`quantile`."""
    plan = _median(Asked("median", options), bounds=bounds, granularity=granularity)
    return plan.release(lambda: [_input.numbers("median", data)])


def _quantiles(
    asked: Asked, *, q: Sequence[float], bounds: Bounds, granularity: float | None = None
) -> Plan[npt.NDArray[np.float64]]:
    if isinstance(q, (str, bytes)) or not isinstance(q, Iterable):
        refuse("quantiles", "q is not a list", "pass a list such as [0.25, 0.5, 0.75]")
    _plan.pure(asked)
    listed = [number("quantiles", "q", one) for one in q]
    native = _native.DpQuery.quantiles(
        listed, _plan.bounds("quantiles", bounds), step("quantiles", granularity), asked.native
    )
    return Plan(asked, native, _floats)


def quantiles(
    data: Any,
    q: Sequence[float],
    *,
    bounds: Bounds,
    granularity: float | None = None,
    **options: Unpack[Protection],
) -> Release[npt.NDArray[np.float64]]:
    """Several quantiles at once, in the order asked for; greater ones are never smaller.

    Better than one by one: m of them cost about as much as log2 m.
    """
    asked = Asked("quantiles", options)
    plan = _quantiles(asked, q=q, bounds=bounds, granularity=granularity)
    return plan.release(lambda: [_input.numbers("quantiles", data)])


# ---------------------------------------------------------------- regression


@dataclass(frozen=True, eq=False)
class LinearModel:
    """A linear function of the features."""

    #: The constant.
    intercept: float
    #: The factor of each feature.
    coefficients: npt.NDArray[np.float64]

    def predict(self, features: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """The value for each row of an array of two dimensions: the prediction, or the
        log-odds."""
        rows = np.asarray(features, dtype=np.float64)
        return np.asarray(self.intercept + rows @ self.coefficients, dtype=np.float64)


def _model(native: Any) -> LinearModel:
    intercept, coefficients, _ = native
    return LinearModel(intercept, np.array(coefficients, dtype=np.float64))


def _linear_regression(
    asked: Asked,
    *,
    bounds: Sequence[Bounds],
    target_bounds: Bounds,
    penalty: float = 1e-3,
) -> Plan[LinearModel]:
    op = "linear_regression"
    native = _native.DpQuery.linear_regression(
        _plan.many_bounds(op, bounds),
        _plan.bounds(op, target_bounds, "target_bounds"),
        number(op, "penalty", penalty),
        asked.native,
    )
    return Plan(asked, native, _model)


def linear_regression(
    features: Any,
    target: Any,
    *,
    bounds: Sequence[Bounds],
    target_bounds: Bounds,
    penalty: float = 1e-3,
    **options: Unpack[Protection],
) -> Release[LinearModel]:
    """Ridge regression of ``target`` on columns, all clipped to their bounds.

    ``penalty`` is for columns scaled by their bounds and for mean losses, so the same value
    suits any number of rows. One release of moments, whatever the number of rows.
    """
    op = "linear_regression"
    plan = _linear_regression(
        Asked(op, options), bounds=bounds, target_bounds=target_bounds, penalty=penalty
    )
    return plan.release(
        lambda: [*_columns(op, "features", features, bounds), _input.numbers(op, target)]
    )


def _logistic_regression(
    asked: Asked, *, bounds: Sequence[Bounds], penalty: float = 1e-3
) -> Plan[LinearModel]:
    op = "logistic_regression"
    native = _native.DpQuery.logistic_regression(
        _plan.many_bounds(op, bounds), number(op, "penalty", penalty), asked.native
    )
    return Plan(asked, native, _model)


def logistic_regression(
    features: Any,
    labels: Any,
    *,
    bounds: Sequence[Bounds],
    penalty: float = 1e-3,
    **options: Unpack[Protection],
) -> Release[LinearModel]:
    """A model of the log-odds of ``labels``, a column of booleans.

    By the second-order expansion of the loss, in one release. Coefficients of strongly
    separated classes come out too small; the order of scores suffers much less.
    """
    op = "logistic_regression"
    plan = _logistic_regression(Asked(op, options), bounds=bounds, penalty=penalty)
    return plan.release(
        lambda: [
            *_columns(op, "features", features, bounds),
            _input.conditions(op, "labels", labels),
        ]
    )


# ---------------------------------------------------------------- beforehand

_PLANS: dict[str, tuple[Callable[..., Plan[Any]], str | None]] = {
    "count": (_count, None),
    "sum": (_sum, None),
    "mean": (_mean, None),
    "variance": (_variance, None),
    "covariance": (_covariance, None),
    "histogram": (_histogram, "max_bins"),
    "histogram_keys": (_histogram_keys, "max_keys"),
    "quantile": (_quantile, None),
    "median": (_median, None),
    "quantiles": (_quantiles, None),
    "contingency": (_contingency, "max_cells"),
    "linear_regression": (_linear_regression, None),
    "logistic_regression": (_logistic_regression, None),
}


def explain(
    estimator: str | Callable[..., Release[Any]], *, level: float = 0.95, **parameters: Any
) -> Explanation:
    """What a question would cost and how exact its answer would be. It touches no data.

    ``estimator`` is the function or its name, ``parameters`` are those it would be called
    with, but for the data.

    >>> from privity import dp
    >>> plan = dp.explain("count", epsilon=0.5)
    >>> print(plan)  # doctest: +ELLIPSIS
    count: epsilon 0.500000 for adding or removing a unit; discrete Laplace noise of scale ...
    >>> plan.half_width
    6.0
    """
    name = estimator if isinstance(estimator, str) else getattr(estimator, "__name__", "")
    if name not in _PLANS:
        refuse("explain", "there is no such estimator", f"pass one of {', '.join(_PLANS)}")
    if not 0 < level < 1:
        refuse("explain", "level is not between 0 and 1", "pass one such as 0.95")
    plan, most = _PLANS[name]
    for data in ("ids", "ledger"):
        if parameters.get(data) is not None:
            refuse("explain", f"{data} is for a release", f"leave {data} out")
    known = Protection.__annotations__
    options = {key: value for key, value in parameters.items() if key in known}
    own = {key: value for key, value in parameters.items() if key not in known}
    groups = integer(name, most, own.pop(most, 1), 1, 2**32 - 1) if most else 1
    delta = own.get("delta") if own.get("keys") is None else None
    asked = Asked(name, options, groups, delta or 0.0)
    try:
        made = plan(asked, **own)
    except TypeError as e:
        refuse("explain", f"wrong parameters for {name}: {e}", f"see help(dp.{name})")
    return made.explain(level)
