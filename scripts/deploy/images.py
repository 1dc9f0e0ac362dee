"""Builds the services' images and brings them to the cluster: into minikube, or through a registry.

docker's layer cache makes a build of unchanged files quick. An image's tag is its ID, so that a deployment changes
exactly when the image does.
"""

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path

from scripts.deploy import files, programs
from scripts.deploy.cluster import Object
from scripts.deploy.programs import DeployError

PREFIX = "video2mp3"
# Hexadecimal digits of the image ID that make a tag: 64 bits.
_TAG_DIGITS = 16
# Timeouts in seconds. The first build downloads base images and packages.
_BUILD_TIMEOUT = 3600
_TRANSFER_TIMEOUT = 1800


def push(registry: str, names: Iterable[str]) -> dict[str, str]:
    """Builds the images of these services and pushes them to a registry (`HOST/PATH`). Returns their references."""
    references = {}
    for service in names:
        image = build(service)
        # By digest: others can move a tag of a registry.
        name = f"{registry}/{service}"
        tagged = f"{name}:{image.partition(':')[2]}"
        programs.say(f"Pushing {tagged}...")
        programs.run(["docker", "tag", image, tagged])
        programs.run(["docker", "push", "--quiet", tagged], timeout=_TRANSFER_TIMEOUT, capture=False)
        inspect = ["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", tagged]
        digests = [digest for digest in json.loads(programs.run(inspect)) or [] if digest.startswith(f"{name}@")]
        if not digests:
            raise DeployError(f"docker has no digest for {tagged}. Push it by hand: docker push {tagged}")
        references[service] = digests[0]
    return references


def load(minikube_profile: str, names: Iterable[str]) -> dict[str, str]:
    """Builds the images of these services and loads them into minikube. Returns their references."""
    references = {service: build(service) for service in names}
    minikube = ["minikube", "--profile", minikube_profile, "image"]
    loaded = programs.run([*minikube, "ls"]).split()
    for reference in references.values():
        if f"docker.io/{reference}" not in loaded:
            programs.say(f"Loading {reference} into minikube...")
            programs.run([*minikube, "load", reference], timeout=_TRANSFER_TIMEOUT, capture=False)
    return references


def services() -> list[str]:
    python = {
        path.parent.name for path in files.SOURCE.glob("*/requirements.lock") if (path.parent / "settings.py").exists()
    }
    return sorted(python | {path.parent.name for path in files.SOURCE.glob("*/Dockerfile")})


def build(service: str) -> str:
    """Builds a service's image; returns its name with a tag. Raises DeployError."""
    programs.say(f"Building the image of {service}...")
    own = files.SOURCE / service / "Dockerfile"
    dockerfile = own if own.exists() else files.SOURCE / "Dockerfile"
    name = f"{PREFIX}/{service}"
    with tempfile.NamedTemporaryFile("r") as id_file:
        command = ["docker", "build", "--file", str(dockerfile), "--iidfile", id_file.name, "--tag", f"{name}:latest"]
        if dockerfile is not own:
            command += ["--build-arg", f"SERVICE={service}"]
        try:
            programs.run([*command, str(files.SOURCE)], timeout=_BUILD_TIMEOUT, capture=False)
        except programs.ProgramFailed:
            raise DeployError(f"The image of {service} cannot be built; see the lines above.") from None
        image_id = Path(id_file.name).read_text(encoding="utf-8").strip()
    image = f"{name}:{image_id.removeprefix('sha256:')[:_TAG_DIGITS]}"
    programs.run(["docker", "tag", image_id, image])
    return image


def running(workloads: Iterable[Object]) -> dict[str, str]:
    """The image references that the cluster's Deployments and CronJobs use now, by service."""
    found = {}
    for item in workloads:
        spec = item["spec"].get("jobTemplate", item)["spec"]
        for container in spec["template"]["spec"]["containers"]:
            name = container["image"].partition("@")[0].rpartition("/")[2].partition(":")[0]
            if name in services():
                found[name] = container["image"]
    return found
