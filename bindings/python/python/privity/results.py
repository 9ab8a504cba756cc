"""What operations give back: released numbers, costs, explanations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, overload

__all__ = [
    "Band",
    "Costs",
    "Estimate",
    "Explanation",
    "Learned",
    "LogisticModel",
    "Metrics",
    "Network",
    "Progress",
    "StepCost",
]


class Band(NamedTuple):
    """Rows in one band of scores: label 0, label 1."""

    negatives: int
    positives: int


@dataclass(frozen=True)
class Metrics:
    """Released measures of a model.

    ``bands`` counts both classes in bands of equal width between 0 and 1, from
    low scores to high.
    """

    auc: float | None = None
    ks: float | None = None
    bands: tuple[Band, ...] | None = None


@dataclass(frozen=True)
class LogisticModel:
    """A released logistic model.

    ``standard_errors`` are by name, the constant's under ``"intercept"``; None for
    a fit with a penalty or by SGD.
    """

    intercept: float
    coefficients: dict[str, float]
    standard_errors: dict[str, float] | None = None


@dataclass(frozen=True)
class Progress:
    """How far a long operation is."""

    party: str
    op: str
    #: Position in the program, from 1.
    sequence: int
    #: The step within the operation.
    stage: str
    #: Work done, between 0 and 1.
    fraction: float


@dataclass(frozen=True)
class StepCost:
    """What one operation cost this party."""

    sequence: int
    op: str
    #: Payload bytes.
    sent: int
    received: int
    #: The longest chain of messages that waited for one another.
    rounds: int
    seconds: float


class Costs(Sequence[StepCost]):
    """What each operation cost this party; prints as a table."""

    def __init__(self, steps: Sequence[StepCost]) -> None:
        self._steps = tuple(steps)

    @overload
    def __getitem__(self, index: int) -> StepCost: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[StepCost, ...]: ...
    def __getitem__(self, index: int | slice) -> StepCost | tuple[StepCost, ...]:
        return self._steps[index]

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[StepCost]:
        return iter(self._steps)

    @property
    def sent(self) -> int:
        """Payload bytes sent by all operations."""
        return sum(s.sent for s in self)

    @property
    def received(self) -> int:
        """Payload bytes received by all operations."""
        return sum(s.received for s in self)

    @property
    def rounds(self) -> int:
        """Rounds of all operations, one after the other."""
        return sum(s.rounds for s in self)

    @property
    def seconds(self) -> float:
        """Wall time of all operations."""
        return sum(s.seconds for s in self)

    def __str__(self) -> str:
        lines = [f"    {'operation':<16}{'sent':>10}{'received':>10}{'rounds':>8}{'seconds':>9}"]
        for s in self:
            lines.append(
                f"{s.sequence:>3} {s.op:<16}{size(s.sent):>10}{size(s.received):>10}"
                f"{s.rounds:>8}{s.seconds:>9.3f}"
            )
        lines.append(
            f"{'':>3} {'total':<16}{size(self.sent):>10}{size(self.received):>10}"
            f"{self.rounds:>8}{self.seconds:>9.3f}"
        )
        return "\n".join(lines)

    __repr__ = __str__


@dataclass(frozen=True)
class Learned:
    """One line of what a program lets parties learn."""

    sequence: int
    op: str
    #: What is learned, in plain words.
    what: str
    #: By whom.
    to: tuple[str, ...]
    #: The rule that allows it, by the party whose policy has it. One session
    #: knows only its own party's; a dry run knows all.
    allowed_by: dict[str, str] = field(default_factory=dict)


class Explanation(Sequence[Learned]):
    """What a program lets whom learn; prints as plain sentences."""

    def __init__(self, lines: Sequence[Learned]) -> None:
        self._lines = tuple(lines)

    @overload
    def __getitem__(self, index: int) -> Learned: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Learned, ...]: ...
    def __getitem__(self, index: int | slice) -> Learned | tuple[Learned, ...]:
        return self._lines[index]

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[Learned]:
        return iter(self._lines)

    def of(self, party: str) -> Explanation:
        """Only what this party learns."""
        return Explanation([line for line in self if party in line.to])

    def __str__(self) -> str:
        lines = []
        for line in self:
            to = " and ".join(line.to) if len(line.to) < 3 else ", ".join(line.to)
            lines.append(f"{line.sequence:>3} {line.op}: {to} learn{_s(line.to)} {line.what}")
            for party, rule in line.allowed_by.items():
                lines.append(f"      allowed at {party} by {rule}")
        return "\n".join(lines)

    __repr__ = __str__


@dataclass(frozen=True)
class Network:
    """What a dry run assumes about the network between the parties."""

    #: Time of one message from party to party, in milliseconds.
    latency_ms: float
    #: What one party can send, in megabits per second.
    mbit_per_s: float


@dataclass(frozen=True)
class Estimate:
    """What a program would cost, by party. Prints as a table.

    ``seconds`` is time on the network; local work comes on top.
    """

    network: Network
    costs: dict[str, Costs]
    seconds: float

    def __str__(self) -> str:
        lines = [f"{'party':<14}{'sent':>10}{'received':>10}{'rounds':>8}"]
        for party, costs in self.costs.items():
            lines.append(
                f"{party:<14}{size(costs.sent):>10}{size(costs.received):>10}{costs.rounds:>8}"
            )
        lines.append(
            f"about {self.seconds:.3g} s on a network of {self.network.mbit_per_s:g} Mbit/s and "
            f"{self.network.latency_ms:g} ms, local work not included"
        )
        return "\n".join(lines)


def size(count: float) -> str:
    """Bytes for people.

    >>> size(999), size(12_345), size(9_876_543)
    ('999 B', '12.3 kB', '9.88 MB')
    """
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 999.5:
            return f"{count:.3g} {unit}"
    return f"{count / 1000:.3g} TB"


def _s(names: Sequence[str]) -> str:
    return "s" if len(names) == 1 else ""
