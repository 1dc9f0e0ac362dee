"""What the deployed system does while its servers are away or change, and who reaches them."""

import secrets
import time
from typing import Any

import pytest
import requests

from tests.cluster.loading import apply, load, python_pod
from tests.cluster.mailpit import ClusterPerson, person
from tests.cluster.operations import SERVICES, Operator
from tests.manifests.traffic import INSIDE
from tests.waiting import eventually

pytestmark = pytest.mark.timeout(3600)

# s. Longer than readiness probes may fail before a pod leaves its Service: 3 times, 10 s apart.
_OUTAGE = 60
# Tries to connect to each HOST:PORT of its arguments, all at the same time; prints those that accept.
_CONNECT = """
import socket, sys
from concurrent.futures import ThreadPoolExecutor
def accepts(target):
    host, port = target.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True
with ThreadPoolExecutor(32) as pool:
    print(*(target for target, yes in zip(sys.argv[1:], pool.map(accepts, sys.argv[1:])) if yes))
"""


def ready(pod: dict[str, Any]) -> bool:
    """Whether its Service leads to a pod."""
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", []))


def all_completed(someone: ClusterPerson) -> bool:
    """Whether every job of someone has its MP3."""
    page: str | None = "/jobs?limit=100"
    while page:
        found = someone.request("GET", page).json()
        assert {job["status"] for job in found["jobs"]} <= {"completed"}, found["jobs"]
        page = found["next"]
    return True


@pytest.mark.parametrize("server", ["rabbitmq", "mysql"])
def test_the_api_works_while_a_server_is_down(system: Operator, server: str) -> None:
    someone = person(system)

    with load(system, someone) as running:
        system.kubectl("scale", f"statefulset/{server}", "--replicas=0")
        system.kubectl("wait", "--for=delete", f"pod/{server}-0", "--timeout=300s")
        deadline = time.monotonic() + _OUTAGE
        while time.monotonic() < deadline:
            gateways = system.objects("pods", "--selector=app=gateway")
            assert all(ready(pod) for pod in gateways), "a gateway left its Service"
            time.sleep(1)
        login = requests.post(f"{someone.url}/login", auth=(someone.email, someone.password), timeout=60)
        assert login.status_code == (503 if server == "mysql" else 200), login.text
        system.kubectl("scale", f"statefulset/{server}", "--replicas=1")
        system.wait_until_rolled_out()
        result = running.end()

    assert not result["failures"]
    assert result["requests"]["upload"] > 10
    eventually(lambda: all_completed(someone), seconds=900, pause=2, what="the end of all jobs")


def test_a_changed_password_of_mongodb_is_used_by_both_sides(system: Operator) -> None:
    dotenv = system.checkout / ".env"
    dotenv.touch(mode=0o600)
    # What JavaScript and a shell would read differently.
    dotenv.write_text(f"MONGODB_GATEWAY_PASSWORD='{secrets.token_hex(8)} \"\\$x`y'\n")
    someone = person(system)

    system.deploy()

    assert "Account gateway: updated" in system.kubectl("logs", "mongodb-0", "--container=accounts")
    assert someone.request("GET", "/jobs").status_code == 200


def test_pods_reach_what_the_policies_allow_and_nothing_else(system: Operator) -> None:
    if "network-policies" not in system.components:
        pytest.skip("deployed without network-policies")
    ports = {(target, port) for _, target, port in INSIDE}
    ports |= {("gateway", 8080), ("rabbitmq", 15672), ("mailpit", 8025)}
    apply(system, python_pod(system, "stranger", ["sleep", "3600"], {}))
    system.kubectl("wait", "--for=condition=Ready", "pod/stranger", "--timeout=300s")
    sources = {"stranger": "pod/stranger", **{name: f"deployment/{name}" for name in SERVICES}}

    def reached() -> set[tuple[str, str, int]]:
        found = set()
        for source, where in sources.items():
            targets = sorted(f"{target}:{port}" for target, port in ports)
            answer = system.kubectl(
                "exec", where, f"--container={source}", "--", "python", "-c", _CONNECT, *targets, quiet=True
            )
            found |= {(source, each.split(":")[0], int(each.split(":")[1])) for each in answer.split()}
        # A pod may always connect to itself, and a Service leads it there at times.
        return {(source, target, port) for source, target, port in found if source != target}

    try:
        # A policy is enforced a moment after its pod has an address.
        wanted = {(source, target, port) for source, target, port in INSIDE if source in sources}
        eventually(lambda: reached() == wanted, seconds=60, pause=5, what="exactly the connections that are needed")
    finally:
        system.kubectl("delete", "pod/stranger", "--grace-period=1")


def test_the_autoscalers_have_the_metrics_that_they_need(system: Operator) -> None:
    if "autoscaling" not in system.components:
        pytest.skip("deployed without autoscaling")

    def active() -> set[str]:
        return {
            item["metadata"]["name"]
            for item in system.objects("horizontalpodautoscalers.v2.autoscaling")
            for condition in item["status"].get("conditions", [])
            if condition["type"] == "ScalingActive" and condition["status"] == "True"
        }

    eventually(lambda: active() == {"gateway", "converter"}, seconds=180, pause=5, what="active autoscalers")
