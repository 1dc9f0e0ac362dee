"""Builds the services' images and brings them to the cluster: into minikube, or through a registry.

docker's layer cache makes a build of unchanged files quick. An image's tag is its ID, so that a deployment changes
exactly when the image does.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.deploy import files, programs
from scripts.deploy.cluster import Object
from scripts.deploy.programs import DeployError

PREFIX = "video2mp3"
# Images that run in another service's pod.
_PODS = {"nginx": "gateway"}
# Hexadecimal digits of the image ID that make a tag: 64 bits.
_TAG_DIGITS = 16
# Timeouts in seconds. The first build downloads base images and packages.
_BUILD_TIMEOUT = 3600
_TRANSFER_TIMEOUT = 1800


@dataclass(frozen=True)
class ImageTarget:
    """Where images go: a registry (`HOST/PATH`), or a minikube profile."""

    registry: str | None = None
    minikube_profile: str | None = None

    def deliver(self) -> dict[str, str]:
        """Builds all images and delivers those that are not there. Returns the reference for each service."""
        built = {service: build(service) for service in services()}
        if self.registry:
            return {service: self._push(service, tag) for service, tag in built.items()}
        minikube = ["minikube", "--profile", str(self.minikube_profile)]
        loaded = {name.removeprefix("docker.io/") for name in programs.run([*minikube, "image", "ls"]).split()}
        references = {service: f"{PREFIX}/{service}:{tag}" for service, tag in built.items()}
        for reference in references.values():
            if reference not in loaded:
                programs.say(f"Loading {reference} into minikube...")
                programs.run([*minikube, "image", "load", reference], timeout=_TRANSFER_TIMEOUT, capture=False)
        return references

    def _push(self, service: str, tag: str) -> str:
        # By digest: others can move a tag of a registry.
        name = f"{self.registry}/{service}"
        programs.run(["docker", "tag", f"{PREFIX}/{service}:{tag}", f"{name}:{tag}"])
        programs.say(f"Pushing {name}:{tag}...")
        programs.run(["docker", "push", "--quiet", f"{name}:{tag}"], timeout=_TRANSFER_TIMEOUT, capture=False)
        inspect = ["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", f"{name}:{tag}"]
        for digest in json.loads(programs.run(inspect)) or []:
            if digest.startswith(f"{name}@"):
                return str(digest)
        raise DeployError(f"docker has no digest for {name}:{tag}. Push it by hand: docker push {name}:{tag}")


def services() -> list[str]:
    python = {
        path.parent.name for path in files.SOURCE.glob("*/requirements.lock") if (path.parent / "settings.py").exists()
    }
    return sorted(python | {path.parent.name for path in files.SOURCE.glob("*/Dockerfile")})


def build(service: str) -> str:
    """Builds a service's image; returns its tag. Raises DeployError."""
    programs.say(f"Building the image of {service}...")
    with tempfile.NamedTemporaryFile("r") as id_file:
        own = files.SOURCE / service / "Dockerfile"
        dockerfile = own if own.exists() else files.SOURCE / "Dockerfile"
        build = ["docker", "build", "--file", str(dockerfile), "--iidfile", id_file.name]
        if dockerfile is not own:
            build += ["--build-arg", f"SERVICE={service}"]
        try:
            command = [*build, "--tag", f"{PREFIX}/{service}:latest", str(files.SOURCE)]
            programs.run(command, timeout=_BUILD_TIMEOUT, capture=False)
        except programs.ProgramFailed:
            raise DeployError(f"The image of {service} cannot be built; see the lines above.") from None
        image_id = Path(id_file.name).read_text(encoding="utf-8").strip()
    tag = image_id.removeprefix("sha256:")[:_TAG_DIGITS]
    programs.run(["docker", "tag", image_id, f"{PREFIX}/{service}:{tag}"])
    return tag


def running(deployments: Sequence[Object]) -> dict[str, str]:
    """The image references that the cluster runs now, by service."""
    found = {}
    for item in deployments:
        for container in item["spec"]["template"]["spec"]["containers"]:
            name = container["image"].partition("@")[0].rpartition("/")[2].partition(":")[0]
            if item["metadata"]["name"] == _PODS.get(name, name) and name in services():
                found[name] = container["image"]
    return found
