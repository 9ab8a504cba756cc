"""What comes out: a value, what it cost, how exact it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

import numpy as np

from .. import _native
from .._checks import refuse
from ._exact import RELATIONS, Neighbours
from .accounting import Event, event_of

T = TypeVar("T")

__all__ = ["Explanation", "Part", "Release", "Spent"]


@dataclass(frozen=True)
class Spent:
    """What a release costs. Several releases cost at most the sums; see :class:`Accountant`."""

    #: Of pure or approximate differential privacy.
    epsilon: float
    #: Of zero-concentrated differential privacy.
    rho: float
    #: The probability with which epsilon does not hold.
    delta: float
    #: For which relation.
    neighbours: Neighbours

    def __str__(self) -> str:
        losses = {"epsilon": self.epsilon, "rho": self.rho, "delta": self.delta}
        said = [f"{name} {value:g}" for name, value in losses.items() if value]
        return f"{', '.join(said)} for {RELATIONS[self.neighbours]}"


@dataclass(frozen=True)
class Part:
    """One use of a mechanism."""

    #: What was asked.
    what: str
    #: The law of the noise; None for a random choice.
    noise: Literal["laplace", "gaussian"] | None
    #: The scale b of Laplace noise, sigma of Gaussian noise.
    scale: float | None
    #: The standard deviation of the noise in one number.
    deviation: float | None
    #: How many numbers have such noise. The loss is for all of them.
    numbers: int
    #: What it is to an :class:`Accountant`.
    event: Event


@dataclass(frozen=True, eq=False)
class Release(Generic[T]):
    """A released value. It may be shown to anybody."""

    #: The value.
    value: T
    #: What it cost.
    spent: Spent
    #: The uses of mechanisms.
    parts: tuple[Part, ...]
    _native: _native.DpRelease = field(repr=False)

    @property
    def noise_scale(self) -> float | None:
        """The standard deviation of the noise in one noised number: in a count or a sum, and
        for a mean in the sums that it is made of. None for a random choice."""
        return self.parts[0].deviation

    @property
    def events(self) -> tuple[Event, ...]:
        """For an :class:`Accountant`; its ``add`` takes the release as well."""
        return tuple(part.event for part in self.parts)

    def interval(self, level: float = 0.95) -> tuple[Any, Any] | None:
        """What holds the value before noise with probability ``level``; free of cost.

        Clipping is not undone. For many numbers, an interval for each, each with this
        probability. None where the noise does not say: for choices, models, moments,
        and private keys, which are shown because their noisy counts are large.
        """
        if not 0 < level < 1:
            refuse("interval", "level is not between 0 and 1", "pass one such as 0.95")
        single = self._native.interval(level)
        if single is not None:
            return single[0], single[1]
        half = self._native.half_width(level)
        if half is None:
            return None
        if isinstance(self.value, Mapping):
            return (
                {key: count - half for key, count in self.value.items()},
                {key: count + half for key, count in self.value.items()},
            )
        values = getattr(self.value, "counts", self.value)
        if isinstance(values, (int, float)):
            return values - half, values + half
        return np.asarray(values) - half, np.asarray(values) + half


@dataclass(frozen=True)
class Explanation:
    """What a release would cost and how exact it would be. ``str()`` says it in words."""

    #: In words.
    text: str
    #: What it would cost.
    spent: Spent
    #: The uses of mechanisms.
    parts: tuple[Part, ...]
    #: The probability of ``half_width`` and ``rank_error``.
    level: float
    #: The noise in one number is within this of zero with probability ``level``. For a mean
    #: the numbers are sums: divide by the number of rows.
    half_width: float | None
    #: The rank of a quantile is wrong by at most so many rows with probability ``level``.
    rank_error: float | None
    #: The least noisy count of a private key that is shown.
    threshold: int | None

    @property
    def noise_scale(self) -> float | None:
        """The standard deviation of the noise in one number."""
        return self.parts[0].deviation

    @property
    def events(self) -> tuple[Event, ...]:
        """For an :class:`Accountant`; its ``add`` takes the explanation as well."""
        return tuple(part.event for part in self.parts)

    def __str__(self) -> str:
        return self.text


def parts_of(rows: list[_native._PartRow]) -> tuple[Part, ...]:
    """From their native form."""
    return tuple(
        Part(
            what,
            None if law is None else law[0],
            None if law is None else law[1],
            None if law is None else law[2],
            numbers,
            event_of(event),
        )
        for what, law, numbers, _, event in rows
    )


def made(native: _native.DpRelease, spent: Spent, value: Callable[[Any], T]) -> Release[T]:
    """From its native form."""
    return Release(value(native.value()), spent, parts_of(native.parts()), native)
