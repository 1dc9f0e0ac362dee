"""What every rendering is, to the API servers that it has to be valid for."""

import functools
import json
from collections import Counter
from collections.abc import Sequence

import kubernetes_validate
import pytest

from tests.manifests.kustomize import MANIFESTS, Object, build, named

# The oldest that is promised, and the newest that the validator knows.
VERSIONS = ("1.30", kubernetes_validate.latest_version())
# Kinds of operators that a cluster may have; no Kubernetes has a schema of them.
FOREIGN = {"ScaledObject", "PodMonitor", "PrometheusRule"}


@functools.cache
def problem(text: str, version: str) -> str | None:
    item = json.loads(text)
    try:
        kubernetes_validate.validate(item, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        path = ".".join(map(str, error.path))
        return f"{named(item)}: {path}: {error.message}"
    return None


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid_strictly(objects: Sequence[Object], version: str) -> None:
    texts = [json.dumps(item, sort_keys=True) for item in objects if item["kind"] not in FOREIGN]
    assert [found for text in texts if (found := problem(text, version))] == []


def test_no_object_is_there_twice(objects: Sequence[Object]) -> None:
    counted = Counter((item["apiVersion"].rpartition("/")[0], named(item)) for item in objects)
    assert [name for (_, name), count in counted.items() if count > 1] == []


def test_no_secret_is_in_the_manifests(objects: Sequence[Object]) -> None:
    assert [named(item) for item in objects if item["kind"] == "Secret"] == []


def test_no_object_decides_about_its_namespace(objects: Sequence[Object]) -> None:
    assert [named(item) for item in objects if "namespace" in item["metadata"]] == []


def test_the_labels_say_what_an_object_is_and_belongs_to(objects: Sequence[Object]) -> None:
    wanted = {"app", "app.kubernetes.io/name", "app.kubernetes.io/part-of", "app.kubernetes.io/component"}
    offenders = [named(item) for item in objects if wanted - item["metadata"].get("labels", {}).keys()]
    assert offenders == []
    strangers = [
        named(item) for item in objects if item["metadata"]["labels"]["app.kubernetes.io/part-of"] != "video2mp3"
    ]
    assert strangers == []


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
