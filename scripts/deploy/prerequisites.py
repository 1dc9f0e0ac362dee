"""The programs that ./deploy.sh needs on this machine."""

import json

from scripts.deploy import programs
from scripts.deploy.programs import DeployError

# The first kubectl whose kustomize (5.0) supports `labels` and components as the manifests use them.
_KUBECTL = (1, 27)
_KUBECTL_URL = "https://kubernetes.io/docs/tasks/tools/"
_DOCKER_URL = "https://docs.docker.com/engine/install/"


def check(*, build: bool) -> None:
    """Raises DeployError that names everything that is missing on this machine."""
    problems = []
    try:
        version = json.loads(programs.run(["kubectl", "version", "--client", "--output=json"]))["clientVersion"]
        found = (int(version["major"]), int("".join(filter(str.isdigit, version["minor"]))))
        if found < _KUBECTL:
            needed = f"{_KUBECTL[0]}.{_KUBECTL[1]}"
            problems.append(f"kubectl {needed} or newer; found {found[0]}.{found[1]}. See {_KUBECTL_URL}")
    except (DeployError, ValueError, KeyError) as error:
        problems.append(f"a working kubectl: {error} Install it: {_KUBECTL_URL}")
    if build:
        try:
            programs.run(["docker", "version", "--format", "{{.Server.Version}}"])
        except DeployError as error:
            problems.append(
                f"a running docker, which builds the images: {error}\n    Install it ({_DOCKER_URL}), start it (on"
                " Linux: sudo systemctl start docker), and check that your user may use it; or use --skip-build."
            )
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        raise DeployError(f"Something is missing on this machine:\n{lines}")
