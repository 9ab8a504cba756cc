"""What several tests need."""

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"
sys.path.insert(0, str(EXAMPLES))


@pytest.fixture
def banks():
    """200 common customers, 20 more at each bank, in different orders."""
    rng = np.random.default_rng(7)
    ids = np.array([f"C{i:04d}" for i in range(240)])
    income = rng.normal(40, 10, 240)
    age = rng.integers(20, 70, 240)
    job = rng.choice(["clerk", "baker", "smith"], 240)
    risk = -0.08 * (income - 40) + 0.03 * (age - 45) + (job == "smith")
    bad = (rng.random(240) < 1 / (1 + np.exp(-risk))).astype(int)
    train = (rng.random(240) < 0.7).astype(int)
    at_alpha, at_beta = rng.permutation(220), 20 + rng.permutation(220)
    return {
        "alpha": {"id": ids[at_alpha], "income": income[at_alpha], "job": job[at_alpha]},
        "beta": {
            "id": ids[at_beta],
            "age": age[at_beta],
            "bad": bad[at_beta],
            "train": train[at_beta],
        },
        "bureau": None,
    }
