"""The cluster and namespace of a run, through kubectl."""

import contextlib
import json
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scripts.deploy import programs
from scripts.deploy.programs import DeployError, say

Object = dict[str, Any]

# Labels of every object that ./deploy.sh creates. Nothing without them is ever deleted.
LABELS = {"app.kubernetes.io/part-of": "video2mp3", "app.kubernetes.io/managed-by": "video2mp3-deploy"}
PART_OF, MANAGED_BY = (f"{name}={value}" for name, value in LABELS.items())
# The kinds that a deployment may contain, if the cluster serves them. Volumes and Secrets are data: only
# `undeploy.sh --purge` deletes them.
_KINDS = (
    "deployments.apps", "statefulsets.apps", "daemonsets.apps", "cronjobs.batch", "jobs.batch", "services",
    "configmaps", "ingresses.networking.k8s.io", "networkpolicies.networking.k8s.io", "poddisruptionbudgets.policy",
    "httproutes.gateway.networking.k8s.io",
    "horizontalpodautoscalers.autoscaling", "serviceaccounts", "roles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io", "servicemonitors.monitoring.coreos.com",
    "podmonitors.monitoring.coreos.com", "prometheusrules.monitoring.coreos.com", "scaledobjects.keda.sh",
    "triggerauthentications.keda.sh", "certificates.cert-manager.io",
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
            cluster = cls(programs.run(["kubectl", "config", "current-context"]).strip(), namespace)
            cluster.run("get", "--raw", "/version", f"--request-timeout={_PROBE_TIMEOUT}s", timeout=2 * _PROBE_TIMEOUT)
        except DeployError as error:
            raise DeployError(
                f"No cluster answers: {error} Start one with `minikube start`, or choose another with `kubectl config"
                " use-context NAME`, then try again."
            ) from None
        return cluster

    def command(self, *words: str) -> list[str]:
        return ["kubectl", "--context", self.context, "--namespace", self.namespace, *words]

    def run(self, *words: str, stdin: str = "", timeout: float = programs.QUERY_TIMEOUT) -> str:
        return programs.run(self.command(*words), stdin=stdin, timeout=timeout)

    def get(self, kinds: str, selector: str = PART_OF) -> list[Object]:
        """The objects of these kinds that match the label selector: without one, those of the deployment."""
        items: list[Object] = json.loads(self.run("get", kinds, "--output=json", f"--selector={selector}"))["items"]
        return items

    def namespace_labels(self) -> dict[str, str] | None:
        """The labels of the namespace; None when it does not exist."""
        text = self.run("get", "namespace", self.namespace, "--ignore-not-found", "--output=json")
        return json.loads(text)["metadata"].get("labels", {}) if text.strip() else None

    def kinds(self) -> str:
        """The kinds that a deployment may contain and that this cluster serves, separated by commas."""
        served = set(self.run("api-resources", "--namespaced", "--output=name").split())
        return ",".join(kind for kind in _KINDS if kind in served)

    def apply(self, objects: Sequence[Object], *options: str) -> str:
        listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        return self.run("apply", "--filename=-", *options, stdin=listed, timeout=_APPLY_TIMEOUT)

    def apply_secrets(self, objects: Sequence[Object]) -> None:
        """Applies Secrets on the server's side: kubectl would copy them into an annotation, and into its errors."""
        try:
            self.apply(objects, "--server-side", "--force-conflicts", "--field-manager=video2mp3-deploy")
        except programs.ProgramFailed as error:
            message = error.stderr
            for value in (value for item in objects for value in item["data"].values()):
                message = message.replace(value, "***").replace(b64decode(value).decode(), "***")
            raise DeployError(f"The Secrets cannot be applied: {message}") from None

    def delete(self, *what: str, timeout: float = 120) -> bool:
        """Deletes objects and waits (seconds) until they are gone. Returns whether there were any."""
        options = ["--ignore-not-found", f"--timeout={timeout:.0f}s"]
        text = self.run("delete", *what, *options, timeout=timeout + 30).replace("No resources found\n", "")
        if text:
            say(text.rstrip())
        return bool(text)

    def node_addresses(self) -> set[str]:
        nodes = self.get("nodes", selector="")
        return {address["address"] for node in nodes for address in node["status"].get("addresses", [])}

    def minikube_profile(self) -> str:
        """The name of the minikube that this cluster is. Raises DeployError when it is none."""
        nodes = self.node_addresses()
        # A context can be renamed; the address of the node identifies the profile.
        for profile in (["--profile", self.context], []):
            with contextlib.suppress(DeployError):
                if programs.run(["minikube", *profile, "ip"]).strip() in nodes:
                    return profile[-1] if profile else programs.run(["minikube", "profile"]).strip().removeprefix("* ")
        raise DeployError(
            f"The cluster {self.context} is not a minikube of this machine. Choose minikube with `kubectl config"
            " use-context minikube` (to install it, see https://minikube.sigs.k8s.io/docs/start/), use --registry"
            " HOST/PATH for a registry that the cluster can pull from, or --skip-build if it already runs the images."
        )


def identity(item: Object) -> tuple[str, str]:
    return item["kind"], item["metadata"]["name"]


def label(item: Object) -> str:
    """`kind/name`, as kubectl prints it."""
    return f"{item['kind'].lower()}/{item['metadata']['name']}"
