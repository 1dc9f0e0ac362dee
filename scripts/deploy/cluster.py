"""The cluster and namespace of a run, through kubectl."""

import json
import shutil
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.deploy import programs
from scripts.deploy.programs import DeployError

Object = dict[str, Any]

# Labels of every object that ./deploy.sh creates. Nothing without them is ever deleted.
PART_OF = ("app.kubernetes.io/part-of", "video2mp3")
MANAGED_BY = ("app.kubernetes.io/managed-by", "video2mp3-deploy")
# The kinds that a deployment may contain. Volumes and Secrets are data: only `undeploy.sh --purge` deletes them.
_KINDS = (
    "deployments.apps", "statefulsets.apps", "daemonsets.apps", "cronjobs.batch", "jobs.batch", "services",
    "configmaps", "ingresses.networking.k8s.io", "networkpolicies.networking.k8s.io", "poddisruptionbudgets.policy",
    "horizontalpodautoscalers.autoscaling", "serviceaccounts", "roles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
)  # fmt: skip
# Kinds of components; a cluster may lack their definitions.
_OPTIONAL_KINDS = (
    "servicemonitors.monitoring.coreos.com", "podmonitors.monitoring.coreos.com",
    "prometheusrules.monitoring.coreos.com", "scaledobjects.keda.sh", "triggerauthentications.keda.sh",
    "certificates.cert-manager.io",
)  # fmt: skip

# Timeouts in seconds.
_PROBE_TIMEOUT = 20
_APPLY_TIMEOUT = 180


@dataclass(frozen=True)
class Cluster:
    """Every command names context and namespace: a `kubectl config use-context` elsewhere cannot redirect a run."""

    context: str
    namespace: str

    @classmethod
    def current(cls, namespace: str) -> "Cluster":
        """The cluster of kubectl's current context. Raises DeployError when there is none, or it does not answer."""
        try:
            context = programs.output(["kubectl", "config", "current-context"]).strip()
        except programs.ProgramFailed:
            raise DeployError(
                "kubectl has no current context. Start a cluster with `minikube start`, or choose one with"
                " `kubectl config use-context NAME`, then try again."
            ) from None
        cluster = cls(context, namespace)
        try:
            probe = cluster.command("get", "--raw", "/version", f"--request-timeout={_PROBE_TIMEOUT}s")
            programs.output(probe, timeout=2 * _PROBE_TIMEOUT)
        except DeployError as error:
            reason = error.stderr.splitlines()[-1:] if isinstance(error, programs.ProgramFailed) else [str(error)]
            raise DeployError(
                f"The cluster {context} does not answer ({' '.join(reason)}). Start it (`minikube start`), or choose"
                " another with `kubectl config use-context NAME`, then try again."
            ) from None
        return cluster

    def command(self, *words: str) -> list[str]:
        """A kubectl command line for this context and namespace."""
        return ["kubectl", "--context", self.context, "--namespace", self.namespace, *words]

    def run(self, *words: str, stdin: str = "", timeout: float = programs.QUERY_TIMEOUT) -> str:
        """Runs kubectl and returns its output. Raises DeployError."""
        return programs.output(self.command(*words), stdin=stdin, timeout=timeout)

    def get(self, kinds: str, *options: str) -> list[Object]:
        """The objects of these kinds; `options` are kubectl's."""
        items: list[Object] = json.loads(self.run("get", kinds, "--output=json", *options) or "{}").get("items", [])
        return items

    def ours(self, kinds: str) -> list[Object]:
        """The objects of these kinds that a deployment created."""
        return self.get(kinds, f"--selector={'='.join(PART_OF)}")

    def find(self, kind: str, name: str) -> Object | None:
        """One object; None when it does not exist."""
        text = self.run("get", kind, name, "--ignore-not-found", "--output=json")
        return json.loads(text) if text.strip() else None

    def kinds(self) -> str:
        """The kinds that a deployment may contain and that this cluster serves, separated by commas."""
        served = set(self.run("api-resources", "--namespaced", "--output=name").split())
        return ",".join([*_KINDS, *(kind for kind in _OPTIONAL_KINDS if kind in served)])

    def apply(self, objects: Sequence[Mapping[str, Any]], *options: str) -> str:
        """Applies objects and returns kubectl's output."""
        listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        return self.run("apply", "--filename=-", *options, stdin=listed, timeout=_APPLY_TIMEOUT)

    def apply_secrets(self, objects: Sequence[Mapping[str, Any]]) -> None:
        """Applies Secrets on the server's side: kubectl would copy them into an annotation, and into its errors."""
        try:
            self.apply(objects, "--server-side", "--force-conflicts", "--field-manager=video2mp3-deploy")
        except programs.ProgramFailed as error:
            message = error.stderr
            for value in (value for item in objects for value in item["data"].values()):
                message = message.replace(value, "***").replace(b64decode(value).decode(), "***")
            raise DeployError(f"The Secrets cannot be applied: {message}") from None

    def delete(self, items: Sequence[Mapping[str, Any]], *, timeout: float = 120) -> None:
        """Deletes objects and waits (seconds) until they are gone."""
        if items:
            names = [f"{resource(item)}/{item['metadata']['name']}" for item in items]
            self.run("delete", *names, "--ignore-not-found", f"--timeout={timeout:.0f}s", timeout=timeout + 30)

    def node_addresses(self) -> set[str]:
        """The addresses of the cluster's nodes."""
        nodes = self.get("nodes")
        return {address["address"] for node in nodes for address in node["status"].get("addresses", [])}

    def minikube_profile(self) -> str:
        """The name of the minikube that this cluster is. Raises DeployError when it is none."""
        if shutil.which("minikube") is None:
            raise DeployError(
                f"The cluster {self.context} needs a way to get the images: install minikube"
                " (https://minikube.sigs.k8s.io/docs/start/) if it is one; otherwise use --registry HOST/PATH for a"
                " registry that it can pull from, or --skip-build if it already runs the images."
            )
        current = programs.output(["minikube", "profile"]).strip().removeprefix("* ")
        nodes = self.node_addresses()
        # A context can be renamed; the address of the node identifies the profile.
        for profile in dict.fromkeys((self.context, current)):
            try:
                if programs.output(["minikube", "--profile", profile, "ip"]).strip() in nodes:
                    return profile
            except programs.ProgramFailed:
                continue
        raise DeployError(
            f"kubectl's context {self.context} is not minikube (its profile is {current!r}). Choose minikube with"
            f" `kubectl config use-context {current}`, or use --registry HOST/PATH for a registry it can pull from."
        )


def namespace_object(name: str) -> Object:
    """A namespace with the label that allows undeploy.sh to delete it."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict((PART_OF, MANAGED_BY))}}


def identity(item: Mapping[str, Any]) -> tuple[str, str]:
    """Kind and name."""
    return item["kind"], item["metadata"]["name"]


def label(item: Mapping[str, Any]) -> str:
    """`kind/name`, as kubectl prints it."""
    return f"{item['kind'].lower()}/{item['metadata']['name']}"


def resource(item: Mapping[str, Any]) -> str:
    """The kind with its API group, which tells it from another group's kind of the same name."""
    group, slash, _ = item["apiVersion"].partition("/")
    return f"{item['kind'].lower()}.{group}" if slash else item["kind"].lower()


def independent(items: Sequence[Object]) -> Iterator[Object]:
    """The objects without an owner: a CronJob's Jobs are its controller's."""
    return (item for item in items if not item["metadata"].get("ownerReferences"))
