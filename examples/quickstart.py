"""Two banks and a helper fit one model in twenty lines."""

import privity as pv

alpha = {"id": list("abcdefgh"), "income": [21, 35, 28, 60, 44, 23, 39, 52]}
beta = {"id": list("hgfedcba"), "bad": [0, 0, 1, 1, 0, 0, 1, 1]}


def program(s, data):
    """What every party runs: the same lines, each with its own data."""
    joint = s.align(s.bind(data), on="id")  # common customers, order known to nobody
    scaled = pv.Standardise().fit(joint, columns=["income"]).transform(joint)
    model = pv.LogisticRegression().fit(scaled, label="bad", columns=["income"])
    s.release(model, to="all")  # the only way out
    return model.intercept_[0], model.coef_[0, 0], s.explain()


results = pv.run_local(program, {"alpha": alpha, "beta": beta, "bureau": None})
intercept, slope, explanation = results["alpha"]
print(f"log-odds of bad = {intercept:.3f} {slope:+.3f} * standardised income")
print(explanation)
