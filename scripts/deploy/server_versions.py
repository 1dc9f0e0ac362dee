"""Refuses upgrades that skip a version which a server needs as a step, and downgrades: see docs/versions.md."""

import re
from collections.abc import Mapping, Sequence

from scripts.deploy.cluster import Cluster, Object
from scripts.deploy.manifests import Overlay
from scripts.deploy.programs import DeployError, say

# Each version starts on the data of its predecessor in the list, and on its own.
STEPS: Mapping[str, tuple[str, ...]] = {
    "rabbitmq": ("3.13", "4.0", "4.1", "4.2", "4.3"),
    "mongodb": ("5.0", "6.0", "7.0", "8.0"),
    "mysql": ("8.0", "8.4", "9.7"),
}
# Prints the version of a server whose image has a tag without it, such as rabbitmq:4-management.
_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "rabbitmq": ("rabbitmqctl", "version"),
    "mongodb": ("mongod", "--version"),
    "mysql": ("mysqld", "--version"),
}
_VERSION = re.compile(r"\d+\.\d+")


def refuse_skipped(cluster: Cluster, overlay: Overlay, running: Sequence[Object]) -> None:
    """Raises DeployError when a server cannot be started on its data with the overlay's version."""
    planned = {item["metadata"]["name"]: item for item in overlay.of_kind("StatefulSet")}
    for item in running:
        name = item["metadata"]["name"]
        if name not in planned or name not in STEPS or _image(item) == _image(planned[name]):
            continue
        new = _tagged(_image(planned[name]))
        old = _tagged(_image(item)) or _running(cluster, name)
        steps = STEPS[name]
        if old not in steps or new not in steps:
            say(f"note: {name} changes from {_image(item)} to {_image(planned[name])}. See docs/versions.md.")
            continue
        distance = steps.index(new) - steps.index(old)
        if distance < 0:
            raise DeployError(f"{name} {old} cannot be downgraded to {new} on its data. See docs/versions.md.")
        if distance > 1:
            between = " and ".join(steps[steps.index(old) + 1 : steps.index(new)])
            raise DeployError(
                f"{name} {old} cannot be upgraded to {new} in one step. Upgrade it to {between} first, as described in"
                " docs/versions.md. Nothing was changed."
            )


def _image(item: Object) -> str:
    return str(item["spec"]["template"]["spec"]["containers"][0]["image"])


def _tagged(image: str) -> str | None:
    """The minor version in the tag of an image; None without one."""
    found = _VERSION.match(image.partition("@")[0].rpartition(":")[2])
    return found[0] if found else None


def _running(cluster: Cluster, name: str) -> str | None:
    """The version that the server itself reports; None while it does not run."""
    try:
        text = cluster.run("exec", f"{name}-0", f"--container={name}", "--", *_COMMANDS[name])
    except DeployError:
        return None
    found = _VERSION.search(text)
    return found[0] if found else None
