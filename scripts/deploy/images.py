"""Builds the images and brings them to where the cluster's nodes find them: into minikube, or into a registry."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from scripts.deploy import build_inputs, folders, programs
from scripts.deploy.cluster import Object
from scripts.deploy.errors import DeployError

PREFIX = "video2mp3"
# Whose pod an image runs in that has no workload of its own.
_WORKLOADS = {"nginx": "gateway"}
# s. The first build downloads base images and packages.
_BUILD = 3600
_MOVE = 1800


@dataclass(frozen=True)
class Image:
    """An image of one service, as kustomize's `images` names it."""

    service: str
    name: str
    tag: str
    digest: str = ""

    @property
    def replacement(self) -> dict[str, str]:
        """The entry in a kustomization."""
        chosen = {"digest": self.digest} if self.digest else {"newTag": self.tag}
        return {"name": f"{PREFIX}/{self.service}", "newName": self.name, **chosen}


@dataclass(frozen=True)
class Shelf:
    """Where images go. With a registry, they are pulled by digest: a tag there can be moved by others."""

    registry: str | None = None
    profile: str | None = None
    _loaded: list[str] = field(default_factory=list)

    def build(self, service: str) -> Image:
        """Builds a service's image unless it is there already, and puts it on the shelf."""
        tag = content_tag(service)
        local = f"{PREFIX}/{service}:{tag}"
        if self.registry:
            return self._push(service, local, tag)
        if not self._is_loaded(local):
            _build(service, local)
            print(f"Loading {local} into minikube...", flush=True)
            programs.show([*self._minikube, "image", "load", local], seconds=_MOVE)
        return Image(service, f"{PREFIX}/{service}", tag)

    @property
    def _minikube(self) -> list[str]:
        return ["minikube", "--profile", str(self.profile)]

    def _is_loaded(self, name: str) -> bool:
        if not self._loaded:
            self._loaded.extend(["", *programs.output([*self._minikube, "image", "ls"]).split()])
        return any(loaded.removeprefix("docker.io/") == name for loaded in self._loaded)

    def _push(self, service: str, local: str, tag: str) -> Image:
        name = f"{self.registry}/{service}"
        remote = f"{name}:{tag}"
        # Somebody else may have built the same content: what is deployed there already must not roll.
        if not programs.succeeds(["docker", "pull", "--quiet", remote], seconds=_MOVE):
            _build(service, local)
            programs.output(["docker", "tag", local, remote])
            print(f"Pushing {remote}...", flush=True)
            programs.show(["docker", "push", "--quiet", remote], seconds=_MOVE)
        digests = json.loads(
            programs.output(["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", remote])
        )
        for digest in digests or []:
            if digest.startswith(f"{name}@"):
                return Image(service, name, tag, digest.partition("@")[2])
        raise DeployError(f"docker does not know the digest of {remote}. Push it by hand: docker push {remote}")


def services() -> list[str]:
    """Those that have an image of their own."""
    return sorted(path.parent.name for path in folders.SOURCE.glob("*/Dockerfile"))


def content_tag(service: str) -> str:
    """The tag of a service's image as its files are now."""
    return build_inputs.digest(folders.SOURCE / service / "Dockerfile", folders.SOURCE)


def running(workloads: list[Object]) -> dict[str, Image]:
    """The images that a deployment uses at present, by service."""
    found = {}
    for item in workloads:
        for container in item["spec"]["template"]["spec"]["containers"]:
            name, digest, tag = _split(container["image"])
            service = name.rpartition("/")[2]
            if item["metadata"]["name"] == _WORKLOADS.get(service, service) and service in services():
                found[service] = Image(service, name, tag, digest)
    return found


def as_built(registry: str | None, present: Mapping[str, Image]) -> Iterator[Image]:
    """The images for --skip-build: what runs; where nothing runs, what a build would be named."""
    for service in services():
        name = f"{registry or PREFIX}/{service}"
        yield present.get(service) or Image(service, name, content_tag(service))


def _build(service: str, name: str) -> None:
    if programs.succeeds(["docker", "image", "inspect", name]):
        return
    print(f"Building {name}...", flush=True)
    dockerfile = folders.SOURCE / service / "Dockerfile"
    try:
        programs.show(
            ["docker", "build", "--file", str(dockerfile), "--tag", name, str(folders.SOURCE)], seconds=_BUILD
        )
    except programs.ProgramFailed:
        raise DeployError(f"The image of {service} cannot be built; the lines above say why.") from None


def _split(reference: str) -> tuple[str, str, str]:
    name, _, digest = reference.partition("@")
    head, colon, tag = name.rpartition(":")
    return (head, digest, tag) if colon and "/" not in tag else (name, digest, "")
