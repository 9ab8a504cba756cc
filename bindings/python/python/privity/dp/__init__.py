"""Differential privacy for one's own data: statistics with noise, and what they cost.

>>> import numpy as np
>>> from privity import dp
>>> ages = np.array([34.0, 71.0, 19.5, 48.0, float("nan")])
>>> release = dp.mean(ages, bounds=(0, 120), epsilon=0.5)
>>> 0 <= release.value <= 120
True
>>> print(release.spent)
epsilon 0.5 for adding or removing a unit

Estimators take data: they bound what a unit contributes, clip, add exactly on a grid of
integers, and add noise that follows its law exactly. Mechanisms take an answer that was
computed elsewhere, and its sensitivity. :func:`explain` says what a question would cost
and how exact it would be, without data. :class:`Accountant` says what several releases
cost together, and :class:`Ledger` keeps budgets on disk and refuses what does not fit.

The random generator is opened from the operating system for each call. There is no seed:
whoever knows it can take the noise away.
"""

from .accounting import (
    Accountant,
    Approximate,
    Binomial,
    Composed,
    DiscreteGaussian,
    DiscreteLaplace,
    Event,
    Filter,
    Gaussian,
    KaryResponse,
    Laplace,
    Pure,
    Skellam,
    Subsampled,
    Zcdp,
    calibrate,
    gaussian_sigma,
    rho_within,
    zcdp_epsilon,
)
from .estimators import (
    Histogram,
    LinearModel,
    Moments,
    Protection,
    contingency,
    count,
    covariance,
    explain,
    histogram,
    histogram_keys,
    linear_regression,
    logistic_regression,
    mean,
    median,
    quantile,
    quantiles,
    sum,
    variance,
)
from .ledger import Account, Amount, Balance, Entry, Ledger, Spend
from .mechanisms import (
    Estimates,
    HadamardResponse,
    RandomisedResponse,
    SparseVector,
    Tree,
    choose,
    gaussian,
    laplace,
    noisy_max,
)
from .release import Explanation, Part, Release, Spent

__all__ = [
    "Account",
    "Accountant",
    "Amount",
    "Approximate",
    "Balance",
    "Binomial",
    "Composed",
    "DiscreteGaussian",
    "DiscreteLaplace",
    "Entry",
    "Estimates",
    "Event",
    "Explanation",
    "Filter",
    "Gaussian",
    "HadamardResponse",
    "Histogram",
    "KaryResponse",
    "Laplace",
    "Ledger",
    "LinearModel",
    "Moments",
    "Part",
    "Protection",
    "Pure",
    "RandomisedResponse",
    "Release",
    "Skellam",
    "SparseVector",
    "Spend",
    "Spent",
    "Subsampled",
    "Tree",
    "Zcdp",
    "calibrate",
    "choose",
    "contingency",
    "count",
    "covariance",
    "explain",
    "gaussian",
    "gaussian_sigma",
    "histogram",
    "histogram_keys",
    "laplace",
    "linear_regression",
    "logistic_regression",
    "mean",
    "median",
    "noisy_max",
    "quantile",
    "quantiles",
    "rho_within",
    "sum",
    "variance",
    "zcdp_epsilon",
]
