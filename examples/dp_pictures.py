"""The pictures of docs/dp.md.

    .venv/bin/python examples/dp_pictures.py docs/pictures

The noise beside its law, the error of a mean against epsilon, and a budget as it is spent.
Nothing is seeded but the made-up data, so points differ a little from run to run.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np

import privity as pv
from privity import dp

BLUE, ORANGE, GREY = "#2a5caa", "#d9822b", "#888888"


def noise(path: Path) -> None:
    """100,000 draws of each law, and the law."""
    zeros = np.zeros(100_000, dtype=np.int64)
    laplace = dp.laplace(zeros, sensitivity=1, epsilon=0.5).value
    gaussian = dp.gaussian(zeros, sensitivity=1, rho=0.125).value
    k = np.arange(-12, 13)
    r = math.exp(-0.5)
    laws = [
        ("discrete Laplace, epsilon = 0.5", laplace, (1 - r) / (1 + r) * r ** np.abs(k)),
        ("discrete Gaussian, rho = 0.125", gaussian, _gaussian(k, 4.0)),
    ]
    figure, axes = plt.subplots(1, 2, figsize=(8, 3), sharey=True)
    for axis, (title, draws, law) in zip(axes, laws, strict=True):
        shares = [(draws == x).mean() for x in k]
        axis.bar(k, shares, color=BLUE, alpha=0.55, label="100,000 draws")
        axis.plot(k, law, "o", color=ORANGE, markersize=4, label="exact law")
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("noise in a count")
    axes[0].set_ylabel("probability")
    axes[1].legend(frameon=False, fontsize=9)
    _save(figure, path)


def _gaussian(k: np.ndarray, variance: float) -> np.ndarray:
    wide = np.arange(-100, 101)
    return np.exp(-(k**2) / (2 * variance)) / np.exp(-(wide**2) / (2 * variance)).sum()


def accuracy(path: Path) -> None:
    """Root-mean-square errors of 200 releases."""
    rng = np.random.default_rng(1)
    figure, axis = plt.subplots(figsize=(6, 3.6))
    epsilons = np.geomspace(0.02, 5, 9)
    for rows, colour in ((1000, ORANGE), (10_000, BLUE)):
        ages = rng.normal(50, 15, rows).clip(0, 100)
        for neighbours, style in (("add_remove", "o-"), ("replace", "o:")):
            errors = []
            for epsilon in epsilons:
                values = [
                    dp.mean(ages, bounds=(0, 100), epsilon=float(epsilon), neighbours=neighbours)
                    for _ in range(200)
                ]
                off = np.array([release.value for release in values]) - ages.mean()
                errors.append(math.sqrt((off**2).mean()))
            label = f"{rows:,} rows, {neighbours}"
            axis.loglog(epsilons, errors, style, color=colour, markersize=3, label=label)
        axis.axhline(15 / math.sqrt(rows), color=colour, linewidth=0.8, alpha=0.6)
    axis.set_xlabel("epsilon")
    axis.set_ylabel("error of the mean, in years")
    axis.set_title("lines across: the sampling error of the data themselves", fontsize=9)
    axis.legend(frameon=False, fontsize=8)
    _save(figure, path)


def budget(path: Path) -> None:
    """What a ledger says of a year of questions."""
    ages = np.random.default_rng(2).normal(50, 15, 5000).clip(0, 100)
    with tempfile.TemporaryDirectory() as folder:
        ledger = dp.Ledger.create(Path(folder) / "budget.ledger")
        ledger.grant("customers", unit="customer", epsilon=2, recipients={"board": 2, "press": 0.5})
        refused = []
        for month in range(1, 13):
            questions = [(["board"], 0.1)] * 2 + (
                [(["board", "press"], 0.15)] if month % 3 == 0 else []
            )
            for to, epsilon in questions:
                try:
                    dp.mean(
                        ages,
                        bounds=(0, 100),
                        epsilon=epsilon,
                        ledger=ledger,
                        data_set="customers",
                        to=to,
                        note=f"month {month}",
                    )
                except pv.OverspentError:
                    refused.append(month)
        history = [entry for entry in ledger.history("customers") if entry.what == "reserved"]
    spent: dict[str, list[float]] = {"all": [0.0] * 13, "press": [0.0] * 13}
    for entry in history:
        month = int((entry.note or "0").split()[-1])
        cost = entry.amount.loss if entry.amount else 0.0
        spent["all"][month] += cost
        spent["press"][month] += cost if "press" in entry.recipients else 0.0
    figure, axis = plt.subplots(figsize=(6, 3.2))
    months = np.arange(13)
    for name, colour, cap in (("all", BLUE, 2.0), ("press", ORANGE, 0.5)):
        label = "all recipients together" if name == "all" else "the press"
        axis.step(months, np.cumsum(spent[name]), where="post", color=colour, label=label)
        axis.axhline(cap, color=colour, linewidth=0.8, linestyle="--")
    ticks = [month + 0.02 * i for i, month in enumerate(refused)]
    axis.plot(ticks, [2.08] * len(ticks), "x", color=GREY, markersize=5, label="refused")
    axis.set_xlabel("month")
    axis.set_ylabel("epsilon spent")
    axis.set_ylim(0, 2.3)
    axis.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(0.0, 0.9))
    _save(figure, path)


def _save(figure: plt.Figure, path: Path) -> None:
    for axis in figure.axes:
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs/pictures"))
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    noise(folder / "dp_noise.png")
    accuracy(folder / "dp_accuracy.png")
    budget(folder / "dp_budget.png")


if __name__ == "__main__":
    main()
