"""Runs Jobs, waits for rollouts with `kubectl rollout status`, and shows what an operator needs when one fails."""

import json
import time
from collections.abc import Sequence

from scripts.deploy import images, programs
from scripts.deploy.cluster import Cluster, Object
from scripts.deploy.programs import DeployError, say

# Seconds until the services must reach their servers: a new database is initialised first.
_DEPENDENCIES_TIMEOUT = 120
# Seconds between two checks.
_PAUSE = 2
# Prints the state of a service's dependencies, from inside its container.
_STATUS = """\
import os, urllib.request
port = os.environ.get("HEALTH_PORT", "8081")
print(urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=10).read().decode())
"""
# Shown after a failed rollout: the last lines of each log, and how many pods.
_LINES = 20
_PODS = 6
_WORKLOADS = "deployments.apps,statefulsets.apps,daemonsets.apps"


def wait(cluster: Cluster, selector: str, *, timeout: float, kinds: str = _WORKLOADS) -> None:
    """Returns when all selected workloads run their newest version. Raises DeployError after `timeout` seconds."""
    _replace_stuck_pods(cluster)
    options = [f"--selector={selector}", f"--timeout={timeout:.0f}s"]
    try:
        # kubectl prints the progress of each.
        programs.run(cluster.command("rollout", "status", kinds, *options), timeout=timeout + 30, capture=False)
    except DeployError as error:
        _show_diagnosis(cluster)
        raise DeployError(f"The rollout failed: {error}") from None


def run_jobs(cluster: Cluster, jobs: Sequence[Object], *, timeout: float) -> None:
    """Runs these Jobs again, and returns when all of them are complete. Raises DeployError after `timeout` seconds."""
    names = [job["metadata"]["name"] for job in jobs]
    # The pod template of a Job cannot be changed.
    cluster.delete("jobs.batch", *names)
    cluster.apply(jobs)
    deadline = time.monotonic() + timeout
    while True:
        status = {job["metadata"]["name"]: _conditions(job) for job in cluster.get("jobs.batch")}
        failed = [name for name in names if "Failed" in status.get(name, ())]
        if failed or time.monotonic() > deadline:
            break
        if all("Complete" in status.get(name, ()) for name in names):
            return
        time.sleep(_PAUSE)
    _show_diagnosis(cluster)
    what = " and ".join(failed) + " failed" if failed else f"{' and '.join(names)} did not complete in {timeout:.0f} s"
    raise DeployError(f"{what}. No service was updated. See the logs above, then try again.")


def check_dependencies(cluster: Cluster) -> None:
    """Returns when one pod of each service reaches its servers. Raises DeployError that names those that do not.

    Pods are ready without them, so a rollout with a wrong password succeeds.
    """
    # KEDA scales Deployments to zero.
    ready = {
        item["metadata"]["name"] for item in cluster.get("deployments.apps") if item["status"].get("readyReplicas")
    }
    services = sorted(ready & set(images.services()))
    deadline = time.monotonic() + _DEPENDENCIES_TIMEOUT
    while problems := [problem for service in services if (problem := _unreachable(cluster, service))]:
        if time.monotonic() > deadline:
            raise DeployError(f"The pods run, but {'; '.join(problems)}. Check addresses and passwords; see the logs.")
        time.sleep(_PAUSE)


def _unreachable(cluster: Cluster, service: str) -> str | None:
    """The servers that a service does not reach; None when it reaches all."""
    command = ["exec", f"deployment/{service}", f"--container={service}", "--", "python", "-c", _STATUS]
    try:
        dependencies = json.loads(cluster.run(*command))["dependencies"]
    except (DeployError, ValueError, KeyError) as error:
        return f"{service} does not report its state ({error})"
    down = [name for name, state in dependencies.items() if state != "up"]
    return f"{service} does not reach {', '.join(down)}" if down else None


def _replace_stuck_pods(cluster: Cluster) -> None:
    """Deletes the pods of StatefulSets that run an older version and are not ready.

    A StatefulSet waits for such a pod forever, even if the new version fixes it: "Forced rollback" in
    https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/.
    """
    statefulsets = cluster.get("statefulsets.apps")
    newest = {item["metadata"].get("uid"): item.get("status", {}).get("updateRevision") for item in statefulsets}
    for pod in _unready_pods(cluster):
        revision = pod["metadata"].get("labels", {}).get("controller-revision-hash")
        owners = [owner["uid"] for owner in pod["metadata"].get("ownerReferences", [])]
        if any(newest.get(owner) not in (None, revision) for owner in owners):
            cluster.delete("pod", pod["metadata"]["name"])


def _conditions(item: Object) -> set[str]:
    conditions = item.get("status", {}).get("conditions", [])
    return {condition["type"] for condition in conditions if condition["status"] == "True"}


def _unready_pods(cluster: Cluster) -> list[Object]:
    return [
        pod for pod in cluster.get("pods")
        if "deletionTimestamp" not in pod["metadata"] and "Ready" not in _conditions(pod)
        # A pod of a Job that has ended well.
        and pod.get("status", {}).get("phase") != "Succeeded"
    ]  # fmt: skip


def _show_diagnosis(cluster: Cluster) -> None:
    """Prints the warnings of the namespace, and the last log lines of pods that are not ready."""
    _show(cluster, "events", "--types=Warning")
    for pod in _unready_pods(cluster)[:_PODS]:
        status = pod.get("status", {})
        for container in (*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])):
            if not container.get("ready"):
                name = pod["metadata"]["name"]
                logs = ["logs", name, f"--container={container['name']}", f"--tail={_LINES}"]
                if container.get("restartCount"):
                    _show(cluster, *logs, "--previous")
                _show(cluster, *logs)


def _show(cluster: Cluster, *words: str) -> None:
    """Prints the last lines of a kubectl command's output."""
    say(f"--- kubectl {' '.join(words)}")
    try:
        text = cluster.run(*words)
    except DeployError as error:
        text = str(error)
    for line in text.strip().splitlines()[-_LINES:]:
        say(f"    {line}")
