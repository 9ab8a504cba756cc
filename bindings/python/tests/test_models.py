"""Models against plain NumPy, and their scikit-learn shape."""

import inspect
import pickle
import re
import sys
from pathlib import Path

import joint_risk
import numpy as np
import pandas as pd
import pytest

import privity as pv


def plain(banks):
    """Both banks' common rows in one frame."""
    frames = [pd.DataFrame(banks[name]).set_index("id") for name in ("alpha", "beta")]
    return frames[0].join(frames[1], how="inner")


def newton(x, y, l2=0.0):
    x = np.column_stack([np.ones(len(y)), x])
    penalty = np.diag([0.0] + [l2] * (x.shape[1] - 1))
    beta = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ beta))
        gradient = x.T @ (y - p) - penalty @ beta
        beta += np.linalg.solve(x.T @ (x * (p * (1 - p))[:, None]) + penalty, gradient)
    return beta


@pytest.mark.parametrize("l2", [0.0, 2.0])
def test_newton_is_the_maximum_likelihood_fit(banks, l2):
    def program(s, data):
        joint = s.align(s.bind(data), on="id")
        scaled = pv.Standardise().fit(joint, columns=["income", "age"]).transform(joint)
        hot = pv.OneHot().fit(scaled).transform(scaled)
        names = [c for c in hot.columns if c not in ("bad", "train", "id")]
        model = pv.LogisticRegression(l2=l2).fit(hot, label="bad", columns=names)
        released = s.release(model, to="all")
        return released, model

    results = pv.run_local(program, banks)
    rows = plain(banks)
    x = rows[["income", "age"]]
    x = (x - x.mean()) / x.std(ddof=0)
    levels = pd.get_dummies(rows["job"]).drop(columns="baker").astype(float)
    released, model = results["alpha"]
    by_name = {"income": x["income"], "age": x["age"]}
    for name in released.coefficients:
        for level in levels:
            if level in name:
                by_name[name] = levels[level]
    columns = np.column_stack([by_name[name] for name in released.coefficients])
    expected = newton(columns, rows["bad"].to_numpy(), l2)
    np.testing.assert_allclose(model.intercept_, expected[:1], atol=1e-3)
    np.testing.assert_allclose(model.coef_, [expected[1:]], atol=1e-3)
    assert model.coef_.shape == (1, model.n_features_in_)
    assert list(model.feature_names_in_) == list(released.coefficients)
    assert list(model.classes_) == [0, 1]
    assert model.converged_
    assert results["beta"][0] == released == results["bureau"][0]


def test_sgd_has_the_direction_of_the_fit(banks):
    # Its sigmoid has three pieces, so that the length differs.
    def program(s, data):
        joint = s.align(s.bind(data), on="id")
        scaled = pv.Standardise().fit(joint, columns=["income", "age"]).transform(joint)
        model = pv.LogisticRegression(solver="sgd", epochs=60, batch_size=50, learning_rate=0.3)
        model.fit(scaled, label="bad", columns=["income", "age"])
        s.release(model, to=["alpha", "beta", "bureau"])
        return np.append(model.intercept_, model.coef_)

    rows = plain(banks)
    x = rows[["income", "age"]]
    a = newton((x - x.mean()) / x.std(ddof=0), rows["bad"].to_numpy())
    b = pv.run_local(program, banks)["alpha"]
    assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.999
    assert 0.7 < np.linalg.norm(b) / np.linalg.norm(a) < 1.1


def test_scores_metrics_and_information_values(banks):
    def program(s, data):
        joint = s.align(s.bind(data), on="id")
        train, test = joint.split(by="train")
        woe = pv.WoE(bins=4).fit(train, label="bad")
        assert "train" not in woe.columns_
        assert "id" not in woe.columns_
        model = pv.LogisticRegression().fit(woe.transform(train), label="bad")
        test = woe.transform(test)
        scores = model.predict_proba(test)
        evaluation = pv.evaluate(scores, test, ["auc", "ks"], bands=4, label="bad")
        iv = s.release(woe, to="alpha")
        probability = s.release(scores, to=["beta"])
        metrics = s.release(evaluation, to="all")
        ids = test.own_column("id").to_list() if s.name == "beta" else None
        return iv, probability, metrics, ids, len(scores)

    results = pv.run_local(program, banks)
    assert set(results["alpha"][0]) == {"income", "job", "age"}
    assert results["beta"][0] is None
    probability = results["beta"][1]
    assert results["alpha"][1] is None
    assert len(probability) == results["beta"][4]
    metrics = results["beta"][2]
    y = plain(banks).loc[results["beta"][3], "bad"].to_numpy()
    # Released scores of equal rows differ in the last places; to the metrics they are ties.
    order = np.argsort(probability)
    group = np.empty(len(order), dtype=int)
    group[order] = np.cumsum(np.diff(probability[order], prepend=-1) > 4e-6)
    good, bad = group[y == 0], group[y == 1]
    auc = np.mean((bad[:, None] > good) + 0.5 * (bad[:, None] == good))
    assert metrics.auc == pytest.approx(auc, abs=1e-3)
    at = np.unique(group)
    ks = max(abs((good <= t).mean() - (bad <= t).mean()) for t in at)
    assert metrics.ks == pytest.approx(ks, abs=1e-3)
    expected = np.histogram(probability[y == 1], 4, (0, 1))[0]
    assert [b.positives for b in metrics.bands] == pytest.approx(expected, abs=1)


def test_split_by_fraction_and_select(banks):
    def program(s, data):
        joint = s.align(s.bind(data), on=["id"])
        first, second = joint.split(fraction=0.75, seed=3)
        narrow = first.select(["age", "bad"])
        return joint.rows, first.rows, second.rows, narrow.columns, len(narrow), joint.schema

    rows, first, second, columns, narrow, schema = pv.run_local(program, banks)["beta"]
    assert (rows, first, second) == (200, 150, 50)
    assert columns == ["age", "bad"]
    assert narrow == first
    assert {c.name: c.owner for c in schema}["income"] == "alpha"


@pytest.mark.parametrize("cls", [pv.LogisticRegression, pv.WoE, pv.OneHot, pv.Standardise])
def test_estimators_have_parameters(cls):
    estimator = cls()
    parameters = inspect.signature(cls.__init__).parameters.values()
    names = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    assert set(estimator.get_params()) == set(names)
    assert repr(estimator).startswith(cls.__name__)
    for name in names:
        assert estimator.set_params(**{name: 3}) is estimator
        assert estimator.get_params()[name] == 3
    with pytest.raises(pv.ArgumentError, match="nonsense"):
        estimator.set_params(nonsense=1)
    with pytest.raises(TypeError):
        pickle.dumps(estimator)


def test_use_before_fit(banks):
    def program(s, data):
        joint = s.align(s.bind(data), on="id")
        with pytest.raises(pv.ArgumentError, match="fit first"):
            pv.LogisticRegression().predict_proba(joint)
        with pytest.raises(pv.ArgumentError, match="fit first"):
            s.release(pv.WoE(), to="all")
        with pytest.raises(pv.ArgumentError, match="nothing that can be released"):
            s.release(joint, to="all")
        with pytest.raises(pv.ArgumentError, match="solver"):
            pv.LogisticRegression(solver="adam").fit(joint, label="bad", columns=["age"])
        with pytest.raises(pv.ArgumentError, match="either"):
            joint.split(by="train", fraction=0.5)
        return joint.rows

    assert pv.run_local(program, banks)["alpha"] == 200


def test_dry_run_costs_what_the_run_costs(banks):
    def program(s, data):
        joint = s.align(s.bind(data), on="id")
        train, test = joint.split(by="train")
        woe = pv.WoE(bins=4).fit(train, label="bad")
        model = pv.LogisticRegression().fit(woe.transform(train), label="bad")
        s.release(pv.evaluate(model, woe.transform(test)), to="all")
        return s.costs(), train.rows

    costs, first = pv.run_local(program, banks)["alpha"]
    plan = pv.dry_run(program, banks, common_rows=200, first_part=first / 200)
    planned = plan.estimate().costs["alpha"]
    assert [c.op for c in planned] == [c.op for c in costs]
    for cost in ("sent", "received", "rounds"):
        assert [getattr(c, cost) for c in planned] == [getattr(c, cost) for c in costs]
    text = str(plan)
    assert "release" in text
    assert "alpha" in text
    assert plan.estimate("wan").seconds > plan.estimate("lan").seconds
    with pytest.raises(pv.ArgumentError, match="network"):
        plan.estimate("moon")


def test_dry_run_of_the_demo_is_exact():
    """Told the policies and what a run finds out (bins, chosen columns), to the byte."""
    real, banks = joint_risk.load_banks()
    files = joint_risk.HERE / "policies"
    policies = {name: files / f"{name}.toml" for name in joint_risk.PARTIES}
    columns = joint_risk.ALPHA + joint_risk.BETA

    def secure(chosen):
        def program(s, data):
            joint = s.align(s.bind(data), on="customer_id")
            train, test = joint.split(by="in_training")
            woe = pv.WoE(bins=joint_risk.BINS).fit(train, label="bad", columns=columns)
            train = woe.select(woe.transform(train), min_iv=joint_risk.MIN_IV)
            test = woe.transform(test)
            features = chosen or [c for c in columns if c in train.columns]
            model = pv.LogisticRegression().fit(train, label="bad", columns=features)
            metrics = pv.evaluate(model, test, ["auc", "ks"], bands=joint_risk.BANDS)
            s.release(model, to="all")
            s.release(metrics, to="all")
            return s.costs(), features

        return program

    def kind(name, values):
        if values.dtype.kind not in "if":
            return ("text", values.nunique())
        if name not in columns:
            return "number"
        values = real.loc[real["in_training"] == 1, name].astype(float)
        edges = np.unique(np.quantile(values, np.arange(1, joint_risk.BINS) / joint_risk.BINS))
        return ("number", len(set(np.searchsorted(edges, values))))

    results = pv.run_local(secure(None), {**banks, "bureau": None}, policies=policies)
    schemas = {name: {c: kind(c, bank[c]) for c in bank} for name, bank in banks.items()}
    plan = pv.dry_run(
        secure(results["alpha"][1]),
        {**schemas, "bureau": None},
        policies=policies,
        rows={name: len(bank) for name, bank in banks.items()},
        common_rows=1000,
        first_part=0.7,
    )
    for party, (costs, _) in results.items():
        for step, planned in zip(costs, plan.estimate().costs[party], strict=True):
            assert (planned.op, planned.sent, planned.received, planned.rounds) == (
                step.op,
                step.sent,
                step.received,
                step.rounds,
            )


def test_dry_run_from_kinds():
    def program(s):
        joint = s.align(s.bind(None), on="id")
        model = pv.LogisticRegression().fit(joint, label="bad", columns=["age", "income"])
        assert s.release(model, to="all") is None
        assert s.is_dry

    schemas = {
        "alpha": {"id": "text", "income": "number"},
        "beta": {"id": "text", "age": "number", "bad": "number"},
        "bureau": None,
    }
    plan = pv.dry_run(program, schemas, rows=100_000, common_rows=50_000)
    assert plan.estimate("wan").costs["bureau"].sent > 0
    with pytest.raises(pv.ArgumentError, match="rows"):
        pv.dry_run(program, schemas)
    for kind in (("text",), (), ("text", "many"), "date"):
        wrong = {**schemas, "alpha": {"id": "text", "income": kind}}
        with pytest.raises(pv.ArgumentError, match=r"'income' of 'alpha'.*\('text', 12\)"):
            pv.dry_run(program, wrong, rows=100)
    with pytest.raises(pv.ArgumentError, match="more than the 90 rows of 'beta'"):
        pv.dry_run(program, schemas, rows={"alpha": 100, "beta": 90}, common_rows=91)
    with pytest.raises(pv.ArgumentError, match="'lan', 'wan'"):
        plan.estimate(None)


def test_the_samples_of_the_guide():
    guide = (Path(__file__).parents[3] / "docs" / "python.md").read_text()
    samples = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    space = {}
    exec(samples[0], space)
    exec(next(s for s in samples if "dry_run" in s), space)
    assert space["plan"].estimate("wan").seconds > 0


def test_names_that_are_not_there_yet():
    for estimator, name in ((pv.LogisticRegression(), "coef_"), (pv.WoE(), "iv_")):
        with pytest.raises(AttributeError, match=r"not there yet.*s\.release"):
            getattr(estimator, name)
    for name in ("ceof_", "coef", "_id", "__array__"):
        with pytest.raises(AttributeError, match="has no attribute"):
            getattr(pv.LogisticRegression(), name)


WRONG = {
    "l2": [-1, 2e6, "1", None, float("nan"), True],
    "max_iter": [0, 31, 5.0, "5"],
    "epochs": [0, 10_001, 1.5],
    "batch_size": [0, 16_385, None],
    "learning_rate": [1 / 1024, 17, "fast", float("inf")],
}


@pytest.mark.parametrize("name", WRONG)
def test_parameters_are_checked(name):
    solver = "sgd" if name in ("epochs", "batch_size", "learning_rate") else "newton"
    for value in WRONG[name]:
        with pytest.raises(pv.ArgumentError, match=name) as caught:
            pv.LogisticRegression(solver=solver, **{name: value})._solver()
        assert caught.value.rule
        assert caught.value.fix
    good = pv.LogisticRegression(solver=solver, l2=np.float64(0.5), max_iter=np.int64(3))
    assert good._solver()


def test_a_text_is_no_list(banks):
    def program(s, data):
        joint = s.align(s.bind(data), on="id")
        model = pv.LogisticRegression().fit(joint, label="bad", columns=["age"])
        for call in (
            lambda: joint.select("age"),
            lambda: pv.LogisticRegression().fit(joint, label="bad", columns="age"),
            lambda: pv.WoE().fit(joint, label="bad", columns="age"),
            lambda: pv.Standardise().fit(joint, columns="age"),
            lambda: pv.OneHot().fit(joint, columns="age"),
            lambda: pv.evaluate(model, joint, "age"),
        ):
            with pytest.raises(pv.ArgumentError, match=r"pass a list: \['age'\]"):
                call()

    pv.run_local(program, banks)


def test_warnings_point_at_the_program(banks):
    lines = []

    def program(s, data):
        joint = s.align(s.bind(data), on="id")
        joint = pv.Standardise().fit(joint, columns=["age"]).transform(joint)
        lines.append(sys._getframe().f_lineno + 1)
        pv.LogisticRegression(max_iter=1).fit(joint, label="bad", columns=["age"])
        model = pv.LogisticRegression(solver="sgd", epochs=3, batch_size=100)
        lines.append(sys._getframe().f_lineno + 1)
        model.fit(joint, label="bad", columns=["age"])

    with pytest.warns(pv.PrivityWarning) as caught:
        pv.run_local(program, banks)
    assert {w.filename for w in caught} == {__file__}
    assert {w.lineno for w in caught} == set(lines)
    assert any("only 6 steps" in str(w.message) for w in caught)
