"""A kubectl with a cluster of its own: it keeps what is applied, and rolls it out at once unless a test says otherwise.

Rendering is the real kubectl's, which needs no cluster for it.
"""

import json
import os
import re
import sys
from typing import Any

from tests.scripts.fakes import world

_CLUSTER_WIDE = {"Namespace", "Node"}
_KINDS = {
    "deployments": "Deployment", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet", "cronjobs": "CronJob",
    "jobs": "Job", "services": "Service", "configmaps": "ConfigMap", "ingresses": "Ingress", "secrets": "Secret",
    "networkpolicies": "NetworkPolicy", "poddisruptionbudgets": "PodDisruptionBudget", "pods": "Pod",
    "horizontalpodautoscalers": "HorizontalPodAutoscaler", "serviceaccounts": "ServiceAccount", "roles": "Role",
    "rolebindings": "RoleBinding", "persistentvolumeclaims": "PersistentVolumeClaim", "namespaces": "Namespace",
    "nodes": "Node",
}  # fmt: skip

_GROUPS = {
    "deployments": ".apps", "statefulsets": ".apps", "daemonsets": ".apps", "cronjobs": ".batch", "jobs": ".batch",
    "ingresses": ".networking.k8s.io", "networkpolicies": ".networking.k8s.io", "poddisruptionbudgets": ".policy",
    "horizontalpodautoscalers": ".autoscaling", "roles": ".rbac.authorization.k8s.io",
    "rolebindings": ".rbac.authorization.k8s.io",
}  # fmt: skip


def main(words: list[str]) -> None:
    """Does what the scripts ask of kubectl."""
    world.note("kubectl")
    if words[0] == "kustomize":
        from tests.scripts.fakes.rendering import render

        render(words)
        return
    if words[0] == "version":
        minor = world.is_set("kubectl-minor") or "32+"
        print(json.dumps({"clientVersion": {"major": "1", "minor": minor}}))
        return
    if words[0] == "config":
        if world.is_set("no-context"):
            world.fail("error: current-context is not set")
        print("minikube")
        return
    context, namespace, words = words[1], words[3], words[4:]
    assert context == "minikube", "a command went to another cluster"
    if world.is_set("cluster-down"):
        world.fail("The connection to the server 192.0.2.10:8443 was refused - did you specify the right host or port?")
    if words[0] == "port-forward":
        from tests.scripts.fakes.portforward import forward  # half the start's time, and rarely needed

        forward(words)
        return
    given = sys.stdin.read() if "--filename=-" in words else ""
    with world.state() as state:
        _Cluster(state.setdefault("objects", {}), namespace).run(words, given)


def _selected(item: dict[str, Any], selector: str) -> bool:
    """Whether an object matches a label selector: `label=value`, `label!=value` and `label notin (values)`."""
    labels = item["metadata"].get("labels", {})
    for requirement in re.split(r",(?![^(]*\))", selector):
        name, operator, values = re.split(r"(!?=| notin )", requirement)
        if (labels.get(name) in values.strip("()").split(",")) != (operator == "="):
            return False
    return True


def _uid() -> str:
    return os.urandom(16).hex()


class _Cluster:
    def __init__(self, objects: dict[str, Any], namespace: str) -> None:
        self.objects = objects
        self.namespace = namespace

    def run(self, words: list[str], given: str) -> None:  # noqa: C901  one case for each command
        options = [word for word in words[1:] if word.startswith("--")]
        names = [word for word in words[1:] if not word.startswith("--")]
        match words[0], names:
            case "get", ["/version"]:
                print('{"gitVersion": "v1.34.1"}')
            case "events", _:
                print("Warning  Failed  the event that explains it")
            case "get", [kinds]:
                self._list(kinds, options)
            case "get", [kind, name]:
                found = self.objects.get(self._key(kind, name))
                print(json.dumps(found) if found else "")
            case "apply", []:
                self._apply(json.loads(given)["items"], server_side="--server-side" in options)
            case "delete", _:
                self._delete(names, options)
            case "rollout", ["status", kinds]:
                self._rollout_status(kinds, options)
            case "exec", ["mysql-0", "bash", script]:
                assert script.endswith("/30-migrations.sh")
            case "exec", [name, *command]:
                self._exec(name, command)
            case "api-resources", []:
                print("\n".join(f"{kind}{_GROUPS.get(kind, '')}" for kind in _KINDS))
            case "logs", [name]:
                print(f"the last line of {name}")
            case _:
                world.fail(f"kubectl {words}: not expected")

    def _exec(self, name: str, command: list[str]) -> None:
        if command == ["rabbitmqctl", "version"]:
            print(world.is_set("rabbitmq-version") or world.fail("error: the container is not running"))
            return
        ready, dead, consumers = map(int, (world.is_set("queues") or "0 0 0").split())
        if "list_queues" in command:
            print(json.dumps([{"name": "video", "messages": ready, "consumers": consumers}]))
            return
        if "gateway.administration" in command:
            queue = {"name": "video", "ready": ready, "consumers": consumers, "dead_letters": dead}
            counts = {"jobs": {"queued": 3, "waiting": 1}, "oldest_queued_at": "2026-01-31T12:00:00+00:00"}
            print(json.dumps({"queues": [queue], **counts, "housekeeping_at": None, "orphans_held": 0}))
            return
        down = world.is_set("unreachable") == name.removeprefix("deployment/")
        print(json.dumps({"dependencies": {"mongodb": "down" if down else "up"}}))

    def _key(self, kind: str, name: str) -> str:
        kind = kind.partition(".")[0].lower()
        kind = _KINDS.get(kind) or next(known for known in _KINDS.values() if known.lower() == kind)
        return f"{'' if kind in _CLUSTER_WIDE else self.namespace}/{kind}/{name}"

    def _found(self, kinds: str, options: list[str]) -> list[dict[str, Any]]:
        wanted = {_KINDS[kind.partition(".")[0]] for kind in kinds.split(",")}
        items = [item for item in self.objects.values() if item["kind"] in wanted]
        items = [item for item in items if item["metadata"].get("namespace", self.namespace) == self.namespace]
        for option in options:
            if option.startswith("--selector=") and option != "--selector=":
                items = [item for item in items if _selected(item, option.removeprefix("--selector="))]
        return items

    def _list(self, kinds: str, options: list[str]) -> None:
        print(json.dumps({"items": self._found(kinds, options)}))

    def _apply(self, items: list[dict[str, Any]], *, server_side: bool) -> None:
        if world.is_set("apply-fails"):
            world.fail(f"Error from server (Forbidden): error when applying patch:\n{json.dumps(items)}")
        for number, item in enumerate(items):
            if not server_side and world.is_set("interrupted-apply") == str(number):
                world.fail("signal: interrupted", 130)
            self._put(item)

    def _put(self, item: dict[str, Any]) -> None:
        kind, metadata = item["kind"], item["metadata"]
        key = self._key(kind, metadata["name"])
        before = self.objects.get(key)
        applied = json.dumps(item, sort_keys=True)
        if before and before["applied"] == applied:
            print(f"{kind.lower()}/{metadata['name']} unchanged")
            return
        annotations = {**metadata.get("annotations", {}), "kubectl.kubernetes.io/last-applied-configuration": applied}
        generation = before["metadata"]["generation"] + 1 if before else 1
        uid = before["metadata"]["uid"] if before else _uid()
        kept = {**item, "applied": applied}
        kept["metadata"] = {**metadata, "annotations": annotations, "generation": generation, "uid": uid}
        self.objects[key] = kept
        if kind in {"Deployment", "StatefulSet"}:
            self._roll_out(kept)
        if kind == "Job":
            assert before is None, "the pod template of a Job cannot be changed"
            ended = "Failed" if world.is_set("broken") == metadata["name"] else "Complete"
            kept["status"] = {"conditions": [{"type": ended, "status": "True"}]}
        print(f"{kind.lower()}/{metadata['name']} {'configured' if before else 'created'}")

    def _roll_out(self, item: dict[str, Any]) -> None:
        name, replicas = item["metadata"]["name"], item["spec"].get("replicas", 1)
        broken = world.is_set("broken") == name
        ready = 0 if broken else replicas
        item["status"] = {
            "observedGeneration": item["metadata"]["generation"], "replicas": replicas, "updatedReplicas": replicas,
            "readyReplicas": ready, "availableReplicas": ready, "currentRevision": "a", "updateRevision": "a",
        }  # fmt: skip
        waiting = {"reason": "CrashLoopBackOff"} if broken else {}
        labels = item["spec"]["template"]["metadata"]["labels"]
        pod = {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {"name": f"{name}-0", "labels": labels, "namespace": self.namespace, "uid": _uid()},
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "False" if broken else "True"}],
                "containerStatuses": [
                    {"name": name, "ready": not broken, "restartCount": 7 * broken, "state": {"waiting": waiting}}
                ],
            },
        }
        self.objects[self._key("pod", f"{name}-0")] = pod
        for claim in item["spec"].get("volumeClaimTemplates", []):
            claimed = f"{claim['metadata']['name']}-{name}-0"
            metadata = {"name": claimed, "labels": labels, "namespace": self.namespace}
            self.objects[self._key("persistentvolumeclaim", claimed)] = {
                "kind": "PersistentVolumeClaim", "apiVersion": "v1", "metadata": metadata,
            }  # fmt: skip

    def _rollout_status(self, kinds: str, options: list[str]) -> None:
        for item in self._found(kinds, options):
            if item["status"]["readyReplicas"] < item["status"]["replicas"]:
                world.fail("error: timed out waiting for the condition")
            print(f"{item['kind']} {item['metadata']['name']!r} successfully rolled out")

    def _delete(self, names: list[str], options: list[str]) -> None:
        kinds, *more = names
        pairs = [(kinds, name) for name in more]
        if "/" in kinds:
            pairs = [(kind, name) for kind, _, name in (each.partition("/") for each in names)]
        elif not more:
            pairs = [(item["kind"], item["metadata"]["name"]) for item in self._found(kinds, options)]
        for kind, name in pairs:
            key = self._key(kind, name)
            if self.objects.pop(key, None) is None and "--ignore-not-found" in options:
                continue
            print(f'{kind.lower()} "{name}" deleted')
            if "/Deployment/" in key or "/StatefulSet/" in key:
                self.objects.pop(self._key("pod", f"{name}-0"), None)
            if "/Namespace/" in key:
                for inside in [other for other in self.objects if other.startswith(f"{name}/")]:
                    del self.objects[inside]
        if not pairs:
            print("No resources found")
