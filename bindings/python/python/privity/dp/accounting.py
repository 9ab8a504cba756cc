"""What releases cost together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from .. import _native
from .._checks import integer, number, refuse
from ._exact import Neighbours, exact, ratio, relation

if TYPE_CHECKING:
    from .release import Spent

__all__ = [
    "Accountant",
    "Approximate",
    "Binomial",
    "Composed",
    "DiscreteGaussian",
    "DiscreteLaplace",
    "Event",
    "Filter",
    "Gaussian",
    "KaryResponse",
    "Laplace",
    "Pure",
    "Skellam",
    "Subsampled",
    "Zcdp",
    "calibrate",
    "gaussian_sigma",
    "rho_within",
    "zcdp_epsilon",
]

Method = Literal["best", "pld", "rdp", "zcdp", "basic"]


class Event:
    """What an accountant knows of a release. Sensitivities hold under its neighbours."""

    def _row(self) -> tuple[Any, ...]:
        raise NotImplementedError


@dataclass(frozen=True)
class Pure(Event):
    """Epsilon-differential privacy, and nothing more is known."""

    epsilon: float

    def _row(self) -> tuple[Any, ...]:
        return "pure", float(self.epsilon)


@dataclass(frozen=True)
class Approximate(Event):
    """(epsilon, delta)-differential privacy, and nothing more is known."""

    epsilon: float
    delta: float

    def _row(self) -> tuple[Any, ...]:
        return "approximate", float(self.epsilon), float(self.delta)


@dataclass(frozen=True)
class Zcdp(Event):
    """Rho-zero-concentrated differential privacy, and nothing more is known."""

    rho: float

    def _row(self) -> tuple[Any, ...]:
        return "zcdp", float(self.rho)


@dataclass(frozen=True)
class Laplace(Event):
    """Laplace noise on real numbers; the scale in units of the sensitivity."""

    scale: float

    def _row(self) -> tuple[Any, ...]:
        return "laplace", float(self.scale)


@dataclass(frozen=True)
class Gaussian(Event):
    """Gaussian noise on real numbers; sigma in units of the sensitivity (L2)."""

    sigma: float

    def _row(self) -> tuple[Any, ...]:
        return "gaussian", float(self.sigma)


@dataclass(frozen=True)
class DiscreteLaplace(Event):
    """Discrete Laplace noise of scale b on a whole number."""

    scale: float | Fraction | Decimal
    sensitivity: int = 1

    def _row(self) -> tuple[Any, ...]:
        return "discrete_laplace", ratio(exact("event", "scale", self.scale)), self.sensitivity


@dataclass(frozen=True)
class DiscreteGaussian(Event):
    """Discrete Gaussian noise on a whole number. Compose the numbers of a vector."""

    sigma_squared: float | Fraction | Decimal
    sensitivity: int = 1

    def _row(self) -> tuple[Any, ...]:
        squared = exact("event", "sigma_squared", self.sigma_squared)
        return "discrete_gaussian", ratio(squared), self.sensitivity


@dataclass(frozen=True)
class Skellam(Event):
    """The difference of two Poisson variables of mean mu, on a whole number."""

    mu: float
    sensitivity: int = 1

    def _row(self) -> tuple[Any, ...]:
        return "skellam", float(self.mu), self.sensitivity


@dataclass(frozen=True)
class Binomial(Event):
    """The number of heads of so many fair coins, on a whole number."""

    trials: int
    sensitivity: int = 1

    def _row(self) -> tuple[Any, ...]:
        return "binomial", self.trials, self.sensitivity


@dataclass(frozen=True)
class KaryResponse(Event):
    """A report of the true one of some categories with probability ``truth``, of each other
    one with the same smaller probability. For ``neighbours="replace"``."""

    categories: int
    truth: float

    def _row(self) -> tuple[Any, ...]:
        return "randomised_response", self.categories, float(self.truth)


@dataclass(frozen=True)
class Subsampled(Event):
    """A release from a random sample, drawn anew each time.

    With ``rate`` every unit is in it with this probability, on its own (for
    ``neighbours="add_remove"``); with ``sample`` and ``population`` it is a uniform set of
    that size (for ``"replace"``).
    """

    event: Event
    rate: float | None = None
    sample: int | None = None
    population: int | None = None

    def _row(self) -> tuple[Any, ...]:
        fixed = (self.sample, self.population)
        if self.rate is not None and fixed == (None, None):
            return "poisson", float(self.rate), self.event._row()
        if self.rate is None and None not in fixed:
            return "fixed", self.sample, self.population, self.event._row()
        fix = "pass rate=0.01, or sample=100 and population=10000"
        refuse("event", "a sample has a rate, or a size and a population", fix)


@dataclass(frozen=True)
class Composed(Event):
    """Several events, each with how often it happens."""

    events: tuple[tuple[Event, int], ...]

    def _row(self) -> tuple[Any, ...]:
        return "composed", [(event._row(), times) for event, times in self.events]


def event_of(row: Any) -> Event:
    """From its native form."""
    word, *rest = row
    match word:
        case "pure" | "zcdp" | "laplace" | "gaussian" | "approximate":
            kinds: dict[str, Callable[..., Event]] = {
                "pure": Pure,
                "zcdp": Zcdp,
                "laplace": Laplace,
                "gaussian": Gaussian,
                "approximate": Approximate,
            }
            return kinds[word](*rest)
        case "discrete_laplace":
            return DiscreteLaplace(Fraction(*rest[0]), rest[1])
        case "discrete_gaussian":
            return DiscreteGaussian(Fraction(*rest[0]), rest[1])
        case "skellam":
            return Skellam(*rest)
        case "binomial":
            return Binomial(*rest)
        case "randomised_response":
            return KaryResponse(*rest)
        case "poisson":
            return Subsampled(event_of(rest[1]), rate=rest[0])
        case "fixed":
            return Subsampled(event_of(rest[2]), sample=rest[0], population=rest[1])
        case _:
            return Composed(tuple((event_of(event), times) for event, times in rest[0]))


class Costly(Protocol):
    """A release, an explanation, or a mechanism that goes on."""

    @property
    def spent(self) -> Spent:
        """What it costs."""

    @property
    def events(self) -> tuple[Event, ...]:
        """What it is to an accountant."""


What: TypeAlias = Event | Costly


def _events(op: str, what: What, neighbours: Neighbours) -> tuple[Event, ...]:
    if isinstance(what, Event):
        return (what,)
    spent = getattr(what, "spent", None)
    if spent is None:
        fix = "pass an event such as dp.Gaussian(2.0), or a release"
        refuse(op, f"an object of type {type(what).__name__} is no event", fix)
    if spent.neighbours != neighbours:
        refuse(
            op,
            f"the release is for neighbours={spent.neighbours!r}, not {neighbours!r}",
            "release and account for the same relation",
        )
    return what.events


class Accountant:
    """What releases cost together; it can be read at any time.

    >>> from privity import dp
    >>> step = dp.Subsampled(dp.Gaussian(1.0), rate=0.01)
    >>> epsilon = dp.Accountant("pld").add(step, 1000).epsilon(1e-5)
    >>> 1.818 < epsilon < 1.829
    True

    Results are never below the true value. ``"best"`` is the least bound of all methods that
    apply: privacy-loss distributions (``"pld"``), Rényi (``"rdp"``) and zero-concentrated
    (``"zcdp"``) differential privacy, and sums (``"basic"``). Questions may depend on earlier
    answers, the parameters of events may not: for that see :class:`Filter`.
    """

    def __init__(
        self,
        method: Method = "best",
        *,
        neighbours: Neighbours = "add_remove",
        grid: float | None = None,
    ) -> None:
        self.method = method
        self.neighbours = relation("accountant", neighbours)
        self._native = _native.DpAccountant(method, neighbours, grid)

    def add(self, what: What, times: int = 1) -> Accountant:
        """Adds an event, or a release, that happens so many times; returns itself."""
        times = integer("accountant", "times", times, 1, 10**12)
        # All or none.
        whole = self._native.copy()
        for event in _events("accountant", what, self.neighbours):
            whole.compose(event._row(), times)
        self._native = whole
        return self

    def epsilon(self, delta: float) -> float:
        """The least epsilon that is proved at ``delta``; infinity if none is. Delta may be 0
        for pure events."""
        return self._native.epsilon(delta)

    def delta(self, epsilon: float) -> float:
        """The least delta that is proved at ``epsilon``."""
        return self._native.delta(epsilon)

    @property
    def events(self) -> list[tuple[Event, int]]:
        """Different events, and how often each happened."""
        return [(event_of(event), times) for event, times in self._native.events()]

    def copy(self) -> Accountant:
        """Another one with the same events."""
        other = Accountant(self.method, neighbours=self.neighbours)
        other._native = self._native.copy()
        return other

    def __repr__(self) -> str:
        return f"<accountant of {sum(times for _, times in self.events)} releases>"


class Filter:
    """A cap that no release may pass: what would is refused, before anything is spent.

    Unless ``adaptive``, the sequence of events must be chosen without regard to answers.

    >>> from privity import dp
    >>> cap = dp.Filter(epsilon=1.0, delta=1e-6)
    >>> cap.spend(dp.Gaussian(20.0), times=10)
    >>> cap.spent() < 1.0
    True
    """

    def __init__(
        self,
        epsilon: float,
        delta: float,
        *,
        adaptive: bool = True,
        neighbours: Neighbours = "add_remove",
        method: Method = "best",
    ) -> None:
        self.neighbours = relation("filter", neighbours)
        if adaptive:
            self._native = _native.DpFilter.adaptive(neighbours, epsilon, delta)
        else:
            empty = _native.DpAccountant(method, neighbours, None)
            self._native = _native.DpFilter.preset(empty, epsilon, delta)

    def spend(self, what: What, times: int = 1) -> None:
        """Spends, or raises :class:`~privity.OverspentError` and spends nothing."""
        times = integer("filter", "times", times, 1, 10**12)
        events = _events("filter", what, self.neighbours)
        event = events[0] if len(events) == 1 else Composed(tuple((e, 1) for e in events))
        self._native.spend(event._row(), times)

    def spent(self) -> float:
        """How much of epsilon is used up."""
        return self._native.spent()


def calibrate(
    events: Callable[[float], Event | Iterable[tuple[Event, int]]],
    *,
    epsilon: float,
    delta: float,
    between: tuple[float, float] = (0.1, 1000.0),
    accountant: Accountant | None = None,
) -> float:
    """The least noise for a budget, to one part in a million and on the safe side.

    ``events`` says what is released at some noise: one event, or pairs of an event and how
    often it happens. Epsilon must fall with the noise. What ``accountant`` holds counts.

    >>> from privity import dp
    >>> sigma = dp.calibrate(dp.Gaussian, epsilon=1.0, delta=1e-5)
    >>> abs(sigma / dp.gaussian_sigma(1.0, 1e-5) - 1) < 1e-5
    True
    """

    def rows(noise: float) -> list[tuple[Any, int]]:
        made = events(noise)
        pairs = [(made, 1)] if isinstance(made, Event) else list(made)
        return [(event._row(), times) for event, times in pairs]

    base = accountant or Accountant()
    low, high = (number("calibrate", "between", end) for end in between)
    return _native.dp_calibrate(base._native, epsilon, delta, (low, high), rows)


def gaussian_sigma(epsilon: float, delta: float, sensitivity: float = 1.0) -> float:
    """The standard deviation of Gaussian noise on real numbers for (epsilon, delta), rounded
    up: the analytic formula of Balle and Wang (ICML 2018), which holds for every epsilon.

    >>> from privity import dp
    >>> round(dp.gaussian_sigma(1.0, 1e-5), 3)
    3.731
    """
    return _native.dp_gaussian_sigma(epsilon, delta, sensitivity)


def rho_within(epsilon: float, delta: float) -> Fraction:
    """The greatest rho that is known to be (epsilon, delta)-private: a loss for estimators."""
    return Fraction(*_native.dp_rho_within(epsilon, delta))


def zcdp_epsilon(rho: float, delta: float) -> float:
    """Epsilon of a rho at delta."""
    return _native.dp_zcdp_epsilon(rho, delta)
