"""An overlay with its components, as kustomize renders it: what there is before this deployment's own values."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.deploy import folders, programs
from scripts.deploy.cluster import MANAGED_BY, PART_OF, Object
from scripts.deploy.errors import DeployError

HOST_DATABASES = "host-databases"
_SERVERS = ("mysql", "mongodb", "rabbitmq", "mailpit")


class Overlay:
    """The objects of an overlay, and what the deployment has to know about them."""

    def __init__(self, name: str, objects: Sequence[Object]) -> None:
        self.name = name
        self.objects = list(objects)

    @property
    def on_host(self) -> bool:
        """Whether the databases are on the machine that minikube runs on."""
        return self.name == HOST_DATABASES

    @property
    def servers(self) -> frozenset[str]:
        """The servers that run in the cluster."""
        names = {item["metadata"]["name"] for item in self.of_kind("StatefulSet", "Deployment")}
        return frozenset(names & set(_SERVERS))

    @property
    def has_tls(self) -> bool:
        """Whether an Ingress speaks HTTPS."""
        return any(item["spec"].get("tls") for item in self.of_kind("Ingress"))

    def of_kind(self, *kinds: str) -> Iterator[Object]:
        """The objects of some kinds."""
        return (item for item in self.objects if item["kind"] in kinds)

    def ingress_hosts(self, service: str) -> list[str]:
        """The host names that lead to a service."""
        hosts = []
        for item in self.of_kind("Ingress"):
            for rule in item["spec"].get("rules", []):
                backends = [path["backend"].get("service", {}) for path in rule.get("http", {}).get("paths", [])]
                if rule.get("host") and any(backend.get("name") == service for backend in backends):
                    hosts.append(rule["host"])
        return hosts

    def configured(self, config_map: str, name: str) -> bool:
        """Whether a ConfigMap of the overlay has a value for a variable."""
        return any(
            item["metadata"]["name"] == config_map and (item.get("data") or {}).get(name)
            for item in self.of_kind("ConfigMap")
        )


def base(name: str, components: Sequence[str], namespace: str, folder: Path) -> dict[str, Any]:
    """The kustomization of an overlay as it is, in a namespace, with the mark of what we deploy.

    Raises DeployError when there is no such overlay or component.
    """
    path = _existing(folders.MANIFESTS / "overlays", name, "overlay")
    chosen = [_existing(folders.MANIFESTS / "components", component, "component") for component in components]
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": namespace,
        "resources": [os.path.relpath(path, folder)],
        "components": [os.path.relpath(component, folder) for component in chosen],
        "labels": [{"pairs": dict((PART_OF, MANAGED_BY))}],
    }


def _existing(folder: Path, name: str, what: str) -> Path:
    path = folder / name
    if not (path / "kustomization.yaml").exists() or path.parent != folder:
        there = sorted(child.parent.name for child in folder.glob("*/kustomization.yaml"))
        raise DeployError(f"There is no {what} {name!r}. There are: {', '.join(there) or 'none'}.")
    return path


def render(kustomization: Mapping[str, Any], folder: Path) -> str:
    """What kustomize makes of a kustomization in a folder, as YAML. Raises DeployError."""
    folders.write_json(folder / "kustomization.yaml", kustomization)
    return programs.output(["kubectl", "kustomize", str(folder)])


def parse(manifests: str) -> list[Object]:
    """The objects in YAML. kubectl reads it: Python has no YAML of its own, and this asks no cluster."""
    text = programs.output(
        ["kubectl", "label", "--local", "--filename=-", "--output=json", "--overwrite", "=".join(PART_OF)],
        given=manifests,
    )
    objects: list[Object] = []
    decoder, position = json.JSONDecoder(), 0
    while position < len(text):
        item, position = decoder.raw_decode(text, position)
        objects.extend(item["items"] if item["kind"] == "List" else [item])
        while position < len(text) and text[position].isspace():
            position += 1
    return objects
