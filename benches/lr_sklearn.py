"""Logistic regression on a large table: privity's SGD beside scikit-learn.

    .venv/bin/python benches/lr_sklearn.py --rows 100000 --columns 100

All three parties run in this process. Prints the time of each step, and both
accuracies on the training rows.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pyarrow as pa
from sklearn.linear_model import LogisticRegression

import privity as pv


def made_up(rows: int, columns: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Standard normal columns and a label with a logistic law."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, columns))
    w = rng.uniform(-0.3, 0.3, columns)
    y = (rng.random(rows) < 1 / (1 + np.exp(-x @ w))).astype(np.int64)
    return x, y


def secure(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float, pv.Costs]:
    """Coefficients, intercept and costs of the joint fit, columns cut between two owners."""
    rows, columns = x.shape
    ids = np.arange(rows)
    half = columns // 2
    names = [f"x{j}" for j in range(columns)]

    def table(which: range) -> dict[str, np.ndarray]:
        return {"id": ids, **{names[j]: x[:, j] for j in which}}

    def program(s: pv.Session, data: pa.Table) -> tuple[pv.LogisticModel, pv.Costs]:
        joint = s.align(s.bind(data), on="id")
        model = pv.LogisticRegression(solver="sgd").fit(joint, label="y", columns=names)
        return s.release(model), s.costs()

    beta = {**table(range(half, columns)), "y": y}
    data = {"alpha": pa.table(table(range(half))), "beta": pa.table(beta), "bureau": None}
    model, costs = pv.run_local(program, data)["alpha"]
    return np.array([model.coefficients[n] for n in names]), model.intercept, costs


def main() -> None:
    """Runs both and prints them side by side."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    x, y = made_up(arguments.rows, arguments.columns, arguments.seed)
    coef, intercept, costs = secure(x, y)
    print(costs)
    start = time.perf_counter()
    plain = LogisticRegression(C=np.inf).fit(x, y)
    print(f"scikit-learn took {time.perf_counter() - start:.2f} s")
    ours = np.mean((x @ coef + intercept > 0) == y)
    theirs = plain.score(x, y)
    print(
        f"accuracy: privity {ours:.5f}, scikit-learn {theirs:.5f}, difference {ours - theirs:+.5f}"
    )


if __name__ == "__main__":
    main()
