"""The objects of a deployment: an overlay as kustomize renders it, with the values of `.env`."""

import copy
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from scripts.deploy import files, programs
from scripts.deploy.cluster import LABELS, Object, identity
from scripts.deploy.images import PREFIX
from scripts.deploy.programs import DeployError

if TYPE_CHECKING:
    from scripts.deploy.configuration import Configuration

HOST_DATABASES = "host-databases"
_SERVERS = ("mysql", "mongodb", "rabbitmq", "mailpit")
# On pod templates: replaces the pods when, and only when, a ConfigMap or Secret that they use changes.
_CHECKSUM = "video2mp3.com/configuration"
# On Deployments: the number of replicas in the manifests.
REPLICAS = "video2mp3.com/replicas"
# A label of every object, the same for all objects of a deployment: those with another value are left over from an
# earlier deployment.
CONTENT = "video2mp3.com/content"
_ROLLED_OUT = ("Deployment", "StatefulSet", "DaemonSet")


class Overlay:
    """The objects of an overlay with its components."""

    def __init__(self, name: str, objects: Sequence[Object]) -> None:
        self.name = name
        self.objects = list(objects)

    @classmethod
    def render(cls, name: str, components: Sequence[str], namespace: str) -> "Overlay":
        """Renders an overlay of manifests/overlays in a namespace. Raises DeployError when a name is unknown."""
        path = _existing(files.MANIFESTS / "overlays", name, "overlay")
        chosen = [_existing(files.MANIFESTS / "components", component, "component") for component in components]
        folder = files.deployment(namespace)
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": namespace,
            "resources": [os.path.relpath(path, folder)],
            "components": [os.path.relpath(component, folder) for component in chosen],
            "labels": [{"pairs": LABELS}],
        }  # fmt: skip
        files.write_json(folder / "kustomization.yaml", kustomization)  # JSON is YAML
        rendered = programs.run(["kubectl", "kustomize", str(folder)])
        return cls(name, [item for item in yaml.safe_load_all(rendered) if item])

    @property
    def on_host(self) -> bool:
        """Whether the databases run on the machine that hosts minikube."""
        return self.name == HOST_DATABASES

    @property
    def servers(self) -> frozenset[str]:
        return frozenset({item["metadata"]["name"] for item in self.of_kind("StatefulSet", "Deployment")} & {*_SERVERS})

    @property
    def has_tls(self) -> bool:
        return any(item["spec"].get("tls") for item in self.of_kind("Ingress"))

    def of_kind(self, *kinds: str) -> Iterator[Object]:
        return (item for item in self.objects if item["kind"] in kinds)

    def ingress_hosts(self, service: str) -> list[str]:
        rules = [rule for item in self.of_kind("Ingress") for rule in item["spec"].get("rules", [])]
        return [
            rule["host"] for rule in rules
            if rule.get("host") and any(path["backend"].get("service", {}).get("name") == service
                                        for path in rule.get("http", {}).get("paths", []))
        ]  # fmt: skip

    def configured(self, config_map: str, name: str) -> bool:
        """Whether a ConfigMap of the overlay has a value for a variable."""
        maps = (item for item in self.of_kind("ConfigMap") if item["metadata"]["name"] == config_map)
        return any((item.get("data") or {}).get(name) for item in maps)


def _existing(folder: Path, name: str, what: str) -> Path:
    path = folder / name
    if not (path / "kustomization.yaml").exists() or path.parent != folder:
        known = sorted(child.parent.name for child in folder.glob("*/kustomization.yaml"))
        raise DeployError(f"There is no {what} {name!r}. Choose one of: {', '.join(known) or 'none'}.")
    return path


def finish(
    overlay: Overlay,
    configuration: "Configuration",
    secrets: Sequence[Object],
    images: Mapping[str, str],
    replicas: Mapping[str, int],
) -> list[Object]:
    """The objects to apply. `images` are references by service; `replicas` override the manifests by name."""
    objects = [
        copy.deepcopy(item) for item in overlay.objects
        if not (configuration.own_mail_server and _is_mail_server(item))
    ]  # fmt: skip
    for item in objects:
        kind, name = identity(item)
        if kind == "ConfigMap" and name in configuration.changes:
            item["data"] = {**(item.get("data") or {}), **configuration.changes[name]}
        elif kind == "Ingress":
            _set_hosts(item, configuration.hosts)
        elif kind == "Deployment" and (count := item["spec"].get("replicas")) is not None:
            item["metadata"].setdefault("annotations", {})[REPLICAS] = str(count)
            item["spec"]["replicas"] = replicas.get(name, count)
        for container in _containers(item):
            prefix, _, service = container["image"].partition(":")[0].partition("/")
            if prefix == PREFIX and service in images:
                container["image"] = images[service]
    _set_checksums(objects, secrets)
    content = _checksum(sorted(map(identity, objects)))
    for item in objects:
        item["metadata"].setdefault("labels", {})[CONTENT] = content
    return objects


def _is_mail_server(item: Object) -> bool:
    metadata = item["metadata"]
    return "mailpit" in {metadata.get("labels", {}).get("app"), metadata["name"]}


def _set_hosts(ingress: Object, hosts: Mapping[str, str]) -> None:
    for rule in ingress["spec"].get("rules", []):
        if rule.get("host") in hosts:
            rule["host"] = hosts[rule["host"]]
    for tls in ingress["spec"].get("tls", []):
        tls["hosts"] = [hosts.get(host, host) for host in tls.get("hosts", [])]


def _containers(item: Object) -> Iterator[Object]:
    spec = item.get("spec") or {}
    if template := spec.get("jobTemplate", {}).get("spec", spec).get("template"):
        yield from (*template["spec"].get("initContainers", []), *template["spec"]["containers"])


def _set_checksums(objects: Sequence[Object], secrets: Sequence[Object]) -> None:
    """Secrets are included whole, and each holds a random value: nothing can be derived from a checksum."""
    contents = [item for item in (*objects, *secrets) if item["kind"] in {"ConfigMap", "Secret"}]
    for item in objects:
        if item["kind"] in _ROLLED_OUT:
            template = item["spec"]["template"]
            text = json.dumps(template)
            used = sorted((each for each in contents if f'"{each["metadata"]["name"]}"' in text), key=identity)
            values = [[*identity(each), each.get("data"), each.get("binaryData")] for each in used]
            template.setdefault("metadata", {}).setdefault("annotations", {})[_CHECKSUM] = _checksum(values)


def _checksum(values: object) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
