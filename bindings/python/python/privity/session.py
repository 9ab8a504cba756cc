"""Sessions: one party's view of joint work."""

from __future__ import annotations

import inspect
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from . import _native
from ._checks import integer, names, refuse, warn
from ._native import Column, Policy
from .exceptions import (
    ArgumentError,
    CancelledError,
    DeviationError,
    PeerStoppedError,
    SessionClosedError,
    TimeoutError,
    TransportError,
)
from .private import Bins, NoisyCounts, count
from .results import Costs, Estimate, Explanation, Learned, Network, Progress, StepCost
from .tables import Table, table

__all__ = [
    "BoundTable",
    "ColumnInfo",
    "DryRun",
    "JointTable",
    "Party",
    "Session",
    "dry_run",
    "run_local",
]

Program = Callable[..., Any]
ProgressCallback = Callable[[Progress], object]
Role = str

ENGINES = ("rep3",)
KINDS = ("number", "text", "bool")
NETWORKS = {
    "lan": Network(latency_ms=0.25, mbit_per_s=1000),
    "wan": Network(latency_ms=20, mbit_per_s=100),
}


if TYPE_CHECKING:
    from .dp import Ledger


class Party(NamedTuple):
    """Who takes part, and in which roles."""

    name: str
    owns_data: bool
    computes: bool
    receives: bool


class ColumnInfo(NamedTuple):
    """What all parties know about a column; ``owner`` is None if it is shared."""

    name: str
    owner: str | None
    kind: str


class BoundTable:
    """A party's own table, known to its session."""

    def __init__(self, session: Session, handle: int) -> None:
        self._session = session
        self._id = handle

    def __repr__(self) -> str:
        return f"<bound table of '{self._session.name}'>"


class JointTable:
    """A table over all parties' columns. Nobody has all of its values."""

    def __init__(
        self,
        session: Session,
        handle: int,
        rows: int,
        columns: Iterable[Sequence[Any]],
        not_features: frozenset[str],
    ) -> None:
        self._session = session
        self._id = handle
        self._not_features = not_features
        #: How many rows, the same at all parties.
        self.rows = rows
        #: How the rows were aligned, and why; nothing for a table made of another.
        self.why = ""
        #: Name, owner and kind of each column.
        self.schema = tuple(ColumnInfo(*c) for c in columns)

    @property
    def columns(self) -> list[str]:
        """The names of the columns."""
        return [c.name for c in self.schema]

    def __len__(self) -> int:
        return self.rows

    def __repr__(self) -> str:
        return f"<joint table of {self.rows} rows and {len(self.schema)} columns>"

    def __reduce__(self) -> Any:
        raise TypeError("a joint table belongs to its session and cannot be pickled")

    def split(
        self, *, by: str | None = None, fraction: float | None = None, seed: int = 0
    ) -> tuple[JointTable, JointTable]:
        """Cuts the rows in two: training and test.

        ``by`` is a column of 0 and 1 of one owner, 1 for the first part.
        ``fraction`` makes a public pseudo-random choice from ``seed`` instead.
        All parties learn which rows are where.
        """
        if (by is None) == (fraction is None):
            raise ArgumentError(
                "split: pass either by= or fraction=",
                op="split",
                rule="by= and fraction= exclude each other",
                fix="pass either by= or fraction=",
            )
        rule: dict[str, Any] = (
            {"column": by} if by is not None else {"fraction": {"first": fraction, "seed": seed}}
        )
        out = self._session._perform({"op": "split", "table": self._id, "by": rule})
        hidden = self._not_features | ({by} if by is not None else set())
        native = self._session._native
        first, second = (
            JointTable(self._session, handle, rows, native.columns(handle), hidden)
            for handle, rows in zip((out["first"], out["second"]), out["rows"], strict=True)
        )
        return first, second

    def select(self, columns: Sequence[str]) -> JointTable:
        """Keeps these columns, in this order."""
        kept = names("select", "columns", columns)
        out = self._session._perform({"op": "select", "table": self._id, "columns": kept})
        return self._derive(out)

    def count(
        self,
        margins: Sequence[str | tuple[str, ...]],
        *,
        bins: Bins,
        epsilon: float,
        delta: float = 1e-6,
        noise: Literal["shares", "joint", "least"] = "shares",
    ) -> NoisyCounts:
        """Counts rows by public bins, and opens the counts to all parties with noise.

        ``bins`` has, for each column, the levels of a column of text (a last bin is for all
        others) or the edges of one of numbers (three edges make four bins, and an edge belongs
        to the bin below it), known without looking at the data. ``margins`` are the tables to
        count, each by one column or by two. The noise is the least with which the counts are
        (epsilon, delta)-differentially private for the values of any one row, given who is
        in the table; it is made by the computing parties together, as ``"shares"`` that add
        up or, ``"joint"``, as secret bits that none of them knows (messages in proportion to
        the variance); ``"least"`` takes the smaller. Each owner whose columns are used pays
        from its ledger, as its policy says.
        """
        if isinstance(margins, str):
            refuse("count", "margins is one text, not a list", f"pass a list: [{margins!r}]")
        return count(self, bins, margins, epsilon=epsilon, delta=delta, noise=noise)

    def own_column(self, column: str) -> Column:
        """A column of this party's own, in the common order of the rows.

        For instance the identifiers next to which scores are to be stored. Any
        Arrow library takes it (``polars.Series(c)``, ``pyarrow.array(c)``);
        ``to_list()`` gives plain values.
        """
        return self._session._native.own_column(self._id, column)

    def _derive(self, out: Mapping[str, Any]) -> JointTable:
        return JointTable(self._session, out["id"], out["rows"], out["columns"], self._not_features)

    def _features(self, label: str | None = None, *, text: bool = True) -> list[str]:
        """Columns to learn from, if the caller names none."""
        return [
            c.name
            for c in self.schema
            if c.name != label and c.name not in self._not_features and (text or c.kind != "text")
        ]


class Session:
    """One party of a running program.

    Open one with :meth:`open`, or let :func:`run_local` and :func:`dry_run`
    make one for each party. Use it from one thread at a time.
    """

    def __init__(
        self,
        native: _native.Session,
        progress: ProgressCallback | bool | None = None,
    ) -> None:
        self._native = native
        self._progress = _progress_callback(progress)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        progress: ProgressCallback | bool | None = None,
    ) -> Self:
        """Opens the session that a ``party.toml`` describes.

        Connects to the peers and checks that all agree on session, suite and
        roles. ``progress`` is called as work goes on; ``True`` shows it on the
        terminal. An exception in it cancels the work.
        """
        return cls(_native.open(os.fspath(path)), progress)

    @property
    def name(self) -> str:
        """This party's name."""
        return self._native.name

    @property
    def parties(self) -> tuple[Party, ...]:
        """All parties, in the order that all of them know."""
        return tuple(Party(*p) for p in self._native.parties)

    @property
    def is_dry(self) -> bool:
        """Whether this is a dry run, in which nothing is ever opened."""
        return self._native.is_dry

    @property
    def closed(self) -> bool:
        """Whether the session has ended."""
        return self._native.closed

    def bind(self, data: Any = None, *, name: str | None = None) -> BoundTable:
        """Takes this party's table in; it stays here.

        Every party calls it at the same point of the program: owners with
        whatever :func:`privity.table` takes, the others with None.
        """
        bound = None
        if data is not None and not self.is_dry:
            bound = table(data, name=name or f"the table of '{self.name}'")
        return BoundTable(self, self._native.bind(bound, self._progress))

    def align(
        self,
        bound: BoundTable,
        on: Sequence[str] | str,
        *,
        align: Literal["auto", "open", "hidden"] = "auto",
    ) -> JointTable:
        """Finds the rows that all owners have, by their identifier columns.

        ``"open"``: every owner learns which of its own rows these are, and nothing
        about others. ``"hidden"``, for two owners: nobody learns which rows they are,
        only how many; all columns are shared and their values are at no party. Use
        :class:`WoE` or :class:`OneHot` to make features of them. Policies allow it
        by the operation ``align_hidden``.

        ``"auto"``: openly if the policies of all parties allow it, hidden if not and
        all allow that; :attr:`JointTable.why` says which, by what protocol, and why.
        """
        keys = [on] if isinstance(on, str) else names("align", "on", on)
        if align not in ("auto", "open", "hidden"):
            refuse("align", f"align={align!r} is unknown", 'use "auto", "open" or "hidden"')
        hidden, why = align == "hidden", f"{align}, as asked for"
        if align == "auto":
            hidden, why = self._native.choose_alignment(keys)
        op = {"op": "align", "table": bound._id, "on": keys, "hidden": hidden}
        out = self._perform(op)
        joint = JointTable(self, out["id"], out["rows"], out["columns"], frozenset(keys))
        joint.why = why
        return joint

    def release(self, what: Any, to: str | Sequence[str] = "all") -> Any:
        """Opens a result to recipients: the only way out.

        ``what`` is a fitted model, a WoE, scores or an evaluation; ``to`` is
        ``"all"`` or names of parties. Recipients get the numbers, the others
        and dry runs None.
        """
        if not hasattr(what, "_release"):
            raise ArgumentError(
                f"release: an object of type {type(what).__name__} is nothing that can be "
                "released; pass a model, a WoE, scores or an evaluation",
                op="release",
                rule="nothing that can be released",
                fix="pass a model, a WoE, scores or an evaluation",
            )
        if not hasattr(what, "_id"):
            raise ArgumentError(
                "release: the model is not fitted; call fit first",
                op="release",
                rule="not fitted",
                fix="call fit first",
            )
        return what._release(self, to)

    def costs(self) -> Costs:
        """What each operation cost this party so far."""
        return Costs([StepCost(**c) for c in self._native.costs()])

    def explain(self) -> Explanation:
        """What each operation so far lets whom learn, and which rule allows it."""
        return Explanation(
            [
                Learned(
                    line["sequence"],
                    line["op"],
                    line["what"],
                    tuple(line["to"]),
                    {} if line["allowed_by"] is None else {self.name: line["allowed_by"]},
                )
                for line in self._native.explain()
            ]
        )

    def audit(self) -> str:
        """The audit record so far, one JSON object per line."""
        return self._native.audit()

    def cancel(self) -> None:
        """Stops what this session is doing, from any thread."""
        self._native.cancel()

    def close(self) -> None:
        """Ends the session in agreement with the peers. Does nothing if it has ended."""
        if not self._native.closed:
            self._native.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        else:
            # Peers that wait for this party should not wait for the time-out.
            self._native.abort()

    def __repr__(self) -> str:
        return f"<privity session of '{self.name}'{', closed' if self.closed else ''}>"

    def __reduce__(self) -> Any:
        raise TypeError("a session cannot be pickled; every process opens its own")

    def _perform(self, op: Mapping[str, Any]) -> dict[str, Any]:
        try:
            text = json.dumps(op, allow_nan=False, default=_plain)
        except (TypeError, ValueError) as e:
            raise ArgumentError(
                f"{op['op']}: a parameter is not a plain value: {e}",
                op=op["op"],
                rule=str(e),
                fix="pass numbers, text and lists",
            ) from None
        out, notes = self._native.perform(text, self._progress)
        for note in notes:
            warn(f"{self.name}: {note}")
        return out

    def _release(self, what: Mapping[str, int], to: str | Sequence[str]) -> dict[str, Any] | None:
        if isinstance(to, str):
            recipients: Any = "all" if to == "all" else {"parties": [to]}
        else:
            recipients = {"parties": list(to)}
        out = self._perform({"op": "release", "what": what, "to": recipients})
        value: dict[str, Any] | None = out["value"]
        return value


def run_local(
    program: Program,
    data: Mapping[str, Any],
    *,
    engine: str = "rep3",
    policies: Mapping[str, Policy | str | os.PathLike[str]] | None = None,
    roles: Mapping[str, Role | Iterable[Role]] | None = None,
    ledgers: Mapping[str, str | os.PathLike[str] | Ledger] | None = None,
    progress: ProgressCallback | bool | None = None,
) -> dict[str, Any]:
    """Runs a program with every party a thread of this process.

    ``program`` takes a session, and this party's data if it has a second
    parameter. ``data`` names the parties, with the table of each, or None for
    one without. ``policies`` names each party's policy (a :class:`Policy` or
    the path of a TOML file); without it everything is allowed, since in one
    process nobody is hidden from anybody. ``roles`` overrides what a party
    does: any of ``"owner"``, ``"compute"`` and ``"recipient"``, as in ``party.toml``; by
    default all three, without ``"owner"`` where there is no data. ``ledgers`` has
    those (or their files) from which parties pay for counts with noise, as their policies say.

    Returns what the program returned, by party. If it fails, the first error
    that is not the echo of another party's is raised. Ctrl-C stops all parties.

    >>> import privity as pv
    >>> def program(s, data):
    ...     return s.align(s.bind(data), on="id").rows
    >>> pv.run_local(program, {
    ...     "alpha": {"id": ["a", "b", "c"], "age": [31, 42, 53]},
    ...     "beta": {"id": ["c", "d", "a"], "bad": [0, 1, 0]},
    ...     "bureau": None,
    ... })
    {'alpha': 2, 'beta': 2, 'bureau': 2}
    """
    _check_engine(engine)
    parties = [
        (_party(name, value is not None, roles), policy)
        for (name, value), policy in zip(
            data.items(), _policies("run_local", data, policies), strict=True
        )
    ]
    callback = _progress_callback(progress)
    sessions = [Session(native, callback) for native in _native.local(parties)]
    if ledgers and policies is None:
        refuse(
            "run_local",
            "ledgers are charged as policies say, and there are none",
            "give every party a policy, with a budget in its rule for count",
        )
    for name, ledger in (ledgers or {}).items():
        paying = [session for session in sessions if session.name == name]
        if not paying:
            refuse("run_local", f"there is no party '{name}' to have a ledger", "name one of data")
        path = ledger if isinstance(ledger, (str, os.PathLike)) else ledger.path
        paying[0]._native.pay_from(os.fspath(path))
    return _Crew(program, sessions, data).run()


class _Crew:
    """The threads of a local run."""

    def __init__(
        self, program: Program, sessions: Sequence[Session], data: Mapping[str, Any]
    ) -> None:
        self.results: dict[str, Any] = {}
        self.errors: list[tuple[int, float, str, BaseException]] = []
        self.sessions = sessions
        takes_data = _takes_data(program)
        self.threads = [
            threading.Thread(
                target=self._work,
                args=(program, session, (data[session.name],) if takes_data else ()),
                name=f"privity {session.name}",
                daemon=True,
            )
            for session in sessions
        ]

    def run(self) -> dict[str, Any]:
        for thread in self.threads:
            thread.start()
        try:
            # Short waits: a signal is handled between two of them.
            for thread in self.threads:
                while thread.is_alive():
                    thread.join(0.05)
        except BaseException:
            for session in self.sessions:
                session.cancel()
            deadline = time.monotonic() + 5
            for thread in self.threads:
                thread.join(max(0.0, deadline - time.monotonic()))
            raise
        if self.errors:
            _, _, party, error = min(self.errors, key=lambda e: e[:2])
            error.add_note(f"at party '{party}'")
            raise error
        return {session.name: self.results[session.name] for session in self.sessions}

    def _work(self, program: Program, session: Session, extra: tuple[Any, ...]) -> None:
        try:
            with session:
                self.results[session.name] = program(session, *extra)
        except BaseException as e:  # raised again by run()
            self.errors.append((_echo_rank(e), time.monotonic(), session.name, e))


def _echo_rank(error: BaseException) -> int:
    """How likely an error is the echo of another party's."""
    match error:
        case CancelledError() | SessionClosedError():
            return 4
        case TimeoutError():
            return 2
        case TransportError():
            return 3
        case PeerStoppedError() | DeviationError():
            return 1
    return 0


@dataclass(frozen=True)
class DryRun:
    """What a program would reveal and cost."""

    _explanations: dict[str, Explanation]
    _costs: dict[str, Costs]

    def explain(self) -> Explanation:
        """What each party will learn, and the rule of each policy that allows it."""
        merged: dict[tuple[int, str, str, tuple[str, ...]], dict[str, str]] = {}
        for explanation in self._explanations.values():
            for line in explanation:
                key = (line.sequence, line.op, line.what, line.to)
                merged.setdefault(key, {}).update(line.allowed_by)
        return Explanation([Learned(*key, rules) for key, rules in merged.items()])

    def estimate(self, network: str | Network = "lan") -> Estimate:
        """Bytes, rounds and network time: ``"lan"``, ``"wan"`` or a :class:`Network`."""
        if isinstance(network, str):
            if network not in NETWORKS:
                rule = f"unknown network '{network}'"
                fix = f"use {', '.join(NETWORKS)} or a Network"
                raise ArgumentError(f"estimate: {rule}; {fix}", op="estimate", rule=rule, fix=fix)
            network = NETWORKS[network]
        if not isinstance(network, Network):
            refuse(
                "estimate",
                f"an object of type {type(network).__name__} is no network",
                f"use {', '.join(map(repr, NETWORKS))} or a Network",
            )
        seconds = 0.0
        for steps in zip(*self._costs.values(), strict=False):
            rounds = max(s.rounds for s in steps)
            sent = max(s.sent for s in steps)
            seconds += rounds * network.latency_ms / 1e3 + sent * 8 / (network.mbit_per_s * 1e6)
        return Estimate(network, self._costs, seconds)

    def __str__(self) -> str:
        return f"{self.explain()}\n\n{self.estimate()}"


def dry_run(
    program: Program,
    schemas: Mapping[str, Any],
    *,
    rows: int | Mapping[str, int] | None = None,
    common_rows: int | None = None,
    first_part: float = 0.7,
    engine: str = "rep3",
    policies: Mapping[str, Policy | str | os.PathLike[str]] | None = None,
    roles: Mapping[str, Role | Iterable[Role]] | None = None,
) -> DryRun:
    """Runs a program with neither peers nor data, to see what it would do.

    ``schemas`` names the parties, with the columns of each: a dict of kinds
    (``"number"``, ``"text"``, ``"bool"``, or ``("text", 12)`` for a known
    number of levels), or a table, of which only names, kinds and size are
    used; None for a party without data. ``rows`` is the size of each table,
    ``common_rows`` that of the intersection (the smallest table's by default),
    and ``first_part`` the share of rows that a split by column puts first.

    The program gets None for its data, and ``release`` returns None.
    """
    _check_engine(engine)
    planned = []
    for (name, value), policy in zip(
        schemas.items(), _policies("dry_run", schemas, policies), strict=True
    ):
        columns, known = _schema(name, value)
        count = rows.get(name, known) if isinstance(rows, Mapping) else rows
        if columns is not None and count is None:
            count = known
        if columns is not None and count is None:
            raise ArgumentError(
                f"dry_run: how many rows '{name}' has is not known; pass rows=",
                op="dry_run",
                rule="unknown number of rows",
                fix="pass rows=",
            )
        party = _party(name, value is not None, roles)
        planned.append((party, policy, columns, count if columns is not None and count else 0))
    if common_rows is not None:
        common_rows = integer("dry_run", "common_rows", common_rows, 0, 2**63 - 1)
        owners = [(count, party[0]) for party, _, cols, count in planned if cols and party[1]]
        if owners and common_rows > min(owners)[0]:
            count, name = min(owners)
            refuse(
                "dry_run",
                f"common_rows={common_rows} is more than the {count} rows of '{name}'",
                f"pass common_rows of at most {count}",
            )
    explanations, costs = {}, {}
    takes_data = _takes_data(program)
    for native in _native.dry_run(planned, common_rows, first_part):
        with Session(native) as session:
            program(session, None) if takes_data else program(session)
            explanations[session.name] = session.explain()
            costs[session.name] = session.costs()
    return DryRun(explanations, costs)


def _schema(party: str, value: Any) -> tuple[list[tuple[str, str, int | None]] | None, int | None]:
    if value is None:
        return None, None
    kinds = isinstance(value, Mapping) and all(isinstance(v, (str, tuple)) for v in value.values())
    if kinds and value:
        return [_column_kind(party, name, kind) for name, kind in value.items()], None
    checked = value if isinstance(value, Table) else table(value)
    return checked.schema(), checked.rows


def _column_kind(party: str, name: str, kind: Any) -> tuple[str, str, int | None]:
    word, *rest = (kind,) if isinstance(kind, str) else kind or (None,)
    levels = rest[0] if rest else None
    counted = isinstance(levels, Integral) and not isinstance(levels, bool) and int(levels) >= 1
    right = len(rest) == 1 and counted if isinstance(kind, tuple) else True
    if word not in KINDS or not right:
        refuse(
            "dry_run",
            f"the kind of column '{name}' of '{party}' is none",
            f"write {', '.join(map(repr, KINDS))}, or a kind and its number of levels: "
            "('text', 12)",
        )
    return name, word, None if levels is None else int(levels)


def _party(
    name: str, has_data: bool, roles: Mapping[str, Role | Iterable[Role]] | None
) -> tuple[str, bool, bool, bool]:
    if roles is None or name not in roles:
        return name, has_data, True, True
    given = roles[name]
    words = {given} if isinstance(given, str) else set(given)
    unknown = words - {"owner", "compute", "recipient"}
    if unknown:
        rule = f"role '{unknown.pop()}' of '{name}' is unknown"
        fix = "use 'owner', 'compute' and 'recipient'"
        raise ArgumentError(f"roles: {rule}; {fix}", op="roles", rule=rule, fix=fix)
    return name, "owner" in words, "compute" in words, "recipient" in words


def _policies(
    op: str,
    names: Iterable[str],
    policies: Mapping[str, Policy | str | os.PathLike[str]] | None,
) -> list[Policy]:
    if policies is None:
        return [Policy.allow_all() for _ in names]
    out = []
    for name in names:
        if name not in policies:
            rule = f"there is no policy of '{name}'"
            fix = "give every party one; Policy.deny_all() allows nothing"
            raise ArgumentError(f"{op}: {rule}; {fix}", op=op, rule=rule, fix=fix)
        policy = policies[name]
        out.append(policy if isinstance(policy, Policy) else Policy.load(os.fspath(policy)))
    return out


def _check_engine(engine: str) -> None:
    if engine not in ENGINES:
        rule = f"engine '{engine}' is unknown"
        fix = f"use {', '.join(ENGINES)}"
        raise ArgumentError(f"engine: {rule}; {fix}", op="engine", rule=rule, fix=fix)


def _takes_data(program: Program) -> bool:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(program).parameters.values()
    return sum(p.kind in kinds and p.default is p.empty for p in parameters) > 1


def _progress_callback(progress: ProgressCallback | bool | None) -> Any:
    if progress is None or progress is False:
        return None
    if isinstance(progress, _Native):
        return progress
    return _Native(_show if progress is True else progress)


class _Native:
    """What the native session calls: one party at a time, with a dict."""

    def __init__(self, callback: Any) -> None:
        self.callback = callback
        self.lock = threading.Lock()

    def __call__(self, report: dict[str, Any]) -> None:
        with self.lock:
            self.callback(Progress(**report))


def _show(p: Progress) -> None:
    """One line on the terminal, and nothing where there is none."""
    if sys.stderr.isatty():
        line = f"{p.party}: {p.op}, {p.stage} {p.fraction:.0%}"
        sys.stderr.write(f"\r{line:<70}" + ("\n" if p.fraction >= 1 else ""))
        sys.stderr.flush()


def _plain(value: Any) -> Any:
    """NumPy scalars, which json does not know."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a value of type {type(value).__name__}")
