"""What every rendering is, to the API servers that it has to be valid for."""

import functools
import json
import re
import tomllib
from collections import Counter
from collections.abc import Sequence

import kubernetes_validate
import pytest

from tests.manifests.kustomize import MANIFESTS, ROOT, Object, build, combinations, named, render
from tests.manifests.pods import pods

# From the oldest that is promised to the newest.
VERSIONS = tuple(f"1.{minor}" for minor in range(30, 37))
# Kinds of operators that a cluster may have; no Kubernetes has a schema of them.
FOREIGN = {"ScaledObject", "PodMonitor", "PrometheusRule", "HTTPRoute"}

_EXAMPLES = {
    "production": set(),
    "external-secrets": {"external-secrets.io"},
    "operators": {"rabbitmq.com", "psmdb.percona.com", "mysql.oracle.com"},
}
_EXAMPLE_KINDS = {
    "ExternalSecret", "ClusterSecretStore", "RabbitmqCluster", "User", "Permission", "PerconaServerMongoDB",
    "InnoDBCluster",
}  # fmt: skip


@functools.cache
def problem(text: str, version: str) -> str | None:
    item = json.loads(text)
    try:
        kubernetes_validate.validate(item, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        path = ".".join(map(str, error.path))
        return f"{named(item)}: {path}: {error.message}"
    return None


@functools.cache
def distinct() -> tuple[str, ...]:
    """Every object of every combination once."""
    rendered = (item for combination in combinations() for item in render(combination))
    return tuple(sorted({json.dumps(item, sort_keys=True) for item in rendered if item["kind"] not in FOREIGN}))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid_strictly(version: str) -> None:
    assert [found for text in distinct() if (found := problem(text, version))] == []


def test_no_object_is_there_twice(objects: Sequence[Object]) -> None:
    counted = Counter((item["apiVersion"].rpartition("/")[0], named(item)) for item in objects)
    assert [name for (_, name), count in counted.items() if count > 1] == []


def test_no_secret_is_in_the_manifests(objects: Sequence[Object]) -> None:
    assert [named(item) for item in objects if item["kind"] == "Secret"] == []


def test_no_object_decides_about_its_namespace(objects: Sequence[Object]) -> None:
    assert [named(item) for item in objects if "namespace" in item["metadata"]] == []


def test_the_labels_say_what_an_object_is_and_belongs_to(objects: Sequence[Object]) -> None:
    prefix = "app.kubernetes.io"
    wanted = {"app", *(f"{prefix}/{name}" for name in ("name", "part-of", "component"))}
    offenders = [named(item) for item in objects if wanted - item["metadata"].get("labels", {}).keys()]
    assert offenders == []
    # Not in pod templates, which a new version without another image would replace.
    with_pods = {pod.owner["metadata"]["name"]: pod for pod in pods(objects)}
    offenders = [name for name, pod in with_pods.items() if f"{prefix}/version" in pod.labels]
    assert offenders == []
    release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for name, pod in with_pods.items():
        (version,) = {release} if pod.is_ours else re.findall(r":v?(\d+\.\d+)", pod.spec["containers"][0]["image"])
        labels = pod.owner["metadata"]["labels"]
        # ./deploy.sh sets the name of the namespace, for all objects.
        assert (labels[f"{prefix}/version"], labels[f"{prefix}/instance"]) == (version, "video2mp3"), name
    strangers = [
        named(item) for item in objects if item["metadata"]["labels"]["app.kubernetes.io/part-of"] != "video2mp3"
    ]
    assert strangers == []


@pytest.mark.parametrize(
    "example", sorted(path.parent.name for path in MANIFESTS.glob("examples/*/kustomization.yaml"))
)
def test_an_example_can_be_rendered_and_is_valid(example: str) -> None:
    objects = build(MANIFESTS / "examples" / example)
    foreign = {item["apiVersion"].partition("/")[0] for item in objects if item["kind"] in _EXAMPLE_KINDS}
    native = [item for item in objects if item["kind"] not in FOREIGN | _EXAMPLE_KINDS]
    assert [found for item in native if (found := problem(json.dumps(item, sort_keys=True), VERSIONS[-1]))] == []
    assert foreign == _EXAMPLES[example]


def test_external_secrets_are_all_that_the_pods_of_production_use() -> None:
    objects = build(MANIFESTS / "examples" / "external-secrets")
    made = {item["spec"]["target"]["name"] for item in objects if item["kind"] == "ExternalSecret"}
    used = set(
        re.findall(r'"(?:name|secretName)": "([a-z-]+-secret)"', json.dumps([pod.spec for pod in pods(objects)]))
    )
    assert made == used


def test_the_roles_and_users_of_operators_are_those_of_the_servers_in_the_cluster() -> None:
    objects = build(MANIFESTS / "examples" / "operators")
    assert not [item for item in objects if item["kind"] == "StatefulSet"]
    roles = json.loads((MANIFESTS / "mongodb/roles.json").read_text())
    (mongodb,) = (item for item in objects if item["kind"] == "PerconaServerMongoDB")
    made = {
        role["role"]: {
            f"{each['resource']['db']}.{each['resource']['collection']}": each["actions"] for each in role["privileges"]
        }
        for role in mongodb["spec"]["roles"]
    }
    assert made == roles
    definitions = json.loads((MANIFESTS / "rabbitmq/definitions.json").read_text())
    queues = {"VIDEO_QUEUE": "video", "MP3_QUEUE": "mp3", "SUMMARY_QUEUE": "summary", "MAIL_QUEUE": "mail"}
    permissions = {
        each["user"]: {
            right: re.sub(r"\$\{(\w+)\}", lambda name: queues[name[1]], each[right])
            for right in ("configure", "write", "read")
        }
        for each in definitions["permissions"]
        if each["user"] != "manager"
    }
    given = {item["metadata"]["name"]: item["spec"]["permissions"] for item in objects if item["kind"] == "Permission"}
    assert given == permissions


def test_the_example_of_an_operators_layer_is_valid_and_pulls_by_digest() -> None:
    objects = build(MANIFESTS / "examples" / "production")
    valid = [json.dumps(item, sort_keys=True) for item in objects if item["kind"] not in FOREIGN]
    assert [found for text in valid if (found := problem(text, VERSIONS[0]))] == []
    images = [
        container["image"]
        for item in objects
        if item["kind"] in {"Deployment", "StatefulSet"}
        for container in item["spec"]["template"]["spec"]["containers"]
    ]
    assert images
    assert [image for image in images if "@sha256:" not in image] == []
    hosts = {rule["host"] for item in objects if item["kind"] == "Ingress" for rule in item["spec"]["rules"]}
    assert hosts == {"video.example.com"}
