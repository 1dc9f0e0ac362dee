"""The objects of a deployment: an overlay as kustomize renders it, with the values of `.env`."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import yaml

from scripts.deploy import files, programs
from scripts.deploy.cluster import LABELS, Object, identity
from scripts.deploy.images import PREFIX

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


@dataclass(frozen=True)
class Overlay:
    """The objects of an overlay with its components."""

    name: str
    objects: list[Object]

    @classmethod
    def render(cls, name: str, components: Sequence[str], namespace: str) -> "Overlay":
        """Renders an overlay of manifests/overlays in a namespace. Raises DeployError."""
        folder = files.deployment(namespace)
        root = os.path.relpath(files.MANIFESTS, folder)
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": namespace,
            "resources": [f"{root}/overlays/{name}"],
            "components": [f"{root}/components/{component}" for component in components],
            # What components need to know about the namespace, which kustomize sets after them.
            "transformers": [
                f"{root}/components/{component}/namespace"
                for component in components
                if (files.MANIFESTS / "components" / component / "namespace").is_dir()
            ],
            "labels": [{"pairs": {**LABELS, "app.kubernetes.io/instance": namespace}}],
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
    def services(self) -> frozenset[str]:
        """The services whose images its pods use: those of components that are not chosen are not among them."""
        found = (_service(container) for item in self.objects for container in _containers(item))
        return frozenset(filter(None, found))

    def of_kind(self, *kinds: str) -> Iterator[Object]:
        return (item for item in self.objects if item["kind"] in kinds)

    def data(self, config_map: str) -> dict[str, str]:
        """The values of a ConfigMap, which the caller may change."""
        found = (item for item in self.of_kind("ConfigMap") if item["metadata"]["name"] == config_map)
        return next((item.setdefault("data", {}) for item in found), {})


def choices(kind: str) -> list[str]:
    """The names of the `overlays` or `components`."""
    return sorted(path.parent.name for path in (files.MANIFESTS / kind).glob("*/kustomization.yaml"))


def finish(
    overlay: Overlay, secrets: Sequence[Object], images: Mapping[str, str], replicas: Mapping[str, int]
) -> list[Object]:
    """The objects to apply. `images` are references by service; `replicas` override the manifests by name."""
    objects = overlay.objects
    for item in objects:
        if item["kind"] == "Deployment" and (count := item["spec"].get("replicas")) is not None:
            item["metadata"].setdefault("annotations", {})[REPLICAS] = str(count)
            item["spec"]["replicas"] = replicas.get(item["metadata"]["name"], count)
        for container in _containers(item):
            if (service := _service(container)) and service in images:
                container["image"] = images[service]
    _set_checksums(objects, secrets)
    content = _checksum(sorted(map(identity, objects)))
    for item in objects:
        item["metadata"].setdefault("labels", {})[CONTENT] = content
    return objects


def _containers(item: Object) -> Iterator[Object]:
    spec = item.get("spec") or {}
    if template := spec.get("jobTemplate", {}).get("spec", spec).get("template"):
        yield from (*template["spec"].get("initContainers", []), *template["spec"]["containers"])


def _service(container: Object) -> str | None:
    """Whose image it uses; None if it is not one of ours."""
    prefix, _, service = str(container["image"]).partition(":")[0].partition("/")
    return service if prefix == PREFIX else None


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
