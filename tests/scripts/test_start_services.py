"""./start-services.sh: forwards are restarted when they fail, and `--stop` ends exactly those."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import requests

from tests.scripts.conftest import Machine
from tests.waiting import eventually


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def ports() -> dict[str, int]:
    """A free port for each service."""
    return {name: free_port() for name in ("gateway", "auth", "rabbitmq", "mailpit")}


@pytest.fixture
def words(ports: dict[str, int]) -> list[str]:
    """The options that ask for them."""
    return [word for name, port in ports.items() for word in ("--port", f"{name}={port}")]


@pytest.fixture
def published(machine: Machine) -> Machine:
    """A machine with the system in its cluster; its public name cannot resolve to anything."""
    labels = {"app.kubernetes.io/part-of": "video2mp3"}
    objects = machine.state["objects"] | {
        "/Namespace/video2mp3": {"kind": "Namespace", "metadata": {"name": "video2mp3"}}
    }
    for name in ("gateway", "auth", "rabbitmq", "mailpit"):
        metadata = {"name": name, "namespace": "video2mp3", "labels": labels}
        objects[f"video2mp3/Service/{name}"] = {"kind": "Service", "apiVersion": "v1", "metadata": metadata}
    paths = [{"path": "/", "backend": {"service": {"name": "gateway"}}}]
    objects["video2mp3/Ingress/gateway"] = {
        "kind": "Ingress",
        "apiVersion": "networking.k8s.io/v1",
        "metadata": {"name": "gateway", "namespace": "video2mp3", "labels": labels},
        "spec": {"rules": [{"host": "video2mp3.invalid", "http": {"paths": paths}}]},
    }
    (machine.world / "state.json").write_text(json.dumps({"objects": objects}))
    return machine


def answer(port: int) -> str:
    """The process id of the kubectl that answers."""
    return requests.get(f"http://127.0.0.1:{port}/", timeout=10).text


def test_each_service_gets_its_port_and_the_addresses_are_printed(
    published: Machine, ports: dict[str, int], words: list[str]
) -> None:
    said = published.succeeds("start-services.sh", *words)

    for port in ports.values():
        assert answer(port)
        assert f"http://localhost:{port}" in said
    assert "The user is manager" in said
    assert "get secret rabbitmq-secret --output 'jsonpath={.data.RABBITMQ_MANAGER_PASSWORD}'" in said
    assert "video2mp3.invalid does not lead to this machine" in said


def test_a_forward_is_restarted_when_its_pod_is_replaced(
    published: Machine, ports: dict[str, int], words: list[str]
) -> None:
    published.succeeds("start-services.sh", *words)
    before = answer(ports["gateway"])

    published.switch("replaced-gateway")

    def back() -> bool:
        try:
            return answer(ports["gateway"]) != before
        except requests.ConnectionError:
            return False

    eventually(back, what="the gateway's forward")


def test_a_forward_that_does_not_answer_is_restarted(
    published: Machine, ports: dict[str, int], words: list[str]
) -> None:
    published.succeeds("start-services.sh", *words)
    before = answer(ports["gateway"])

    published.switch("refusing", before)

    def back() -> bool:
        try:
            return answer(ports["gateway"]) != before
        except requests.ConnectionError:
            return False

    eventually(back, what="the gateway's forward")


def test_a_second_start_keeps_the_running_forwards(published: Machine, ports: dict[str, int], words: list[str]) -> None:
    published.succeeds("start-services.sh", *words)
    before = {name: answer(port) for name, port in ports.items()}

    published.succeeds("start-services.sh", *words)

    assert {name: answer(port) for name, port in ports.items()} == before


def test_stop_ends_exactly_what_was_started(published: Machine, ports: dict[str, int], words: list[str]) -> None:
    published.succeeds("start-services.sh", *words)
    foreign = free_port()
    kubectl = str(Path(published.environment["PATH"].partition(":")[0]) / "kubectl")
    command = ["--context", "minikube", "--namespace", "video2mp3", "port-forward", "service/other", f"{foreign}:80"]
    with subprocess.Popen([kubectl, *command], env=dict(published.environment), stdout=subprocess.DEVNULL) as other:
        try:
            published.succeeds("start-services.sh", "--stop")

            assert other.poll() is None
            for port in ports.values():
                with pytest.raises(requests.ConnectionError):
                    answer(port)
        finally:
            other.kill()


def test_a_forward_of_another_checkout_is_not_ended(
    published: Machine, ports: dict[str, int], words: list[str]
) -> None:
    published.succeeds("start-services.sh", *words)
    mark = json.loads(psutil.Process(int(answer(ports["gateway"]))).environ()["VIDEO2MP3_FORWARD"])
    mark["checkout"] = "/another/checkout"
    environment = {**published.environment, "VIDEO2MP3_FORWARD": json.dumps(mark)}
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], env=environment) as other:
        try:
            published.succeeds("start-services.sh", "--stop")

            assert other.poll() is None
        finally:
            other.kill()


def test_a_forward_whose_supervisor_was_killed_is_ended_too(
    published: Machine, ports: dict[str, int], words: list[str]
) -> None:
    published.succeeds("start-services.sh", *words)
    psutil.Process(int(answer(ports["auth"]))).parent().kill()
    assert answer(ports["auth"])

    published.succeeds("start-services.sh", "--stop")

    with pytest.raises(requests.ConnectionError):
        answer(ports["auth"])


def test_a_port_that_another_program_uses_is_refused(published: Machine, words: list[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = published.fails("start-services.sh", *words, "--port", f"gateway={port}")
    assert f"port {port} cannot be used for gateway: Address already in use" in said


def test_the_default_or_the_next_free_port_is_used(published: Machine) -> None:
    said = published.succeeds("start-services.sh")

    found = re.findall(r"^(?:Gateway|Auth|RabbitMQ|Mailpit) +http://localhost(?::(\d+))?$", said, re.MULTILINE)
    assert len(found) == 4
    assert all(answer(int(port or 80)) for port in found)


def test_without_a_deployment_it_asks_for_deploy_sh(machine: Machine) -> None:
    assert "./deploy.sh first" in machine.fails("start-services.sh")


def test_undeploy_ends_the_forwards(published: Machine, ports: dict[str, int], words: list[str]) -> None:
    published.succeeds("start-services.sh", *words)

    published.succeeds("undeploy.sh")

    with pytest.raises(requests.ConnectionError):
        answer(ports["gateway"])
