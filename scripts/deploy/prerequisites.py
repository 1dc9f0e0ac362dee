"""What a deployment needs on this machine, and how to get what is missing; everything is told at once."""

import json
import shutil
from collections.abc import Iterator

from scripts.deploy import programs
from scripts.deploy.cluster import Cluster
from scripts.deploy.errors import DeployError

# Its kustomize (5.0) knows `labels` and components as the manifests use them.
_KUBECTL = (1, 27)
_KUBECTL_HOW = "Install it: https://kubernetes.io/docs/tasks/tools/ (or `minikube kubectl`'s own download)"
_DOCKER_HOW = "Install Docker: https://docs.docker.com/engine/install/, or use --skip-build"
_MINIKUBE_HOW = "https://minikube.sigs.k8s.io/docs/start/"


def check(*, build: bool) -> None:
    """Raises DeployError that names everything that is missing."""
    problems = list(_problems(build=build))
    if problems:
        raise DeployError(
            "Something is missing on this machine:\n" + "\n".join(f"  - {problem}" for problem in problems)
        )


def _problems(*, build: bool) -> Iterator[str]:
    if shutil.which("kubectl") is None:
        yield f"kubectl. {_KUBECTL_HOW}."
    else:
        try:
            version = json.loads(programs.output(["kubectl", "version", "--client", "--output=json"]))["clientVersion"]
            found = (int(version["major"]), int("".join(filter(str.isdigit, version["minor"]))))
            if found < _KUBECTL:
                yield f"kubectl {_KUBECTL[0]}.{_KUBECTL[1]} or newer; this is {found[0]}.{found[1]}. {_KUBECTL_HOW}."
        except (DeployError, ValueError, KeyError) as error:
            yield f"a kubectl that works: {error}"
    if build and shutil.which("docker") is None:
        yield f"docker, which builds the images. {_DOCKER_HOW}."
    elif build:
        try:
            programs.output(["docker", "version", "--format", "{{.Server.Version}}"])
        except DeployError as error:
            complaint = error.complaint if isinstance(error, programs.ProgramFailed) else str(error)
            how = "Start it (on Linux: sudo systemctl start docker), and see that you may use it"
            yield f"a running docker: {complaint}\n    {how}."


def minikube_profile(cluster: Cluster) -> str:
    """The name of the minikube that the cluster is. Raises DeployError when it is none."""
    if shutil.which("minikube") is None:
        raise DeployError(
            f"The cluster {cluster.context} needs a way to get the images: install minikube ({_MINIKUBE_HOW})"
            " if it is one, or give --registry HOST/PATH, from which it can pull, or --skip-build if it has them."
        )
    current = programs.output(["minikube", "profile"]).strip().removeprefix("* ")
    nodes = {address["address"] for node in cluster.get("nodes") for address in node["status"].get("addresses", [])}
    # minikube names the context for the profile, but contexts can be renamed: the address of the node tells for sure.
    for profile in dict.fromkeys((cluster.context, current)):
        try:
            if programs.output(["minikube", "--profile", profile, "ip"]).strip() in nodes:
                return profile
        except programs.ProgramFailed:
            continue
    raise DeployError(
        f"kubectl points to {cluster.context}, which is not minikube (its profile is {current!r}). Choose minikube with"
        f" `kubectl config use-context {current}`, or give --registry HOST/PATH, from which the cluster can pull."
    )
