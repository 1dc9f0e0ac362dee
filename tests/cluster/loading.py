"""Requests without a pause, from a pod of the cluster, while something is done to the system."""

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import media
from tests.cluster.operations import Operator, report
from tests.person import Person
from tests.waiting import eventually

_SCRIPT = Path(__file__).parent / "load.py"
# Where network policies are enforced, only the ingress controller reaches the gateway.
_POLICY = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "load"},
    "spec": {
        "podSelector": {"matchLabels": {"app": "gateway"}},
        "policyTypes": ["Ingress"],
        "ingress": [
            {
                "from": [{"podSelector": {"matchLabels": {"app": "load"}}}],
                "ports": [{"protocol": "TCP", "port": 8080}],
            }
        ],
    },
}


@dataclass(frozen=True)
class Load:
    """The pod that makes the requests."""

    operator: Operator

    def end(self) -> dict[str, Any]:
        """Stops the requests; returns their numbers by kind in `requests`, and what went wrong in `failures`."""
        self.operator.kubectl("exec", "load", "--", "touch", "/tmp/stop")
        eventually(
            lambda: self.operator.objects("pods", "--selector=app=load")[0]["status"]["phase"] == "Succeeded",
            seconds=180,
            what="the end of the load",
        )
        result: dict[str, Any] = json.loads(self.operator.kubectl("logs", "load").splitlines()[-1])
        report(str(result))
        return result


@contextmanager
def load(operator: Operator, someone: Person) -> Iterator[Load]:
    """Someone's requests to the Service of the gateway, which begin before the block does."""
    apply(operator, _POLICY, _pod(operator, someone))
    try:
        operator.kubectl("wait", "--for=condition=Ready", "pod/load", "--timeout=300s")
        yield Load(operator)
    finally:
        operator.kubectl("delete", "pod/load", "networkpolicy/load", "--grace-period=5")


def apply(operator: Operator, *objects: dict[str, Any]) -> None:
    """Creates objects in the namespace."""
    subprocess.run(
        ["kubectl", "--namespace", operator.namespace, "apply", "--filename=-"],
        input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}), text=True, timeout=120, check=True,
    )  # fmt: skip


def _pod(operator: Operator, someone: Person) -> dict[str, Any]:
    variables = {
        "GATEWAY": "http://gateway:8080",
        "TOKEN": someone.token,
        "VIDEO": base64.b64encode(media.make("webm").read_bytes()).decode(),
    }
    return python_pod(operator, "load", ["python", "-c", _SCRIPT.read_text()], variables)


def python_pod(operator: Operator, name: str, command: list[str], variables: dict[str, str]) -> dict[str, Any]:
    """A pod that is not part of the system, with the gateway's image."""
    gateway = operator.objects("deployments", "--selector=app=gateway")[0]["spec"]["template"]["spec"]["containers"][0]
    container = {
        "name": name,
        "image": gateway["image"],
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "env": [{"name": key, "value": value} for key, value in variables.items()],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    # The namespace admits restricted pods only.
    security = {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "restartPolicy": "Never",
            "enableServiceLinks": False,
            "securityContext": security,
            "containers": [container],
        },
    }
