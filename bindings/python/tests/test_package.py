"""The package itself: stubs, docstrings, frozen classes, the examples."""

import doctest
import importlib
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import EXAMPLES

import privity as pv
from privity import _native

HERE = Path(__file__).parents[1]


def test_the_stub_says_what_the_module_has():
    result = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "privity._native"],
        cwd=HERE,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    "module", ["__init__", "_checks", "exceptions", "models", "results", "session", "tables"]
)
def test_docstrings(module):
    name = "privity" if module == "__init__" else f"privity.{module}"
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_everything_public_is_documented():
    for name in pv.__all__:
        thing = getattr(pv, name)
        if name == "__version__":
            continue
        assert thing.__doc__, name
        for member in vars(thing) if isinstance(thing, type) else ():
            if not member.startswith("_") and callable(getattr(thing, member)):
                assert getattr(thing, member).__doc__, f"{name}.{member}"


def test_native_classes_are_frozen():
    for source in (HERE / "src").glob("*.rs"):
        for attribute in re.findall(r"#\[pyclass\(([^)]*)\)\]", source.read_text()):
            assert "frozen" in attribute, source


def test_secrets_show_nothing_and_stay(tmp_path):
    identity = pv.Identity.generate()
    assert repr(identity) == f"<privity.Identity {identity.fingerprint}>"
    table = pv.table({"age": [31, 42]})
    assert "31" not in repr(table)
    for thing in (identity, table, pv.Policy.allow_all()):
        with pytest.raises(TypeError):
            pickle.dumps(thing)
        with pytest.raises(AttributeError):
            thing.secret = 1
    identity.save(tmp_path / "key.pem")
    assert pv.Identity.load(tmp_path / "key.pem").fingerprint == identity.fingerprint
    with pytest.raises(pv.FileError):
        identity.save(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(0o644)
    with pytest.raises(pv.FileError, match="chmod"):
        pv.Identity.load(tmp_path / "key.pem")


def test_native_module_has_no_more_than_the_package_uses():
    assert set(_native.__all__) >= {"Column", "Identity", "Policy", "Session", "Table"}


@pytest.mark.parametrize("arguments", [[], ["--processes"]], ids=["threads", "processes"])
def test_the_demo(arguments, tmp_path):
    picture = tmp_path / "risk.png"
    result = subprocess.run(
        [sys.executable, EXAMPLES / "joint_risk.py", *arguments, "--picture", picture],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "MPLCONFIGDIR": str(tmp_path)},
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
    for word in ("AUC on the test rows", "ids are made up", "rounds", "bureau:"):
        assert word in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [[], ["--processes"], ["--align", "hidden"]],
    ids=["threads", "processes", "hidden"],
)
def test_the_private_demo(arguments):
    demo = [sys.executable, EXAMPLES / "joint_risk.py", "--epsilon", "1", *arguments]
    result = subprocess.run(demo, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    text = " ".join(result.stdout.split())
    # Features that noise leaves out are not in the pairs, and their owner does not pay for these.
    for word in ("epsilon 0.35", r"alpha: (1|0\.85) of 1", r"beta: (1|0\.85) of 1", "given who"):
        assert re.search(word, text), text


def test_the_quickstart():
    result = subprocess.run(
        [sys.executable, EXAMPLES / "quickstart.py"], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    assert "standardised income" in result.stdout
