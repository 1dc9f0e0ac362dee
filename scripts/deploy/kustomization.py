"""The deployment's own layer over an overlay: the values of `.env`, and checksums that roll pods."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from scripts.deploy import workloads
from scripts.deploy.cluster import Object, identity
from scripts.deploy.configuration import Configuration
from scripts.deploy.overlay import Overlay

_MAIL_SERVER = "mailpit"
# On a Deployment: the number of its pods that the manifests ask for.
REPLICAS = "video2mp3.com/replicas"


def unused(overlay: Overlay, configuration: Configuration) -> list[Object]:
    """The objects that this deployment leaves out: the mail server for trying out, when there is a real one."""
    if not configuration.own_mail_server:
        return []
    return [item for item in overlay.objects if _is_mail_server(item)]


def _is_mail_server(item: Object) -> bool:
    metadata = item["metadata"]
    return _MAIL_SERVER in {metadata.get("labels", {}).get("app"), metadata["name"]}


def patches(
    overlay: Overlay, configuration: Configuration, secrets: Sequence[Object], replicas: Mapping[str, int]
) -> list[dict[str, Any]]:
    """The kustomization's patches. They hold no secret: those are applied on their own."""
    return [
        *_removals(unused(overlay, configuration)),
        *_config_maps(overlay, configuration),
        *_ingresses(overlay, configuration),
        *_checksums(overlay, configuration, secrets),
        *_replicas(overlay, configuration, replicas),
    ]


def _removals(items: Iterable[Object]) -> Iterator[dict[str, Any]]:
    for item in items:
        patch = {"apiVersion": item["apiVersion"], "$patch": "delete", **_named(identity(item))}
        yield {"target": _target(identity(item)), "patch": json.dumps(patch)}


def _config_maps(overlay: Overlay, configuration: Configuration) -> Iterator[dict[str, Any]]:
    there = {item["metadata"]["name"] for item in overlay.of_kind("ConfigMap")}
    for name, data in sorted(configuration.changes.items()):
        if name in there:
            yield _merge(("ConfigMap", name), {"data": data})


def _ingresses(overlay: Overlay, configuration: Configuration) -> Iterator[dict[str, Any]]:
    for item in overlay.of_kind("Ingress"):
        operations: list[dict[str, Any]] = []
        for number, rule in enumerate(item["spec"].get("rules", [])):
            if rule.get("host") in configuration.hosts:
                path = f"/spec/rules/{number}/host"
                operations.append({"op": "replace", "path": path, "value": configuration.hosts[rule["host"]]})
        for number, tls in enumerate(item["spec"].get("tls", [])):
            for place, host in enumerate(tls.get("hosts", [])):
                if host in configuration.hosts:
                    path = f"/spec/tls/{number}/hosts/{place}"
                    operations.append({"op": "replace", "path": path, "value": configuration.hosts[host]})
        if operations:
            yield {"target": _target(identity(item)), "patch": json.dumps(operations)}


def _checksums(overlay: Overlay, configuration: Configuration, secrets: Sequence[Object]) -> Iterator[dict[str, Any]]:
    left_out = {identity(item) for item in unused(overlay, configuration)}
    final = [_with_changes(item, configuration) for item in overlay.objects if identity(item) not in left_out]
    for key, checksum in sorted(workloads.checksums(final, secrets).items()):
        annotations = {workloads.ANNOTATION: checksum}
        yield _merge(key, {"spec": {"template": {"metadata": {"annotations": annotations}}}})


def _replicas(overlay: Overlay, configuration: Configuration, replicas: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """Notes how many the manifests ask for: what differs from it in the cluster was scaled by somebody."""
    left_out = {identity(item) for item in unused(overlay, configuration)}
    for item in overlay.of_kind("Deployment"):
        name, count = item["metadata"]["name"], item["spec"].get("replicas")
        if count is not None and identity(item) not in left_out:
            metadata = {"name": name, "annotations": {REPLICAS: str(count)}}
            yield _merge(identity(item), {"metadata": metadata, "spec": {"replicas": replicas.get(name, count)}})


def _with_changes(item: Object, configuration: Configuration) -> Object:
    changes = configuration.changes.get(item["metadata"]["name"])
    if item["kind"] != "ConfigMap" or not changes:
        return item
    return {**item, "data": {**(item.get("data") or {}), **changes}}


_VERSIONS = {"ConfigMap": "v1", "Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1"}


def _merge(key: tuple[str, str], content: Mapping[str, Any]) -> dict[str, Any]:
    patch = {"apiVersion": _VERSIONS[key[0]], **_named(key), **content}
    return {"target": _target(key), "patch": json.dumps(patch)}


def _named(key: tuple[str, str]) -> dict[str, Any]:
    return {"kind": key[0], "metadata": {"name": key[1]}}


def _target(key: tuple[str, str]) -> dict[str, str]:
    return {"kind": key[0], "name": f"^{key[1].replace('.', '[.]')}$"}
