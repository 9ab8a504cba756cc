"""Transformations and models on joint tables, in the shape of scikit-learn.

Constructors store parameters, ``fit`` learns with the peers, and what is
learned stays shared: ``session.release`` is the only way to see it.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import numpy.typing as npt

from ._checks import integer, names, number, refuse, warn
from .exceptions import ArgumentError
from .results import Band, LogisticModel, Metrics

if TYPE_CHECKING:
    from .session import JointTable, Session

__all__ = [
    "Evaluation",
    "LogisticRegression",
    "OneHot",
    "Scores",
    "Standardise",
    "WoE",
    "evaluate",
]


#: With fewer steps, stochastic gradient descent is far from the fit.
FEW_STEPS = 200


class _Estimator:
    """Parameters by name, as scikit-learn has them."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's parameters."""
        parameters = inspect.signature(type(self).__init__).parameters.values()
        return {p.name: getattr(self, p.name) for p in parameters if p.kind is p.KEYWORD_ONLY}

    def set_params(self, **params: Any) -> Self:
        """Changes parameters by name."""
        known = self.get_params()
        for name, value in params.items():
            if name not in known:
                raise ArgumentError(
                    f"{type(self).__name__}: unknown parameter '{name}'; it has {', '.join(known)}",
                    op=type(self).__name__,
                    rule=f"unknown parameter '{name}'",
                    fix=f"use one of {', '.join(known)}",
                )
            setattr(self, name, value)
        return self

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            what = f"'{type(self).__name__}' object has no attribute '{name}'"
            declared = (inspect.get_annotations(c) for c in type(self).__mro__)
            if name.endswith("_") and not name.startswith("_") and any(name in d for d in declared):
                what = (
                    f"{type(self).__name__}.{name} is not there yet: it is set by fit, or released "
                    "to this party by s.release(model, to=...); in a dry run nothing is released"
                )
            raise AttributeError(what, name=name, obj=self)

    def __repr__(self) -> str:
        params = ", ".join(f"{k}={v!r}" for k, v in self.get_params().items())
        return f"{type(self).__name__}({params})"

    def __reduce__(self) -> Any:
        raise TypeError(
            f"a {type(self).__name__} belongs to its session and cannot be pickled; "
            "release what you want to keep"
        )


class _Transformer(_Estimator):
    _id: int
    _session: Session
    #: The columns that ``transform`` makes.
    columns_: list[str]

    def transform(self, table: JointTable) -> JointTable:
        """Replaces the columns of a table by what was learned about them."""
        session = _fitted(self, table)
        out = session._perform({"op": "transform", "table": table._id, "transform": self._id})
        return table._derive(out)

    def _learn(self, table: JointTable, op: dict[str, Any]) -> Self:
        self._session = table._session
        out = self._session._perform({**op, "table": table._id})
        self._id = out["id"]
        self.columns_ = out["columns"]
        return self


class Standardise(_Transformer):
    """Columns of numbers to mean 0 and standard deviation 1 (ddof 0).

    Mean and deviation are learned by the owner of each column, and stay there.
    """

    def fit(self, table: JointTable, *, columns: Sequence[str]) -> Self:
        """Learns mean and deviation on these rows."""
        return self._learn(
            table, {"op": "standardise", "columns": names("Standardise", "columns", columns)}
        )


class OneHot(_Transformer):
    """Columns of text to one column of 0 and 1 per level.

    ``drop_first`` leaves out the first level, so that the columns are not
    collinear with an intercept.
    """

    def __init__(self, *, drop_first: bool = True) -> None:
        self.drop_first = drop_first

    def fit(self, table: JointTable, *, columns: Sequence[str] | None = None) -> Self:
        """Learns the levels on these rows; of all columns of text by default."""
        if columns is None:
            columns = [c.name for c in table.schema if c.kind == "text"]
            columns = [c for c in columns if c in table._features()]
        columns = names("OneHot", "columns", columns)
        op = {"op": "one_hot", "columns": columns, "drop_first": self.drop_first}
        return self._learn(table, op)


class WoE(_Transformer):
    """Weights of evidence: ln of the share of events in a bin over that of the rest.

    Numbers are cut at the quantiles of the training rows, text by level. Counts
    get 0.5 added; a level that training has not seen weighs 0. The label may be
    at another party: neither side sees the other's column, and counts, weights
    and information values stay shared.

    After ``session.release(woe)`` the recipients have ``iv_``, a dict of
    information values by column.
    """

    iv_: dict[str, float]

    def __init__(self, *, bins: int = 5) -> None:
        self.bins = bins

    def fit(self, table: JointTable, *, label: str, columns: Sequence[str] | None = None) -> Self:
        """Learns bins and weights; of all columns but the label by default."""
        given = table._features(label) if columns is None else names("WoE", "columns", columns)
        return self._learn(
            table, {"op": "woe", "columns": given, "label": label, "bins": self.bins}
        )

    def select(self, table: JointTable, *, min_iv: float) -> JointTable:
        """Keeps those transformed columns with at least this information value.

        All parties learn which these are.
        """
        session = _fitted(self, table)
        out = session._perform(
            {"op": "select_by_iv", "table": table._id, "transform": self._id, "min_iv": min_iv}
        )
        return table._derive(out)

    def _release(self, session: Session, to: Any) -> dict[str, float] | None:
        value = session._release({"information_values": self._id}, to)
        if value is None:
            return None
        self.iv_ = dict(value["information_values"])
        return self.iv_


class LogisticRegression(_Estimator):
    """Logistic regression with intercept, fitted on shared data.

    ``solver="newton"`` (the default) goes to the maximum-likelihood fit;
    ``solver="sgd"`` makes ``epochs`` passes of mini-batch gradient descent, for
    large tables. Its sigmoid has three pieces: class decisions agree with the
    exact fit but near the threshold, probabilities do not. ``l2`` penalises as
    scikit-learn's ``1 / C`` does. Features are at most 1024 in magnitude.

    After ``session.release(model)`` the recipients have ``coef_``,
    ``intercept_`` and ``classes_`` as scikit-learn has them.
    """

    coef_: npt.NDArray[np.float64]
    intercept_: npt.NDArray[np.float64]
    classes_: npt.NDArray[np.int64]
    feature_names_in_: npt.NDArray[np.object_]
    n_features_in_: int
    n_iter_: int
    converged_: bool

    _id: int
    _session: Session
    _label: str

    def __init__(
        self,
        *,
        solver: Literal["newton", "sgd"] = "newton",
        l2: float = 0.0,
        max_iter: int = 15,
        epochs: int = 5,
        batch_size: int = 1024,
        learning_rate: float = 0.5,
    ) -> None:
        self.solver = solver
        self.l2 = l2
        self.max_iter = max_iter
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate

    def fit(self, table: JointTable, *, label: str, columns: Sequence[str] | None = None) -> Self:
        """Fits with the peers. ``label`` is a column of 0 and 1, wherever it is.

        ``columns`` are the features in order; all columns of numbers by default,
        without the label, identifiers and the column of the split.
        """
        if columns is None:
            columns = table._features(label, text=False)
        columns = names("fit", "columns", columns)
        solver = self._solver()
        if self.solver == "sgd":
            steps = self.epochs * -(-table.rows // self.batch_size)
            if steps < FEW_STEPS:
                warn(
                    f"fit: only {steps} steps: SGD stops short of the fit; "
                    "use solver='newton' or more epochs"
                )
        out = table._session._perform(
            {
                "op": "fit",
                "table": table._id,
                "columns": columns,
                "label": label,
                "solver": solver,
            }
        )
        self._session = table._session
        self._id = out["id"]
        self._label = label
        self.feature_names_in_ = np.array(out["features"], dtype=object)
        self.n_features_in_ = len(out["features"])
        self.n_iter_ = out["iterations"]
        self.converged_ = out["converged"]
        return self

    def predict_proba(self, table: JointTable) -> Scores:
        """The probability of label 1 for every row. It stays shared."""
        session = _fitted(self, table)
        out = session._perform({"op": "predict", "model": self._id, "table": table._id})
        return Scores(session, out["id"], out["rows"])

    def _solver(self) -> dict[str, Any]:
        l2 = number("fit", "l2", self.l2)
        if not 0 <= l2 <= 1e6:
            refuse("fit", f"l2={l2} is not from 0 to 1e6", "pass 0 (no penalty) to 1e6 as l2")
        match self.solver:
            case "newton":
                steps = integer("fit", "max_iter", self.max_iter, 1, 30)
                return {"newton": {"max_iterations": steps, "l2": l2}}
            case "sgd":
                rate = number("fit", "learning_rate", self.learning_rate)
                if not 1 / 1024 < rate <= 16:
                    refuse(
                        "fit",
                        f"learning_rate={rate} is not above 1/1024 and at most 16",
                        "pass a learning_rate above 1/1024 and at most 16, such as 0.5",
                    )
                return {
                    "sgd": {
                        "epochs": integer("fit", "epochs", self.epochs, 1, 10_000),
                        "batch": integer("fit", "batch_size", self.batch_size, 1, 16384),
                        "rate": rate,
                        "l2": l2,
                    }
                }
        raise ArgumentError(
            f"LogisticRegression: solver '{self.solver}' is unknown; use 'newton' or 'sgd'",
            op="fit",
            rule=f"solver '{self.solver}' is unknown",
            fix="use 'newton' or 'sgd'",
        )

    def _release(self, session: Session, to: Any) -> LogisticModel | None:
        value = session._release({"model": self._id}, to)
        if value is None:
            return None
        self.coef_ = np.array([value["coefficients"]], dtype=np.float64)
        self.intercept_ = np.array([value["intercept"]], dtype=np.float64)
        self.classes_ = np.array([0, 1])
        features = value["features"]
        coefficients = dict(zip(features, value["coefficients"], strict=True))
        errors = value["standard_errors"]
        if errors is not None:
            errors = dict(zip(["intercept", *features], errors, strict=True))
        return LogisticModel(value["intercept"], coefficients, errors)


class Scores:
    """Shared scores of the rows of a table."""

    def __init__(self, session: Session, handle: int, rows: int) -> None:
        self._session = session
        self._id = handle
        #: How many.
        self.rows = rows

    def __len__(self) -> int:
        return self.rows

    def __repr__(self) -> str:
        return f"<{self.rows} shared scores>"

    def __reduce__(self) -> Any:
        raise TypeError("shared scores belong to their session and cannot be pickled")

    def _release(self, session: Session, to: Any) -> npt.NDArray[np.float64] | None:
        value = session._release({"scores": self._id}, to)
        if value is None:
            return None
        return np.frombuffer(value["scores"], dtype="<f8").astype(np.float64)


class Evaluation:
    """Shared measures of a model."""

    def __init__(self, session: Session, handle: int, metrics: Sequence[str]) -> None:
        self._session = session
        self._id = handle
        self._metrics = tuple(metrics)

    def __repr__(self) -> str:
        return f"<shared {', '.join(self._metrics)}>"

    def __reduce__(self) -> Any:
        raise TypeError("shared measures belong to their session and cannot be pickled")

    def _release(self, session: Session, to: Any) -> Metrics | None:
        value = session._release({"metrics": self._id}, to)
        if value is None:
            return None
        bands = value["bands"]
        return Metrics(
            auc=value["auc"],
            ks=value["ks"],
            bands=None if bands is None else tuple(Band(*b) for b in bands),
        )


def evaluate(
    model: LogisticRegression | Scores,
    table: JointTable,
    metrics: Sequence[str] = ("auc", "ks"),
    *,
    bands: int | None = None,
    label: str | None = None,
) -> Evaluation:
    """Measures a model, or scores, on a table.

    ``metrics`` are ``"auc"`` (ties count one half) and ``"ks"``; ``bands``
    counts both classes in this many bands of scores. The result stays shared
    until it is released. ``label`` is the one of the fit unless told otherwise.
    """
    metrics = names("evaluate", "metrics", metrics)
    unknown = [m for m in metrics if m not in ("auc", "ks")]
    if unknown:
        refuse("evaluate", f"unknown metric '{unknown[0]}'", "use 'auc', 'ks' and bands=")
    if isinstance(model, LogisticRegression):
        scores = model.predict_proba(table)
        label = model._label if label is None else label
    else:
        scores = model
    if label is None:
        raise ArgumentError(
            "evaluate: scores alone do not say what they predict; pass label=",
            op="evaluate",
            rule="no label",
            fix="pass label=",
        )
    wanted: list[Any] = list(metrics)
    if bands is not None:
        wanted.append({"bands": bands})
    session = _same_session(scores, table)
    out = session._perform(
        {
            "op": "evaluate",
            "scores": scores._id,
            "table": table._id,
            "label": label,
            "metrics": wanted,
        }
    )
    return Evaluation(session, out["id"], [*metrics, *([f"{bands} bands"] if bands else [])])


def _fitted(estimator: Any, table: JointTable) -> Session:
    if not hasattr(estimator, "_id"):
        name = type(estimator).__name__
        raise ArgumentError(
            f"{name}: it has learned nothing yet; call fit first",
            op=name,
            rule="not fitted",
            fix="call fit first",
        )
    return _same_session(estimator, table)


def _same_session(thing: Any, table: JointTable) -> Session:
    session: Session = thing._session
    if session is not table._session:
        raise ArgumentError(
            "the table belongs to another session; fit and use in one session",
            rule="another session",
            fix="fit and use in one session",
        )
    return session
