"""Privacy budgets on disk."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from types import TracebackType
from typing import Any, Literal, NamedTuple

from .. import _native
from .._checks import names, refuse
from ._exact import Neighbours, Number, exact, one_of, relation

__all__ = ["Account", "Amount", "Balance", "Entry", "Ledger", "Spend"]

Measure = Literal["epsilon", "rho"]


class Amount(NamedTuple):
    """A loss, epsilon or rho, and a delta."""

    loss: float
    delta: float


@dataclass(frozen=True)
class Account:
    """What was spent of a cap."""

    #: The most that may be spent.
    cap: Amount
    #: By releases that are finished.
    committed: Amount
    #: By releases that are under way or were broken off.
    reserved: Amount
    #: What may still be spent.
    left: Amount


@dataclass(frozen=True)
class Balance:
    """What was spent of a data set's budget."""

    data_set: str
    #: Whose data are protected.
    unit: str
    neighbours: Neighbours
    #: What losses are measured in.
    measure: Measure
    #: Over all recipients together.
    total: Account
    #: By recipient: those with a cap, and those that received anything.
    recipients: dict[str, Account]


@dataclass(frozen=True)
class Entry:
    """A line of the history."""

    number: int
    time: datetime
    what: Literal["created", "granted", "reserved", "cancelled", "committed", "unknown"]
    data_set: str | None
    recipients: tuple[str, ...]
    #: Of a reservation what it costs, of a grant the cap.
    amount: Amount | None
    note: str | None
    #: The number of the reservation that was cancelled or committed.
    reservation: int | None
    #: Of a reservation: what became of it.
    standing: Literal["unfinished", "committed", "cancelled"] | None


class Spend:
    """A release that is paid for. Leaving the ``with`` block normally commits it.

    An exception before :meth:`begin` gives the charge back, one after it does not.
    """

    def __init__(self, native: _native.DpSpend) -> None:
        self._native, self._begun = native, False

    @property
    def number(self) -> int:
        """The number of its entry in the history."""
        return self._native.number

    def begin(self) -> None:
        """Call it before noise is drawn. From here on nothing is given back."""
        self._native.begin()
        self._begun = True

    def __enter__(self) -> Spend:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self._native.commit()
        elif not self._begun:
            self._native.cancel()


class Ledger:
    """The budgets of one party's data sets, in a file.

    >>> import tempfile, pathlib
    >>> from privity import dp, OverspentError
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "budget.ledger"
    >>> ledger = dp.Ledger.create(path)
    >>> ledger.grant("customers", unit="customer", epsilon=1)
    >>> pays = {"ledger": ledger, "data_set": "customers", "to": ["board"]}
    >>> release = dp.mean([31, 42, 53], bounds=(0, 120), epsilon=0.7, **pays)
    >>> ledger.balance("customers").total.left.loss
    0.3
    >>> try:
    ...     dp.mean([31, 42, 53], bounds=(0, 120), epsilon=0.7, **pays)
    ... except OverspentError as e:
    ...     print(e.cost, "of", e.left)
    epsilon 0.7 of epsilon 0.3

    Any number of threads and programs may use one file. What was charged stays charged after
    a crash. The file cannot show that an older copy of it took its place; :attr:`head`, noted
    elsewhere, can.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Opens a ledger that exists, and checks all of it."""
        self._native = _native.DpLedger.open(os.fspath(path))

    @classmethod
    def create(cls, path: str | os.PathLike[str]) -> Ledger:
        """Begins a ledger in a new file that only its owner can read."""
        made = cls.__new__(cls)
        made._native = _native.DpLedger.create(os.fspath(path))
        return made

    @property
    def path(self) -> str:
        """Its file."""
        return os.fspath(self._native.path)

    def grant(
        self,
        data_set: str,
        *,
        unit: str,
        neighbours: Neighbours = "add_remove",
        epsilon: Number | None = None,
        rho: Number | None = None,
        delta: Number = 0,
        recipients: Mapping[str, Number | tuple[Number, Number]] | None = None,
    ) -> None:
        """States the terms of a data set, all of them, in place of earlier ones.

        ``unit`` is a word for whose data are protected, such as "customer". The cap, over all
        recipients together, is an epsilon or a rho, with a delta. ``recipients`` has lower
        caps for single ones, each a number or a pair with its delta; if any are named, nobody
        else receives anything. Once anything is spent, unit, neighbours and measure stay.
        """
        op = "grant"
        measure, loss = one_of(op, epsilon, rho)
        caps = []
        if recipients is not None and not isinstance(recipients, Mapping):
            refuse(op, "recipients are no mapping", 'pass {"board": 0.5}: each with its cap')
        for name, cap in (recipients or {}).items():
            own, own_delta = cap if isinstance(cap, tuple) else (cap, 0)
            caps.append((name, _amount(exact(op, "cap", own), _delta(op, own_delta), math.floor)))
        self._native.grant(
            data_set,
            unit,
            relation(op, neighbours),
            measure,
            _amount(loss, _delta(op, delta), math.floor),
            caps,
        )

    def spend(
        self,
        data_set: str,
        *,
        epsilon: Number | None = None,
        rho: Number | None = None,
        delta: Number = 0,
        to: Iterable[str],
        note: str = "",
        neighbours: Neighbours | None = None,
    ) -> Spend:
        """Charges a release to a data set and to all who will learn the result, or raises
        :class:`~privity.OverspentError`. When it returns, the charge is on disk.

        >>> import tempfile, pathlib
        >>> from privity import dp
        >>> ledger = dp.Ledger.create(pathlib.Path(tempfile.mkdtemp()) / "budget.ledger")
        >>> ledger.grant("stays", unit="patient", rho=0.1)
        >>> with ledger.spend("stays", rho=0.01, to=["ward"], note="own noise") as spend:
        ...     spend.begin()
        ...     noisy = dp.gaussian(17, sensitivity=1, rho=0.01)

        A data set that is counted in rho takes an epsilon as well (as epsilon^2/2). With
        ``neighbours``, those of the data set must be the same.
        """
        op = "spend"
        given, loss = one_of(op, epsilon, rho)
        balance = self._native.balance(data_set)
        if neighbours is not None and balance["neighbours"] != relation(op, neighbours):
            refuse(
                op,
                f"the release is for neighbours={neighbours!r}, and the budget of "
                f"'{data_set}' for {balance['neighbours']!r}",
                "release for the relation that the ledger states",
            )
        measure = balance["measure"]
        if measure == "epsilon" and given == "rho":
            refuse(
                op,
                f"the budget of '{data_set}' counts epsilon, and the release costs a rho",
                "release with epsilon=, or grant the data set a rho",
            )
        if measure == "rho" and given == "epsilon":
            loss = loss * loss / 2
        amount = _amount(loss, _delta(op, delta), math.ceil)
        recipients = names(op, "to", to)
        what = repr((data_set, recipients, measure, amount, note))
        operation = list(hashlib.sha256(what.encode()).digest())
        return Spend(
            self._native.reserve(data_set, recipients, measure, amount, "", operation, note)
        )

    def balance(self, data_set: str) -> Balance:
        """What was spent of a data set's budget, and what is left."""
        return _balance(self._native.balance(data_set))

    def balances(self) -> list[Balance]:
        """The same of all data sets."""
        return [_balance(balance) for balance in self._native.balances()]

    def history(self, data_set: str | None = None) -> list[Entry]:
        """Everything that happened, or what happened to one data set, in order."""
        return [_entry(entry) for entry in self._native.history(data_set)]

    @property
    def head(self) -> str:
        """The end of the chain over all entries. Keep it elsewhere."""
        return self._native.head()

    def check_head(self, head: str) -> None:
        """Raises :class:`~privity.LedgerError` if the ledger does not go on from there."""
        self._native.check_head(head)

    def __repr__(self) -> str:
        return f"<ledger {os.fspath(self._native.path)}>"


def _delta(op: str, given: Number) -> Fraction:
    return Fraction(0) if given == 0 else exact(op, "delta", given, least=Fraction(1, 10**18))


def _amount(loss: Fraction, delta: Fraction, rounded: Any) -> tuple[str, str]:
    """As decimal text, in the units of the ledger."""
    return f"{rounded(loss * 10**12)}e-12", f"{rounded(delta * 10**18)}e-18"


def _account(rows: Any) -> Account:
    cap, committed, reserved, left = (Amount(*row) for row in rows)
    return Account(cap, committed, reserved, left)


def _balance(native: dict[str, Any]) -> Balance:
    recipients = {name: _account(rows) for name, rows in native.pop("recipients").items()}
    return Balance(total=_account(native.pop("total")), recipients=recipients, **native)


def _entry(native: dict[str, Any]) -> Entry:
    cost = native.get("cost")
    return Entry(
        native["number"],
        datetime.fromtimestamp(native["time"], UTC),
        native["what"],
        native.get("data_set"),
        tuple(native.get("recipients", ())),
        None if cost is None else Amount(*cost),
        native.get("note"),
        native.get("reservation"),
        native["standing"],
    )
