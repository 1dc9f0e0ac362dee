"""What ./deploy.sh --status prints: versions, replicas, queues, dead letters, jobs and failed pods on one screen."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.deploy import release
from scripts.deploy.cluster import Cluster, Object, label
from scripts.deploy.programs import DeployError

_WORKLOADS = "deployments.apps,statefulsets.apps,cronjobs.batch"
_VERSION = "app.kubernetes.io/version"
_QUEUES = ("rabbitmqctl", "--silent", "list_queues", "--formatter=json", "name", "messages", "consumers")
# In the gateway, which also reaches servers outside of the cluster.
_JOBS = ("python", "-m", "gateway.administration")
# Why a container waits that will start soon.
_STARTING = {"ContainerCreating", "PodInitializing"}


@dataclass(frozen=True)
class _Problem:
    what: str
    why: str


def show(namespace: str) -> bool:
    """Prints the status; returns whether everything runs."""
    cluster = Cluster.current(namespace)
    workloads = cluster.get(_WORKLOADS)
    if not workloads:
        raise DeployError(f"Nothing is deployed in the namespace {namespace} of {cluster.context}.")
    version = json.loads(cluster.run("get", "--raw", "/version")).get("gitVersion", "of an unknown version")
    print(f"Namespace {namespace} of {cluster.context}, Kubernetes {version}")
    if found := release.deployed(cluster):
        components = f" with {', '.join(found.components)}" if found.components else ""
        print(f"Overlay {found.overlay}{components}; {'can' if found.previous else 'cannot'} be rolled back")
    print()
    _print_table(("WORKLOAD", "READY", "VERSION", "IMAGE"), map(_row, workloads))
    problems = [*_not_ready(workloads), *_failed_pods(cluster.get("pods"))]
    print()
    problems += _show_content(cluster, workloads)
    print()
    if problems:
        _print_table(("PROBLEM", "REASON"), ((each.what, each.why) for each in problems))
    else:
        print("No problems.")
    return not problems


def _row(item: Object) -> tuple[str, str, str, str]:
    spec = item["spec"].get("jobTemplate", item)["spec"]
    images = [container["image"].removeprefix("docker.io/") for container in spec["template"]["spec"]["containers"]]
    ready = item["spec"].get("schedule") or f"{_ready(item)}/{item['spec'].get('replicas', 1)}"
    return label(item), ready, item["metadata"].get("labels", {}).get(_VERSION, "-"), " ".join(images)


def _ready(item: Object) -> int:
    return int(item.get("status", {}).get("readyReplicas") or 0)


def _not_ready(workloads: Iterable[Object]) -> Iterator[_Problem]:
    for item in workloads:
        wanted = item["spec"].get("replicas", 1)
        if item["kind"] != "CronJob" and _ready(item) < wanted:
            yield _Problem(label(item), f"{_ready(item)} of {wanted} pods are ready")


def _failed_pods(pods: Sequence[Object]) -> Iterator[_Problem]:
    """Pods that do not start, and those that have failed unless a newer pod of the same app has replaced them."""
    newest: dict[str, str] = {}
    for pod in pods:
        newest[_app(pod)] = max(newest.get(_app(pod), ""), _created(pod))
    for pod in pods:
        status = pod.get("status", {})
        name = f"pod/{pod['metadata']['name']}"
        if status.get("phase") == "Failed" and _created(pod) == newest[_app(pod)]:
            yield _Problem(name, status.get("reason") or "failed: kubectl logs shows why")
        for container in (*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])):
            reason = container.get("state", {}).get("waiting", {}).get("reason")
            if reason and reason not in _STARTING:
                yield _Problem(name, f"{container['name']}: {reason}, {container.get('restartCount', 0)} restarts")


def _app(pod: Object) -> str:
    return str(pod["metadata"].get("labels", {}).get("app"))


def _created(pod: Object) -> str:
    return str(pod["metadata"].get("creationTimestamp", ""))


def _show_content(cluster: Cluster, workloads: Sequence[Object]) -> Iterator[_Problem]:
    """Prints queues and jobs; yields what could not be read, and what needs attention."""
    found: dict[str, Any] = {}
    try:
        found = json.loads(cluster.run("exec", "deployment/gateway", "--container=gateway", "--", *_JOBS))
    except (DeployError, ValueError) as error:
        yield _Problem("jobs", f"the gateway does not report them: {error}")
    queues = found.get("queues") or []
    counted: dict[str, Mapping[str, Any]] = {}
    if any(label(item) == "statefulset/rabbitmq" for item in workloads):
        try:
            text = cluster.run("exec", "rabbitmq-0", "--container=rabbitmq", "--", *_QUEUES)
            counted = {queue["name"]: queue for queue in json.loads(text)}
        except (DeployError, ValueError) as error:
            yield _Problem("queues", f"RabbitMQ does not report them: {error}")
    _print_table(("QUEUE", "MESSAGES", "CONSUMERS", "DEAD LETTERS"), (_queue_row(each, counted) for each in queues))
    if jobs := found.get("jobs"):
        counts = ", ".join(f"{count} {name}" for name, count in jobs.items() if name != "waiting")
        oldest = found.get("oldest_queued_at")
        print(f"\nJobs: {counts}; {f'the oldest queued one is from {oldest}' if oldest else 'none is queued'}")
        print(f"Housekeeping: {found.get('housekeeping_at') or 'has not run yet'}")
    for queue in queues:
        if queue.get("dead_letters"):
            yield _Problem(f"queue {queue['name']}", f"{queue['dead_letters']} dead letters: ./scripts/dead-letters.sh")
    if found.get("orphans_held"):
        yield _Problem("housekeeping", f"{found['orphans_held']} orphaned files are held back: docs/operations.md")


def _queue_row(queue: Mapping[str, Any], counted: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """RabbitMQ itself counts all messages; the gateway only those that its user may count."""
    own = counted.get(queue["name"], {"messages": queue["ready"], "consumers": queue["consumers"]})
    values = (own["messages"], own["consumers"], queue["dead_letters"])
    return (queue["name"], *("-" if value is None else str(value) for value in values))


def _print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = [header, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    for row in table:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
