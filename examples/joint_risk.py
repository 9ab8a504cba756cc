"""Two banks and a credit bureau train one risk model without showing each other a row.

    python examples/joint_risk.py               every party is a thread of this process
    python examples/joint_risk.py --processes   three processes, mutual TLS on loopback
    python examples/joint_risk.py --align hidden
                                                nobody learns which customers are common
    python examples/joint_risk.py --epsilon 1   numbers about customers leave with noise only:
                                                differentially private, within a budget

The data are real: the 1000 customers of the Statlog German Credit set. Split by
columns, they make two banks: alpha has the account and the loan, beta has the
person and the outcome. The customer ids are made up, and each bank has further
invented customers that the other has not. The bureau has no data; it helps to
compute.
"""

from __future__ import annotations

import argparse
import functools
import json
import secrets
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import privity as pv

HERE = Path(__file__).parent
PARTIES = ("alpha", "beta", "bureau")
ALPHA = [
    "status_of_existing_checking_account",
    "duration_in_month",
    "credit_history",
    "purpose",
    "credit_amount",
    "savings_account_and_bonds",
    "installment_rate_in_percentage_of_disposable_income",
]
BETA = [
    "present_employment_since",
    "age_in_years",
    "property",
    "housing",
    "other_installment_plans",
    "number_of_existing_credits_at_this_bank",
    "personal_status_and_sex",
    "other_debtors_or_guarantors",
    "present_residence_since",
    "job",
    "number_of_people_being_liable_to_provide_maintenance_for",
    "telephone",
    "foreign_worker",
]
BINS, MIN_IV, BANDS = 5, 0.02, 10

# For --epsilon: four columns that a credit officer would name, with the bins of the data
# set's code book and round numbers. Bins are public: nobody looks at the rows for them.
CODES = {
    "status_of_existing_checking_account": [
        "... < 0 DM",
        "0 <= ... < 200 DM",
        "... >= 200 DM / salary assignments for at least 1 year",
        "no checking account",
    ],
    "credit_history": [
        "no credits taken/ all credits paid back duly",
        "all credits at this bank paid back duly",
        "existing credits paid back duly till now",
        "delay in paying off in the past",
        "critical account/ other credits existing (not at this bank)",
    ],
    "property": [
        "real estate",
        "building society savings agreement/ life insurance",
        "car or other, not in attribute Savings account/bonds",
        "unknown / no property",
    ],
}
EDGES = {"duration_in_month": [12.0, 24.0, 36.0]}
DELTA = 1e-6  # of each of the three releases below, far below one over the number of rows
# How epsilon is split: bins against label, pairs of bins, quality on the test rows.
SPLIT = (0.35, 0.15, 0.5)
SMALL = 5  # min_cell of the policies


# --- What every party runs --------------------------------------------------


def program(s: pv.Session, data: Any, *, align: str = "auto") -> dict[str, Any]:
    """The joint work. Every line is the same at all three parties."""
    joint = s.align(s.bind(data), on="customer_id", align=align)
    train, test = joint.split(by="in_training")

    woe = pv.WoE(bins=BINS).fit(train, label="bad", columns=ALPHA + BETA)
    train = woe.select(woe.transform(train), min_iv=MIN_IV)
    test = woe.transform(test)

    model = pv.LogisticRegression().fit(train, label="bad")
    metrics = pv.evaluate(model, test, ["auc", "ks"], bands=BANDS)

    return {
        "rows": [joint.rows, train.rows, test.rows],
        "iterations": model.n_iter_,
        "model": asdict(s.release(model, to="all")),
        "metrics": asdict(s.release(metrics, to="all")),
        "costs": [asdict(step) for step in s.costs()],
        "learnt": [asdict(line) for line in s.explain()],
    }


def private_program(
    s: pv.Session, data: Any, *, epsilon: float, align: str = "auto"
) -> dict[str, Any]:
    """The same aim with differential privacy: what leaves of the values are counts with noise."""
    joint = s.align(s.bind(data), on="customer_id", align=align)
    train, test = joint.split(by="in_training")

    # Text as numbers of the code book (see coded): a hidden alignment takes numbers only.
    bins = {name: [i + 0.5 for i in range(len(codes) - 1)] for name, codes in CODES.items()}
    card = pv.PrivateScorecard(
        epsilon=round(epsilon * (SPLIT[0] + SPLIT[1]), 6),
        delta=2 * DELTA,
        min_iv=MIN_IV,
        pairs=SPLIT[1] / (SPLIT[0] + SPLIT[1]),
        noise="least",
    ).fit(train, label="bad", bins={**bins, **EDGES})
    ranking = card.evaluate(test, epsilon=round(epsilon * SPLIT[2], 6), delta=DELTA)

    return {
        "rows": [joint.rows, train.rows, test.rows],
        "iv": card.iv_,
        "model": {"intercept": card.intercept_, "coefficients": card.coef_},
        "points": card.points_,
        "metrics": {"auc": ranking.auc, "auc_noise": ranking.auc_noise, "ks": ranking.ks},
        "bands": ranking.bands.tolist(),
        "deviation": ranking.deviation,
        "spent": card.spent_,
        "costs": [asdict(step) for step in s.costs()],
        "learnt": [asdict(line) for line in s.explain()],
    }


# --- The data ---------------------------------------------------------------


def load_banks() -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """The real rows, and the two banks' tables with invented ids and customers."""
    real = pd.read_csv(HERE / "data" / "german_credit.csv")
    real["bad"] = (real.pop("creditability") == "bad").astype(int)
    real["in_training"] = (np.arange(len(real)) % 10 < 7).astype(int)

    rng = np.random.default_rng(1)
    ids = np.array([f"C{i:06d}" for i in rng.choice(10**6, size=1700, replace=False)])
    real["customer_id"] = ids[:1000]

    def bank(columns: list[str], invented_ids: np.ndarray) -> pd.DataFrame:
        """The common customers and invented ones, in an order of this bank's own."""
        invented = real.sample(len(invented_ids), replace=True, random_state=rng)
        invented = invented.assign(customer_id=invented_ids)
        rows = pd.concat([real, invented])[["customer_id", *columns]]
        return rows.sample(frac=1, random_state=rng).reset_index(drop=True)

    return real, {
        "alpha": bank(ALPHA, ids[1000:1400]),
        "beta": bank([*BETA, "bad", "in_training"], ids[1400:]),
    }


def coded(banks: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """The tables with numbers of the code book in place of text, which each bank makes."""
    out = {name: table.copy() for name, table in banks.items()}
    for table in out.values():
        for name in CODES.keys() & set(table.columns):
            table[name] = table[name].map({code: i for i, code in enumerate(CODES[name])})
    return {
        name: t[[c for c in t if t[c].dtype != object or c == "customer_id"]]
        for name, t in out.items()
    }


# --- The same in plaintext --------------------------------------------------


def plaintext(real: pd.DataFrame) -> dict[str, Any]:
    """The model that one bank with all the data would fit, in plain NumPy.

    Nobody could run this in the real world: it needs both banks' rows.
    """
    y = real["bad"].to_numpy()
    rows = real["in_training"].to_numpy() == 1
    features, columns = [], []
    for name in ALPHA + BETA:
        values, iv = weights_of_evidence(real[name], y, rows)
        if iv >= MIN_IV:
            features.append(name)
            columns.append(values)
    x = np.column_stack([np.ones(len(y)), *columns])
    beta = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-x[rows] @ beta))
        hessian = x[rows].T @ (x[rows] * (p * (1 - p))[:, None])
        beta += np.linalg.solve(hessian, x[rows].T @ (y[rows] - p))
    auc, ks = auc_and_ks(y[~rows], x[~rows] @ beta)
    return {
        "coefficients": dict(zip(["intercept", *features], beta, strict=True)),
        "auc": auc,
        "ks": ks,
    }


def weights_of_evidence(
    column: pd.Series, y: np.ndarray, rows: np.ndarray
) -> tuple[np.ndarray, float]:
    """Each row's weight of evidence, learned on some rows, and the information value."""
    if pd.api.types.is_numeric_dtype(column):
        cuts = np.arange(1, BINS) / BINS
        edges = np.unique(np.quantile(column[rows].astype(float), cuts))
        bins = pd.Series(np.searchsorted(edges, column, side="left"))
    else:
        bins = column
    counts = pd.crosstab(bins[rows], y[rows])
    bad = (counts[1] + 0.5) / counts[1].sum()
    good = (counts[0] + 0.5) / counts[0].sum()
    woe = np.log(bad / good)
    return bins.map(woe).fillna(0).to_numpy(), float(((bad - good) * woe).sum())


def auc_and_ks(y: np.ndarray, score: np.ndarray) -> tuple[float, float]:
    """Area under the ROC curve (ties count one half) and Kolmogorov-Smirnov distance."""
    bad, good = np.sort(score[y == 1]), np.sort(score[y == 0])
    below = np.searchsorted(good, bad, "left") + np.searchsorted(good, bad, "right")
    at = np.unique(score)
    f_bad = np.searchsorted(bad, at, "right") / len(bad)
    f_good = np.searchsorted(good, at, "right") / len(good)
    return float(below.mean() / 2 / len(good)), float(np.abs(f_bad - f_good).max())


# --- Three processes --------------------------------------------------------


def run_processes(
    folder: Path, banks: dict[str, pd.DataFrame], options: list[str]
) -> dict[str, Any]:
    """One operating-system process per party, as three institutions would have."""
    write_party_files(folder)
    for name, table in banks.items():
        table.to_csv(folder / name / "customers.csv", index=False)
    command = [sys.executable, __file__, *options, "--party"]
    children = {name: subprocess.Popen([*command, str(folder / name)]) for name in PARTIES}
    try:
        failed = [name for name, child in children.items() if child.wait() != 0]
    finally:
        for child in children.values():
            child.kill()
    if failed:
        sys.exit(f"failed: {', '.join(failed)}; see the messages above")
    return {name: json.loads((folder / name / "result.json").read_text()) for name in PARTIES}


def run_party(folder: Path, work: Any = program) -> None:
    """What one of the processes does: open, run, keep the result."""
    customers = folder / "customers.csv"
    try:
        with pv.Session.open(folder / "party.toml") as s:
            result = work(s, customers if customers.exists() else None)
    except pv.PrivityError as e:
        sys.exit(f"{folder.name}: {type(e).__name__}: {e}")
    (folder / "result.json").write_text(json.dumps(result))


def write_party_files(folder: Path) -> None:
    """A folder per party with its key, its policy and its party.toml.

    Real institutions make their keys at home and send each other fingerprints.
    """
    keys = {name: pv.Identity.generate() for name in PARTIES}
    ledgers = [path.stem for path in folder.glob("*.ledger")]
    peers = ""
    for name, address in zip(PARTIES, free_addresses(len(PARTIES)), strict=True):
        (folder / name).mkdir()
        keys[name].save(folder / name / "key.pem")
        roles = ["compute", "recipient"] if name == "bureau" else ["owner", "compute", "recipient"]
        peers += (
            f'\n[[party]]\nname = "{name}"\naddress = "{address}"\n'
            f'pin = "{keys[name].fingerprint}"\nroles = {json.dumps(roles)}\n'
        )
    session = secrets.token_hex(8)
    for name in PARTIES:
        policy = HERE / "policies" / f"{name}.toml"
        (folder / name / "policy.toml").write_text(policy.read_text())
        (folder / name / "party.toml").write_text(
            f'session = "{session}"\nname = "{name}"\nkey = "key.pem"\n'
            f'policy = "policy.toml"\naudit = "audit.jsonl"\n'
            + (f'ledger = "../{name}.ledger"\n' if name in ledgers else "")
            + peers
        )


def free_addresses(count: int) -> list[str]:
    """Addresses on loopback at which nobody listens."""
    # On Linux all of 127/8 is this machine. A host number of our own means that
    # nobody takes the port between this line and the child's.
    host = f"127.{1 + secrets.randbelow(250)}.{secrets.randbelow(250)}.{1 + secrets.randbelow(250)}"
    host = host if sys.platform == "linux" else "127.0.0.1"
    sockets = [socket.create_server((host, 0)) for _ in range(count)]
    addresses = [f"{host}:{s.getsockname()[1]}" for s in sockets]
    for s in sockets:
        s.close()
    return addresses


# --- What the reader sees ---------------------------------------------------


def report(results: dict[str, Any], plain: dict[str, Any], seconds: float) -> bool:
    """Prints the comparison, the costs and what was learnt; False if too far off."""
    reference = json.loads((HERE / "data" / "german_credit_reference.json").read_text())
    mine = results["alpha"]
    model, metrics = mine["model"], mine["metrics"]
    secure = {"intercept": model["intercept"], **model["coefficients"]}
    stored = {"intercept": reference["coefficients"].pop("const"), **reference["coefficients"]}

    print(f"common customers {mine['rows'][0]}, training {mine['rows'][1]}, test {mine['rows'][2]}")
    print(f"Newton iterations {mine['iterations']}\n")
    print(f"{'coefficient':<42}{'secure':>10}{'plaintext':>11}{'difference':>12}")
    for name, value in plain["coefficients"].items():
        print(f"{name:<42}{secure[name]:>10.5f}{value:>11.5f}{secure[name] - value:>12.1e}")
    for name in ("auc", "ks"):
        difference = metrics[name] - plain[name]
        label = f"{name.upper()} on the test rows"
        print(f"{label:<42}{metrics[name]:>10.5f}{plain[name]:>11.5f}{difference:>12.1e}")

    same_features = list(secure) == list(plain["coefficients"]) == list(stored)
    coefficient = max(
        abs(secure[name] - other[name])
        for other in (plain["coefficients"], stored)
        for name in secure.keys() & other.keys()
    )
    metric = max(
        abs(metrics[name] - other)
        for name in ("auc", "ks")
        for other in (plain[name], reference[f"{name}_test"])
    )
    print("\nlargest difference, against NumPy here and statsmodels' stored fit:")
    print(f"  coefficients {coefficient:.1e} (limit 2e-3), AUC and KS {metric:.1e} (limit 1e-3)")

    print("\nwhat it took, seen from alpha:")
    print(pv.Costs([pv.StepCost(**step) for step in mine["costs"]]))
    print(f"whole run {seconds:.2f} s, all parties on this machine")
    print_learnt(results)
    return same_features and coefficient <= 2e-3 and metric <= 1e-3


def print_learnt(results: dict[str, Any]) -> None:
    """What each party learnt, and the rule that allows it."""
    print(
        "\nwhat each party learnt beyond its own data, and the rule of its policy that allows it:"
    )
    for name in PARTIES:
        print(f"{name}:")
        for line in results[name]["learnt"]:
            if name in line["to"]:
                what = textwrap.shorten(line["what"], 150, placeholder=" ...")
                text = (
                    f"{line['sequence']:>2} {line['op']}: {what}  [{line['allowed_by'].get(name)}]"
                )
                print(textwrap.indent(textwrap.fill(text, 96, subsequent_indent="     "), "  "))


def report_private(
    results: dict[str, Any], real: pd.DataFrame, ledgers: dict[str, Any], seconds: float
) -> bool:
    """Prints what came out with differential privacy, and what was spent; False if the
    ledgers do not agree."""
    mine = results["alpha"]
    model, metrics = mine["model"], mine["metrics"]
    plain = plaintext(real)
    print(f"common customers {mine['rows'][0]}, training {mine['rows'][1]}, test {mine['rows'][2]}")
    print("\ninformation values from noisy counts (larger by noise, on average), coefficients:")
    for name, iv in mine["iv"].items():
        kept = (
            f"coefficient {model['coefficients'][name]:.3f}"
            if name in model["coefficients"]
            else "left out"
        )
        print(f"  {name:<42}{iv:>7.3f}  {kept}")
    print(f"  {'intercept':<42}{'':>7}  {model['intercept']:.3f}")
    print("\non the test rows, by five bands of scores:")
    print(
        f"  AUC {metrics['auc']:.3f} (the noise alone: ± {1.96 * metrics['auc_noise']:.3f} in 95 %)"
    )
    print(f"  KS  {metrics['ks']:.3f} (larger by noise, on average; no interval)")
    test = coded({"real": real[real["in_training"] == 0]})["real"]
    score = sum(
        np.array(points)[
            np.searchsorted(EDGES.get(name, np.arange(len(points) - 1) + 0.5), test[name])
        ]
        for name, points in mine["points"].items()
    )
    auc, ks = auc_and_ks(test["bad"].to_numpy(), np.asarray(score))
    print("  what nobody could compute, with both banks' rows in one place:")
    print(f"  this scorecard's scores without bands or noise:   AUC {auc:.3f}, KS {ks:.3f}")
    print(
        "  the model of all columns without any noise:       "
        f"AUC {plain['auc']:.3f}, KS {plain['ks']:.3f}"
    )

    print("\nwhat was spent, at each bank's ledger:")
    for what, epsilon, delta in mine["spent"]:
        print(f"  {what:<28} epsilon {epsilon:g}, delta {delta:g}")
    agree = True
    for name, ledger in ledgers.items():
        total = ledger.balance("customers").total
        print(f"  {name}: {total.committed.loss:g} of {total.cap.loss:g}, {total.left.loss:g} left")
        # A bank does not pay for counts that none of its columns went into.
        most = sum(epsilon for _, epsilon, _ in mine["spent"])
        agree &= 0 < total.committed.loss <= most + 1e-9 and total.reserved.loss == 0
    print(f"\nwhole run {seconds:.2f} s, all parties on this machine")
    print_learnt(results)
    print()
    print(
        textwrap.fill(
            "The guarantee is for the values of any one customer's row in all columns, label "
            "included, given who is in the joint table and in which part of the split. The "
            "alignment tells without noise how many customers are common, and an open one tells "
            "the banks which; a hidden one tells nobody which. Each bank pays for what its own "
            "columns went into.",
            96,
        )
    )
    return agree


def picture(metrics: dict[str, Any], path: Path) -> None:
    """Score distributions and ROC, from the released band counts and nothing else."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    # Counts below min_cell of the policies are not opened: drawn half-way to it.
    good, bad = np.array(
        [[SMALL / 2 if n is None else n for n in band] for band in metrics["bands"]], dtype=float
    ).T
    edges = np.linspace(0, 1, len(good) + 1)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    left.stairs(good / good.sum(), edges, fill=True, alpha=0.45, label="good")
    left.stairs(bad / bad.sum(), edges, fill=True, alpha=0.45, label="bad")
    left.set(
        xlabel="predicted probability of bad",
        ylabel="share of the class",
        title=f"Scores of the test rows in bands\n(counts 1 to {SMALL - 1} are not opened)",
    )
    left.legend(frameon=False)
    false_alarm = np.append(0, np.cumsum(good[::-1])) / good.sum()
    caught = np.append(0, np.cumsum(bad[::-1])) / bad.sum()
    right.plot(false_alarm, caught, marker="o", ms=4)
    right.plot([0, 1], [0, 1], color="grey", lw=0.8, ls="--")
    right.set(
        xlabel="share of good refused",
        ylabel="share of bad refused",
        title=f"ROC at the band edges\nexact: AUC {metrics['auc']:.4f}, KS {metrics['ks']:.4f}",
        aspect="equal",
    )
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> int:
    """The demo."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--processes", action="store_true", help="three processes over TLS")
    parser.add_argument(
        "--align",
        choices=["auto", "open", "hidden"],
        default="auto",
        help="whether the banks learn which of their customers are common",
    )
    parser.add_argument(
        "--epsilon", type=float, help="differential privacy: the budget of each bank for this run"
    )
    parser.add_argument("--picture", type=Path, default=Path("joint_risk.png"), metavar="PNG")
    parser.add_argument("--party", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    epsilon, align = arguments.epsilon, arguments.align
    work = functools.partial(program, align=align)
    options = ["--align", align]
    if epsilon is not None:
        work = functools.partial(private_program, epsilon=epsilon, align=align)
        options += ["--epsilon", str(epsilon)]
    if arguments.party:
        run_party(arguments.party, work)
        return 0

    real, banks = load_banks()
    print("The 1000 customers are real (Statlog German Credit, UCI). Their ids are made up, and so")
    print("are further customers that only one bank has, drawn from the real rows:")
    print(f"alpha {len(banks['alpha'])} rows, beta {len(banks['beta'])} rows, bureau none\n")

    with tempfile.TemporaryDirectory(prefix="privity-demo-") as temp:
        ledgers = {}
        if epsilon is not None:
            banks = coded(banks)
            for name in banks:
                ledgers[name] = pv.dp.Ledger.create(Path(temp) / f"{name}.ledger")
                ledgers[name].grant(
                    "customers",
                    unit="customer_id",
                    neighbours="replace",
                    epsilon=epsilon,
                    delta=3 * DELTA,
                )
        start = time.perf_counter()
        if arguments.processes:
            results = run_processes(Path(temp), banks, options)
        else:
            policies = {name: HERE / "policies" / f"{name}.toml" for name in PARTIES}
            results = pv.run_local(
                work,
                {**banks, "bureau": None},
                policies=policies,
                ledgers=ledgers,
            )
        seconds = time.perf_counter() - start
        if epsilon is not None:
            good = report_private(results, real, ledgers, seconds)
            return 0 if good else 1

    good = report(results, plaintext(real), seconds)
    picture(results["alpha"]["metrics"], arguments.picture)
    print(f"\npicture of what was released: {arguments.picture}")
    if not good:
        print("the secure model is too far from the plaintext model", file=sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except pv.PrivityError as e:
        sys.exit(f"{type(e).__name__}: {e}")
