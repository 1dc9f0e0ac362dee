"""`kubectl kustomize`: the real one, whose output is kept for all tests of a run."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path


def render(words: list[str]) -> None:
    """Prints what the real kubectl prints. No test changes the manifests below a kustomization."""
    content = (Path(words[1]) / "kustomization.yaml").read_text()
    name = hashlib.sha256(content.encode()).hexdigest()
    kept = Path(os.environ["RENDERED"]) / name
    if not kept.exists():
        done = subprocess.run(
            [os.environ["REAL_KUBECTL"], *words],
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
