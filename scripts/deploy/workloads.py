"""Which configuration each workload uses, and a checksum of it that rolls its pods when, and only when, it changes."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from scripts.deploy.cluster import Object, identity

ANNOTATION = "video2mp3.com/configuration"
# Their pods are replaced when the template changes. A Job's template must never change; a CronJob's next Job has it.
ROLLED = ("Deployment", "StatefulSet", "DaemonSet")

# Kind and name of what is used, and the one key of it or None for the whole.
Use = tuple[str, str, str | None]


def checksums(objects: Sequence[Object], secrets: Sequence[Object]) -> dict[tuple[str, str], str]:
    """A checksum for each workload that is rolled, of the ConfigMaps and Secrets as they will be."""
    contents = {
        identity(item): _content(item) for item in (*objects, *secrets) if item["kind"] in {"ConfigMap", "Secret"}
    }
    found = {}
    for item in objects:
        if item["kind"] in ROLLED:
            used = sorted(set(uses(item["spec"]["template"]["spec"])), key=str)
            found[identity(item)] = _checksum(used, contents)
    return found


def _content(item: Object) -> dict[str, str]:
    return {**(item.get("data") or {}), **(item.get("binaryData") or {})}


def _checksum(used: Iterable[Use], contents: Mapping[tuple[str, str], Mapping[str, str]]) -> str:
    """Secrets go in as a whole or by key, and each holds at least one random value: nothing can be guessed from it."""
    values = []
    for kind, name, key in used:
        content = contents.get((kind, name), {})
        values.append([kind, name, key, dict(sorted(content.items())) if key is None else content.get(key)])
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def uses(pod: Mapping[str, Any]) -> Iterator[Use]:
    """What a pod's containers and volumes refer to."""
    for container in (*pod.get("initContainers", []), *pod["containers"]):
        for source in container.get("envFrom", []):
            yield from _referred(source, "configMapRef", "secretRef")
        for variable in container.get("env", []):
            yield from _referred(variable.get("valueFrom", {}), "configMapKeyRef", "secretKeyRef")
    for volume in pod.get("volumes", []):
        for source in (volume, *volume.get("projected", {}).get("sources", [])):
            yield from _referred(source, "configMap", "secret")


def _referred(source: Mapping[str, Any], config_map: str, secret: str) -> Iterator[Use]:
    """Kubernetes names the same thing in three ways: as a whole, by one key, or by the keys that become files."""
    for kind, word in (("ConfigMap", config_map), ("Secret", secret)):
        if word in source:
            reference = source[word]
            name = reference.get("name") or reference["secretName"]
            keys = [item["key"] for item in reference.get("items", [])] or [reference.get("key")]
            yield from ((kind, name, key) for key in keys)
