"""The policies against the traffic that the services make: all of it is allowed, and nothing else."""

import itertools
from collections.abc import Sequence

import pytest

from tests.manifests.kustomize import Object, render
from tests.manifests.reach import Peer, reaches
from tests.manifests.traffic import EXTERNAL, INSIDE, OUTSIDE, SERVERS

_PORTS = {
    25,
    53,
    80,
    443,
    465,
    587,
    1025,
    2525,
    3306,
    4369,
    5000,
    5002,
    5672,
    8025,
    8080,
    8081,
    8082,
    15672,
    15692,
    25672,
    27017,
}
_JOBS = ("backup", "housekeeping", "auth-migrations", "gateway-migrations")
_APPS = ("auth", "gateway", "converter", "notification", "summary", *_JOBS, *SERVERS)

_FROM_ELSEWHERE = {
    ("ingress-nginx", "gateway", 8080),
    ("ingress-nginx", "rabbitmq", 15672),
    ("keda", "gateway", 8081),
    ("traefik", "gateway", 8080),
    ("traefik", "rabbitmq", 15672),
    ("monitoring", "auth", 8081),
    ("monitoring", "gateway", 8081),
    ("monitoring", "summary", 8081),
    ("monitoring", "summary", 8082),
    ("monitoring", "converter", 8081),
    ("monitoring", "notification", 8081),
    ("monitoring", "rabbitmq", 15692),
}


def _pod(app: str) -> Peer:
    return Peer(labels={"app": app, "app.kubernetes.io/part-of": "video2mp3"})


@pytest.fixture(
    scope="module",
    params=[("minikube", "network-policies"), ("host-databases", "network-policies-external"), ("production",)],
    ids="+".join,
)
def policies(request: pytest.FixtureRequest) -> Sequence[Object]:
    """The objects of an overlay with policies."""
    chosen: tuple[str, ...] = request.param
    return render(chosen)


def test_pods_reach_each_other_where_the_services_do_and_nowhere_else(policies: Sequence[Object]) -> None:
    found = {
        (source, target, port)
        for source, target, port in itertools.product(_APPS, _APPS, _PORTS)
        if reaches(policies, _pod(source), _pod(target), port)
    }
    # RabbitMQ's nodes and their command-line tools, which listen on ports of a range.
    wanted = INSIDE | {("rabbitmq", "rabbitmq", port) for port in _PORTS}
    assert found - wanted == set(), "allowed, but not needed"
    assert wanted - found == set(), "needed, but not allowed"


def test_only_mail_and_summaries_leave_the_cluster(request: pytest.FixtureRequest, policies: Sequence[Object]) -> None:
    inside = "minikube" in request.node.callspec.id
    for address in ("203.0.113.7", "2001:db8::7", "192.168.49.1"):
        found = {
            (app, port) for app in _APPS for port in _PORTS if reaches(policies, _pod(app), Peer(address=address), port)
        }
        assert found == (OUTSIDE if inside else EXTERNAL), address


def test_the_auth_service_reaches_a_provider_of_single_sign_on_only_with_the_component() -> None:
    elsewhere = Peer(address="203.0.113.7")
    without = render(("minikube", "network-policies"))
    with_component = render(("minikube", "network-policies", "single-sign-on"))
    reached = [[p for p in _PORTS if reaches(each, _pod("auth"), elsewhere, p)] for each in (without, with_component)]
    assert reached == [[], [443]]


def test_others_reach_what_is_for_them(request: pytest.FixtureRequest, policies: Sequence[Object]) -> None:
    found = {
        (namespace, app, port)
        for namespace in ("ingress-nginx", "traefik", "monitoring", "keda", "somebody")
        for app in _APPS
        for port in _PORTS
        if reaches(policies, Peer(namespace=namespace), _pod(app), port)
    }
    # Production has no Ingress for RabbitMQ's management UI.
    controllers = {(name, "rabbitmq", 15672) for name in ("ingress-nginx", "traefik")}
    assert found == _FROM_ELSEWHERE - (controllers if "production" in request.node.callspec.id else set())


@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_every_pod_finds_names(policies: Sequence[Object], protocol: str) -> None:
    server = Peer(namespace="kube-system", labels={"k8s-app": "kube-dns"})
    offenders = [app for app in _APPS if not reaches(policies, _pod(app), server, 53, protocol)]
    assert offenders == []


def test_pods_of_others_in_the_namespace_are_left_alone(policies: Sequence[Object]) -> None:
    stranger = Peer(labels={"app": "stranger"})
    assert reaches(policies, stranger, Peer(address="203.0.113.7"), 443)
    assert not reaches(policies, stranger, _pod("mongodb"), 27017)
