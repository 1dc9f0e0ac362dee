"""./scripts/backup.sh and restore.sh with --kubernetes: the Job that they start, and its outcome."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
# The cluster's part of kubectl; the real one changes the Job.
_KUBECTL = """#!/bin/sh
printf '%s\\n' "$1 $2" >>"$WORLD/calls"
case "$*" in
    *"create job"*) cat "$WORLD/job.json" ;;
    *"patch --local"*) exec "$REAL_KUBECTL" "$@" ;;
    *"create --filename=-"*) cat >"$WORLD/created.json" ;;
    *logs*) echo "the log of the backup" ;;
    *get*) cat "$WORLD/conditions" ;;
    *) exit 1 ;;
esac
"""


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs a script; the Job ends with these conditions."""
    container = {
        "name": "backup",
        "image": "video2mp3/backup",
        "command": ["python", "-m", "backup"],
        "args": ["create"],
    }
    job = {
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "backup-create-1"},
        "spec": {"backoffLimit": 1, "template": {"spec": {"containers": [container], "restartPolicy": "Never"}}},
    }  # fmt: skip
    (tmp_path / "job.json").write_text(json.dumps(job))
    (tmp_path / "kubectl").write_text(_KUBECTL)
    (tmp_path / "kubectl").chmod(0o755)
    real = shutil.which("kubectl")
    assert real

    def run(
        script: str, *words: str, conditions: str = "SuccessCriteriaMet Complete"
    ) -> "subprocess.CompletedProcess[str]":
        (tmp_path / "conditions").write_text(conditions)
        return subprocess.run(
            [_ROOT / "scripts" / script, *words],
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "WORLD": str(tmp_path), "REAL_KUBECTL": real},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return run


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (["backup.sh"], ["create"]),
        (["backup.sh", "list"], ["list"]),
        (["backup.sh", "verify", "0a1b2c3d"], ["verify", "0a1b2c3d"]),
        (["restore.sh"], ["restore"]),
        (["restore.sh", "0a1b2c3d", "--force"], ["restore", "0a1b2c3d", "--force"]),
    ],
)
def test_a_job_of_the_cronjob_runs_with_other_arguments(
    start: Callable[..., "subprocess.CompletedProcess[str]"],
    tmp_path: Path,
    command: Sequence[str],
    arguments: list[str],
) -> None:
    done = start(command[0], "--kubernetes", "--namespace", "mp3", *command[1:])

    assert done.returncode == 0, done.stderr
    assert "the log of the backup" in done.stdout
    spec = json.loads((tmp_path / "created.json").read_text())["spec"]
    assert spec["template"]["spec"]["containers"][0]["args"] == arguments
    assert spec["template"]["spec"]["containers"][0]["command"] == ["python", "-m", "backup"]
    # A second attempt of a restore would find databases that are not empty.
    assert spec["backoffLimit"] == 0
    for call in (tmp_path / "calls").read_text().splitlines():
        assert call == "--namespace mp3"


def test_a_failed_job_fails_the_script(start: Callable[..., "subprocess.CompletedProcess[str]"]) -> None:
    done = start("backup.sh", "--kubernetes", conditions="FailureTarget Failed")
    assert done.returncode == 1
    assert "the log of the backup" in done.stdout


def test_an_argument_that_is_not_a_word_is_refused(start: Callable[..., "subprocess.CompletedProcess[str]"]) -> None:
    done = start("restore.sh", "--kubernetes", '", "--force')
    assert done.returncode == 1
    assert "invalid argument" in done.stderr


@pytest.mark.parametrize("script", ["backup.sh", "restore.sh"])
def test_help_shows_the_usage(script: str) -> None:
    done = subprocess.run(
        [_ROOT / "scripts" / script, "--help"], capture_output=True, text=True, timeout=20, check=True
    )
    assert f"usage: ./scripts/{script}" in done.stdout
    assert "--kubernetes" in done.stdout
    assert "set -euo" not in done.stdout
