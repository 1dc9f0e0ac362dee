"""How every pod is confined, probed and sized, in every combination."""

from collections.abc import Sequence

from tests.manifests.kustomize import Object, named
from tests.manifests.pods import of_kind, pods
from tests.manifests.quantities import quantity

# The controller of a StatefulSet adds it.
POD_NAME = "statefulset.kubernetes.io/pod-name"


def test_no_container_runs_as_root_or_can_become_more(objects: Sequence[Object]) -> None:
    offenders = []
    for pod in pods(objects):
        security = pod.spec.get("securityContext", {})
        if not security.get("runAsNonRoot") or security.get("runAsUser", 0) == 0:
            offenders.append(f"{pod.name}: may be root")
        if security.get("seccompProfile") != {"type": "RuntimeDefault"}:
            offenders.append(f"{pod.name}: has no seccomp profile")
        for container in pod.containers():
            own = container.get("securityContext", {})
            if own.get("allowPrivilegeEscalation") is not False or "runAsUser" in own or own.get("privileged"):
                offenders.append(f"{pod.name}, {container['name']}: may gain privileges")
            if own.get("capabilities") != {"drop": ["ALL"]}:
                offenders.append(f"{pod.name}, {container['name']}: keeps capabilities")
    assert offenders == []


def test_no_container_writes_to_its_image(objects: Sequence[Object]) -> None:
    offenders = [
        f"{pod.name}, {container['name']}"
        for pod in pods(objects)
        for container in pod.containers()
        if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True
    ]
    assert offenders == []


def test_every_folder_for_temporary_files_has_a_limit(objects: Sequence[Object]) -> None:
    offenders = [
        f"{pod.name}, volume {volume['name']}"
        for pod in pods(objects)
        for volume in pod.spec.get("volumes", [])
        if "emptyDir" in volume and "sizeLimit" not in (volume["emptyDir"] or {})
    ]
    assert offenders == []


def test_the_limit_of_local_storage_covers_the_temporary_files(objects: Sequence[Object]) -> None:
    offenders = []
    for pod in pods(objects):
        wanted = sum(quantity(v["emptyDir"]["sizeLimit"]) for v in pod.spec.get("volumes", []) if "emptyDir" in v)
        limit = sum(quantity(c["resources"]["limits"]["ephemeral-storage"]) for c in pod.spec["containers"])
        if limit < wanted:
            offenders.append(f"{pod.name}: {limit:.0f} < {wanted:.0f}")
    assert offenders == []


def test_no_pod_sees_the_api_or_the_variables_of_services(objects: Sequence[Object]) -> None:
    offenders = [
        pod.name
        for pod in pods(objects)
        if pod.spec.get("automountServiceAccountToken") is not False or pod.spec.get("enableServiceLinks") is not False
    ]
    assert offenders == []


def test_no_pod_shares_the_node(objects: Sequence[Object]) -> None:
    offenders = [
        pod.name
        for pod in pods(objects)
        if any(pod.spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC"))
        or any("hostPath" in volume for volume in pod.spec.get("volumes", []))
        or any("hostPort" in port for container in pod.containers() for port in container.get("ports", []))
    ]
    assert offenders == []


def test_every_container_is_probed_in_three_ways(objects: Sequence[Object]) -> None:
    offenders = [
        f"{pod.name}, {container['name']}: {probe}"
        for pod in pods(objects)
        if not pod.runs_once
        for container in pod.spec["containers"]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe")
        if probe not in container
    ]
    assert offenders == []


def test_liveness_never_asks_a_dependency(objects: Sequence[Object]) -> None:
    offenders = [
        pod.name
        for pod in pods(objects)
        if pod.is_ours and not pod.runs_once
        for container in pod.spec["containers"]
        if container["livenessProbe"].get("httpGet", {}).get("path") != "/healthz"
        or container["startupProbe"].get("httpGet", {}).get("path") != "/healthz"
        or container["readinessProbe"].get("httpGet", {}).get("path") != "/readyz"
    ]
    assert offenders == []


def test_every_container_has_requests_and_limits(objects: Sequence[Object]) -> None:
    offenders = []
    for pod in pods(objects):
        for container in pod.containers():
            resources = container.get("resources", {})
            for name in ("cpu", "memory", "ephemeral-storage"):
                request = resources.get("requests", {}).get(name)
                limit = resources.get("limits", {}).get(name)
                if request is None or limit is None or quantity(request) > quantity(limit):
                    offenders.append(f"{pod.name}, {container['name']}: {name} {request}, {limit}")
    assert offenders == []


def test_images_are_named_and_not_pulled_again(objects: Sequence[Object]) -> None:
    offenders = []
    for pod in pods(objects):
        for container in pod.containers():
            image = container["image"]
            if container.get("imagePullPolicy") != "IfNotPresent":
                offenders.append(f"{pod.name}: {image} is pulled each time")
            # The deployment names our own by their content.
            if image.endswith(":latest") or not (image.startswith("video2mp3/") or ":" in image):
                offenders.append(f"{pod.name}: {image} may change")
    assert offenders == []


def test_replicas_are_spread_and_disrupted_one_by_one(objects: Sequence[Object]) -> None:
    budgets = {item["spec"]["selector"]["matchLabels"]["app"]: item for item in of_kind(objects, "PodDisruptionBudget")}
    offenders = []
    for pod in pods(objects):
        app = pod.labels["app"]
        if pod.runs_once or app == "mailpit":
            continue
        if budgets.get(app, {}).get("spec", {}).get("maxUnavailable") != 1:
            offenders.append(f"{pod.name}: no PodDisruptionBudget")
        spreads = pod.spec.get("topologySpreadConstraints", [])
        over = {each["topologyKey"] for each in spreads if each["labelSelector"] == {"matchLabels": {"app": app}}}
        several = pod.owner["kind"] == "Deployment" or pod.owner["spec"]["replicas"] > 1
        if several and over != {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}:
            offenders.append(f"{pod.name}: not spread over nodes and zones")
    assert offenders == []


def test_a_rollout_takes_no_replica_away_before_its_successor_is_ready(objects: Sequence[Object]) -> None:
    offenders = [
        pod.name
        for pod in pods(objects)
        if pod.owner["kind"] == "Deployment" and pod.is_ours
        if pod.owner["spec"].get("strategy", {}).get("rollingUpdate", {}).get("maxUnavailable") != 0
    ]
    assert offenders == []


def test_selectors_use_app_alone_and_find_their_pods(objects: Sequence[Object]) -> None:
    offenders = []
    for item in of_kind(objects, "Deployment", "StatefulSet"):
        chosen = item["spec"]["selector"]["matchLabels"]
        if (
            chosen != {"app": item["metadata"]["name"]}
            or item["spec"]["template"]["metadata"]["labels"]["app"] != chosen["app"]
        ):
            offenders.append(named(item))
    there = {pod.labels["app"] for pod in pods(objects)}
    offenders += [
        named(item)
        for item in of_kind(objects, "Service")
        if item["spec"]["selector"].keys() - {POD_NAME} != {"app"} or item["spec"]["selector"]["app"] not in there
    ]
    assert offenders == []


def test_no_ingress_or_service_leads_to_the_health_ports(objects: Sequence[Object]) -> None:
    """They serve readiness, metrics and the state of the dependencies."""
    # That of components/keda leads to the gateway's metrics, which clients cannot reach by an Ingress either.
    services = [item for item in of_kind(objects, "Service") if item["metadata"]["name"] != "gateway-metrics"]
    targets = {port.get("targetPort") for item in services for port in item["spec"]["ports"]}
    assert not {target for target in targets if "health" in str(target)}
    ports = {
        path["backend"]["service"]["port"]["name"]
        for item in of_kind(objects, "Ingress")
        for rule in item["spec"]["rules"]
        for path in rule["http"]["paths"]
    }
    assert ports <= {"http", "management"}


def test_services_and_ingresses_lead_to_ports_that_exist(objects: Sequence[Object]) -> None:
    open_ports = {
        (pod.labels["app"], port["name"])
        for pod in pods(objects)
        for c in pod.spec["containers"]
        for port in c.get("ports", [])
    }
    services = {}
    offenders = []
    for item in of_kind(objects, "Service"):
        services[item["metadata"]["name"]] = {port["name"] for port in item["spec"]["ports"]}
        offenders += [
            f"{named(item)}: {port['name']}"
            for port in item["spec"]["ports"]
            if "targetPort" in port and (item["spec"]["selector"]["app"], port["targetPort"]) not in open_ports
        ]
    for item in of_kind(objects, "Ingress"):
        for rule in item["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                if backend["port"]["name"] not in services.get(backend["name"], set()):
                    offenders.append(f"{named(item)}: {backend}")
    assert offenders == []
