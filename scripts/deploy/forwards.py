"""The port-forwards of ./start-services.sh: which there are, starting them, ending exactly them."""

import errno
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.deploy import folders
from scripts.deploy.cluster import Cluster
from scripts.deploy.errors import DeployError
from scripts.deploy.process_identity import Process

# s. A fresh kubectl on a busy machine; the keeper goes on trying afterwards.
_OPEN = 60.0


@dataclass(frozen=True)
class Service:
    """A service in the cluster and where it appears on this machine."""

    name: str
    port: int
    # Tried in this order; then the ones that follow the last.
    local: tuple[int, ...]
    # A path that answers without an account.
    probe: str


SERVICES = (
    Service("gateway", 8080, (80, 8080), "/healthz"),
    Service("auth", 5000, (5000,), "/healthz"),
    Service("rabbitmq", 15672, (15672,), "/"),
    Service("mailpit", 8025, (8025,), "/livez"),
)


@dataclass(frozen=True)
class Forward:
    """One that was started, by its pid file."""

    path: Path
    record: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The service's."""
        return self.path.stem

    @property
    def port(self) -> int:
        """On 127.0.0.1."""
        return int(self.record["port"])

    @property
    def processes(self) -> list[Process]:
        """The keeper and its kubectl, those that still run; numbers that others have by now are not among them."""
        known = (Process.load(dict(self.record)), Process.load(self.record.get("child") or {}))
        return [process for process in known if process is not None and process.runs]

    @property
    def is_kept(self) -> bool:
        """Whether its keeper runs."""
        keeper = Process.load(dict(self.record))
        return keeper is not None and keeper.runs


def started() -> list[Forward]:
    """Those of this checkout."""
    return [Forward(path, folders.read_json(path)) for path in sorted(folders.FORWARDS.glob("*.pid"))]


def stop(cluster: Cluster | None = None) -> list[str]:
    """Ends what this checkout started (for one namespace of one cluster, or all); returns the names."""
    ended = []
    for forward in started():
        if cluster and (forward.record.get("context"), forward.record.get("namespace")) != (
            cluster.context,
            cluster.namespace,
        ):
            continue
        # The keeper first, or it would start another kubectl.
        for process in forward.processes:
            process.end()
            ended.append(forward.name)
        # One that it started in its last moment.
        for process in Forward(forward.path, folders.read_json(forward.path)).processes:
            process.end()
        forward.path.unlink(missing_ok=True)
    return list(dict.fromkeys(ended))


def start(cluster: Cluster, service: Service, wanted: int | None) -> Forward:
    """Starts a forward, or returns the one that runs already. Raises DeployError."""
    path = folders.private(folders.FORWARDS) / f"{service.name}.pid"
    running = next((forward for forward in started() if forward.path == path), None)
    if running and running.is_kept and _leads_to(running, cluster) and wanted in (None, running.port):
        return running
    if running:
        for process in running.processes:
            process.end()
        path.unlink(missing_ok=True)
    port = _free_port(service, wanted)
    command = cluster.words("port-forward", "--address=127.0.0.1", f"service/{service.name}", f"{port}:{service.port}")
    folders.write_json(path, {
        "command": command, "port": port, "probe": service.probe,
        "context": cluster.context, "namespace": cluster.namespace,
    })  # fmt: skip
    _spawn(path)
    _wait_until_open(path)
    return Forward(path, folders.read_json(path))


def _leads_to(forward: Forward, cluster: Cluster) -> bool:
    return (forward.record.get("context"), forward.record.get("namespace")) == (cluster.context, cluster.namespace)


def _free_port(service: Service, wanted: int | None) -> int:
    if wanted is not None:
        if problem := _problem(wanted):
            raise DeployError(
                f"Port {wanted} cannot be used for {service.name}: {problem}. Choose another with --port."
            )
        return wanted
    last = service.local[-1]
    candidates: list[int] = [*service.local, *range(last + 1, last + 20)]
    for port in candidates:
        if _problem(port) is None:
            return port
    raise DeployError(f"No port from {last} on is free for {service.name}. Choose one with --port {service.name}=PORT.")


def _problem(port: int) -> str | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except PermissionError:
            return "only root may use it"
        except OSError as error:
            return "another program uses it" if error.errno == errno.EADDRINUSE else str(error.strerror)
    return None


def _spawn(path: Path) -> None:
    with path.with_suffix(".log").open("ab") as log:
        environment = os.environ | {"PYTHONPATH": str(folders.ROOT), "PYTHONSAFEPATH": "1"}
        subprocess.Popen(
            [sys.executable, "-m", "scripts.deploy.keeper", str(path)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=environment,
            start_new_session=True,  # it outlives the terminal
        )  # fmt: skip


def _wait_until_open(path: Path) -> None:
    deadline = time.monotonic() + _OPEN
    while time.monotonic() < deadline:
        forward = Forward(path, folders.read_json(path))
        if forward.is_kept and forward.record.get("child") and _accepts(forward.port):
            return
        time.sleep(0.1)
    tail = "\n".join(f"    {line}" for line in _last_lines(path.with_suffix(".log")))
    log = path.with_suffix(".log")
    raise DeployError(f"The port-forward to {path.stem} does not open; it goes on trying. {log} ends with:\n{tail}")


def _last_lines(path: Path) -> Iterator[str]:
    yield from path.read_text(errors="replace").splitlines()[-10:]


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
