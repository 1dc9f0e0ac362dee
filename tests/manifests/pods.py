"""The pods that objects describe, whatever kind of object describes them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.manifests.kustomize import Object, named


@dataclass(frozen=True)
class Pod:
    """A pod template."""

    owner: Object
    template: Object

    @property
    def name(self) -> str:
        """Its owner's kind and name."""
        return named(self.owner)

    @property
    def spec(self) -> dict[str, Any]:
        """Its own specification."""
        return dict(self.template["spec"])

    @property
    def labels(self) -> dict[str, str]:
        """Its own labels."""
        return dict(self.template["metadata"]["labels"])

    @property
    def runs_once(self) -> bool:
        """Whether it ends by itself: nobody sends it requests, and nobody needs to know if it lives."""
        return self.owner["kind"] in {"CronJob", "Job"}

    @property
    def is_ours(self) -> bool:
        """Whether it runs an image of this repository."""
        return all("video2mp3/" in container["image"] for container in self.spec["containers"])

    def containers(self) -> Iterator[dict[str, Any]]:
        """Its containers, those that prepare it included."""
        yield from self.spec.get("initContainers", [])
        yield from self.spec["containers"]


def pods(objects: Iterable[Object]) -> list[Pod]:
    """The pod templates of all workloads."""
    found = []
    for item in objects:
        if item["kind"] in {"Deployment", "StatefulSet", "Job"}:
            found.append(Pod(item, item["spec"]["template"]))
        elif item["kind"] == "CronJob":
            found.append(Pod(item, item["spec"]["jobTemplate"]["spec"]["template"]))
    return found


def of_kind(objects: Iterable[Object], *kinds: str) -> list[Object]:
    """The objects of some kinds."""
    return [item for item in objects if item["kind"] in kinds]
