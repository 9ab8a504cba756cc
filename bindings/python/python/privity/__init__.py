"""Joint computation for parties that may not show one another their data.

>>> import privity as pv
>>> def program(s, data):
...     joint = s.align(s.bind(data), on="id")
...     model = pv.LogisticRegression(l2=1.0).fit(joint, label="bad", columns=["age"])
...     return s.release(model, to="all")

Every party runs the same program. :func:`run_local` runs all of them in this
process, ``Session.open("party.toml")`` opens one of several institutions, and
:func:`dry_run` says beforehand what a program reveals and costs.

:mod:`privity.dp` is for results of one's own data that are to protect the people in
them: statistics with noise, what they cost together, and a ledger of budgets.
"""

from . import dp
from ._native import Column, Identity, Policy, __version__
from .exceptions import (
    ArgumentError,
    AuditError,
    CancelledError,
    ConfigError,
    DataError,
    DeviationError,
    DivergenceError,
    FileError,
    InternalError,
    LedgerError,
    OverspentError,
    PeerStoppedError,
    PolicyError,
    PrivityError,
    PrivityWarning,
    SessionClosedError,
    TimeoutError,
    TransportError,
)
from .intersection import (
    Intersection,
    Totals,
    psi,
    psi_estimate,
    psi_local,
    psi_totals,
    psi_totals_local,
)
from .models import (
    Evaluation,
    LogisticRegression,
    OneHot,
    Scores,
    Standardise,
    WoE,
    evaluate,
)
from .private import NoisyCounts, PrivateRanking, PrivateScorecard
from .results import (
    Band,
    Costs,
    Estimate,
    Explanation,
    Learned,
    LogisticModel,
    Metrics,
    Network,
    Progress,
    StepCost,
)
from .session import (
    BoundTable,
    ColumnInfo,
    DryRun,
    JointTable,
    Party,
    Session,
    dry_run,
    run_local,
)
from .tables import Table, read_csv, read_parquet, table

__all__ = [
    "ArgumentError",
    "AuditError",
    "Band",
    "BoundTable",
    "CancelledError",
    "Column",
    "ColumnInfo",
    "ConfigError",
    "Costs",
    "DataError",
    "DeviationError",
    "DivergenceError",
    "DryRun",
    "Estimate",
    "Evaluation",
    "Explanation",
    "FileError",
    "Identity",
    "InternalError",
    "Intersection",
    "JointTable",
    "Learned",
    "LedgerError",
    "LogisticModel",
    "LogisticRegression",
    "Metrics",
    "Network",
    "NoisyCounts",
    "OneHot",
    "OverspentError",
    "Party",
    "PeerStoppedError",
    "Policy",
    "PolicyError",
    "PrivateRanking",
    "PrivateScorecard",
    "PrivityError",
    "PrivityWarning",
    "Progress",
    "Scores",
    "Session",
    "SessionClosedError",
    "Standardise",
    "StepCost",
    "Table",
    "TimeoutError",
    "Totals",
    "TransportError",
    "WoE",
    "__version__",
    "dp",
    "dry_run",
    "evaluate",
    "psi",
    "psi_estimate",
    "psi_local",
    "psi_totals",
    "psi_totals_local",
    "read_csv",
    "read_parquet",
    "run_local",
    "table",
]
