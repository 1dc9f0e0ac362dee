"""The benchmarks run; their targets are not tested here."""

import os
import subprocess
from pathlib import Path

import requests

from scripts.bench import servers
from scripts.stack import Stack

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, state: Path | None = None) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, **({"V2M_STACK": str(state)} if state else {})}
    command = [str(ROOT / "scripts/bench/run.sh"), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=170, check=False)


def test_a_quick_run_ends_with_a_table(stack: Stack) -> None:
    done = run("fetch", "--quick", "--pairs", "1", state=stack.state.path)
    assert done.returncode in {0, 1}, done.stderr
    rows = [line for line in done.stdout.splitlines() if line.startswith("| fetch ")]
    assert len(rows) == 3
    assert done.returncode == (1 if any(row.rstrip().endswith("| NO  |") for row in rows) else 0)


def test_the_baseline_servers_respond(stack: Stack) -> None:
    uri = stack.environment["MONGO_URI"]
    with servers.flask(uri) as peer, servers.flask(uri, asks=peer) as other:
        for url in (f"{peer}/constant", f"{other}/listing?username=nobody", f"{other}/asking?username=nobody"):
            assert requests.get(url, timeout=60).status_code == 200, url
        answer = requests.post(f"{peer}/upload", files={"file": ("a.bin", b"bytes")}, timeout=60)
        assert answer.status_code == 200


def test_the_benchmarks_are_listed() -> None:
    done = run("--list")
    assert done.stdout.split()[0] == "upload"
    assert set(done.stdout.split()) > {"convert", "convert-parallel", "serving"}
