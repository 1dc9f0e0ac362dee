"""How the system is reached: through any Ingress controller, ingress-nginx, and a Gateway."""

from collections.abc import Sequence

import pytest

from scripts.deploy import ingress
from scripts.deploy.manifests import Overlay
from tests.manifests.kustomize import Object, named, render
from tests.manifests.pods import of_kind
from tests.manifests.reach import Peer, reaches

_NGINX = "nginx.ingress.kubernetes.io"
_GATEWAY = Peer(labels={"app": "gateway", "app.kubernetes.io/part-of": "video2mp3"})


def _ingress(objects: Sequence[Object], name: str = "gateway") -> Object:
    (found,) = (item for item in of_kind(objects, "Ingress") if item["metadata"]["name"] == name)
    return found


def _route(objects: Sequence[Object]) -> Object:
    (found,) = of_kind(objects, "HTTPRoute")
    return found


def _configured(combination: tuple[str, ...], **values: str) -> list[Object]:
    """The objects of a deployment with these variables in .env."""
    overlay = Overlay(combination[0], list(render.__wrapped__(combination)))
    assert list(ingress.problems(values)) == []
    ingress.apply(values, overlay)
    return overlay.objects


def test_production_depends_on_no_controller() -> None:
    gateway = _ingress(render(("production",)))
    assert {name.partition("/")[0] for name in gateway["metadata"]["annotations"]} == {"cert-manager.io"}
    assert "ingressClassName" not in gateway["spec"], "the cluster's default class"


def test_ingress_nginx_limits_neither_size_nor_time_and_logs_no_queries() -> None:
    for combination in (("minikube",), ("host-databases",), ("production", "ingress-nginx")):
        annotations = _ingress(render(combination))["metadata"]["annotations"]
        assert annotations[f"{_NGINX}/proxy-body-size"] == "0"
        assert annotations[f"{_NGINX}/enable-access-log"] == "false"
        for direction in ("read", "send"):
            assert int(annotations[f"{_NGINX}/proxy-{direction}-timeout"]) >= 3600


@pytest.mark.parametrize("combination", [("minikube", "gateway-api"), ("production", "gateway-api")], ids="+".join)
def test_a_route_replaces_the_ingresses_and_has_no_timeout(combination: tuple[str, ...]) -> None:
    objects = render(combination)
    assert of_kind(objects, "Ingress") == []
    (rule,) = _route(objects)["spec"]["rules"]
    assert rule["timeouts"] == {"request": "0s", "backendRequest": "0s"}
    (backend,) = rule["backendRefs"]
    (service,) = (item for item in objects if named(item) == f"Service/{backend['name']}")
    assert backend["port"] in {port["port"] for port in service["spec"]["ports"]}


def test_a_route_gets_its_host_name_and_its_gateway() -> None:
    objects = _configured(
        ("production", "gateway-api"), GATEWAY_HOST="mp3.example.com", HTTPROUTE_GATEWAY="edge/public"
    )
    spec = _route(objects)["spec"]
    assert spec["hostnames"] == ["mp3.example.com"]
    assert spec["parentRefs"] == [{"name": "public", "namespace": "edge"}]


@pytest.mark.parametrize(
    ("combination", "address"),
    [
        (("minikube",), "http://mp3.example.com"),
        (("production",), "https://mp3.example.com"),
        (("minikube", "gateway-api"), "http://mp3.example.com"),
        (("production", "gateway-api"), "https://mp3.example.com"),
    ],
    ids=str,
)
def test_links_have_the_scheme_of_the_overlay(combination: tuple[str, ...], address: str) -> None:
    values = {"GATEWAY_HOST": "mp3.example.com"}
    ingress.apply(values, Overlay(combination[0], list(render.__wrapped__(combination))))
    assert values["PUBLIC_URL"] == address


@pytest.mark.parametrize(
    ("controller", "admitted"),
    [
        (Peer(namespace="ingress-nginx"), True),
        (Peer(namespace="traefik"), True),
        (Peer(namespace="kube-system", labels={"app.kubernetes.io/name": "traefik"}), True),
        (Peer(namespace="kube-system", labels={"app": "other"}), False),
        (Peer(namespace="edge"), False),
    ],
    ids=str,
)
def test_policies_admit_the_usual_controllers_or_the_one_that_is_named(controller: Peer, admitted: bool) -> None:
    combination = ("minikube", "network-policies")
    assert reaches(render(combination), controller, _GATEWAY, 8080) == admitted
    named_one = _configured(combination, INGRESS_NAMESPACE="edge")
    assert reaches(named_one, controller, _GATEWAY, 8080) == (controller.namespace == "edge")


def test_names_that_kubernetes_would_refuse_are_reported_before_anything_is_applied() -> None:
    values = {"INGRESS_CLASS": "Nginx!", "HTTPROUTE_GATEWAY": "a/b/c", "CERTIFICATE_ISSUER": "letsencrypt"}
    assert [line.partition(":")[0] for line in ingress.problems(values)] == [
        "INGRESS_CLASS", "HTTPROUTE_GATEWAY", "GATEWAY_HOST is missing",
    ]  # fmt: skip
