"""What an operator would look at next when a rollout fails: the pods, their events, their last lines."""

from collections.abc import Iterable, Iterator

from scripts.deploy import programs, rollout
from scripts.deploy.cluster import Cluster, Object
from scripts.deploy.errors import DeployError

_LINES = 20
_PODS = 3


def report(cluster: Cluster, keys: Iterable[rollout.Key]) -> Iterator[str]:
    """Lines about the pods of these workloads that are not ready. Never raises for what cannot be read."""
    try:
        pods = [pod for pod in cluster.ours("pods") if not rollout.is_ready(pod)]
    except DeployError as error:
        yield f"The pods cannot be listed: {error}"
        return
    for _, name in keys:
        theirs = [pod for pod in pods if pod["metadata"].get("labels", {}).get("app") == name]
        if not theirs:
            yield f"--- {name} has no pod that is not ready; its own events:"
            yield from _lines(cluster, "get", "events", f"--field-selector=involvedObject.name={name}")
        for pod in theirs[:_PODS]:
            yield from _about(cluster, pod)


def _about(cluster: Cluster, pod: Object) -> Iterator[str]:
    name = pod["metadata"]["name"]
    yield f"--- pod {name}: {pod.get('status', {}).get('phase', 'unknown')}"
    yield from _lines(
        cluster, "get", "events", f"--field-selector=involvedObject.name={name}", "--sort-by=.lastTimestamp",
        "--output=custom-columns=TYPE:.type,REASON:.reason,MESSAGE:.message",
    )  # fmt: skip
    status = pod.get("status", {})
    for container in (*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])):
        if container.get("ready"):
            continue
        if container.get("restartCount"):
            yield f"--- last lines of {name}, container {container['name']}, before it was started again:"
            yield from _logs(cluster, name, container["name"], "--previous")
        yield f"--- last lines of {name}, container {container['name']}:"
        yield from _logs(cluster, name, container["name"])


def _logs(cluster: Cluster, pod: str, container: str, *more: str) -> Iterator[str]:
    return _lines(cluster, "logs", pod, f"--container={container}", f"--tail={_LINES}", *more)


def _lines(cluster: Cluster, *words: str) -> Iterator[str]:
    try:
        text = programs.output(cluster.words(*words))
    except DeployError as error:
        text = error.complaint if isinstance(error, programs.ProgramFailed) else str(error)
    for line in text.strip().splitlines()[-_LINES:]:
        yield f"    {line}"
