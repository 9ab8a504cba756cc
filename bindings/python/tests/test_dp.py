"""privity.dp: inputs, estimators, mechanisms, accounting, ledgers.

Noise cannot be seeded. Checks of values use a large epsilon, with bounds that noise passes
with a probability below 1e-9 each.
"""

import doctest
import importlib
import math
import os
import pickle
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import privity as pv
from privity import dp

BIG = 1000
X = np.random.default_rng(3).normal(50, 15, 20_000)
B = {"bounds": (0, 100)}


@pytest.mark.parametrize("module", ["accounting", "estimators", "ledger", "mechanisms", "release"])
def test_docstrings(module):
    assert doctest.testmod(importlib.import_module(f"privity.dp.{module}")).failed == 0


def test_the_module_is_documented():
    assert doctest.testmod(dp).failed == 0
    for name in dp.__all__:
        thing = getattr(dp, name)
        assert thing.__doc__, name
        for member in vars(thing) if isinstance(thing, type) else ():
            if not member.startswith("_") and callable(getattr(thing, member)):
                assert getattr(thing, member).__doc__, f"{name}.{member}"


SHORT = [1.0, 2.0, None, 6.0]
NUMBERS = {
    "list": SHORT,
    "tuple": tuple(SHORT),
    "float64": np.array(SHORT, dtype=float),
    "float32": np.array(SHORT, dtype="f4"),
    "big endian": np.array(SHORT, dtype=">f8"),
    "strided": np.array([1, 9, 2, 9, np.nan, 9, 6, 9])[::2],
    "read-only": np.frombuffer(np.array(SHORT, dtype=float).tobytes()),
    "masked": np.ma.masked_array([1, 2, 3, 6], [False, False, True, False]),
    "object": np.array(SHORT, dtype=object),
    "pandas": pd.Series(SHORT),
    "pandas nullable": pd.Series([1, 2, None, 6], dtype="Int64"),
    "pandas arrow": pd.Series([1, 2, None, 6], dtype="int64[pyarrow]"),
    "polars": pl.Series(SHORT),
    "polars integers": pl.Series([1, 2, None, 6]),
    "pyarrow": pa.array(SHORT),
    "pyarrow integers": pa.array([1, 2, None, 6]),
    "pyarrow chunks": pa.chunked_array([SHORT[:1], SHORT[1:]]),
    "pyarrow slice": pa.array([9.0, *SHORT, 9.0]).slice(1, 4),
    "decimals": [Decimal(1), Fraction(2), None, 6],
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_columns_from_everywhere(kind):
    # What is missing counts as the middle, 5.
    release = dp.sum(NUMBERS[kind], bounds=(0, 10), granularity=1, epsilon=BIG)
    assert release.value == 14
    assert dp.mean(NUMBERS[kind], bounds=(0, 10), epsilon=BIG).value == pytest.approx(3.5, abs=0.1)


INTEGERS = {
    "int64": np.array([1, 2, 6]),
    "uint8": np.array([1, 2, 6], dtype="u1"),
    "uint64": np.array([1, 2, 6], dtype="u8"),
    "bool": np.array([True] * 9),
    "pandas": pd.Series([1, 2, 6]),
    "polars": pl.Series([1, 2, 6]),
    "polars small": pl.Series([1, 2, 6], dtype=pl.Int16),
    "pyarrow": pa.array([1, 2, 6]),
    "range": range(2, 5),
}


@pytest.mark.parametrize("kind", INTEGERS)
def test_whole_numbers_are_added_as_they_are(kind):
    assert dp.sum(INTEGERS[kind], bounds=(0, 10), granularity=1, epsilon=BIG).value == 9


@pytest.mark.parametrize(
    "data",
    [
        "text",
        3.5,
        ["1", "2"],
        [[1.0], [2.0]],
        {"a": [1.0]},
        np.zeros((2, 2)),
        np.array(["a"]),
        np.array(["2020-01-01"], dtype="M8[D]"),
        pa.array(["a", "b"]),
        pl.Series(["a", "b"]),
        pd.Series(["a", "b"]),
        pa.table({"a": [1.0]}),
    ],
)
def test_what_is_no_column_of_numbers(data):
    with pytest.raises(pv.ArgumentError) as caught:
        dp.mean(data, **B, epsilon=1)
    assert caught.value.fix


CONDITIONS = {
    "list": [True, False, None, True],
    "numpy": np.array([True, False, False, True]),
    "strided": np.array([True, False, True, True])[::-1],
    "pandas": pd.Series([True, False, False, True]),
    "pandas nullable": pd.Series([True, False, None, True], dtype="boolean"),
    "pandas object": pd.Series([True, False, None, True], dtype=object),
    "polars": pl.Series([True, False, None, True]),
    "pyarrow": pa.array([True, False, None, True]),
}


@pytest.mark.parametrize("kind", CONDITIONS)
def test_conditions_from_everywhere(kind):
    expected = 3 if kind == "strided" else 2
    assert dp.count(CONDITIONS[kind], epsilon=BIG).value == expected


@pytest.mark.parametrize("data", [[1, 0], np.array([1, 0]), pa.array([1]), "True", 3])
def test_what_is_no_condition(data):
    with pytest.raises(pv.ArgumentError):
        dp.count(data, epsilon=1)


COPY = """
import resource, sys
import numpy as np, pyarrow as pa
from privity import dp
data = np.full(20_000_000, 1.0)
if sys.argv[1] == "arrow":
    data = pa.array(data)
dp.mean([1.0], bounds=(0, 2), epsilon=1)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
dp.mean(data, bounds=(0, 2), epsilon=1)
dp.sum(data, bounds=(0, 2), epsilon=1)
dp.histogram(data, bounds=(0, 2), bins=100, epsilon=1)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="maxrss has other units elsewhere")
@pytest.mark.parametrize("kind", ["numpy", "arrow"])
def test_arrays_are_not_copied(kind):
    done = subprocess.run(
        [sys.executable, "-c", COPY, kind], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    # A copy would be 160,000 KiB.
    assert int(done.stdout) < 40_000


# ---------------------------------------------------------------- estimators


def test_statistics_are_those_of_numpy_but_for_noise():
    clipped = X.clip(0, 100)
    for neighbours in ("add_remove", "replace"):
        for loss in ({"epsilon": BIG}, {"rho": BIG}):
            o = {**loss, "neighbours": neighbours}
            assert dp.sum(X, **B, **o).value == pytest.approx(clipped.sum(), abs=20)
            assert dp.mean(X, **B, **o).value == pytest.approx(clipped.mean(), abs=0.01)
            assert dp.variance(X, **B, **o).value == pytest.approx(clipped.var(), abs=0.5)
            assert dp.count(X > 50, **o).value == pytest.approx((X > 50).sum(), abs=2)
            counts, edges = np.histogram(clipped, bins=20, range=(0, 100))
            histogram = dp.histogram(X, bins=20, **B, **o).value
            np.testing.assert_allclose(histogram.counts, counts, atol=2)
            np.testing.assert_allclose(histogram.edges, edges)
            by_edges = dp.histogram(X, bins=edges.tolist(), **o).value
            np.testing.assert_allclose(by_edges.counts, counts, atol=2)
        o = {"epsilon": BIG, "neighbours": neighbours}
        assert dp.median(X, **B, **o).value == pytest.approx(np.median(X), abs=0.02)
        assert dp.quantile(X, 0.9, **B, **o).value == pytest.approx(np.quantile(X, 0.9), abs=0.02)
        q = [0.75, 0.25, 0.5]
        np.testing.assert_allclose(dp.quantiles(X, q, **B, **o).value, np.quantile(X, q), atol=0.05)


def test_moments_and_regression():
    rng = np.random.default_rng(4)
    features = rng.uniform(-1, 1, (20_000, 2))
    target = 1 + features @ [2.0, -1.0] + rng.normal(0, 0.1, 20_000)
    bounds = [(-1, 1), (-1, 1)]
    moments = dp.covariance(
        np.column_stack([features, target]), bounds=[*bounds, (-5, 5)], epsilon=BIG
    ).value
    data = np.column_stack([features, target])
    np.testing.assert_allclose(moments.covariance, np.cov(data.T, ddof=0), atol=0.01)
    np.testing.assert_allclose(moments.means, data.mean(axis=0), atol=0.01)
    assert moments.rows == pytest.approx(20_000, abs=5)
    for table in (features, pd.DataFrame(features), pl.DataFrame(features), list(features.T)):
        release = dp.linear_regression(
            table, target, bounds=bounds, target_bounds=(-5, 5), penalty=1e-6, epsilon=BIG
        )
        np.testing.assert_allclose(release.value.coefficients, [2, -1], atol=0.02)
        assert release.value.intercept == pytest.approx(1, abs=0.02)
        assert release.interval() is None
    predicted = release.value.predict(features)
    assert np.abs(predicted - target).mean() < 0.15
    labels = rng.random(20_000) < 1 / (1 + np.exp(-(features @ [1.0, -0.5])))
    release = dp.logistic_regression(
        {"a": features[:, 0], "b": features[:, 1]}, labels, bounds=bounds, epsilon=BIG
    )
    np.testing.assert_allclose(release.value.coefficients, [1.0, -0.5], atol=0.2)


KEYS = {
    "list": ["b", "a", "b", None] * 100,
    "numpy": np.array(["b", "a", "b", "z"] * 100),
    "pandas": pd.Series(["b", "a", "b", None] * 100),
    "pandas categorical": pd.Series(["b", "a", "b", None] * 100, dtype="category"),
    "polars": pl.Series(["b", "a", "b", None] * 100),
    "pyarrow": pa.array(["b", "a", "b", None] * 100),
}


@pytest.mark.parametrize("kind", KEYS)
def test_counts_of_keys(kind):
    public = dp.histogram_keys(KEYS[kind], keys=["b", "q", "a"], epsilon=BIG)
    assert public.value == {"b": 200, "q": 0, "a": 100}
    assert list(public.value) == ["b", "q", "a"]
    lower, upper = public.interval(0.99)
    assert lower["q"] <= 0 <= upper["q"]
    private = dp.histogram_keys(KEYS[kind], delta=1e-9, epsilon=BIG)
    expected = {"a": 100, "b": 200} | ({"z": 100} if kind == "numpy" else {})
    assert private.value == expected
    assert list(private.value) == sorted(private.value)
    assert private.spent == dp.Spent(BIG, 0.0, 1e-9, "add_remove")
    assert private.interval() is None


def test_rare_private_keys_are_not_shown():
    data = ["common"] * 500 + [f"rare {i}" for i in range(500)]
    assert list(dp.histogram_keys(data, delta=1e-9, epsilon=1).value) == ["common"]
    plan = dp.explain(dp.histogram_keys, delta=1e-9, epsilon=1)
    assert 15 < plan.threshold < 30
    with pytest.raises(pv.ArgumentError, match="delta"):
        dp.histogram_keys(data, epsilon=1)


def test_contingency_tables():
    data = pd.DataFrame({"job": ["a", "b", "a", "x"], "owner": [1, 0, 0, 1]})
    release = dp.contingency(data, categories=[["a", "b"], [0, 1]], epsilon=BIG)
    assert release.value.tolist() == [[1, 1], [1, 0]]
    lower, _ = release.interval()
    assert lower.shape == (2, 2)
    with pytest.raises(pv.ArgumentError):
        dp.contingency(data, categories=[["a", "b"]], epsilon=1)


@pytest.mark.parametrize("data", [[], [7.0], [math.nan], [math.inf, -math.inf], [-0.0, 5e-324]])
def test_few_and_strange_numbers(data):
    o = {"epsilon": 1}
    for array in (data, np.array(data, dtype=float), pa.array(data, pa.float64())):
        for neighbours in ("add_remove", "replace"):
            o["neighbours"] = neighbours
            assert 0 <= dp.mean(array, **B, **o).value <= 100
            assert 0 <= dp.median(array, **B, **o).value <= 100
            assert dp.variance(array, **B, **o).value >= 0
            assert math.isfinite(dp.sum(array, **B, **o).value)
            assert dp.histogram(array, bins=3, **B, **o).value.counts.shape == (3,)
            assert dp.quantiles(array, [0.1, 0.9], **B, **o).value.shape == (2,)
            model = dp.linear_regression([array], array, bounds=[(0, 1)], target_bounds=(0, 1), **o)
            assert np.isfinite(model.value.coefficients).all()
    assert isinstance(dp.count([], epsilon=1).value, int)
    assert dp.histogram_keys([], delta=1e-9, epsilon=1).value == {}


def test_units_contribute_what_they_may():
    values, ids = np.ones(1000), np.repeat(np.arange(10), 100)
    o = {"bounds": (0, 1), "granularity": 1, "epsilon": BIG}
    for units in (ids, ids.astype(str), ids.tolist(), pd.Series(ids), pl.Series(ids), -ids):
        assert dp.sum(values, ids=units, **o).value == 10
        assert dp.sum(values, ids=units, max_rows=7, **o).value == pytest.approx(70, abs=1)
    assert dp.count(values > 0, ids=ids, epsilon=BIG).value == 10
    keys = np.tile(np.arange(5), 200)
    counted = dp.histogram_keys(
        keys, keys=range(5), ids=ids, max_keys=2, max_rows=3, epsilon=BIG
    ).value
    assert sum(counted.values()) == 60
    with pytest.raises(pv.DataError):
        dp.sum([1.0, 2.0], ids=["a", None], **o)
    with pytest.raises(pv.ArgumentError, match="length"):
        dp.sum(values, ids=[1, 2], **o)


def test_releases_say_what_they_cost_and_how_exact_they_are():
    release = dp.count(X > 50, epsilon=0.5)
    assert str(release.spent) == "epsilon 0.5 for adding or removing a unit"
    assert release.parts[0].noise == "laplace"
    assert release.parts[0].scale == 2.0
    assert release.noise_scale == pytest.approx(math.sqrt(8), rel=0.05)
    assert release.events == (dp.DiscreteLaplace(Fraction(2), 1),)
    lower, upper = release.interval(0.95)
    assert upper - release.value == release.value - lower == 6
    true, inside = (X > 50).sum(), 0
    for _ in range(200):
        lower, upper = dp.count(X > 50, epsilon=0.5).interval(0.9)
        inside += lower <= true <= upper
    assert inside >= 150  # 180 expected at least; fewer than 150 is a chance of 1e-9
    lower, upper = dp.mean(X, **B, epsilon=1).interval()
    assert lower < upper
    counts = dp.histogram(X, bins=4, **B, epsilon=1)
    lower, upper = counts.interval()
    assert (lower < counts.value.counts).all()
    assert (upper > counts.value.counts).all()
    assert dp.median(X, **B, epsilon=1).interval() is None
    gaussian = dp.count(X > 50, rho=0.5)
    assert gaussian.parts[0].noise == "gaussian"
    assert gaussian.spent == dp.Spent(0.0, 0.5, 0.0, "add_remove")
    assert pickle.loads(pickle.dumps(gaussian.spent)) == gaussian.spent
    with pytest.raises(AttributeError):
        release.value = 3


def test_explanations_need_no_data():
    plan = dp.explain("mean", **B, epsilon=0.5, level=0.9)
    assert "epsilon 0.5" in str(plan)
    assert plan.half_width > 0
    assert plan.spent.epsilon == 0.5
    assert dp.explain(dp.median, **B, epsilon=1).rank_error > 0
    for name, own in {
        "count": {},
        "sum": B,
        "variance": B,
        "covariance": {"bounds": [(0, 1)]},
        "histogram": {"bins": 3, "max_bins": 2, **B},
        "histogram_keys": {"keys": ["a"]},
        "quantile": {"q": 0.3, **B},
        "quantiles": {"q": [0.3], **B},
        "contingency": {"categories": [["a"], [1, 2]]},
        "linear_regression": {"bounds": [(0, 1)], "target_bounds": (0, 1)},
        "logistic_regression": {"bounds": [(0, 1)]},
    }.items():
        assert dp.explain(getattr(dp, name), epsilon=1, max_rows=2, **own).parts
    for wrong in (
        {"estimator": "mode"},
        {"estimator": "mean"},
        {"estimator": "mean", "width": 3, **B},
        {"estimator": "count", "level": 1},
        {"estimator": "count", "ids": [1]},
    ):
        with pytest.raises(pv.ArgumentError):
            dp.explain(**wrong, epsilon=1)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"epsilon": 1, "rho": 1},
        {"epsilon": 0},
        {"epsilon": -1},
        {"epsilon": math.nan},
        {"epsilon": math.inf},
        {"epsilon": True},
        {"epsilon": "one"},
        {"epsilon": 1, "neighbours": "both"},
        {"epsilon": 1, "max_rows": 0},
        {"epsilon": 1, "bounds": (1, 0)},
        {"epsilon": 1, "bounds": 7},
        {"epsilon": 1, "bounds": (0, math.inf)},
        {"epsilon": 1, "granularity": 0.3},
        {"epsilon": 1, "granularity": "fine"},
    ],
)
def test_wrong_parameters(options):
    with pytest.raises(pv.ArgumentError) as caught:
        dp.mean(X, **{**B, **options})
    assert caught.value.rule
    with pytest.raises(TypeError, match="seed"):
        dp.mean(X, **B, epsilon=1, seed=7)


def test_losses_are_the_decimal_numbers_they_are_written_as():
    for tenth in (0.1, "0.1", Decimal("0.1"), Fraction(1, 10), np.float64(0.1)):
        assert dp.count([True], epsilon=tenth).parts[0].scale == 10.0
    assert dp.count([True], epsilon=math.pi).parts[0].scale == pytest.approx(1 / math.pi)
    assert dp.count([True], epsilon=Fraction(1, 3)).events[0].scale == 3


# ---------------------------------------------------------------- mechanisms


def test_noise_on_answers():
    assert dp.laplace(17, sensitivity=1, epsilon=BIG).value == 17
    values = np.arange(1000)
    noisy = dp.laplace(values, sensitivity=1, epsilon=1).value
    assert noisy.dtype == np.int64
    assert noisy.std() != 0
    real = dp.laplace(1.5, sensitivity=0.1, granularity=2**-10, epsilon=BIG)
    assert real.value == pytest.approx(1.5, abs=0.05)
    assert real.value * 1024 == round(real.value * 1024)
    assert dp.gaussian(17, sensitivity=1, rho=BIG).value == 17
    vector = dp.gaussian([1.0, 2.0], sensitivity=1, rho=BIG, granularity=0.25)
    np.testing.assert_allclose(vector.value, [1, 2], atol=1)
    lower, upper = vector.interval()
    assert (lower <= upper).all()
    small = dp.gaussian(0, sensitivity=1, epsilon=1.0, delta=1e-5)
    # The least noise: close to the analytic formula, and what it costs is what was asked.
    assert small.parts[0].scale == pytest.approx(dp.gaussian_sigma(1.0, 1e-5), rel=0.01)
    spent = dp.Accountant("pld").add(small).epsilon(1e-5)
    assert 0.99 < spent <= 1.0
    within = dp.gaussian([0, 0], sensitivity=1, epsilon=1.0, delta=1e-5)
    assert within.spent.rho == pytest.approx(float(dp.rho_within(1.0, 1e-5)))
    for wrong in (
        {"answer": 1.5, "epsilon": 1},
        {"answer": "1", "epsilon": 1},
        {"answer": [[1]], "epsilon": 1},
        {"answer": 1, "epsilon": 1, "sensitivity": 0},
        {"answer": 1, "epsilon": 1, "sensitivity": 0.5},
    ):
        with pytest.raises(pv.ArgumentError):
            dp.laplace(**{"sensitivity": 1, **wrong})
    for wrong in ({}, {"epsilon": 1}, {"rho": 1, "delta": 1e-6}):
        with pytest.raises(pv.ArgumentError):
            dp.gaussian(1, sensitivity=1, **wrong)


def test_noise_has_its_law():
    draws = dp.laplace(np.zeros(100_000, dtype=int), sensitivity=1, epsilon=0.5).value
    r = math.exp(-0.5)
    for k in range(-4, 5):
        p = (1 - r) / (1 + r) * r ** abs(k)
        # Seven standard errors.
        assert abs((draws == k).mean() - p) < 7 * math.sqrt(p / 100_000)


FORKED = """
import os
import numpy as np
from privity import dp
zeros = np.zeros(40, dtype=int)
dp.laplace(zeros, sensitivity=1, epsilon=0.01)
reader, writer = os.pipe()
child = os.fork()
drawn = dp.laplace(zeros, sensitivity=1, epsilon=0.01).value
if child == 0:
    os.write(writer, drawn.tobytes())
    os._exit(0)
os.waitpid(child, 0)
assert os.read(reader, 320) != drawn.tobytes()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_draws_noise_of_its_own():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_choices():
    for choose in (dp.choose, dp.noisy_max):
        for monotonic in (False, True):
            assert choose([1, 500, 2], epsilon=1, monotonic=monotonic).value == 1
        assert choose([1, 2], epsilon=1).spent.epsilon == 1
        with pytest.raises(pv.ArgumentError):
            choose([], epsilon=1)
    sparse = dp.SparseVector(1000, above=2, epsilon=1)
    assert [sparse.ask(x) for x in (0, 10**6, 0, 10**6, 0)] == [False, True, False, True, None]
    assert sparse.left == 0
    assert dp.Accountant().add(sparse).epsilon(0) == pytest.approx(1)


def test_running_sums():
    tree = dp.Tree(100, rho=BIG)
    sums = [tree.push(1) for _ in range(100)]
    np.testing.assert_allclose(sums, np.arange(1, 101), atol=3)
    assert tree.noise_scale > 0
    assert dp.Accountant().add(tree).epsilon(1e-6) > 0
    with pytest.raises(pv.ArgumentError, match="horizon"):
        tree.push(1)


def test_answers_that_can_be_denied():
    for kind in (dp.RandomisedResponse, dp.HadamardResponse):
        response = kind(4, epsilon=2)
        people = np.repeat([0, 1, 3], [5000, 3000, 2000])
        estimates = response.estimate(response.respond(people))
        off = np.abs(estimates.counts - [5000, 3000, 0, 2000])
        assert (off < 7 * estimates.errors).all()
        assert isinstance(response.respond(2), int)
        assert dp.Accountant(neighbours="replace").add(response).epsilon(0) == pytest.approx(2)
        with pytest.raises(pv.ArgumentError):
            response.respond(4)


# ---------------------------------------------------------------- accounting


def test_accountants_are_close_to_the_reference():
    step = dp.Subsampled(dp.Gaussian(1.0), rate=0.01)
    epsilon = {
        method: dp.Accountant(method).add(step, 1000).epsilon(1e-5) for method in ("pld", "rdp")
    }
    assert 1.818 < epsilon["pld"] < 1.8385
    assert epsilon["rdp"] == pytest.approx(2.1014, abs=1e-3)
    best = dp.Accountant().add(step, 1000)
    assert best.epsilon(1e-5) <= epsilon["pld"]
    assert best.delta(1.8385) <= 1e-5
    assert dp.Accountant().add(dp.Gaussian(10), 100).epsilon(1e-5) == pytest.approx(4.377178)
    laplace = dp.Accountant("pld").add(dp.Laplace(10.0), 100).epsilon(1e-5)
    assert laplace == pytest.approx(4.2203, abs=1e-3)
    assert dp.Accountant("basic").add(dp.Pure(0.1), 100).epsilon(0) == pytest.approx(10)
    assert dp.zcdp_epsilon(0.5, 1e-5) > 0.5


EVENTS = [
    dp.Pure(0.5),
    dp.Approximate(0.5, 1e-7),
    dp.Zcdp(0.1),
    dp.Laplace(2.0),
    dp.Gaussian(3.0),
    dp.DiscreteLaplace(Fraction(7, 2), 2),
    dp.DiscreteGaussian(Fraction(9), 1),
    dp.Skellam(20.0, 1),
    dp.Binomial(400, 1),
    dp.Subsampled(dp.Gaussian(1.0), rate=0.1),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_events_come_back_as_they_went(event):
    accountant = dp.Accountant("rdp").add(event, 3)
    assert accountant.events == [(event, 3)]
    assert 0 < accountant.epsilon(1e-6) < math.inf
    assert accountant.copy().add(dp.Composed(((event, 2),))).events == [(event, 5)]
    assert pickle.loads(pickle.dumps(event)) == event


def test_events_and_their_relation():
    fixed = dp.Subsampled(dp.Gaussian(1.0), sample=10, population=1000)
    response = dp.KaryResponse(4, 0.7)
    replace = dp.Accountant(neighbours="replace").add(fixed).add(response)
    assert [event for event, _ in replace.events] == [fixed, response]
    for event in (fixed, response, dp.Subsampled(dp.Gaussian(1.0)), dp.Gaussian(0), "x"):
        with pytest.raises(pv.ArgumentError):
            dp.Accountant().add(event)
    with pytest.raises(pv.ArgumentError):
        dp.Accountant("magic")
    release = dp.count([True], epsilon=1, neighbours="replace")
    with pytest.raises(pv.ArgumentError, match="neighbours"):
        dp.Accountant().add(release)
    total = dp.Accountant()
    for _ in range(10):
        total.add(dp.mean(X, **B, rho=0.01)).add(dp.explain("count", rho=0.01))
    assert total.epsilon(1e-6) < 10 * 2 * dp.zcdp_epsilon(0.01, 1e-6)


def test_calibration_and_filters():
    def training(noise):
        return [(dp.Subsampled(dp.Gaussian(noise), rate=0.01), 1000)]

    noise = dp.calibrate(training, epsilon=2.0, delta=1e-5, between=(0.5, 4))
    assert 0.9 < noise < 1.0
    with pytest.raises(ZeroDivisionError):
        dp.calibrate(lambda noise: dp.Gaussian(1 / 0), epsilon=1.0, delta=1e-5)
    for adaptive in (True, False):
        cap = dp.Filter(1.0, 1e-6, adaptive=adaptive)
        cap.spend(dp.Gaussian(10.0))
        before = cap.spent()
        with pytest.raises(pv.OverspentError):
            cap.spend(dp.Gaussian(1.0), times=10)
        assert cap.spent() == before
        with pytest.raises(pv.ArgumentError):
            cap.spend(dp.Gaussian(-1.0))


# ---------------------------------------------------------------- ledgers


class Watched:
    """A column that tells when it is read."""

    def __init__(self, values):
        self.values, self.read = values, False

    def __iter__(self):
        self.read = True
        return iter(self.values)


@pytest.fixture
def ledger(tmp_path):
    made = dp.Ledger.create(tmp_path / "budget.ledger")
    made.grant("loans", unit="customer", epsilon=1, delta="1e-6")
    return made


def test_ten_tenths_are_one(ledger):
    pays = {"ledger": ledger, "data_set": "loans", "to": ["board"]}
    for i in range(10):
        dp.count(X > 50, epsilon=0.1, note=f"question {i}", **pays)
    balance = ledger.balance("loans")
    assert balance.total.committed.loss == 1
    assert balance.total.left == (0, 1e-6)
    assert balance.recipients["board"].committed.loss == 1
    data = Watched([1.0])
    with pytest.raises(pv.OverspentError) as caught:
        dp.mean(data, **B, epsilon=0.1, **pays)
    assert not data.read
    assert (caught.value.cost, caught.value.left) == ("epsilon 0.1", "epsilon 0, delta 1e-6")
    assert "loans" in caught.value.whose
    assert [entry.note for entry in ledger.history() if entry.what == "reserved"][3] == "question 3"


def test_data_that_cannot_be_read_cost_nothing(ledger):
    pays = {"ledger": ledger, "data_set": "loans", "to": ["board"]}
    for data, ids in ((["a"], None), (pl.Series(["a"]), None), ([1.0], [1, 2])):
        with pytest.raises(pv.ArgumentError):
            dp.mean(data, ids=ids, **B, epsilon=0.1, **pays)
    assert ledger.balance("loans").total.left.loss == 1
    standings = [entry.standing for entry in ledger.history() if entry.what == "reserved"]
    assert standings == ["cancelled"] * 3


def test_what_a_block_does_to_its_charge(ledger):
    with ledger.spend("loans", epsilon="0.1", to=["a"]) as spend:
        assert ledger.balance("loans").total.reserved.loss == 0.1
        assert spend.number == 3
    assert ledger.balance("loans").total.committed.loss == 0.1
    with pytest.raises(KeyError), ledger.spend("loans", epsilon=0.1, to=["a"]):
        raise KeyError
    assert ledger.balance("loans").total.left.loss == 0.9
    spend = ledger.spend("loans", epsilon=0.1, to=["a"])
    spend.begin()
    with pytest.raises(KeyError), spend:
        raise KeyError
    total = ledger.balance("loans").total
    assert (total.committed.loss, total.reserved.loss, total.left.loss) == (0.1, 0.1, 0.8)
    standings = [entry.standing for entry in ledger.history() if entry.what == "reserved"]
    assert standings == ["committed", "cancelled", "unfinished"]


def test_measures_and_relations_are_checked(ledger):
    pays = {"ledger": ledger, "to": ["board"]}
    ledger.grant("stays", unit="patient", rho=0.1, neighbours="replace")
    for wrong in (
        {"data_set": "loans", "rho": 0.1},
        {"data_set": "loans", "epsilon": 0.1, "neighbours": "replace"},
        {"data_set": "nowhere", "epsilon": 0.1},
        {"epsilon": 0.1},
        {"data_set": "loans", "epsilon": 0.1, "to": "board"},
    ):
        with pytest.raises(pv.ArgumentError):
            dp.count([True], **{**pays, **wrong})
    o = {"data_set": "stays", "neighbours": "replace", **pays}
    dp.count([True], rho=0.05, **o)
    # epsilon^2/2
    dp.count([True], epsilon=0.1, **o)
    assert ledger.balance("stays").total.left.loss == pytest.approx(0.045)
    # delta of private keys
    dp.histogram_keys(["a"], delta=1e-7, epsilon=0.1, data_set="loans", **pays)
    assert ledger.balance("loans").total.committed == (0.1, 1e-7)


def test_caps_of_recipients(ledger):
    ledger.grant("loans", unit="customer", epsilon=1, recipients={"beta": 0.3, "board": 1})
    with ledger.spend("loans", epsilon=0.3, to=["beta", "board"]):
        pass
    with pytest.raises(pv.OverspentError, match="beta"):
        ledger.spend("loans", epsilon=0.1, to=["beta"])
    with pytest.raises(pv.ArgumentError, match="gamma"):
        ledger.spend("loans", epsilon=0.1, to=["gamma"])
    assert [balance.data_set for balance in ledger.balances()] == ["loans"]


def test_ledgers_on_disk(ledger, tmp_path):
    path, head = tmp_path / "budget.ledger", ledger.head
    assert str(path) in repr(ledger)
    with ledger.spend("loans", epsilon=0.5, to=["a"]):
        pass
    again = dp.Ledger(path)
    assert again.balance("loans") == ledger.balance("loans")
    again.check_head(head)
    for call, kind in (
        (lambda: dp.Ledger.create(path), "exists"),
        (lambda: dp.Ledger(tmp_path / "none"), "missing"),
        (lambda: ledger.check_head("2:" + 64 * "0"), "undone"),
    ):
        with pytest.raises(pv.LedgerError) as caught:
            call()
        assert caught.value.kind == kind
        assert caught.value.fix
    assert isinstance(caught.value, pv.FileError)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(pv.LedgerError):
        dp.Ledger(path)
