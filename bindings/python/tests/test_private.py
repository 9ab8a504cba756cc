"""Counts with noise and scorecards, against the plain ones."""

import numpy as np
import pytest

import privity as pv

LEVELS = ["car", "home", "trip"]


def banks(n=600, seed=4):
    rng = np.random.default_rng(seed)
    age = rng.integers(20, 70, n)
    purpose = rng.choice(LEVELS, n)
    eta = -1 + (age < 35) * 1.5 + (purpose == "trip") * 1.5
    bad = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)
    ids = [f"c{i}" for i in range(n)]
    alpha = {"id": ids, "age": age.tolist(), "bad": bad.tolist()}
    beta = {"id": ids[::-1], "purpose": purpose[::-1].tolist()}
    return {"alpha": alpha, "beta": beta, "bureau": None}, age, purpose, bad


BINS = {"age": [34.5], "purpose": LEVELS, "bad": [0.5]}


@pytest.mark.parametrize("noise", ["shares", "joint"])
@pytest.mark.parametrize("align", ["open", "hidden"])
def test_counts_are_near_the_plain_ones(noise, align):
    data, age, purpose, bad = banks()
    if align == "hidden":
        data["beta"]["purpose"] = [LEVELS.index(p) for p in data["beta"]["purpose"]]
        bins = {**BINS, "purpose": [0.5, 1.5]}
    else:
        bins = BINS

    def program(s, own):
        table = s.align(s.bind(own), on="id", align=align)
        return table.count(
            ["age", ("purpose", "bad")], bins=bins, epsilon=20, delta=1e-6, noise=noise
        )

    for counts in pv.run_local(program, data).values():
        assert counts.epsilon == 20
        assert counts.deviation < 3
        # Seven standard deviations: a false alarm in 10^10.
        far = 7 * counts.deviation + 1
        plain = [np.sum(age <= 34.5), np.sum(age > 34.5)]
        assert np.abs(counts["age"] - plain).max() < far
        assert list(counts) == [("age",), ("purpose", "bad")]
        assert len(counts) == 2
        for i, level in enumerate(LEVELS):
            for j in (0, 1):
                cell = np.sum((purpose == level) & (bad == j))
                assert abs(counts["purpose", "bad"][i, j] - cell) < far


def test_a_scorecard_ranks_and_says_what_it_spent():
    data, *_ = banks(4000)

    def program(s, own):
        table = s.align(s.bind(own), on="id")
        train, test = table.split(fraction=0.7)
        card = pv.PrivateScorecard(epsilon=3).fit(
            train, label="bad", bins={"age": [34.5], "purpose": LEVELS}
        )
        return card, card.evaluate(test, epsilon=2)

    results = pv.run_local(program, data)
    for card, ranking in results.values():
        assert card.features_ == ["age", "purpose"]
        assert 0.5 < card.coef_["age"] < 1.5
        assert 0.5 < card.coef_["purpose"] < 1.5
        assert card.woe_["age"][0] > 0 > card.woe_["age"][1]
        assert sum(e for _, e, _ in card.spent_) == pytest.approx(5)
        assert sum(d for _, _, d in card.spent_) == pytest.approx(2e-6)
        assert 0.6 < ranking.auc < 0.8
        assert ranking.auc_noise < 0.05
        assert 0.1 < ranking.ks < 0.5
        assert ranking.bands.shape == (5, 2)
    (card, ranking), *others = results.values()
    assert all(other.points_ == card.points_ for other, _ in others)


def test_a_dry_run_goes_the_same_way():
    def program(s, own=None):
        table = s.align(s.bind(own), on="id")
        card = pv.PrivateScorecard().fit(
            table, label="bad", bins={"age": [34.5], "purpose": LEVELS}
        )
        return card.evaluate(table, epsilon=0.4).bands.shape

    schemas = {
        "alpha": {"id": "text", "age": "number", "bad": "number"},
        "beta": {"id": "text", "purpose": "text"},
        "bureau": None,
    }
    dry = pv.dry_run(program, schemas, rows=1000)
    assert "differentially private with epsilon 0.4" in str(dry.explain())


def test_wrong_calls_name_the_rule():
    data, *_ = banks(60)

    def program(s, own):
        table = s.align(s.bind(own), on="id")
        for bins, margins, word in [
            ({"age": []}, ["age"], "no list"),
            ({"age": "young"}, ["age"], "no list"),
            ({"age": [1.0]}, ["job"], "has no bins"),
            ({"age": [2.0, 1.0]}, ["age"], "ascend"),
            ({"age": [float("nan")]}, ["age"], "finite"),
            ({"job": [1.0]}, ["job"], "no column"),
            ({"purpose": [1.0]}, ["purpose"], "text"),
        ]:
            with pytest.raises(pv.ArgumentError, match=word):
                table.count(margins, bins=bins, epsilon=1)
        with pytest.raises(pv.ArgumentError, match="epsilon"):
            table.count(["age"], bins=BINS, epsilon=0)
        with pytest.raises(pv.ArgumentError, match="unknown"):
            table.count(["age"], bins=BINS, epsilon=1, noise="none")
        with pytest.raises(pv.ArgumentError, match="not fitted"):
            pv.PrivateScorecard().evaluate(table, epsilon=1)
        return True

    assert all(pv.run_local(program, data).values())


def test_ledgers_are_charged_by_policies_or_not_taken(tmp_path):
    data, *_ = banks(60)
    ledger = pv.dp.Ledger.create(tmp_path / "a.ledger")
    with pytest.raises(pv.ArgumentError, match="policies"):
        pv.run_local(lambda s, own: None, data, ledgers={"alpha": ledger})
    with pytest.raises(pv.ArgumentError, match="no ledger"):
        pv.dp.mean([1.0], bounds=(0, 2), epsilon=1, data_set="a", to=["b"])
    with pytest.raises(pv.ArgumentError, match="type str"):
        pv.dp.mean([1.0], bounds=(0, 2), epsilon=1, ledger="a", data_set="a", to=["b"])


def test_what_stops_a_scorecard_is_found_before_it_is_paid():
    data, *_ = banks(60)

    def program(s, own):
        table = s.align(s.bind(own), on="id")
        card = pv.PrivateScorecard(epsilon=0.00025)
        with pytest.raises(pv.ArgumentError, match="epsilon"):
            card.fit(table, label="bad", bins={"age": [34.5], "purpose": LEVELS})
        return not hasattr(card, "spent_")

    assert all(pv.run_local(program, data).values())


def test_an_error_does_not_depend_on_one_value():
    pd = pytest.importorskip("pandas")
    for column in (pd.Series(["50"] * 10), pd.Series([*["50"] * 9, "x"])):
        with pytest.raises(pv.ArgumentError):
            pv.dp.mean(column, bounds=(0, 100), epsilon=1)


def test_what_takes_no_rho_says_so():
    for ask in (
        lambda: pv.dp.median([1.0], bounds=(0, 2), rho=0.1),
        lambda: pv.dp.quantiles([1.0], [0.5], bounds=(0, 2), rho=0.1),
        lambda: pv.dp.histogram_keys(["a"], delta=1e-6, rho=0.1),
    ):
        with pytest.raises(pv.ArgumentError, match="epsilon and not rho"):
            ask()
