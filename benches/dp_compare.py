"""Mean, median and histogram with noise: privity beside OpenDP, diffprivlib and PyDP.

    python3.11 -m venv dp-venv
    dp-venv/bin/pip install opendp==0.16.0 diffprivlib==0.6.6 "scikit-learn<1.6" \
        python-dp==1.1.5 bindings/python
    dp-venv/bin/python benches/dp_compare.py

Prints two tables. Utility: root-mean-square errors against the exact answer on the clipped
data, of 200 releases, a normal sample of mean 50 and deviation 15 clipped to 0 to 100; the
data are the same for all libraries and drawn once. Time: one million numbers from NumPy,
median of repeated calls, conversion included (PyDP takes lists only, and has no histogram:
it is asked for a count of each bin). What is not installed is left out.

The relation differs between libraries and decides the noise of a mean, so it stands in each
row: with "replace" the number of rows is public, with "add/remove" it is protected. Errors of
medians also depend on the candidates: OpenDP is given 1001 of them, 0.1 apart, privity has
multiples of 2^-13, the others choose among floats. diffprivlib moves negative counts to zero,
which makes errors smaller in empty bins; anybody may do that to a noisy count afterwards.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

LOWER, UPPER, BINS = 0.0, 100.0, 100
EPSILONS = (0.1, 1.0, 10.0)
EDGES = np.linspace(LOWER, UPPER, BINS + 1)

#: A question: data and epsilon in, a function of no arguments out that releases once.
Question = Callable[[np.ndarray, float], Callable[[], Any]]


def privity(neighbours: str) -> dict[str, Question]:
    from privity import dp

    fixed: Any = {"bounds": (LOWER, UPPER), "neighbours": neighbours}
    return {
        "mean": lambda x, e: lambda: dp.mean(x, epsilon=e, **fixed).value,
        "median": lambda x, e: lambda: dp.median(x, epsilon=e, **fixed).value,
        "histogram": lambda x, e: (
            lambda: dp.histogram(x, bins=BINS, epsilon=e, **fixed).value.counts
        ),
    }


def opendp() -> dict[str, Question]:
    import opendp.prelude as od

    od.enable_features("contrib", "floating-point", "honest-but-curious")
    candidates = np.linspace(LOWER, UPPER, 1001).tolist()
    unsized = od.vector_domain(od.atom_domain(T=float, nan=False)), od.symmetric_distance()

    def chain(make: Callable[[float], Any], x: np.ndarray, e: float, d_in: int) -> Any:
        made = od.binary_search_chain(make, d_in=d_in, d_out=e)
        return lambda: made(x)

    def mean(x: np.ndarray, e: float) -> Any:
        domain = od.vector_domain(od.atom_domain(bounds=(LOWER, UPPER), nan=False), size=len(x))
        clipped = np.clip(x, LOWER, UPPER)
        exact = (domain, od.symmetric_distance()) >> od.t.then_mean()
        # One row changed is one removed and one added.
        return chain(lambda s: exact >> od.m.then_laplace(s), clipped, e, 2)

    def median(x: np.ndarray, e: float) -> Any:
        def make(scale: float) -> Any:
            return unsized >> od.m.then_private_quantile(
                od.max_divergence(), candidates=candidates, alpha=0.5, scale=scale
            )

        return chain(make, x, e, 1)

    def histogram(x: np.ndarray, e: float) -> Any:
        exact = (
            unsized
            >> od.t.then_find_bin(edges=EDGES.tolist())
            >> od.t.then_count_by_categories(categories=list(range(BINS + 2)), null_category=False)
        )
        noisy = chain(lambda s: exact >> od.m.then_laplace(s), x, e, 1)

        def release() -> Any:
            counts = np.array(noisy())
            # What lies beyond the ends belongs to the bins there.
            counts[1] += counts[0]
            counts[BINS] += counts[BINS + 1]
            return counts[1 : BINS + 1]

        return release

    return {"mean": mean, "median": median, "histogram": histogram}


def diffprivlib() -> dict[str, Question]:
    from diffprivlib import tools

    bounds = (LOWER, UPPER)
    return {
        "mean": lambda x, e: lambda: tools.mean(x, epsilon=e, bounds=bounds),
        "median": lambda x, e: lambda: tools.median(x, epsilon=e, bounds=bounds),
        "histogram": lambda x, e: lambda: tools.histogram(x, epsilon=e, bins=BINS, range=bounds)[0],
    }


def pydp() -> dict[str, Question]:
    from pydp.algorithms import laplacian

    def asked(kind: Any) -> Question:
        def question(x: np.ndarray, e: float) -> Any:
            def release() -> Any:
                made = kind(epsilon=e, lower_bound=LOWER, upper_bound=UPPER, dtype="float")
                return made.quick_result(x.tolist())

            return release

        return question

    def histogram(x: np.ndarray, e: float) -> Any:
        def release() -> Any:
            # There is no histogram: a count for each bin, which share no row.
            counts = np.histogram(x, EDGES)[0].tolist()
            rows = [1] * max(counts)
            return np.array(
                [laplacian.Count(epsilon=e, dtype="int").quick_result(rows[:n]) for n in counts]
            )

        return release

    return {
        "mean": asked(laplacian.BoundedMean),
        "median": asked(laplacian.Median),
        "histogram": histogram,
    }


def libraries() -> list[tuple[str, dict[str, str], dict[str, Question]]]:
    """Name, relation by question, questions."""
    found: list[tuple[str, dict[str, str], dict[str, Question]]] = []

    def all_(word: str) -> dict[str, str]:
        return {"mean": word, "median": word, "histogram": word}

    if importlib.util.find_spec("privity"):
        found.append(("privity", all_("add/remove"), privity("add_remove")))
        found.append(("privity", all_("replace"), privity("replace")))
    if importlib.util.find_spec("opendp"):
        found.append(("OpenDP", {**all_("add/remove"), "mean": "replace"}, opendp()))
    if importlib.util.find_spec("diffprivlib"):
        found.append(("diffprivlib", {**all_("replace"), "histogram": "add/remove"}, diffprivlib()))
    if importlib.util.find_spec("pydp"):
        found.append(("PyDP", all_("add/remove"), pydp()))
    return found


def exact(question: str, x: np.ndarray) -> Any:
    match question:
        case "mean":
            return x.mean()
        case "median":
            return np.median(x)
        case _:
            return np.histogram(x, EDGES)[0]


def sample(rows: int) -> np.ndarray:
    return np.clip(np.random.default_rng(rows).normal(50, 15, rows), LOWER, UPPER)


def utility(repetitions: int) -> None:
    columns = [(rows, e) for rows in (1000, 10_000) for e in EPSILONS]
    head = " | ".join(f"n={rows:,}, {e:g}" for rows, e in columns)
    print(f"| question | library | relation | {head} |")
    print("|---" * (3 + len(columns)) + "|")
    for question in ("mean", "median", "histogram"):
        for name, relation, questions in libraries():
            cells = []
            for rows, epsilon in columns:
                x = sample(rows)
                release = questions[question](x, epsilon)
                truth = exact(question, x)
                errors = [release() - truth for _ in range(repetitions)]
                cells.append(f"{np.sqrt(np.mean(np.square(errors))):.2g}")
            print(f"| {question} | {name} | {relation[question]} | {' | '.join(cells)} |")


def speed(rows: int) -> None:
    x = sample(rows)
    print("| library | mean | histogram | median |")
    print("|---|---|---|---|")
    for name, relation, questions in libraries():
        if relation["median"] == "replace" and name == "privity":
            continue
        cells = []
        for question in ("mean", "histogram", "median"):
            release = questions[question](x, 1.0)
            release()
            times = []
            while len(times) < 3 or (sum(times) < 1 and len(times) < 50):
                start = time.perf_counter()
                release()
                times.append(time.perf_counter() - start)
            cells.append(f"{1000 * np.median(times):.1f} ms")
        print(f"| {name} | {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the table of times")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    utility(options.repetitions)
    print()
    speed(options.rows)


if __name__ == "__main__":
    main()
