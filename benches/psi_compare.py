"""The same two CSV files through privity psi, SecretFlow's SPU and OpenMined's PSI.

    python benches/psi_compare.py --rows 1000000 --privity target/release/privity

Two processes on this machine, from files with text identifiers to files with the common
rows; half of the rows are common. Needs `pip install spu openmined-psi` in the environment
that runs it; what is not installed is left out. OpenMined's library has no files and no
network: its figure is the protocol alone, in one process, on as many rows as --openmined-rows
says. The largest memory is that of the larger party.
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def tables(folder: Path, rows: int) -> list[Path]:
    """Two files, each in an order of its own."""
    paths = []
    for name, start, step in (("a", 0, 48271), ("b", rows // 2, 69621)):
        path = folder / f"{name}.csv"
        with path.open("w") as out:
            out.write("customer_id,income,region\n")
            for i in range(rows):
                key = start + (i * step) % rows
                out.write(f"CUST-{key:012d},{key * 31 % 100000 / 100},r{key % 17}\n")
        paths.append(path)
    return paths


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def row(system: str, rows: int, seconds: float, megabytes: float, common: int) -> None:
    print(f"| {system} | {rows} | {seconds:.2f} | {megabytes:.0f} | {common} |", flush=True)


def with_privity(command: str, folder: Path, files: list[Path], rows: int) -> None:
    names, ports = ("alpha", "beta"), free_ports(2)
    pins = {}
    for name, port in zip(names, ports, strict=True):
        address = f"127.0.0.1:{port}"
        init = [command, "init", name, "--address", address, "--folder", str(folder / name)]
        subprocess.run(init, check=True, stdout=subprocess.DEVNULL)
        text = (folder / name / "party.toml").read_text()
        found = re.search(r'pin = "(sha256:[^"]+)"', text)
        assert found
        pins[name] = found[1]
    listed = "".join(
        f'[[party]]\nname = "{name}"\nroles = ["owner"]\naddress = "127.0.0.1:{port}"\n'
        f'pin = "{pins[name]}"\n'
        for name, port in zip(names, ports, strict=True)
    )
    children = []
    start = time.perf_counter()
    for name, file in zip(names, files, strict=True):
        (folder / name / "party.toml").write_text(
            f'session = "compare"\nname = "{name}"\nkey = "key.pem"\npolicy = "policy.toml"\n'
            f'audit = "audit.jsonl"\n{listed}'
        )
        (folder / name / "policy.toml").write_text(
            '[[allow]]\noperation = "align"\ncolumns = ["*"]\nto = ["*"]\n'
        )
        output = folder / f"{name}-common.csv"
        arguments = ["--input", str(file), "--on", "customer_id", "--output", str(output)]
        run = [command, "psi", str(folder / name / "party.toml"), *arguments]
        children.append(subprocess.Popen(run, stdout=subprocess.DEVNULL))
    for child in children:
        assert child.wait() == 0
    seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    lines = sum(1 for _ in (folder / "beta-common.csv").open()) - 1
    row("privity psi, malicious, over TLS", rows, seconds, memory, lines)


def spu_party(rank: int, ports: list[int], file: str, output: str, protocol: str, n: int) -> None:
    # What the libraries log would drown the table.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    from spu import psi
    from spu.libspu import link

    description = link.Desc()
    for i, port in enumerate(ports):
        description.add_party(f"id_{i}", f"127.0.0.1:{port}")
    context = link.create_brpc(description, rank)
    kind = getattr(psi.PsiProtocol, protocol)
    config = psi.PsiExecuteConfig(
        psi.PsiProtocolConfig(
            protocol=kind,
            receiver_rank=1,
            bucket_size=n,
            broadcast_result=True,
            ecdh_params=psi.EcdhParams(curve=psi.EllipticCurveType.CURVE_25519),
        ),
        psi.InputParams(path=file, selected_keys=["customer_id"], keys_unique=True),
        psi.OutputParams(path=output),
    )
    psi.psi_execute(config, context)
    context.stop_link()


def with_spu(folder: Path, files: list[Path], rows: int, protocol: str) -> None:
    ports = free_ports(2)
    outputs = [folder / f"{protocol}-{i}.csv" for i in range(2)]
    start = time.perf_counter()
    children = [
        multiprocessing.Process(
            target=spu_party, args=(i, ports, str(files[i]), str(outputs[i]), protocol, rows)
        )
        for i in range(2)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()
        assert child.exitcode == 0, f"{protocol} failed"
    seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    lines = sum(1 for _ in outputs[1].open()) - 1
    row(f"SPU, {protocol}, semi-honest", rows, seconds, memory, lines)


def with_openmined(rows: int) -> None:
    import private_set_intersection.python as psi

    theirs = [f"CUST-{i:012d}" for i in range(rows)]
    own = [f"CUST-{i:012d}" for i in range(rows // 2, rows + rows // 2)]
    start = time.perf_counter()
    client, server = psi.client.CreateWithNewKey(True), psi.server.CreateWithNewKey(True)
    setup = server.CreateSetupMessage(1e-9, len(own), theirs, psi.DataStructure.RAW)
    response = server.ProcessRequest(client.CreateRequest(own))
    common = client.GetIntersection(setup, response)
    seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    row("OpenMined PSI, in memory, one process", rows, seconds, memory, len(common))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--openmined-rows", type=int, default=20_000)
    parser.add_argument("--privity", default="target/release/privity")
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores\n\n| system | rows each | seconds | MB | common |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="psi-compare-") as temp:
        folder = Path(temp)
        files = tables(folder, arguments.rows)
        with_privity(arguments.privity, folder, files, arguments.rows)
        if importlib.util.find_spec("spu"):
            for protocol in ("PROTOCOL_RR22", "PROTOCOL_KKRT", "PROTOCOL_ECDH"):
                with_spu(folder, files, arguments.rows, protocol)
        else:
            print("SPU is not installed: pip install spu", file=sys.stderr)
        if importlib.util.find_spec("private_set_intersection"):
            with_openmined(arguments.openmined_rows)
        else:
            print("OpenMined PSI is not installed: pip install openmined-psi", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
