"""Intersections of tables from everywhere, in one process and in two."""

import threading

import joint_risk
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import privity as pv


def frames():
    a = pd.DataFrame({"id": [f"c{i}" for i in range(60)], "age": np.arange(60)})
    b = pd.DataFrame({"key": [f"c{i}" for i in range(40, 100)], "bad": np.arange(60) % 2})
    return a, b


@pytest.mark.parametrize("kind", ["pandas", "polars", "pyarrow", "dict"])
def test_tables_of_every_kind(kind):
    convert = {
        "pandas": lambda frame: frame,
        "polars": pl.from_pandas,
        "pyarrow": pa.Table.from_pandas,
        "dict": lambda frame: {name: frame[name].to_numpy() for name in frame},
    }[kind]
    a, b = map(convert, frames())
    both = pv.psi_local({"alpha": a, "beta": b}, on={"alpha": "id", "beta": "key"})
    left, right = both["alpha"].table(), both["beta"].table()
    assert type(left) is type(a)
    assert list(map(str, left["id"])) == list(map(str, right["key"]))
    assert sorted(int(str(age)) for age in left["age"]) == list(range(40, 60))
    assert (both["alpha"].common, both["alpha"].sizes) == (20, (60, 60))
    assert both["beta"].verified
    assert not both["alpha"].verified
    assert len(both["alpha"].table("left")["id"]) == 60
    assert sorted(both["alpha"].others) == list(range(40))
    assert both["beta"].cost.sent > 0


def test_typed_and_repeated_identifiers():
    a = pd.DataFrame({"id": [1, 2, 2, 3], "born": pd.to_datetime(["2001-02-03", "2001-02-04"] * 2)})
    b = {"nr": ["3", "2", "9"], "date": ["2001-02-04", "2001-02-04", "2001-02-04"]}
    on = {"alpha": ["id", "born"], "beta": ["nr:integer", "date:date"]}
    on["alpha"] = ["id", "born:date"]
    both = pv.psi_local({"alpha": a, "beta": b}, on=on)
    assert sorted(both["alpha"].rows) == [1, 3]
    assert sorted(both["beta"].rows) == [0, 1]
    ids = {"alpha": "id", "beta": "nr:integer"}
    with pytest.raises(pv.DataError, match="identifier of row") as info:
        pv.psi_local({"alpha": a, "beta": b}, on=ids)
    assert info.value.row == 3
    joined = pv.psi_local({"alpha": a, "beta": b}, on=ids, duplicates={"alpha": "join"})
    pairs = zip(joined["alpha"].rows, joined["beta"].rows, strict=True)
    assert sorted((int(i), int(j)) for i, j in pairs) == [(1, 1), (2, 1), (3, 0)]
    with pytest.raises(pv.ArgumentError, match="made of integer"):
        pv.psi_local({"alpha": a, "beta": b}, on={"alpha": "id", "beta": "nr"})
    late = a.assign(born=a["born"] + pd.Timedelta(hours=1))
    with pytest.raises(pv.ArgumentError, match="times of the day"):
        pv.psi_local({"alpha": late, "beta": b}, on=on)


def test_missing_identifiers_and_who_learns():
    a, b = {"id": ["x", None, "y"]}, {"id": ["y", "z"]}
    with pytest.raises(pv.DataError, match="identifier is missing"):
        pv.psi_local({"alpha": a, "beta": b}, on="id")
    both = pv.psi_local({"alpha": a, "beta": b}, on="id", nulls="drop", learns="alpha")
    assert both["alpha"].rows.tolist() == [2]
    assert both["alpha"].verified
    assert both["beta"].rows is None
    with pytest.raises(pv.ArgumentError, match="does not learn"):
        both["beta"].table()
    with pytest.raises(pv.PolicyError):
        pv.psi_local(
            {"a": b, "b": b},
            on="id",
            policies={"a": pv.Policy.deny_all(), "b": pv.Policy.allow_all()},
        )
    for wrong in ({"nulls": "keep"}, {"learns": "gamma"}, {"memory": "much"}, {"workers": 0}):
        with pytest.raises(pv.ArgumentError):
            pv.psi_local({"alpha": b, "beta": b}, on="id", **wrong)


@pytest.fixture
def parties(tmp_path):
    """A folder for each of two parties."""
    names, addresses = ("alpha", "beta"), joint_risk.free_addresses(2)
    keys = {name: pv.Identity.generate() for name in names}
    listed = "".join(
        f'[[party]]\nname = "{name}"\nroles = ["owner"]\naddress = "{address}"\n'
        f'pin = "{keys[name].fingerprint}"\n'
        for name, address in zip(names, addresses, strict=True)
    )
    for name in names:
        folder = tmp_path / name
        folder.mkdir()
        keys[name].save(folder / "key.pem")
        head = f'session = "psi"\nname = "{name}"\nkey = "key.pem"\npolicy = "policy.toml"\n'
        (folder / "party.toml").write_text(head + 'audit = "audit.jsonl"\n' + listed)
        other = names[name == "alpha"]
        (folder / "policy.toml").write_text(
            f'min_rows = 5\n[[allow]]\noperation = "align"\ncolumns = ["id"]\nto = ["{other}"]\n'
        )
    return tmp_path


def test_two_institutions_over_tls(parties):
    a, b = frames()
    a.to_csv(parties / "a.csv", index=False)
    pq.write_table(pa.Table.from_pandas(b.rename(columns={"key": "id"})), parties / "b.parquet")
    results, seen = {}, []

    def party(name, data, **more):
        try:
            results[name] = pv.psi(
                data, "id", party=parties / name / "party.toml", progress=seen.append, **more
            )
        except pv.PrivityError as e:
            results[name] = e

    def run(**more):
        threads = [
            threading.Thread(target=party, args=("alpha", parties / "a.csv"), kwargs=more),
            threading.Thread(target=party, args=("beta", str(parties / "b.parquet")), kwargs=more),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return results["alpha"], results["beta"]

    left, right = run()
    assert left.write(parties / "left.parquet", place="n") == 20
    assert right.write(parties / "right.csv") == 20
    back = pd.read_parquet(parties / "left.parquet")
    assert back["id"].tolist() == pd.read_csv(parties / "right.csv")["id"].tolist()
    assert back["n"].tolist() == list(range(20))
    assert seen
    assert seen[0].op == "psi"
    record = (parties / "alpha" / "audit.jsonl").read_text()
    assert '"event":"psi"' in record
    assert "c41" not in record
    with pytest.raises(pv.ArgumentError, match="as a file"):
        left.table()
    # The policy of either stops both.
    (parties / "beta" / "policy.toml").write_text("min_rows = 5\n")
    (parties / "alpha" / "party.toml").write_text(
        "connect_timeout = 2\n" + (parties / "alpha" / "party.toml").read_text()
    )
    left, right = run()
    assert isinstance(right, pv.PolicyError)
    assert isinstance(left, pv.TransportError | pv.TimeoutError)


def test_an_estimate_prints():
    plan = pv.psi_estimate({"a": 1_000_000, "b": 1_000_000}, network="wan")
    assert 35e6 < sum(cost.sent for cost in plan.costs.values()) < 45e6
    assert plan.seconds > 1
    assert "rounds" in str(plan)


def test_totals_and_nothing_else():
    a, b = frames()
    tables, on = {"alpha": a, "beta": b}, {"alpha": "id", "beta": "key"}
    both = pv.psi_totals_local(tables, on=on, sums={"alpha": "age", "beta": ["bad"]})
    assert both["alpha"] == both["beta"]
    assert both["alpha"].count == 20
    assert both["alpha"].sums == {("alpha", "age"): sum(range(40, 60)), ("beta", "bad"): 10}
    one = pv.psi_totals_local(tables, on=on, learns="beta")
    assert one["alpha"] is None
    assert one["beta"].count == 20
    with pytest.raises(pv.DataError, match="fewer than 21"):
        pv.psi_totals_local(tables, on=on, at_least=21)
    with pytest.raises(pv.DataError, match="no such column"):
        pv.psi_totals_local(tables, on=on, sums={"alpha": "wage"})


def test_three_tables():
    a, b = frames()
    c = {"id": ["c50", "c59", "c70", "c1"]}
    on = {"alpha": "id", "beta": "key", "gamma": "id"}
    found = pv.psi_local({"alpha": a, "beta": b, "gamma": c}, on=on)
    assert sorted(found["gamma"].table()["id"]) == ["c50", "c59"]
    assert found["alpha"].table()["id"].tolist() == found["gamma"].table()["id"]
    assert found["beta"].sizes == (60, 60, 4)


def test_policies_choose_the_alignment():
    rule = '[[allow]]\noperation = "{}"\ncolumns = ["*"]\nto = ["*"]\n'
    both = pv.Policy.parse("min_rows = 1\n" + rule.format("align") + rule.format("align_hidden"))
    strict = pv.Policy.parse("min_rows = 1\n" + rule.format("align_hidden"))
    a, b = frames()
    data = {"alpha": a, "beta": b.rename(columns={"key": "id"}), "bureau": None}

    def program(s, own):
        joint = s.align(s.bind(own), on="id")
        return joint.why, joint.rows

    for beta, word in ((both, "open: all policies"), (strict, "hidden: the policy of 'beta'")):
        policies = {"alpha": both, "beta": beta, "bureau": both}
        for why, rows in pv.run_local(program, data, policies=policies).values():
            assert word in why
            assert rows == 20
