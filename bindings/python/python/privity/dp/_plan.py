"""What every estimator has in common: protection, payment, and the way to the library."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Generic, TypedDict, TypeVar

from .. import _native
from .._checks import integer, number, refuse
from . import _input
from ._exact import Neighbours, Number, exact, one_of, ratio, relation
from .release import Explanation, Release, Spent, made, parts_of

if TYPE_CHECKING:
    from .ledger import Ledger

T = TypeVar("T")
Bounds = tuple[float, float]


class Protection(TypedDict, total=False):
    """What every estimator takes, by name.

    ``epsilon`` or ``rho``: what to spend, as a number, or as text, ``Decimal`` or
    ``Fraction``; the float 0.1 counts as one tenth. Epsilon gives Laplace noise and pure
    differential privacy, rho Gaussian noise and zero-concentrated differential privacy.

    ``neighbours``: ``"add_remove"`` (unless given), which protects whether a unit is there, or
    ``"replace"``, which protects what it is; the number of rows is then public.

    ``ids``: which unit each row belongs to. Without them every row is a unit. At most
    ``max_rows`` rows of a unit count, drawn at random (in each bin or key, where there are
    such).

    ``ledger``, ``data_set``, ``to`` and ``note``: who pays, and who will get the result. The
    ledger is charged before data are read, and refuses what does not fit.
    """

    epsilon: Number | None
    rho: Number | None
    neighbours: Neighbours
    ids: Any
    max_rows: int
    ledger: Ledger | None
    data_set: str
    to: Iterable[str]
    note: str


class Asked:
    """The protection of one question, checked."""

    def __init__(
        self, op: str, options: Mapping[str, Any], groups: int = 1, delta: float = 0.0
    ) -> None:
        for name in options:
            if name not in Protection.__annotations__:
                raise TypeError(f"{op}() got an unexpected keyword argument {name!r}")
        self.op = op
        self.ids = options.get("ids")
        self.ledger = options.get("ledger")
        self.data_set, self.to = options.get("data_set"), options.get("to")
        self.note = options.get("note", op)
        if self.ledger is None and {"data_set", "to", "note"} & options.keys():
            refuse(
                op,
                "data_set, to or note is given and no ledger: nothing would be charged",
                "pass ledger=dp.Ledger(path), too, or leave them out",
            )
        if self.ledger is not None and not hasattr(self.ledger, "spend"):
            refuse(
                op,
                f"the ledger is of type {type(self.ledger).__name__}",
                "pass ledger=dp.Ledger(path)",
            )
        self.measure, self.loss = one_of(op, options.get("epsilon"), options.get("rho"))
        self.delta = exact(op, "delta", delta, Fraction(1, 10**300)) if delta else Fraction(0)
        self.neighbours = relation(op, options.get("neighbours", "add_remove"))
        rows = integer(op, "max_rows", options.get("max_rows", 1), 1, 2**32 - 1)
        self.native = (self.neighbours, groups, rows, (self.measure, *ratio(self.loss)))
        pure = self.measure == "epsilon"
        self.spent = Spent(
            float(self.loss) if pure else 0.0,
            0.0 if pure else float(self.loss),
            float(delta),
            self.neighbours,
        )


def pure(asked: Asked) -> None:
    """Refuses a rho where only an epsilon is possible."""
    if asked.measure != "epsilon":
        refuse(
            asked.op,
            "it takes epsilon and not rho: its choice is made with pure differential privacy",
            "pass epsilon=; a data set that counts rho is charged epsilon^2/2",
        )


class Plan(Generic[T]):
    """A question, ready to be explained or asked."""

    def __init__(self, asked: Asked, query: _native.DpQuery, value: Callable[[Any], T]) -> None:
        self.asked, self.query, self.value = asked, query, value

    def release(self, columns: Callable[[], list[Any]]) -> Release[T]:
        """Pays, reads, asks."""
        asked = self.asked
        if asked.ledger is None:
            return self._ask(columns, lambda: None)
        if not asked.data_set or asked.to is None:
            fix = 'pass data_set="customers" and to=["board"]'
            refuse(asked.op, "a ledger charges a data set and recipients", fix)
        measure = {asked.measure: asked.loss}
        with asked.ledger.spend(
            asked.data_set,
            **measure,
            delta=asked.delta,
            to=asked.to,
            note=asked.note,
            neighbours=asked.neighbours,
        ) as spend:
            return self._ask(columns, spend.begin)

    def _ask(self, columns: Callable[[], list[Any]], begin: Callable[[], None]) -> Release[T]:
        ids = self.asked.ids
        rows = self.query.read(columns(), None if ids is None else _input.units(self.asked.op, ids))
        # What was wrong with the data has shown by now; nothing is given back from here on.
        begin()
        return made(self.query.release(rows), self.asked.spent, self.value)

    def explain(self, level: float) -> Explanation:
        """Says what it would cost."""
        text, half_width, parts, rank_error, threshold = self.query.explain(level)
        return Explanation(
            text.strip(),
            self.asked.spent,
            parts_of(parts),
            level,
            half_width,
            rank_error,
            threshold,
        )


def real(value: Any) -> float:
    """A float."""
    return float(value)


def whole(value: Any) -> int:
    """An int."""
    return int(value)


def bounds(op: str, given: Any, what: str = "bounds") -> Bounds:
    """Two numbers."""
    fix = f"pass {what}=(lower, upper), two numbers that do not come from the data"
    try:
        lower, upper = given
    except (TypeError, ValueError):
        refuse(op, f"{what} are not two numbers", fix)
    return number(op, what, lower), number(op, what, upper)


def many_bounds(op: str, given: Any) -> list[Bounds]:
    """Two numbers for each column."""
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        refuse(op, "bounds are not a list", "pass one pair of numbers for each column")
    return [bounds(op, pair) for pair in given]
