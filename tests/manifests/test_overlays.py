"""What is special about each overlay and each component."""

import math
import re
from collections.abc import Sequence

import pytest

from tests.manifests.kustomize import Object, named, render
from tests.manifests.pods import of_kind, pods
from tests.manifests.quantities import quantity

# Cores and bytes of a default minikube, and what its own parts request: the control plane with DNS (750m, 170Mi),
# metrics-server and ingress-nginx (200m, 290Mi).
_NODE = (2.0, 6 * 2**30)
_SYSTEM = (0.95, 460 * 2**20)


def _one(objects: Sequence[Object], name: str) -> Object:
    found = [item for item in objects if named(item) == name]
    assert found, f"there is no {name}"
    return found[0]


def test_the_default_has_the_names_that_people_type() -> None:
    objects = render(("minikube",))
    there = {named(item) for item in objects}
    services = ("auth", "gateway", "converter", "notification", "summary")
    wanted = {f"Deployment/{name}" for name in services} | {f"ConfigMap/{name}-configmap" for name in services}
    wanted |= {"StatefulSet/rabbitmq", "StatefulSet/mysql", "StatefulSet/mongodb", "CronJob/housekeeping"}
    assert wanted <= there
    ports = {
        (item["metadata"]["name"], port["port"])
        for item in of_kind(objects, "Service")
        for port in item["spec"]["ports"]
    }
    assert {
        ("auth", 5000),
        ("summary", 5002),
        ("gateway", 8080),
        ("rabbitmq", 5672),
        ("rabbitmq", 15672),
        ("mailpit", 8025),
    } <= ports
    hosts = {rule["host"] for item in of_kind(objects, "Ingress") for rule in item["spec"]["rules"]}
    assert hosts == {"video2mp3.com", "rabbitmq-manager.com"}


def test_the_default_runs_two_gateways_two_auths_four_converters_four_notifiers_and_one_summary_service() -> None:
    objects = render(("minikube",))
    replicas = {
        item["metadata"]["name"]: item["spec"]["replicas"]
        for item in of_kind(objects, "Deployment")
        if item["metadata"]["name"] != "mailpit"
    }
    assert replicas == {"gateway": 2, "auth": 2, "converter": 4, "notification": 4, "summary": 1}


def test_the_default_fits_a_default_minikube_even_while_all_of_it_rolls() -> None:
    for position, resource in enumerate(("cpu", "memory")):
        total = _SYSTEM[position]
        for pod in pods(render(("minikube",))):
            each = sum(quantity(c["resources"]["requests"][resource]) for c in pod.spec["containers"])
            preparing = [quantity(c["resources"]["requests"][resource]) for c in pod.spec.get("initContainers", [])]
            surge = pod.owner["spec"].get("strategy", {}).get("rollingUpdate", {}).get("maxSurge", 0)
            total += max([each, *preparing]) * (pod.owner["spec"].get("replicas", 1) + surge)
        assert total <= _NODE[position], f"{resource}: {total}"


def test_data_are_on_volumes_of_their_own() -> None:
    for item in of_kind(render(("minikube",)), "StatefulSet"):
        (claim,) = item["spec"]["volumeClaimTemplates"]
        mounts = item["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
        assert claim["metadata"]["name"] in {mount["name"] for mount in mounts}, named(item)


def test_host_databases_leave_mysql_and_mongodb_out() -> None:
    objects = render(("host-databases",))
    assert {item["metadata"]["name"] for item in of_kind(objects, "StatefulSet")} == {"rabbitmq"}
    assert _one(objects, "ConfigMap/auth-configmap")["data"]["MYSQL_HOST"] == "host.minikube.internal"


def test_production_has_tls_three_brokers_and_no_server_for_trying_out() -> None:
    objects = render(("production",))
    assert {item["metadata"]["name"] for item in of_kind(objects, "StatefulSet")} == {"rabbitmq"}
    assert {"Deployment/mailpit", "Service/mailpit"} & {named(item) for item in objects} == set()
    # RabbitMQ's management UI is not public.
    assert [ingress["metadata"]["name"] for ingress in of_kind(objects, "Ingress")] == ["gateway"]
    for ingress in of_kind(objects, "Ingress"):
        hosts = {rule["host"] for rule in ingress["spec"]["rules"]}
        assert {host for tls in ingress["spec"]["tls"] for host in tls["hosts"]} == hosts, named(ingress)
        assert ingress["metadata"]["annotations"]["cert-manager.io/cluster-issuer"], named(ingress)
    assert _one(objects, "StatefulSet/rabbitmq")["spec"]["replicas"] == 3
    # Missing on purpose, so that nobody runs with an address that was made up.
    assert "MYSQL_HOST" not in _one(objects, "ConfigMap/auth-configmap")["data"]
    assert "SMTP_HOST" not in _one(objects, "ConfigMap/notification-configmap")["data"]


@pytest.mark.parametrize(
    "combination", [("production",), ("minikube", "rabbitmq-cluster")], ids="+".join, scope="session"
)
def test_three_brokers_know_each_other_and_give_existing_queues_their_replicas(combination: tuple[str, ...]) -> None:
    objects = render(combination)
    broker = _one(objects, "StatefulSet/rabbitmq")
    assert broker["spec"]["replicas"] == 3
    settings = dict(
        re.findall(r"^(\S+) = (\S+)$", _one(objects, "ConfigMap/rabbitmq-configmap")["data"]["cluster.conf"], re.M)
    )
    nodes = {value for name, value in settings.items() if ".classic_config.nodes." in name}
    assert nodes == {f"rabbit@rabbitmq-{number}.{broker['spec']['serviceName']}" for number in range(3)}
    assert _one(objects, "Service/rabbitmq-nodes")["spec"]["publishNotReadyAddresses"] is not False
    reconciliation = "quorum_queue.continuous_membership_reconciliation"
    assert settings[f"{reconciliation}.enabled"] == "true"
    assert settings[f"{reconciliation}.target_group_size"] == "3"
    # ms. RabbitMQ's default is an hour, in which a queue of a single node would be lost with it.
    assert int(settings[f"{reconciliation}.interval"]) <= 60_000


@pytest.mark.parametrize(
    ("combination", "members"), [(("minikube",), 1), (("minikube", "mongodb-cluster", "network-policies"), 3)]
)
def test_each_member_of_mongodb_has_a_name_that_leads_to_its_pod_only(
    combination: tuple[str, ...], members: int
) -> None:
    objects = render(combination)
    assert _one(objects, "StatefulSet/mongodb")["spec"]["replicas"] == members
    for number in range(members):
        service = _one(objects, f"Service/mongodb-{number}")["spec"]
        assert service["clusterIP"] == "None"
        assert service["publishNotReadyAddresses"] is True
        assert service["selector"]["statefulset.kubernetes.io/pod-name"] == f"mongodb-{number}"


def test_mongodb_finds_the_key_of_its_set_where_the_init_container_writes_it() -> None:
    objects = render(("minikube",))
    scripts = _one(objects, "ConfigMap/mongodb-accounts")["data"]
    (key,) = re.findall(r"^key=(\S+)$", scripts["accounts.sh"], re.M)
    pod = _one(objects, "StatefulSet/mongodb")["spec"]["template"]["spec"]
    assert f"--keyFile={key}" in pod["containers"][0]["args"]
    (volume,) = {
        mount["name"]
        for container in (*pod["initContainers"], *pod["containers"])
        for mount in container["volumeMounts"]
        if key.startswith(f"{mount['mountPath']}/")
    }
    assert volume in {each["name"] for each in pod["volumes"]}
    named_set = set(
        re.findall(r"--replSet[ =](\S+)", f"{scripts['accounts.sh']} {' '.join(pod['containers'][0]['args'])}")
    )
    assert named_set == set(re.findall(r'_id: "(\w+)"', scripts["replica-set.js"]))


def test_whoever_scales_by_load_is_the_only_one_who_sets_replicas(
    combination: tuple[str, ...], objects: Sequence[Object]
) -> None:
    scalers = of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject")
    scaled = [item["spec"]["scaleTargetRef"]["name"] for item in scalers]
    assert len(scaled) == len(set(scaled)), f"scaled twice: {scaled}"
    offenders = [name for name in scaled if "replicas" in _one(objects, f"Deployment/{name}")["spec"]]
    assert offenders == []
    if "autoscaling" in combination or combination[0] == "production":
        assert set(scaled) == {"gateway", "converter"}


def test_converters_are_taken_away_slowly(objects: Sequence[Object]) -> None:
    for item in of_kind(objects, "HorizontalPodAutoscaler"):
        down = item["spec"]["behavior"]["scaleDown"]
        assert down["stabilizationWindowSeconds"] >= 60, named(item)
    for item in of_kind(objects, "ScaledObject"):
        down = item["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
        assert down["stabilizationWindowSeconds"] >= 60, named(item)


def test_metrics_are_read_from_ports_that_exist(objects: Sequence[Object]) -> None:
    ports: dict[str, set[str]] = {}
    for pod in pods(objects):
        ports[pod.labels["app"]] = {p["name"] for c in pod.spec["containers"] for p in c.get("ports", [])}
    for item in of_kind(objects, "PodMonitor"):
        selector = item["spec"]["selector"]
        apps = selector.get("matchLabels", {}).get("app")
        chosen = [apps] if apps else selector["matchExpressions"][0]["values"]
        wanted = {endpoint["port"] for endpoint in item["spec"]["podMetricsEndpoints"]}
        for app in chosen:
            assert ports[app] & wanted, f"{named(item)}: {app}"


def test_alerts_say_what_to_do(objects: Sequence[Object]) -> None:
    for item in of_kind(objects, "PrometheusRule"):
        for group in item["spec"]["groups"]:
            for rule in (rule for rule in group["rules"] if "alert" in rule):
                assert rule["annotations"]["summary"], rule["alert"]
                assert rule["annotations"]["description"], rule["alert"]
                assert math.isfinite(float(rule["for"].removesuffix("m"))), rule["alert"]
