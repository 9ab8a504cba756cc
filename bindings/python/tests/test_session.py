"""Sessions: errors with attributes, progress, Ctrl-C, life and death."""

import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

import privity as pv


def align(s, data):
    return s.align(s.bind(data), on="id").rows


def with_beta(banks, **columns):
    return {**banks, "beta": {**banks["beta"], **columns}}


def test_results_by_party(banks):
    assert pv.run_local(align, banks) == {"alpha": 200, "beta": 200, "bureau": 200}
    assert pv.run_local(lambda s: s.name, banks)["bureau"] == "bureau"


def test_duplicate_and_empty_ids(banks):
    ids = banks["beta"]["id"].copy()
    ids[5] = ids[3]
    with pytest.raises(pv.DataError) as caught:
        pv.run_local(align, with_beta(banks, id=ids))
    assert "beta" in caught.value.file
    assert caught.value.column == "id"
    assert caught.value.row in (4, 6)
    assert ids[3] not in str(caught.value)
    ids[5] = ""
    with pytest.raises(pv.DataError) as caught:
        pv.run_local(align, with_beta(banks, id=ids))
    assert caught.value.row == 6


def test_no_such_column(banks):
    def program(s, data):
        return s.align(s.bind(data), on="customer")

    with pytest.raises((pv.DataError, pv.ArgumentError), match="customer"):
        pv.run_local(program, banks)


def test_an_empty_intersection(banks):
    other = [f"X{i}" for i in range(220)]
    with pytest.raises(pv.PrivityError, match="common"):
        pv.run_local(align, with_beta(banks, id=other))


def fit(s, data):
    joint = s.align(s.bind(data), on="id")
    model = pv.LogisticRegression().fit(joint, label="bad", columns=["income", "age"])
    return s.release(model, to="all")


def test_one_class_only(banks):
    with pytest.raises(pv.PrivityError, match="bad"):
        pv.run_local(fit, with_beta(banks, bad=[0] * 220))


def test_a_label_that_is_no_label(banks):
    with pytest.raises(pv.PrivityError, match="bad"):
        pv.run_local(fit, with_beta(banks, bad=[2] * 220))


def test_out_of_the_fixed_point_range(banks):
    age = [30.0] * 220
    age[11] = 1e18
    with pytest.raises(pv.PrivityError, match="age"):
        pv.run_local(fit, with_beta(banks, age=age))


def test_collinear_columns(banks):
    # Whether joint warns or refuses is its choice; either names the columns.
    data = with_beta(banks, age2=banks["beta"]["age"] * 2)

    def program(s, data):
        joint = s.align(s.bind(data), on="id")
        pv.LogisticRegression().fit(joint, label="bad", columns=["age", "age2"])

    with pytest.raises((pv.PrivityError, pv.PrivityWarning), match="age"):
        run_strict(program, data)


def run_strict(program, data):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error", pv.PrivityWarning)
        return pv.run_local(program, data)


def test_warnings_go_through_warnings(banks):
    data = with_beta(banks, age=[30] * 220)
    with pytest.raises((pv.PrivityError, pv.PrivityWarning), match="age"):
        run_strict(fit, data)


def test_policy_refusal(banks, tmp_path):
    path = tmp_path / "beta.toml"
    path.write_text('[[allow]]\noperation = "align"\ncolumns = ["id"]\nto = ["alpha", "bureau"]\n')
    everything = pv.Policy.allow_all()
    policies = {"alpha": everything, "beta": path, "bureau": everything}
    assert pv.run_local(align, banks, policies=policies)["beta"] == 200
    with pytest.raises(pv.PolicyError) as caught:
        pv.run_local(fit, banks, policies=policies)
    e = caught.value
    assert e.op == "fit"
    assert e.party == "beta"
    assert e.rule
    path.write_text(path.read_text() + e.fix)
    assert pv.Policy.load(path)
    policies["beta"] = pv.Policy.deny_all()
    with pytest.raises(pv.PolicyError, match="beta"):
        pv.run_local(align, banks, policies=policies)


def test_bad_policies(banks, tmp_path):
    with pytest.raises(pv.ConfigError) as caught:
        pv.Policy.parse("min_row = 3")
    assert "min_row" in caught.value.rule
    with pytest.raises(pv.FileError):
        pv.Policy.load(tmp_path / "nowhere.toml")
    with pytest.raises(pv.ArgumentError, match="no policy of 'beta'"):
        pv.run_local(align, banks, policies={"alpha": pv.Policy.allow_all()})


def test_divergence(banks):
    def program(s, data):
        bound = s.bind(data)
        return s.align(bound, on="id").split(fraction=0.5, seed=1 if s.name == "alpha" else 2)

    with pytest.raises(pv.DivergenceError) as caught:
        pv.run_local(program, banks)
    e = caught.value
    assert e.culprits
    assert e.sequence == 2
    assert '"seed":' in e.ours
    assert e.ours != e.theirs


def test_the_first_real_error_wins(banks):
    def program(s, data):
        rows = align(s, data)
        if s.name == "beta":
            raise LookupError("mine")
        joint = s.align(s.bind(data), on="id")
        return rows, joint

    with pytest.raises(LookupError, match="mine") as caught:
        pv.run_local(program, banks)
    assert any("beta" in note for note in caught.value.__notes__)


def test_bad_parties(banks):
    with pytest.raises(pv.ArgumentError, match="engine"):
        pv.run_local(align, banks, engine="abacus")
    with pytest.raises(pv.ArgumentError, match="role"):
        pv.run_local(align, banks, roles={"bureau": "boss"})
    with pytest.raises(pv.PrivityError):
        pv.run_local(align, {"alpha": banks["alpha"], "beta": banks["beta"]})


def test_owners_need_not_compute(banks):
    data = {**banks, "north": None, "south": None}
    roles = {"alpha": ["owner", "recipient"], "beta": ["owner"]}
    results = pv.run_local(fit, data, roles=roles)
    assert results["alpha"] is not None
    assert results["beta"] is None
    assert results["north"] == results["alpha"]


def test_progress(banks):
    seen = []
    pv.run_local(fit, banks, progress=seen.append)
    assert all(isinstance(p, pv.Progress) for p in seen)
    assert {p.party for p in seen} <= set(banks)
    assert all(0 <= p.fraction <= 1 for p in seen)
    assert "align" in {p.op for p in seen}


def test_an_exception_in_progress_cancels(banks):
    def stop(p):
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        pv.run_local(fit, banks, progress=stop)


def test_costs_explain_audit(banks):
    def program(s, data):
        fit(s, data)
        return s.costs(), s.explain(), s.audit()

    costs, explanation, audit = pv.run_local(program, banks)["alpha"]
    assert [c.op for c in costs] == ["align", "fit", "release"]
    assert costs.sent == sum(c.sent for c in costs)
    assert costs.rounds > 0
    assert "total" in str(costs)
    assert any("coefficients" in line.what for line in explanation.of("bureau"))
    assert explanation[0].allowed_by["alpha"]
    assert "learn" in str(explanation)
    assert audit.count("\n") >= 3


def test_life_and_death(banks):
    kept = {}

    def program(s, data):
        kept[s.name] = s
        joint = s.align(s.bind(data), on="id")
        assert repr(s) == f"<privity session of '{s.name}'>"
        for thing in (s, joint):
            with pytest.raises(TypeError):
                pickle.dumps(thing)
        assert s.parties[2] == pv.Party("bureau", False, True, True)
        return joint

    joint = pv.run_local(program, banks)["alpha"]
    s = kept["alpha"]
    assert s.closed
    assert "closed" in repr(s)
    s.close()
    for use in (s.costs, s.audit, lambda: s.bind(banks["alpha"]), lambda: joint.split(by="train")):
        with pytest.raises(ValueError, match="closed"):
            use()
        with pytest.raises(pv.SessionClosedError):
            use()


def test_a_forked_session_is_refused(banks):
    def program(s, data):
        if s.name == "alpha":
            pid = os.fork()
            if pid == 0:
                try:
                    s.costs()
                except pv.SessionClosedError:
                    os._exit(3)
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3
        return align(s, data)

    pv.run_local(program, banks)


LONG = """
    import time
    import numpy as np
    import privity as pv

    n = 20_000
    rng = np.random.default_rng(1)
    ids = [f"C{i}" for i in range(n)]
    x = rng.normal(size=(n, 10))
    alpha = {"id": ids, **{f"x{i}": x[:, i] for i in range(10)}}
    beta = {"id": ids, "bad": (x[:, 0] + rng.normal(size=n) > 0).astype(int)}

    def program(s, data):
        joint = s.align(s.bind(data), on="id")
        if s.name == "alpha":
            print("fitting", flush=True)
        model = pv.LogisticRegression(solver="sgd", epochs=10_000, batch_size=64)
        return model.fit(joint, label="bad")

    try:
        pv.run_local(program, {"alpha": alpha, "beta": beta, "bureau": None})
    except KeyboardInterrupt:
        print(time.time(), flush=True)
"""


@pytest.mark.parametrize("delay", [0.0, 1.0], ids=["at its start", "in the middle"])
def test_ctrl_c_within_a_second(delay):
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(LONG)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout.readline() == "fitting\n"
        time.sleep(0.2 + delay)
        sent = time.time()
        child.send_signal(signal.SIGINT)
        caught = child.stdout.readline()
        assert caught, "no KeyboardInterrupt"
        assert float(caught) - sent < 1.0
        assert child.wait(timeout=10) == 0
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def test_cancel_from_another_thread(banks):
    def program(s, data):
        joint = s.align(s.bind(data), on="id")
        if s.name == "beta":
            threading.Timer(0.3, s.cancel).start()
        model = pv.LogisticRegression(solver="sgd", epochs=10_000, batch_size=10)
        return model.fit(joint, label="bad", columns=["age", "income"])

    start = time.monotonic()
    with pytest.raises(pv.PrivityError):
        pv.run_local(program, banks)
    assert time.monotonic() - start < 5


def test_exceptions_survive_pickling():
    e = pv.DataError("text", file="f.csv", row=3, column="age", rule="r", fix="x")
    back = pickle.loads(pickle.dumps(e))
    assert str(back) == "text"
    assert (back.file, back.row, back.column) == ("f.csv", 3, "age")
    t = pv.TimeoutError("late", culprits=["beta"])
    assert isinstance(t, TimeoutError)
    assert pickle.loads(pickle.dumps(t)).culprits == ("beta",)
