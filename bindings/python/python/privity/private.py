"""Counts of joint tables with differential privacy, and scorecards out of them.

Counts are opened with noise that the computing parties make together; a scorecard is
computed from counts and costs nothing beyond them. The guarantee is for the values of one
row, given who is in the table: an alignment tells that without noise.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import numpy.typing as npt

from . import _native
from ._checks import integer, number, refuse
from .models import _Estimator

if TYPE_CHECKING:
    from .session import JointTable

__all__ = ["NoisyCounts", "PrivateRanking", "PrivateScorecard"]

Bins = Mapping[str, Sequence[str] | Sequence[float]]
Noise = Literal["shares", "joint", "least"]


@dataclass(frozen=True)
class NoisyCounts:
    """Counts of rows, each with independent noise of mean 0.

    ``tables`` has an array for each margin, by the names of its columns; its axes are their
    bins. Bins of text are the levels that were named and a last one for all others; bin j of
    numbers holds edges[j-1] < x <= edges[j]. Counts may be below 0: what noise makes of
    small ones. Do not cut them off before adding up.
    """

    tables: dict[tuple[str, ...], npt.NDArray[np.int64]]
    #: Standard deviation of the noise of each count.
    deviation: float
    epsilon: float
    delta: float

    def __getitem__(self, columns: str | tuple[str, ...]) -> npt.NDArray[np.int64]:
        return self.tables[(columns,) if isinstance(columns, str) else columns]

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.tables)


@dataclass(frozen=True)
class PrivateRanking:
    """How well a score ranks, from noisy counts of its bands.

    Both measures are those of the bands: rows of one band count as ties, so with few bands
    they are a little smaller than those of the scores. ``auc_noise`` is what the noise adds
    to the standard error of ``auc``, to first order; ``ks`` is larger by noise, on average.
    All are nan if noise leaves a class empty. ``bands`` has
    the counts, from low scores to high, without the event and with it.
    """

    auc: float
    auc_noise: float
    ks: float
    bands: npt.NDArray[np.int64]
    #: Standard deviation of the noise of each count.
    deviation: float
    epsilon: float
    delta: float


def count(
    table: JointTable,
    bins: Bins,
    margins: Sequence[str | tuple[str, ...]],
    *,
    epsilon: float,
    delta: float,
    noise: Noise = "shares",
    score: tuple[Sequence[tuple[str, Sequence[int]]], Sequence[int]] | None = None,
) -> NoisyCounts:
    """What :meth:`JointTable.count` does; ``score`` adds an attribute of that name."""
    attributes: list[dict[str, Any]] = []
    places: dict[str, int] = {}
    for column, cuts in bins.items():
        places[column] = len(attributes)
        attributes.append(_attribute(column, cuts))
    if score is not None:
        terms, edges = score
        points = [{"attribute": places[c], "points": list(p)} for c, p in terms]
        places[""] = len(attributes)
        attributes.append({"score": {"terms": points, "edges": list(edges)}})
    keys = [(m,) if isinstance(m, str) else tuple(m) for m in margins]
    for name in (name for key in keys for name in key):
        if name not in places:
            refuse("count", f"'{name}' has no bins", f"say them: bins={{'{name}': [...]}}")
    sources = {"shares": [False], "joint": [True], "least": [False, True]}.get(noise)
    if sources is None:
        refuse("count", f"noise={noise!r} is unknown", 'use "shares", "joint" or "least"')
    epsilon, delta = number("count", "epsilon", epsilon), number("count", "delta", delta)
    if delta == 0 and noise == "least":
        sources = [False]
    text, deviation = min(
        (_native.count_noise(len(keys), epsilon, delta, joint) for joint in sources),
        key=lambda found: found[1],
    )
    op = {
        "op": "count",
        "table": table._id,
        "attributes": attributes,
        "margins": [[places[name] for name in key] for key in keys],
        "noise": json.loads(text),
    }
    opened = table._session._perform(op)["value"]
    shapes = [[_size(attributes[places[name]]) for name in key] for key in keys]
    arrays = [
        np.array(cells, dtype=np.int64).reshape(shape)
        for cells, shape in zip(opened["margins"], shapes, strict=True)
    ]
    return NoisyCounts(dict(zip(keys, arrays, strict=True)), deviation, epsilon, delta)


def _attribute(column: str, cuts: Any) -> dict[str, Any]:
    if isinstance(cuts, str) or not isinstance(cuts, (Sequence, np.ndarray)) or len(cuts) == 0:
        refuse(
            "count",
            f"the bins of '{column}' are no list",
            "name the levels of a column of text, or the edges of one of numbers",
        )
    if all(isinstance(cut, str) for cut in cuts):
        return {"levels": {"column": column, "levels": list(cuts)}}
    edges = [number("count", f"an edge of '{column}'", cut) for cut in cuts]
    return {"edges": {"column": column, "edges": edges}}


def _size(attribute: dict[str, Any]) -> int:
    ((_, value),) = attribute.items()
    return len(value.get("levels", value.get("edges"))) + 1


class PrivateScorecard(_Estimator):
    """A logistic scorecard with differential privacy, from counts with noise.

    ``fit`` counts the rows of each bin of each feature, without and with the event; from
    these come weights of evidence, information values and the choice of features with at
    least ``min_iv``. Then it counts the rows of each pair of bins of the chosen features,
    from which the coefficients come. Everything else is computed from these counts, which
    all parties see. ``pairs`` is the share of epsilon for the pairs; ``delta`` is split
    evenly. ``noise`` is what :meth:`JointTable.count` takes.

    Bins are public and must be chosen without looking at the data: levels of a code book,
    edges that anybody would name. They are never learned from the rows.

    After ``fit`` every party has ``features_``, ``iv_``, ``woe_``, ``coef_``,
    ``intercept_`` and ``points_``. A row's score is the sum of the points of its bins;
    ``65536`` points are 1 in log-odds.
    """

    features_: list[str]
    iv_: dict[str, float]
    woe_: dict[str, npt.NDArray[np.float64]]
    coef_: dict[str, float]
    intercept_: float
    points_: dict[str, list[int]]
    #: What was spent by ``fit`` and ``evaluate``: (what, epsilon, delta).
    spent_: list[tuple[str, float, float]]

    _bins: Bins
    _label: str

    def __init__(
        self,
        *,
        epsilon: float = 0.6,
        delta: float = 1e-6,
        min_iv: float = 0.02,
        pairs: float = 1 / 3,
        noise: Noise = "shares",
    ) -> None:
        self.epsilon = epsilon
        self.delta = delta
        self.min_iv = min_iv
        self.pairs = pairs
        self.noise = noise

    def fit(self, table: JointTable, *, label: str, bins: Bins) -> Self:
        """Learns from the rows of a table; ``bins`` names the features and their bins."""
        features = [name for name in bins if name != label]
        if not features:
            refuse("PrivateScorecard", "there is no feature", "name some with their bins")
        share = number("PrivateScorecard", "pairs", self.pairs)
        if not 0 <= share < 1:
            refuse("PrivateScorecard", f"pairs={share} is not from 0 to 1", "1/3 is usual")
        epsilon = number("PrivateScorecard", "epsilon", self.epsilon)
        for_pairs = _parts(epsilon, share) if len(features) > 1 else 0.0
        most = len(features) * (len(features) - 1) // 2
        if for_pairs > 0:
            # What would stop the second count is found before the first one is paid.
            _native.count_noise(most, for_pairs, self.delta / 2, self.noise == "joint")
        self._bins, self._label = bins, label
        with_label: Bins = {**bins, label: [0.5]}
        deltas = self.delta / 2 if for_pairs > 0 else self.delta

        first = count(
            table,
            with_label,
            [(name, label) for name in features],
            epsilon=_parts(epsilon, 1 - for_pairs / epsilon) if for_pairs else epsilon,
            delta=deltas,
            noise=self.noise,
        )
        self.spent_ = [("bins and label", first.epsilon, first.delta)]
        counts = [first[name, label].astype(float).tolist() for name in features]
        woe, iv, _ = _native.scorecard_evidence(counts, table.rows, first.deviation)
        self.iv_ = dict(zip(features, iv, strict=True))
        chosen = [i for i, value in enumerate(iv) if value >= self.min_iv]
        if not chosen:
            # Better one feature than none; which one is post-processing too.
            chosen = [int(np.argmax(iv))]
        self.features_ = [features[i] for i in chosen]
        counts = [counts[i] for i in chosen]
        woe, _, log_odds = _native.scorecard_evidence(counts, table.rows, first.deviation)

        pairs: list[tuple[int, int, list[list[float]]]] = []
        deviation = 0.0
        keys = list(combinations(range(len(chosen)), 2))
        if keys and for_pairs > 0:
            second = count(
                table,
                {name: bins[name] for name in self.features_},
                [(self.features_[a], self.features_[b]) for a, b in keys],
                epsilon=for_pairs,
                delta=deltas,
                noise=self.noise,
            )
            self.spent_.append(("pairs of bins", second.epsilon, second.delta))
            deviation = second.deviation
            pairs = [
                (a, b, second[self.features_[a], self.features_[b]].astype(float).tolist())
                for a, b in keys
            ]
        coefficients, points = _native.scorecard_fit(
            woe, log_odds, counts, pairs, table.rows, [first.deviation, deviation]
        )
        self.intercept_ = coefficients[0]
        self.coef_ = dict(zip(self.features_, coefficients[1:], strict=True))
        self.woe_ = {name: np.array(w) for name, w in zip(self.features_, woe, strict=True)}
        self.points_ = dict(zip(self.features_, points, strict=True))
        return self

    def evaluate(
        self, table: JointTable, *, epsilon: float, delta: float | None = None, bands: int = 5
    ) -> PrivateRanking:
        """AUC and KS on the rows of a table, from noisy counts of score bands.

        The bands are of equal width over all scores that the points can make. ``delta`` is
        that of the fit unless given.
        """
        if not hasattr(self, "points_"):
            refuse("PrivateScorecard", "it is not fitted", "call fit first")
        bands = integer("PrivateScorecard", "bands", bands, 2, 100)
        points = list(self.points_.values())
        edges = _native.scorecard_edges(points, bands)
        counted = count(
            table,
            {**{name: self._bins[name] for name in self.features_}, self._label: [0.5]},
            [("", self._label)],
            epsilon=epsilon,
            delta=self.delta if delta is None else delta,
            noise=self.noise,
            score=(list(self.points_.items()), edges),
        )
        self.spent_.append(("score bands and label", counted.epsilon, counted.delta))
        table_ = counted["", self._label]
        found = _native.scorecard_ranking(table_.astype(float).tolist(), counted.deviation)
        auc, auc_noise, ks = found or (float("nan"),) * 3
        return PrivateRanking(
            auc, auc_noise, ks, table_, counted.deviation, counted.epsilon, counted.delta
        )


def _parts(epsilon: float, share: float) -> float:
    """A share of epsilon, rounded down to six digits below the point: parts that are short
    decimal numbers add up to no more than the whole."""
    return math.floor(epsilon * share * 1e6 + 1e-6) / 1e6
