"""Noise for answers that were computed elsewhere, and answers that can be denied.

The sensitivity is the caller's to know: how far the answer may move between neighbours.
Sums of floats move further than the mathematics says; take the estimators where they fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .. import _native
from .._checks import integer, number, refuse
from ._exact import Neighbours, Number, exact, one_of, ratio, relation, step
from .accounting import Event, Pure, event_of, rho_within
from .release import Release, Spent, made, parts_of

__all__ = [
    "Estimates",
    "HadamardResponse",
    "RandomisedResponse",
    "SparseVector",
    "Tree",
    "choose",
    "gaussian",
    "laplace",
    "noisy_max",
]

Answer = int | float | npt.NDArray[Any]


def _answer(op: str, answer: Any, granularity: float | None) -> npt.NDArray[Any]:
    """One or many numbers as an array of int64 or float64."""
    array = np.asarray(answer)
    if array.ndim > 1 or array.size == 0:
        refuse(op, "the answer is not a number and not a vector", "pass one of these")
    whole = array.dtype.kind in "iub"
    if granularity is not None:
        if not whole and array.dtype.kind != "f":
            refuse(op, "the answer holds no numbers", "pass numbers")
        return np.ascontiguousarray(np.atleast_1d(array), dtype=np.float64)
    if not whole or array.dtype == np.uint64:
        fix = "pass granularity, a power of two such as 2**-10, for real numbers"
        refuse(op, "the answer is not of whole numbers of 64 bits", fix)
    return np.ascontiguousarray(np.atleast_1d(array), dtype=np.int64)


def _shape(answer: Any, granularity: float | None) -> Callable[[bytes], Any]:
    kind, scalar = ("<i8", int) if granularity is None else ("<f8", float)
    if np.ndim(answer) == 0:
        return lambda native: scalar(np.frombuffer(native, dtype=kind)[0])
    return lambda native: np.frombuffer(native, dtype=kind).astype(kind[1:])


def laplace(
    answer: Answer,
    *,
    sensitivity: float,
    epsilon: Number,
    granularity: float | None = None,
    neighbours: Neighbours = "add_remove",
) -> Release[Any]:
    """The answer with discrete Laplace noise.

    ``sensitivity`` bounds the sum of the absolute changes of all numbers (L1). Whole numbers
    get whole noise. Real numbers are rounded to multiples of ``granularity``, a power of two.

    >>> from privity import dp
    >>> release = dp.laplace(17, sensitivity=1, epsilon=0.5)
    >>> isinstance(release.value, int), release.parts[0].scale
    (True, 2.0)
    """
    loss = exact("laplace", "epsilon", epsilon)
    return _noise("laplace", answer, sensitivity, ("epsilon", loss), granularity, neighbours)


def gaussian(
    answer: Answer,
    *,
    sensitivity: float,
    rho: Number | None = None,
    epsilon: float | None = None,
    delta: float | None = None,
    granularity: float | None = None,
    neighbours: Neighbours = "add_remove",
) -> Release[Any]:
    """The answer with discrete Gaussian noise, for a rho, or for (epsilon, delta).

    ``sensitivity`` bounds the root of the summed squares of the changes (L2). For one whole
    number and (epsilon, delta), sigma is the least that the probabilities of the discrete
    law allow. For vectors and real numbers it is that of :func:`rho_within`.
    """
    op = "gaussian"
    if rho is not None:
        if epsilon is not None or delta is not None:
            refuse(op, "a loss is a rho, or epsilon and delta", "leave one of them out")
        loss = exact(op, "rho", rho)
        return _noise(op, answer, sensitivity, ("rho", loss), granularity, neighbours)
    if epsilon is None or delta is None:
        fix = "pass rho=0.1, or epsilon=1.0 and delta=1e-6"
        refuse(op, "a loss is a rho, or epsilon and delta", fix)
    if granularity is None and np.size(answer) == 1:
        values = _answer(op, answer, None)
        most = integer(op, "sensitivity", sensitivity, 1, 2**62)
        native = _native.dp_calibrated(values, most, float(epsilon), float(delta))
        spent = Spent(float(epsilon), 0.0, float(delta), relation(op, neighbours))
        return made(native, spent, _shape(answer, None))
    loss = rho_within(epsilon, delta)
    return _noise(op, answer, sensitivity, ("rho", loss), granularity, neighbours)


def _noise(
    op: str,
    answer: Answer,
    sensitivity: float,
    given: tuple[Literal["epsilon", "rho"], Fraction],
    granularity: float | None,
    neighbours: Neighbours,
) -> Release[Any]:
    grid = step(op, granularity)
    values = _answer(op, answer, grid)
    measure, loss = given
    native_loss = (measure, *ratio(loss))
    if grid is None:
        most = integer(op, "sensitivity", sensitivity, 1, 2**62)
        squared = most * most if measure == "rho" else most
        native = _native.dp_integers(values, squared, native_loss)
    else:
        reach = number(op, "sensitivity", sensitivity)
        native = _native.dp_reals(values, reach, grid, relation(op, neighbours), native_loss)
    pure = measure == "epsilon"
    spent = Spent(
        float(loss) if pure else 0.0,
        0.0 if pure else float(loss),
        0.0,
        relation(op, neighbours),
    )
    return made(native, spent, _shape(answer, grid))


def choose(
    utilities: Any,
    *,
    epsilon: Number,
    sensitivity: int = 1,
    monotonic: bool = False,
    neighbours: Neighbours = "add_remove",
) -> Release[int]:
    """The index of a candidate of high utility, by permute and flip.

    Utilities are whole numbers that move by at most ``sensitivity`` each; ``monotonic`` says
    that all move in the same direction, as counts under add/remove do.

    >>> from privity import dp
    >>> dp.choose([10, 1000, 20], epsilon=1).value
    1
    """
    return _choose(
        "choose", "permute and flip", utilities, epsilon, sensitivity, monotonic, neighbours
    )


def noisy_max(
    answers: Any,
    *,
    epsilon: Number,
    sensitivity: int = 1,
    monotonic: bool = False,
    neighbours: Neighbours = "add_remove",
) -> Release[int]:
    """The index of the greatest answer with Laplace noise; see :func:`choose`, which is
    better on the whole."""
    return _choose("noisy_max", "noisy max", answers, epsilon, sensitivity, monotonic, neighbours)


def _choose(
    op: str,
    how: str,
    given: Any,
    epsilon: Number,
    sensitivity: int,
    monotonic: bool,
    neighbours: Neighbours,
) -> Release[int]:
    values = _answer(op, given, None)
    loss = exact(op, "epsilon", epsilon)
    most = integer(op, "sensitivity", sensitivity, 1, 2**61)
    native = _native.dp_choose(how, values, most, monotonic, ratio(loss))
    return made(native, Spent(float(loss), 0.0, 0.0, relation(op, neighbours)), int)


class SparseVector:
    """Says which of many answers are above a threshold, for one epsilon in all.

    The whole epsilon is spent at the start. After ``above`` replies of True there are no
    more. Answers are whole numbers that move by at most ``sensitivity``; ``monotonic`` as for
    :func:`choose`.

    >>> from privity import dp
    >>> sparse = dp.SparseVector(1000, epsilon=1)
    >>> [sparse.ask(0), sparse.ask(5000), sparse.ask(0)]
    [False, True, None]
    """

    def __init__(
        self,
        threshold: int,
        *,
        epsilon: Number,
        sensitivity: int = 1,
        above: int = 1,
        monotonic: bool = False,
        neighbours: Neighbours = "add_remove",
    ) -> None:
        op = "SparseVector"
        loss = exact(op, "epsilon", epsilon)
        #: What it costs.
        self.spent = Spent(float(loss), 0.0, 0.0, relation(op, neighbours))
        self._native = _native.DpSparse(
            integer(op, "threshold", threshold, -(2**63), 2**63 - 1),
            integer(op, "sensitivity", sensitivity, 1, 2**31),
            integer(op, "above", above, 1, 2**31),
            monotonic,
            ratio(loss),
        )

    def ask(self, answer: int) -> bool | None:
        """Whether the answer is above the threshold; None if all replies of True are used."""
        return self._native.ask(integer("SparseVector", "answer", answer, -(2**63), 2**63 - 1))

    @property
    def events(self) -> tuple[Event, ...]:
        """For an :class:`Accountant`; its ``add`` takes the whole thing as well."""
        return (Pure(math.nextafter(self.spent.epsilon, math.inf)),)

    @property
    def left(self) -> int:
        """How many replies of True are left."""
        return self._native.left()


class Tree:
    """A running sum over a stream of at most ``horizon`` numbers, noisy at every step.

    The whole loss is spent by the first step; a unit is one step. Unless ``bounds`` are given
    it counts events.

    >>> from privity import dp
    >>> tree = dp.Tree(1000, epsilon=5)
    >>> sums = [tree.push(1) for _ in range(1000)]
    >>> abs(sums[-1] - 1000) < 200
    True
    """

    def __init__(
        self,
        horizon: int,
        *,
        bounds: tuple[float, float] = (0, 1),
        epsilon: Number | None = None,
        rho: Number | None = None,
        granularity: float | None = 1.0,
        neighbours: Neighbours = "add_remove",
    ) -> None:
        op = "Tree"
        measure, loss = one_of(op, epsilon, rho)
        pure = measure == "epsilon"
        #: What it costs.
        self.spent = Spent(
            float(loss) if pure else 0.0,
            0.0 if pure else float(loss),
            0.0,
            relation(op, neighbours),
        )
        lower, upper = (number(op, "bounds", end) for end in bounds)
        self._native = _native.DpTree(
            integer(op, "horizon", horizon, 1, 2**62),
            (lower, upper),
            step(op, granularity),
            neighbours,
            (measure, *ratio(loss)),
        )

    def push(self, x: float) -> float:
        """The noisy sum of all numbers so far, this one too."""
        return self._native.push(float(x))

    @property
    def noise_scale(self) -> float | None:
        """The standard deviation of the noise in one node; a sum has that of at most
        log2(horizon) + 1 of them."""
        return parts_of([self._native.part()])[0].deviation

    @property
    def events(self) -> tuple[Event, ...]:
        """For an :class:`Accountant`; its ``add`` takes the tree as well."""
        return (parts_of([self._native.part()])[0].event,)


@dataclass(frozen=True, eq=False)
class Estimates:
    """How many have each value, by estimate."""

    #: Unbiased; may be negative, or above the number of reports.
    counts: npt.NDArray[np.float64]
    #: Standard errors.
    errors: npt.NDArray[np.float64]


class _Response:
    _how: str

    def __init__(self, values: int, *, epsilon: Number) -> None:
        op = type(self).__name__
        self.values = integer(op, "values", values, 2, 2**24)
        loss = exact(op, "epsilon", epsilon)
        self.spent = Spent(float(loss), 0.0, 0.0, "replace")
        self._native = _native.DpResponse(self._how, self.values, ratio(loss))

    def respond(self, value: Any) -> Any:
        """What a person with this value sends; an array for an array of values."""
        op = type(self).__name__
        values = np.atleast_1d(np.asarray(value))
        inside = values.dtype.kind in "iu" and values.ndim == 1
        if not inside or (values.size and (values.min() < 0 or values.max() >= self.values)):
            fix = f"pass whole numbers from 0 to {self.values - 1}"
            refuse(op, "a value is not one of those that were declared", fix)
        reports = self._native.respond(np.ascontiguousarray(values, dtype=np.uint32))
        sent = np.frombuffer(reports, dtype="<u4").astype(np.int64)
        return int(sent[0]) if np.ndim(value) == 0 else sent

    def estimate(self, reports: npt.ArrayLike) -> Estimates:
        """How many have each value, from what all sent. Reports out of range count nowhere."""
        sent = np.asarray(reports)
        if sent.ndim != 1 or sent.dtype.kind not in "iu":
            refuse(type(self).__name__, "reports are not whole numbers", "pass what was sent")
        sent = np.where((sent < 0) | (sent > 2**32 - 1), 2**32 - 1, sent)
        counts, errors = self._native.estimate(np.ascontiguousarray(sent, dtype=np.uint32))
        return Estimates(np.array(counts), np.array(errors))

    @property
    def events(self) -> tuple[Event, ...]:
        """One report, for an :class:`Accountant` with ``neighbours="replace"``."""
        return (event_of(self._native.event()),)


class RandomisedResponse(_Response):
    """One of k values, 0 to ``values`` - 1, sent so that the sender can deny it.

    Nobody but the sender needs to be trusted. For more than a few hundred values take
    :class:`HadamardResponse`.

    >>> import numpy as np
    >>> from privity import dp
    >>> response = dp.RandomisedResponse(2, epsilon=1)
    >>> reports = response.respond(np.repeat([0, 1], [30_000, 10_000]))
    >>> bool(abs(response.estimate(reports).counts[1] - 10_000) < 2_000)
    True
    """

    _how = "randomised"


class HadamardResponse(_Response):
    """The same for very many values: the error does not grow with their number."""

    _how = "hadamard"
