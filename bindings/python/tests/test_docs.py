"""The examples of the guides run as they stand."""

import os
import re
import subprocess
import sys

import pytest
from conftest import EXAMPLES, ROOT


@pytest.mark.parametrize("guide", ["dp.md"])
def test_the_examples_of_a_guide(guide, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / guide).read_text()
    blocks = [
        # Empty lines in place of what is before it: errors then show the guide's own lines.
        "\n" * text.count("\n", 0, block.start(1)) + block[1]
        for block in re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    ]
    assert blocks
    names = {}
    for block in blocks:
        exec(compile(block, guide, "exec"), names)
    if guide == "dp.md":
        assert names["ledger"].balance("customers").total.left == (0.2, 0.0)
        assert 1.818 < names["dp"].Accountant("pld").add(names["step"], 1000).epsilon(1e-5) < 1.8385


def test_the_example_of_counts_that_are_paid_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "python.md").read_text()
    (block,) = re.findall(
        r"^```python\n(import privity as pv\n\nrule.*?)^```", text, re.DOTALL | re.M
    )
    names = {}
    exec(compile(block, "python.md", "exec"), names)
    for party, data_set in [("alpha", "customers"), ("beta", "loans")]:
        assert names["ledgers"][party].balance(data_set).total.left == (0.5, 9e-6)
    assert names["counts"]["bureau"]["age", "bad"].shape == (3, 2)


@pytest.mark.parametrize("guide", ["dp.md"])
def test_the_links_of_a_guide(guide):
    text = (ROOT / "docs" / guide).read_text()
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (ROOT / "docs" / link).exists(), link


def test_the_pictures(tmp_path):
    result = subprocess.run(
        [sys.executable, EXAMPLES / "dp_pictures.py", tmp_path],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "MPLCONFIGDIR": str(tmp_path)},
    )
    assert result.returncode == 0, result.stderr
    for name in ("noise", "accuracy", "budget"):
        assert (tmp_path / f"dp_{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (ROOT / "docs" / "pictures" / f"dp_{name}.png").exists()
