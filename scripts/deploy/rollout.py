"""Waits until what was applied runs, and gives up early on what waiting cannot mend."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence

from scripts.deploy.cluster import Cluster, Object, identity
from scripts.deploy.errors import DeployError

Key = tuple[str, str]
_KINDS = "deployments.apps,statefulsets.apps,daemonsets.apps"
# s between looks.
_PAUSE = 2.0
# s that a pod may be in one of the states below: a registry may be busy, a Secret on its way.
_HOPELESS_AFTER = 60.0
_HOPELESS = frozenset(
    {
        "ErrImageNeverPull",
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "CreateContainerConfigError",
        "CreateContainerError",
    }
)
# Services wait for their servers; one that ends this often does not start because of itself.
_HOPELESS_RESTARTS = 5


class RolloutFailed(DeployError):
    """Some workloads do not run; `keys` names them."""

    def __init__(self, keys: Collection[Key], why: str) -> None:
        self.keys = sorted(keys)
        super().__init__(f"{', '.join(f'{kind}/{name}' for kind, name in self.keys)} did not roll out: {why}")


def wait(
    cluster: Cluster, expected: Collection[Key], *, seconds: float, say: Callable[[str], None], pause: float = _PAUSE
) -> None:
    """Returns when all expected workloads run their newest version. Raises RolloutFailed."""
    deadline = time.monotonic() + seconds
    said: dict[Key, str] = {}
    hopeless_since: dict[str, float] = {}
    while True:
        workloads = {identity(item): item for item in cluster.ours(_KINDS)}
        waiting = {}
        for key in sorted(expected):
            missing = missing_for(workloads.get(key))
            if missing:
                waiting[key] = missing
            if said.get(key) != missing:
                said[key] = missing
                say(f"  {key[0].lower()}/{key[1]}: {missing or 'ready'}")
        if not waiting:
            return
        pods = cluster.ours("pods")
        replace_stuck(cluster, [workloads[key] for key in waiting if key in workloads], pods)
        now = time.monotonic()
        reasons = dict(_hopeless(pods))
        hopeless_since = {name: hopeless_since.get(name, now) for name in reasons}
        for name, since in hopeless_since.items():
            if now - since >= _HOPELESS_AFTER or "restarts" in reasons[name]:
                raise RolloutFailed(_owners(name, waiting) or waiting.keys(), f"the pod {name} is in {reasons[name]}.")
        if now >= deadline:
            raise RolloutFailed(waiting.keys(), f"it was given {seconds:.0f} s (--timeout).")
        time.sleep(pause)


def missing_for(item: Object | None) -> str:
    """What is still to come for a workload, in words; empty when all its pods run its newest version."""
    if item is None:
        return "not created yet"
    spec, status = item["spec"], item.get("status", {})
    if status.get("observedGeneration", 0) < item["metadata"].get("generation", 0):
        return "waiting for the cluster to notice"
    if item["kind"] == "DaemonSet":
        wanted, updated = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0)
        ready, total = status.get("numberAvailable", 0), wanted
    else:
        wanted = spec.get("replicas", 1)
        updated, total = status.get("updatedReplicas", 0), status.get("replicas", 0)
        ready = status.get("availableReplicas", 0) if item["kind"] == "Deployment" else status.get("readyReplicas", 0)
        if item["kind"] == "StatefulSet" and status.get("currentRevision") == status.get("updateRevision"):
            updated = total
    if updated < wanted:
        return f"{updated} of {wanted} updated"
    if total > updated:
        return f"{total - updated} old still ending"
    return f"{ready} of {wanted} ready" if ready < wanted else ""


def _hopeless(pods: Sequence[Object]) -> Iterator[tuple[str, str]]:
    for pod in pods:
        status = pod.get("status", {})
        for container in (*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])):
            reason = container.get("state", {}).get("waiting", {}).get("reason", "")
            if reason in _HOPELESS:
                yield pod["metadata"]["name"], reason
            elif reason == "CrashLoopBackOff" and container.get("restartCount", 0) >= _HOPELESS_RESTARTS:
                yield pod["metadata"]["name"], f"{reason} after {container['restartCount']} restarts"


def _owners(pod: str, waiting: Collection[Key]) -> list[Key]:
    return [key for key in waiting if pod.startswith(f"{key[1]}-")]


def replace_stuck(cluster: Cluster, workloads: Sequence[Object], pods: Sequence[Object]) -> None:
    """Deletes the pods of StatefulSets that run an older version and are not ready.

    A StatefulSet waits for such a pod for ever, even if the newer version is what would mend it: "Forced rollback" in
    https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/.
    """
    for item in workloads:
        if item["kind"] != "StatefulSet":
            continue
        newest = item.get("status", {}).get("updateRevision")
        for pod in pods:
            owned = any(
                owner["uid"] == item["metadata"].get("uid") for owner in pod["metadata"].get("ownerReferences", [])
            )
            older = pod["metadata"].get("labels", {}).get("controller-revision-hash") != newest
            if owned and newest and older and not is_ready(pod) and "deletionTimestamp" not in pod["metadata"]:
                cluster.delete("pod", pod["metadata"]["name"])


def is_ready(pod: Object) -> bool:
    """Whether a pod takes part in its service."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
