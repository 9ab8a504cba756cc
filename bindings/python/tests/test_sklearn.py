"""Against scikit-learn: the accuracy of SGD, and the coefficients of Newton."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression as Plain
from sklearn.metrics import roc_auc_score, roc_curve

import privity as pv


def fit(x: np.ndarray, y: np.ndarray, **options: object) -> tuple[np.ndarray, float]:
    """The joint fit with the columns cut between two owners."""
    names = [f"x{j}" for j in range(x.shape[1])]
    half = len(names) // 2
    ids = np.arange(len(y))
    alpha = {"id": ids, **{n: x[:, j] for j, n in enumerate(names[:half])}}
    beta = {"id": ids, **{n: x[:, half + j] for j, n in enumerate(names[half:])}, "y": y}

    def program(s: pv.Session, data: object) -> pv.LogisticModel:
        joint = s.align(s.bind(data), on="id")
        return s.release(pv.LogisticRegression(**options).fit(joint, label="y", columns=names))

    model = pv.run_local(program, {"alpha": alpha, "beta": beta, "bureau": None})["alpha"]
    coefficients = np.array([model.coefficients[n] for n in names])
    if model.standard_errors is not None:
        ones = np.column_stack([np.ones(len(y)), x])
        p = 1 / (1 + np.exp(-(x @ coefficients + model.intercept)))
        covariance = np.linalg.inv(ones.T @ (ones * (p * (1 - p))[:, None]))
        errors = [model.standard_errors[n] for n in ["intercept", *names]]
        assert errors == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-3)
    assert (model.standard_errors is None) == (options.get("solver") == "sgd" or "l2" in options)
    return coefficients, model.intercept


@pytest.fixture(scope="module")
def made_up() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(7)
    x = rng.standard_normal((6000, 10))
    p = 1 / (1 + np.exp(-(x @ np.linspace(-0.8, 0.8, 10) - 0.3)))
    return x, (rng.random(len(p)) < p).astype(np.int64)


@pytest.mark.filterwarnings("ignore:fit. only")
def test_sgd_is_as_accurate(made_up: tuple[np.ndarray, np.ndarray]) -> None:
    x, y = made_up
    coef, intercept = fit(x, y, solver="sgd", batch_size=256)
    plain = Plain(C=np.inf).fit(x, y)
    ours = np.mean((x @ coef + intercept > 0) == y)
    assert ours == pytest.approx(plain.score(x, y), abs=0.002)


@pytest.mark.parametrize("l2", [0.0, 1.0])
def test_newton_finds_the_same_coefficients(
    made_up: tuple[np.ndarray, np.ndarray], l2: float
) -> None:
    x, y = made_up
    coef, intercept = fit(x, y, **({"l2": l2} if l2 else {}))
    plain = Plain(C=1 / l2 if l2 else np.inf, tol=1e-10, max_iter=1000).fit(x, y)
    assert coef == pytest.approx(plain.coef_[0], abs=1e-4)
    assert intercept == pytest.approx(plain.intercept_[0], abs=1e-4)


def test_auc_and_ks_treat_equal_rows_as_ties() -> None:
    """One feature of five levels: many ties, exactly one right answer."""
    rng = np.random.default_rng(3)
    x = rng.integers(0, 5, 600) / 4
    y = (rng.random(600) < 0.3 + 0.3 * x).astype(np.int64)
    ids = np.arange(600)

    def program(s: pv.Session, data: object) -> pv.Metrics:
        joint = s.align(s.bind(data), on="id")
        model = pv.LogisticRegression().fit(joint, label="y", columns=["x"])
        return s.release(pv.evaluate(model, joint, ["auc", "ks"]))

    data = {"alpha": {"id": ids, "x": x}, "beta": {"id": ids, "y": y}, "bureau": None}
    fpr, tpr, _ = roc_curve(y, x)
    for _ in range(3):
        metrics = pv.run_local(program, data)["alpha"]
        assert metrics.auc == pytest.approx(roc_auc_score(y, x), abs=1e-5)
        assert metrics.ks == pytest.approx(np.max(tpr - fpr), abs=1e-5)
