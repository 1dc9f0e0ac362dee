"""./deploy.sh on what it has deployed: status, rollback, upgrades of servers, and how the system is reached."""

import json

import pytest

from tests.scripts.conftest import Machine


def image(machine: Machine, service: str) -> str:
    (container,) = machine.objects("Deployment")[service]["spec"]["template"]["spec"]["containers"]
    return str(container["image"])


def runs(machine: Machine, server_image: str) -> str:
    """Makes the server of the image's kind one that an earlier release deployed; returns its name."""
    software = server_image.partition(":")[0]
    name = {"mongo": "mongodb"}.get(software, software)
    state = machine.state
    server = state["objects"][f"video2mp3/StatefulSet/{name}"]
    server["spec"]["template"]["spec"]["containers"][0]["image"] = server_image
    server["applied"] = "by an earlier release"
    (machine.world / "state.json").write_text(json.dumps(state))
    return name


def test_a_rollback_returns_to_the_images_of_the_previous_deployment_without_docker(machine: Machine) -> None:
    machine.succeeds("deploy.sh", "--with", "monitoring")
    first = {name: image(machine, name) for name in ("auth", "converter")}
    machine.changes_code("converter")
    for _ in range(2):  # a repeated deployment is not another release
        machine.succeeds("deploy.sh", "--with", "monitoring")
    second = image(machine, "converter")
    machine.switch("docker-down")

    machine.succeeds("deploy.sh", "--rollback")

    assert {name: image(machine, name) for name in ("auth", "converter")} == first
    assert "monitoring-configmap" in machine.objects("ConfigMap"), "the components are those of the deployment"

    machine.succeeds("deploy.sh", "--rollback")

    assert image(machine, "converter") == second != first["converter"]


def test_a_first_deployment_cannot_be_rolled_back(deployed: Machine) -> None:
    assert "no previous deployment" in deployed.fails("deploy.sh", "--rollback")


def test_the_status_shows_versions_replicas_queues_and_problems(deployed: Machine) -> None:
    deployed.switch("queues", "3 1 2")

    done = deployed.run("deploy.sh", "--status")

    assert done.returncode == 1, "there is a dead letter"
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["deployment/auth", "1/1", "-", image(deployed, "auth")] in lines
    assert ["video", "3", "2", "1"] in lines
    assert "the oldest queued one is from 2026-01-31T12:00:00+00:00" in done.stdout
    assert "1 dead letters" in done.stdout

    deployed.switch("queues", "0 0 4")
    assert "No problems." in deployed.succeeds("deploy.sh", "--status")


def test_the_status_names_pods_that_do_not_run(deployed: Machine) -> None:
    deployed.switch("queues", "0 0 4")
    deployed.switch("broken", "auth")
    deployed.changes_code("auth")
    deployed.fails("deploy.sh")

    done = deployed.run("deploy.sh", "--status")

    assert done.returncode == 1
    assert "0 of 1 pods are ready" in done.stdout
    assert "auth: CrashLoopBackOff, 7 restarts" in done.stdout


def test_the_status_of_nothing_is_an_error(machine: Machine) -> None:
    assert "Nothing is deployed" in machine.fails("deploy.sh", "--status")


def test_the_namespace_admits_restricted_pods_only_unless_it_belongs_to_somebody_else(deployed: Machine) -> None:
    labels = deployed.state["objects"]["/Namespace/video2mp3"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"

    state = deployed.state
    state["objects"]["/Namespace/shared"] = {"kind": "Namespace", "metadata": {"name": "shared", "labels": {}}}
    (deployed.world / "state.json").write_text(json.dumps(state))
    deployed.succeeds("deploy.sh", "--namespace", "shared")
    assert deployed.state["objects"]["/Namespace/shared"]["metadata"]["labels"] == {}


@pytest.mark.parametrize(
    ("server_image", "message"),
    [
        ("rabbitmq:4.1-management", "rabbitmq 4.1 cannot be upgraded to 4.3 in one step. Upgrade it to 4.2 first"),
        # The tag of earlier releases: RabbitMQ is asked.
        (
            "rabbitmq:4-management",
            "rabbitmq 4.0 cannot be upgraded to 4.3 in one step. Upgrade it to 4.1 and 4.2 first",
        ),
        ("mongo:6.0", "mongodb 6.0 cannot be upgraded to 8.0 in one step. Upgrade it to 7.0 first"),
        ("mysql:9.7", "mysql 9.7 cannot be downgraded to 8.4"),
    ],
)
def test_a_server_is_not_started_on_data_that_it_cannot_read(
    deployed: Machine, server_image: str, message: str
) -> None:
    deployed.switch("rabbitmq-version", "4.0.9")
    runs(deployed, server_image)
    before = deployed.generations()

    assert message in deployed.fails("deploy.sh")

    assert deployed.generations() == before


@pytest.mark.parametrize("server_image", ["rabbitmq:4-management", "mongo:7.0"])
def test_a_server_is_upgraded_by_one_step(deployed: Machine, server_image: str) -> None:
    deployed.switch("rabbitmq-version", "4.2.1")
    name = runs(deployed, server_image)

    deployed.succeeds("deploy.sh")

    (container,) = deployed.objects("StatefulSet")[name]["spec"]["template"]["spec"]["containers"]
    assert container["image"] != server_image


def test_class_certificate_and_issuer_reach_the_ingress(deployed: Machine) -> None:
    deployed.dotenv("GATEWAY_HOST=mp3.example.com\nINGRESS_CLASS=haproxy\nCERTIFICATE_ISSUER=letsencrypt\n")

    deployed.succeeds("deploy.sh")

    gateway, rabbitmq = (deployed.objects("Ingress")[name] for name in ("gateway", "rabbitmq"))
    assert gateway["metadata"]["annotations"]["cert-manager.io/cluster-issuer"] == "letsencrypt"
    assert gateway["spec"]["tls"] == [{"hosts": ["mp3.example.com"], "secretName": "gateway-tls"}]
    assert gateway["spec"]["ingressClassName"] == rabbitmq["spec"]["ingressClassName"] == "haproxy"
    assert "tls" not in rabbitmq["spec"]
    assert deployed.objects("ConfigMap")["notification-configmap"]["data"]["PUBLIC_URL"] == "https://mp3.example.com"

    deployed.dotenv("GATEWAY_TLS_SECRET=wildcard\n")
    deployed.succeeds("deploy.sh")

    gateway = deployed.objects("Ingress")["gateway"]
    assert gateway["spec"]["tls"] == [{"hosts": ["video2mp3.com"], "secretName": "wildcard"}]
    assert "cert-manager.io/cluster-issuer" not in gateway["metadata"]["annotations"], (
        "it would replace the certificate"
    )


def test_an_ingress_of_an_earlier_release_keeps_its_class(deployed: Machine) -> None:
    state = deployed.state
    state["objects"]["video2mp3/Ingress/gateway"]["spec"]["ingressClassName"] = "nginx"
    (deployed.world / "state.json").write_text(json.dumps(state))

    deployed.succeeds("deploy.sh")

    assert deployed.objects("Ingress")["gateway"]["spec"]["ingressClassName"] == "nginx"
