"""Three processes over mutual TLS: what a death and a wrong key look like to the others."""

import subprocess
import sys
import textwrap
import time

import joint_risk
import pytest

# The demo as one of its processes runs it, with a death at operation number `k`.
PARTY = """
    import os
    import signal
    import sys
    from pathlib import Path

    sys.path.insert(0, sys.argv[1])
    import joint_risk
    import privity as pv

    folder, dies_at = Path(sys.argv[2]), int(sys.argv[3])
    perform = pv.Session._perform
    count = 0

    def counted(self, op):
        global count
        count += 1
        if count == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return perform(self, op)

    pv.Session._perform = counted
    joint_risk.run_party(folder)
"""
OPERATIONS = 11


@pytest.fixture
def folder(tmp_path):
    joint_risk.write_party_files(tmp_path)
    _, banks = joint_risk.load_banks()
    for name, table in banks.items():
        table.to_csv(tmp_path / name / "customers.csv", index=False)
    return tmp_path


def start(folder, name, dies_at=0):
    program = [sys.executable, "-c", textwrap.dedent(PARTY)]
    arguments = [str(joint_risk.HERE), str(folder / name), str(dies_at)]
    return subprocess.Popen([*program, *arguments], stderr=subprocess.PIPE, text=True)


def finish(children, within):
    end = time.monotonic() + within
    try:
        return {
            name: (child.communicate(timeout=max(0.1, end - time.monotonic()))[1], child.returncode)
            for name, child in children.items()
        }
    finally:
        for child in children.values():
            child.kill()


def set_timeout(folder, seconds):
    for name in joint_risk.PARTIES:
        path = folder / name / "party.toml"
        line = f"timeout = {seconds}\nconnect_timeout = {seconds}\n"
        path.write_text(line + path.read_text())


@pytest.mark.parametrize("step", range(1, OPERATIONS + 1))
def test_a_death_at_each_step_is_told(folder, step):
    victim = joint_risk.PARTIES[step % 3]
    children = {
        name: start(folder, name, step if name == victim else 0) for name in joint_risk.PARTIES
    }
    ends = finish(children, within=30)
    assert ends[victim][1] == -9
    for name in set(joint_risk.PARTIES) - {victim}:
        text, status = ends[name]
        assert status == 1, text
        assert f"'{victim}'" in text, text
        assert "Traceback" not in text, text


def test_a_party_that_never_comes_is_named(folder):
    set_timeout(folder, 4)
    children = {name: start(folder, name) for name in ("alpha", "bureau")}
    begin = time.monotonic()
    ends = finish(children, within=30)
    assert time.monotonic() - begin < 15
    for text, status in ends.values():
        assert status == 1
        assert "'beta'" in text, text


def test_a_wrong_key_is_refused(folder):
    import privity as pv

    set_timeout(folder, 4)
    (folder / "beta" / "key.pem").unlink()
    pv.Identity.generate().save(folder / "beta" / "key.pem")
    ends = finish({name: start(folder, name) for name in joint_risk.PARTIES}, within=30)
    for text, status in ends.values():
        assert status == 1
        assert "'beta'" in text, text


def test_one_key_for_two_parties_is_refused(folder):
    import privity as pv

    path = folder / "alpha" / "party.toml"
    pins = [line for line in path.read_text().splitlines() if line.startswith("pin")]
    path.write_text(path.read_text().replace(pins[1], pins[0]))
    with pytest.raises(pv.ConfigError) as caught:
        pv.Session.open(path)
    assert caught.value.file.endswith("party.toml")
    assert "same key" in caught.value.rule


def test_ctrl_c_while_waiting_for_peers(folder):
    import signal

    child = start(folder, "alpha")
    time.sleep(2.5)
    begin = time.monotonic()
    child.send_signal(signal.SIGINT)
    text, status = finish({"alpha": child}, within=10)["alpha"]
    assert time.monotonic() - begin < 1.5
    assert "KeyboardInterrupt" in text
    assert status != 0
