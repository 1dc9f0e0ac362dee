"""A separate checkout, on a machine with a fake kubectl, docker and minikube: nothing leaves the test's folder."""

import compileall
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_SERVICES = ("auth", "backup", "gateway", "converter", "notification", "summary")
# s. On a machine that is busy with other things.
_TIMEOUT = 120


@dataclass(frozen=True)
class Machine:
    """A checkout and the fake machine around it."""

    project: Path
    world: Path
    environment: Mapping[str, str]

    def popen(self, script: str, *words: str) -> "subprocess.Popen[str]":
        """Starts a script in a process group of its own."""
        return subprocess.Popen(
            # What a shell starts in the background, as test runners do, would ignore SIGINT and pass that on.
            ["env", "--default-signal=INT", str(self.project / script), *words],
            env=dict(self.environment), cwd=self.world, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip

    def run(self, script: str, *words: str) -> "subprocess.CompletedProcess[str]":
        """Runs a script to its end."""
        with self.popen(script, *words) as process:
            try:
                out, error = process.communicate(timeout=_TIMEOUT)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        return subprocess.CompletedProcess(script, process.returncode, out, error)

    def succeeds(self, script: str, *words: str) -> str:
        """Runs a script that must succeed; returns its output."""
        done = self.run(script, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def fails(self, script: str, *words: str) -> str:
        """Runs a script that must fail; returns its output."""
        done = self.run(script, *words)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def dotenv(self, text: str) -> None:
        """Writes `.env`."""
        path = self.project / ".env"
        path.write_bytes(text.encode())
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)

    def changes_code(self, service: str) -> None:
        """Edits a file that goes into a service's image."""
        path = self.project / "src" / service / "settings.py"
        path.write_text(path.read_text() + "\n# changed\n")

    def replace_constant(self, module: str, name: str, value: str) -> None:
        """Shortens a timeout of the scripts."""
        path = self.project / "scripts/deploy" / module
        text, count = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value}", path.read_text())
        assert count == 1
        path.write_text(text)

    def switch(self, name: str, text: str = "on") -> None:
        """Makes the fakes behave in another way."""
        (self.world / "switches" / name).write_text(text)

    def unswitch(self, name: str) -> None:
        """Makes them behave again."""
        (self.world / "switches" / name).unlink()

    @property
    def state(self) -> dict[str, Any]:
        """What the fakes remember."""
        path = self.world / "state.json"
        content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return content

    @property
    def calls(self) -> list[list[str]]:
        """The command lines that the fakes were called with."""
        path = self.world / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def forget_calls(self) -> None:
        (self.world / "calls").unlink(missing_ok=True)

    def objects(self, kind: str, namespace: str = "video2mp3") -> dict[str, Any]:
        """What the cluster has, by name."""
        prefix = f"{namespace}/{kind}/"
        found = self.state.get("objects", {})
        return {key.removeprefix(prefix): value for key, value in found.items() if key.startswith(prefix)}

    def generations(self) -> dict[str, int]:
        """How often each workload was changed."""
        items = self.objects("Deployment") | self.objects("StatefulSet")
        return {name: item["metadata"]["generation"] for name, item in items.items()}


def _program(folder: Path, name: str, module: str, function: str) -> None:
    path = folder / name
    path.write_text(
        f"#!{sys.executable} -SE\nimport sys\nsys.path.insert(0, {str(_ROOT)!r})\n"
        f"from tests.scripts.fakes.{module} import {function}\n{function}(sys.argv[1:])\n"
    )
    path.chmod(0o755)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts with the few files that they need; compiled once for all tests."""
    project = tmp_path_factory.mktemp("checkout") / "project"
    shutil.copytree(Path(__file__).parent / "project", project)
    for script in ("deploy.sh", "undeploy.sh", "start-services.sh", "setup-host.sh", "scripts/lib.sh"):
        (project / script).parent.mkdir(exist_ok=True)
        shutil.copy(_ROOT / script, project / script)
    shutil.copytree(_ROOT / "scripts/deploy", project / "scripts/deploy", ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(project / "scripts", quiet=1)
    for name in _SERVICES:
        (project / "src" / name).mkdir(parents=True)
        for module in ("__init__.py", "settings.py"):
            shutil.copy(_ROOT / "src" / name / module, project / "src" / name)
    # What the settings import.
    for module in (
        "common/__init__.py", "common/errors.py", "common/runtime/__init__.py", "common/runtime/settings.py",
        "common/runtime/secret_files.py", "common/runtime/tls.py",
        "common/runtime/checkpoints.py", "common/runtime/single_sign_on.py",
        "common/domain/__init__.py", "common/domain/quotas.py",
        "common/messaging/__init__.py", "common/messaging/retries.py",
        "auth/addresses.py", "auth/sso/__init__.py", "auth/sso/settings.py",
        "converter/ffmpeg/__init__.py", "converter/ffmpeg/limits.py",
        "converter/parallel/__init__.py", "converter/parallel/processors.py",
    ):  # fmt: skip
        (project / "src" / module).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_ROOT / "src" / module, project / "src" / module)
    (project / "src/Dockerfile").write_text("FROM scratch\nARG SERVICE\nCOPY common $SERVICE /app\n")
    (project / "manifests/mongodb").mkdir()
    for name in ("accounts.js", "roles.json"):
        shutil.copy(_ROOT / "manifests/mongodb" / name, project / "manifests/mongodb")
    shutil.copytree(_ROOT / "manifests/components/backup", project / "manifests/components/backup")
    for name in ("auth", "backup", "converter"):  # these images show all that the others would
        (project / "src" / name / "requirements.lock").touch()
    for name in ("auth", "gateway"):
        (project / "src" / name / "wsgi.py").write_text('"""Served by gunicorn."""\n')
    return project


def _machine(folder: Path, checkout: Path) -> Machine:
    """The machine whose files are in that folder."""
    real = shutil.which("kubectl")
    assert real, "kubectl is needed to render manifests: https://kubernetes.io/docs/tasks/tools/"
    environment = {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HOME": str(folder), "FAKE_WORLD": str(folder / "world"),
        "REAL_KUBECTL": real, "RENDERED": str(checkout.parent), "V2M_PYTHON": sys.executable, "LC_ALL": "C.UTF-8",
    }  # fmt: skip
    return Machine(folder / "project", folder / "world", environment)


def _new_machine(folder: Path, checkout: Path) -> Machine:
    project, world, programs = folder / "project", folder / "world", folder / "bin"
    shutil.copytree(checkout, project)
    (world / "switches").mkdir(parents=True)
    programs.mkdir()
    for name in ("kubectl", "docker", "minikube"):
        _program(programs, name, name, "main")
    for name in ("mysql", "mongosh", "systemctl", "sysctl", "ip"):
        _program(programs, name, "host", name)
    sudo = programs / "sudo"
    sudo.write_text('#!/bin/sh\nexec "$@"\n')
    sudo.chmod(0o755)
    node = {"kind": "Node", "metadata": {"name": "minikube"}, "status": {"addresses": [{"address": "192.0.2.10"}]}}
    (world / "state.json").write_text(json.dumps({"objects": {"/Node/minikube": node}}))
    return _machine(folder, checkout)


@pytest.fixture
def machine(tmp_path: Path, checkout: Path) -> Iterator[Machine]:
    """A checkout without `.env`, and a cluster that has nothing yet."""
    made = _new_machine(tmp_path, checkout)
    yield made
    if (made.project / ".local/forwards").exists():
        made.run("start-services.sh", "--stop")


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    """The folder of a machine on which `./deploy.sh` has run; only to be copied."""
    folder = tmp_path_factory.mktemp("deployment")
    _new_machine(folder, checkout).succeeds("deploy.sh")
    return folder


@pytest.fixture
def deployed(tmp_path: Path, checkout: Path, deployment: Path) -> Machine:
    """A machine on which `./deploy.sh` has run."""
    shutil.copytree(deployment, tmp_path, dirs_exist_ok=True)
    return _machine(tmp_path, checkout)
