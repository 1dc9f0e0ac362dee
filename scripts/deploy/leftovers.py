"""Removes what an earlier deployment applied and this one does not have any more."""

from collections.abc import Callable, Collection

from scripts.deploy import programs
from scripts.deploy.cluster import MANAGED_BY, Cluster, identity

# Volumes and Secrets are data: only `undeploy.sh --purge` removes them.
KINDS = (
    "deployments.apps", "statefulsets.apps", "daemonsets.apps", "cronjobs.batch", "jobs.batch", "services",
    "configmaps", "ingresses.networking.k8s.io", "networkpolicies.networking.k8s.io", "poddisruptionbudgets.policy",
    "horizontalpodautoscalers.autoscaling", "serviceaccounts", "roles.rbac.authorization.k8s.io",
    "rolebindings.rbac.authorization.k8s.io",
)  # fmt: skip
# Of components whose definitions a cluster may lack.
OPTIONAL_KINDS = (
    "servicemonitors.monitoring.coreos.com", "podmonitors.monitoring.coreos.com",
    "prometheusrules.monitoring.coreos.com", "scaledobjects.keda.sh", "triggerauthentications.keda.sh",
    "certificates.cert-manager.io",
)  # fmt: skip


def kinds(cluster: Cluster) -> list[str]:
    """The kinds that the cluster knows, of those that a deployment may have."""
    served = set(programs.output(cluster.words("api-resources", "--namespaced", "--output=name")).split())
    return [*KINDS, *(kind for kind in OPTIONAL_KINDS if kind in served)]


def remove(cluster: Cluster, wanted: Collection[tuple[str, str]], say: Callable[[str], None]) -> None:
    """Deletes what carries our mark and is not wanted."""
    for item in cluster.get(",".join(kinds(cluster)), f"--selector={'='.join(MANAGED_BY)}"):
        kind, name = identity(item)
        # What a controller made from ours, such as a CronJob's Jobs, is the controller's.
        if (kind, name) not in wanted and not item["metadata"].get("ownerReferences"):
            say(f"  {kind.lower()}/{name} is not part of it any more: removed")
            cluster.delete(kind, name)
