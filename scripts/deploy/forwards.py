"""What ./start-services.sh does: supervised port-forwards to the cluster's services, and their addresses.

`python -m scripts.deploy.forwards PORT PROBE KUBECTL...` is the supervisor of one forward: kubectl's port-forward is
bound to one pod, and ends or hangs when that pod is replaced.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
import requests

from scripts.deploy import files
from scripts.deploy.cluster import Cluster
from scripts.deploy.manifests import Overlay
from scripts.deploy.programs import DeployError, say

# Seconds. The supervisor keeps trying after a slow start.
_OPEN_TIMEOUT, _STOP_TIMEOUT = 60.0, 10.0
# Seconds between probes, for an answer; and how many probes may fail in a row, because a pod may be busy.
_PROBE_INTERVAL, _PROBE_TIMEOUT, _MAX_FAILURES = 2.0, 10.0, 3


@dataclass(frozen=True)
class Service:
    """A service of the cluster, its port there, the first ports to try here, and a path without authentication."""

    name: str
    label: str
    port: int
    local: tuple[int, ...]
    probe: str


SERVICES = (
    Service("gateway", "Gateway", 8080, (80, 8080), "/healthz"),
    Service("auth", "Auth", 5000, (5000,), "/healthz"),
    Service("rabbitmq", "RabbitMQ", 15672, (15672,), "/"),
    Service("mailpit", "Mailpit", 8025, (8025,), "/livez"),
)


def start(namespace: str, ports: Mapping[str, int]) -> None:
    """Starts the forwards that do not run yet, and prints the addresses. Raises DeployError."""
    cluster = Cluster.current(namespace)
    deployed = {item["metadata"]["name"] for item in cluster.ours("services")}
    wanted = [service for service in SERVICES if service.name in deployed]
    if not wanted:
        raise DeployError(f"The namespace {namespace} of {cluster.context} has no services. Run ./deploy.sh first.")
    with files.locked(files.private(files.FORWARDS), "the port-forwards"):
        opened = {service.name: _open(cluster, service, ports.get(service.name)) for service in wanted}
    print("\n".join(_addresses(cluster, opened)), flush=True)


def stop_all() -> None:
    """Ends the forwards of this checkout."""
    with files.locked(files.private(files.FORWARDS), "the port-forwards"):
        stopped = stop()
    say(f"Stopped: {', '.join(stopped)}." if stopped else "No port-forward of this checkout is running.")


def stop(cluster: Cluster | None = None) -> list[str]:
    """Ends the forwards that this checkout started (to one namespace of one cluster, or all); returns their names."""
    stopped = []
    for path in sorted(files.FORWARDS.glob("*.pid")):
        record = files.read_json(path)
        if cluster is None or record["target"] == [cluster.context, cluster.namespace]:
            _end(record)
            path.unlink()
            stopped.append(path.stem)
    return stopped


def _open(cluster: Cluster, service: Service, wanted: int | None) -> int:
    """The local port of a service's forward, which is started unless it runs."""
    path = files.FORWARDS / f"{service.name}.pid"
    record = files.read_json(path)
    target = [cluster.context, cluster.namespace]
    if record and _is_running(record) and record["target"] == target and wanted in (None, record["port"]):
        return int(record["port"])
    if record:
        _end(record)
    port = _free_port(service, wanted)
    command = cluster.command(
        "port-forward", "--address=127.0.0.1", f"service/{service.name}", f"{port}:{service.port}"
    )
    with path.with_suffix(".log").open("ab") as log:
        supervisor = psutil.Popen(
            [sys.executable, "-m", "scripts.deploy.forwards", str(port), service.probe, *command],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
            env=os.environ | {"PYTHONPATH": str(files.ROOT), "PYTHONSAFEPATH": "1"},
            start_new_session=True,  # a process group of its own, which outlives the terminal
        )  # fmt: skip
    started = supervisor.create_time()
    files.write_json(path, {"pid": supervisor.pid, "started": started, "port": port, "target": target})
    deadline = time.monotonic() + _OPEN_TIMEOUT
    while not _accepts(port):
        if time.monotonic() > deadline:
            raise DeployError(f"The port-forward to {service.name} does not open yet. See {path.with_suffix('.log')}.")
        time.sleep(0.1)
    return port


def _is_running(record: Mapping[str, Any]) -> bool:
    """Whether the supervisor runs. A process that got its number later has another start time."""
    try:
        return bool(psutil.Process(record["pid"]).create_time() == record["started"])
    except psutil.NoSuchProcess:
        return False


def _end(record: Mapping[str, Any]) -> None:
    """Ends a supervisor's process group: itself and kubectl, which is left when only the supervisor was killed."""
    if psutil.pid_exists(record["pid"]) and not _is_running(record):
        return
    with contextlib.suppress(ProcessLookupError):
        deadline = time.monotonic() + _STOP_TIMEOUT
        while True:
            os.killpg(record["pid"], signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
            time.sleep(0.1)


def _free_port(service: Service, wanted: int | None) -> int:
    last = service.local[-1]
    candidates: tuple[int, ...] = (wanted,) if wanted else (*service.local, *range(last + 1, last + 20))
    for port in candidates:
        try:
            with socket.create_server(("127.0.0.1", port)):
                pass
        except OSError as error:
            say(f"note: port {port} cannot be used for {service.name}: {error.strerror}.")
        else:
            return port
    raise DeployError(f"No port for {service.name}. Choose another one: --port {service.name}=PORT.")


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def _addresses(cluster: Cluster, opened: Mapping[str, int]) -> Iterator[str]:
    for service in SERVICES:
        if service.name in opened:
            yield f"{service.label:<9} {_url('localhost', opened[service.name])}"
    ingresses = Overlay("", cluster.ours("ingresses.networking.k8s.io"))
    for host in ingresses.ingress_hosts("gateway")[:1]:
        yield _host_warning(host, cluster) or f"          {_url(host, opened.get('gateway', 80))} leads here too."
    if "rabbitmq" in opened:
        yield "The RabbitMQ user is video2mp3; its password:"
        secret = "get secret rabbitmq-secret --output 'jsonpath={.data.RABBITMQ_DEFAULT_PASS}' | base64 --decode"
        yield f"  kubectl --namespace {cluster.namespace} {secret}"
    yield f"Logs: {files.FORWARDS.relative_to(files.ROOT)}/*.log. Stop with: ./start-services.sh --stop"


def _url(host: str, port: int) -> str:
    return f"http://{host}" if port == 80 else f"http://{host}:{port}"


def _host_warning(host: str, cluster: Cluster) -> str | None:
    """A warning when a host name leads to another machine, whose owner would receive the passwords."""
    hint = f"To use the name, add this line to /etc/hosts: 127.0.0.1 {host}"
    try:
        found = {str(each[4][0]) for each in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        return f"{host} resolves to nothing. {hint}"
    foreign = sorted(each for each in found - cluster.node_addresses() if not is_local(each))
    if not foreign:
        return None
    return f"WARNING: {host} resolves to {', '.join(foreign)}: do not send a password to that machine. {hint}"


def is_local(address: str) -> bool:
    """Whether an address belongs to this machine. All of 127.0.0.0/8 does."""
    interfaces = psutil.net_if_addrs().values()
    return address.startswith("127.") or any(each.address == address for found in interfaces for each in found)


def supervise(port: int, probe: str, command: Sequence[str]) -> None:
    """Runs the command again whenever it ends or no longer answers HTTP; does not return."""
    while True:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as forward:
            failures = 0
            while failures < _MAX_FAILURES and forward.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    forward.wait(_PROBE_INTERVAL)
                failures = 0 if _answers(port, probe) else failures + 1
            forward.kill()
        print(f"{time.strftime('%F %T')} the port-forward ended; restarting it", flush=True)


def _answers(port: int, probe: str) -> bool:
    try:
        requests.get(f"http://127.0.0.1:{port}{probe}", timeout=_PROBE_TIMEOUT)
    except requests.RequestException:
        return False
    return True


if __name__ == "__main__":
    supervise(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
