"""What is deployed, in a ConfigMap of the namespace, so that any checkout can show it and roll it back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scripts.deploy.cluster import LABELS, Cluster, Object
from scripts.deploy.programs import DeployError

NAME = "release"


@dataclass(frozen=True)
class Release:
    overlay: str
    components: tuple[str, ...]
    # References by service.
    images: Mapping[str, str]
    # The images of the deployment before, which may have had others.
    previous: Mapping[str, str] = field(default_factory=dict)

    def after(self, earlier: "Release | None") -> "Release":
        """This release, as the successor of the deployed one. A repeated deployment keeps the images before it."""
        if earlier is None:
            return self
        previous = earlier.previous if earlier.images == self.images else earlier.images
        return Release(self.overlay, self.components, self.images, previous)

    def config_map(self, namespace: str) -> Object:
        content: dict[str, Any] = {
            "overlay": self.overlay,
            "components": " ".join(self.components),
            "images": json.dumps(dict(self.images), sort_keys=True),
            "previous": json.dumps(dict(self.previous), sort_keys=True),
        }
        labels = {"app": NAME, "app.kubernetes.io/name": NAME, **LABELS}
        metadata = {"name": NAME, "namespace": namespace, "labels": labels}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": content}


def deployed(cluster: Cluster) -> Release | None:
    """None if nothing is deployed, or if an earlier version of ./deploy.sh has deployed it."""
    text = cluster.run("get", "configmap", NAME, "--ignore-not-found", "--output=json")
    if not text.strip():
        return None
    data = json.loads(text)["data"]
    components: Sequence[str] = data["components"].split()
    return Release(data["overlay"], tuple(components), json.loads(data["images"]), json.loads(data["previous"]))


def to_roll_back(cluster: Cluster) -> Release:
    """The deployed release. Raises DeployError when it does not know the images before it."""
    found = deployed(cluster)
    if found is None or not found.previous:
        raise DeployError(
            "There is no previous deployment with other images to return to. Check out the release that you want, and"
            " run ./deploy.sh there."
        )
    return found
