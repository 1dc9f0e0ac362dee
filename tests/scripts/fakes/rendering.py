"""`kubectl kustomize` and `kubectl label --local`: the real ones, whose answers are kept for all tests of a run."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path


def render(words: list[str]) -> None:
    """Prints what the real kubectl prints. No test changes the manifests below a kustomization."""
    given = "" if words[0] == "kustomize" else sys.stdin.read()
    content = given or (Path(words[1]) / "kustomization.yaml").read_text()
    name = hashlib.sha256(f"{words[0]}\0{words[2:]}\0{content}".encode()).hexdigest()
    kept = Path(os.environ["RENDERED"]) / name
    if not kept.exists():
        done = subprocess.run(
            [os.environ["REAL_KUBECTL"], *words],
            input=given,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            sys.exit(done.returncode)
        kept.with_suffix(f".{os.getpid()}").write_text(done.stdout)
        kept.with_suffix(f".{os.getpid()}").rename(kept)
    sys.stdout.write(kept.read_text())
