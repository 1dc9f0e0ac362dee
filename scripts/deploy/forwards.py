"""What ./start-services.sh does: supervised port-forwards to the cluster's services, and their addresses.

`python -m scripts.deploy.forwards PORT PROBE KUBECTL...` is the supervisor of one forward: kubectl's port-forward is
bound to one pod, and ends or hangs when that pod is replaced.
"""

import contextlib
import json
import os
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
from scripts.deploy.programs import DeployError, say

# Seconds. The supervisor keeps trying after a slow start.
_OPEN_TIMEOUT, _STOP_TIMEOUT = 60.0, 5.0
# Seconds between probes, for an answer; and how many probes may fail in a row, because a pod may be busy.
_PROBE_INTERVAL, _PROBE_TIMEOUT, _MAX_FAILURES = 2.0, 10.0, 3
_MODULE = "scripts.deploy.forwards"
# In the environment of every process of a forward, and of nothing else: what it forwards, as JSON.
_MARK = "VIDEO2MP3_FORWARD"


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
    deployed = {item["metadata"]["name"] for item in cluster.get("services")}
    wanted = [service for service in SERVICES if service.name in deployed]
    if not wanted:
        raise DeployError(f"The namespace {namespace} of {cluster.context} has no services. Run ./deploy.sh first.")
    with files.locked(files.private(files.FORWARDS), "the port-forwards"):
        for service in wanted:
            port = _open(cluster, service, ports.get(service.name))
            print(f"{service.label:<9} http://localhost:{port}", flush=True)
            if service.name == "gateway":
                _print_public_address(cluster, port)
            elif service.name == "rabbitmq":
                print("          The user is manager. To show the password:")
                secret = (
                    "get secret rabbitmq-secret --output 'jsonpath={.data.RABBITMQ_MANAGER_PASSWORD}' | base64 --decode"
                )
                print(f"          kubectl --namespace {namespace} {secret}")
    print(f"Logs: {files.FORWARDS.relative_to(files.ROOT)}/*.log. Stop with: ./start-services.sh --stop")


def stop_all() -> None:
    with files.locked(files.private(files.FORWARDS), "the port-forwards"):
        stopped = stop()
    say(f"Stopped: {', '.join(stopped)}." if stopped else "No port-forward of this checkout is running.")


def stop(**target: str) -> list[str]:
    """Ends the forwards of this checkout (to a context, namespace or service, or all); returns their services."""
    stopped = set()
    while found := list(_running(**target)):  # again: a supervisor may have started kubectl meanwhile
        for process, mark in found:
            stopped.add(mark["service"])
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs([process for process, _ in found], timeout=_STOP_TIMEOUT)
    return sorted(stopped)


def _running(**target: str) -> Iterator[tuple[psutil.Process, dict[str, Any]]]:
    """The supervisors and their kubectl processes, which are left when only the supervisor was killed."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            mark = json.loads(process.environ().get(_MARK, "{}"))
            if {"checkout": str(files.ROOT), **target}.items() <= mark.items():
                yield process, mark


def _open(cluster: Cluster, service: Service, wanted: int | None) -> int:
    """The local port of a service's forward, which is started unless it runs."""
    target = {"context": cluster.context, "namespace": cluster.namespace, "service": service.name}
    for process, mark in _running(**target):
        with contextlib.suppress(psutil.NoSuchProcess):
            if wanted in (None, mark["port"]) and _MODULE in process.cmdline():
                return int(mark["port"])
    stop(service=service.name)
    port = _free_port(service, wanted)
    own_mark = json.dumps({"checkout": str(files.ROOT), **target, "port": port})
    words = ["port-forward", "--address=127.0.0.1", f"service/{service.name}", f"{port}:{service.port}"]
    log_path = files.FORWARDS / f"{service.name}.log"
    with log_path.open("ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", _MODULE, str(port), service.probe, *cluster.command(*words)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
            env=os.environ | {"PYTHONPATH": str(files.ROOT), "PYTHONSAFEPATH": "1", _MARK: own_mark},
            start_new_session=True,  # outlives the terminal
        )  # fmt: skip
    deadline = time.monotonic() + _OPEN_TIMEOUT
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return port
        time.sleep(0.1)
    raise DeployError(f"The port-forward to {service.name} does not open yet. See {log_path}.")


def _free_port(service: Service, wanted: int | None) -> int:
    last = service.local[-1]
    candidates: tuple[int, ...] = (wanted,) if wanted else (*service.local, *range(last + 1, last + 20))
    for port in candidates:
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError as error:
            say(f"note: port {port} cannot be used for {service.name}: {error.strerror}.")
    raise DeployError(f"No port for {service.name}. Choose another one: --port {service.name}=PORT.")


def _print_public_address(cluster: Cluster, port: int) -> None:
    """Prints whether the host name of the gateway's Ingress leads to this machine or to the cluster."""
    ingresses = cluster.get("ingresses.networking.k8s.io")
    for item in (item for item in ingresses if item["metadata"]["name"] == "gateway"):
        host = item["spec"]["rules"][0]["host"]
        own = {each.address for interface in psutil.net_if_addrs().values() for each in interface}
        try:
            found = {str(each[4][0]) for each in socket.getaddrinfo(host, None)} - own - cluster.node_addresses()
        except OSError:
            found = {host}
        if all(address.startswith("127.") for address in found):
            print(f"          http://{host}:{port} leads here too.")
        else:
            print(f"WARNING: {host} does not lead to this machine: do not send a password there.")
            print(f"  To use the name, add this line to /etc/hosts: 127.0.0.1 {host}")


def supervise(port: int, probe: str, command: Sequence[str]) -> None:
    """Runs the command again whenever it exits or no longer answers HTTP; does not return."""
    while True:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as forward:
            failures = 0
            while failures < _MAX_FAILURES and forward.poll() is None:
                time.sleep(_PROBE_INTERVAL)
                try:
                    requests.get(f"http://127.0.0.1:{port}{probe}", timeout=_PROBE_TIMEOUT)
                    failures = 0
                except requests.RequestException:
                    failures += 1
            forward.kill()
        print(f"{time.strftime('%F %T')} the port-forward exited; restarting it", flush=True)


if __name__ == "__main__":
    supervise(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
