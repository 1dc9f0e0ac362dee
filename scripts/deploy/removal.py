"""What ./undeploy.sh does: takes away what ./deploy.sh brought, and nothing else."""

import shutil

from scripts.deploy import folders, forwards, leftovers
from scripts.deploy.cluster import MANAGED_BY, PART_OF, Cluster, Object, identity
from scripts.deploy.plan import say

_DATA_KINDS = "persistentvolumeclaims,secrets"
# What Kubernetes itself puts into each namespace.
_NATIVE = (("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default"))
# What makes pods of services, or more of them.
_SERVICES = frozenset({"Deployment", "CronJob", "HorizontalPodAutoscaler", "ScaledObject"})
# s. A converter finishes its job first.
_GONE = 900


def undeploy(namespace: str, *, purge: bool) -> None:
    """Removes the system; with `purge` its data, secrets and namespace too. Can be run again at any time."""
    cluster = Cluster.current(namespace)
    for name in forwards.stop(cluster):
        say(f"  port-forward/{name}")
    folder = folders.deployment(namespace)
    cluster.check_reachable()
    with folders.locked(folder, f"the namespace {namespace}"):
        space = cluster.find("namespace", namespace)
        if space is None:
            say(f"There is no namespace {namespace} in {cluster.context}.")
        else:
            _remove_objects(cluster)
            if purge:
                _purge(cluster, space)
            else:
                _tell_what_stays(cluster)
    if purge:
        shutil.rmtree(folder)


def _remove_objects(cluster: Cluster) -> None:
    kinds = ",".join(leftovers.kinds(cluster))
    ours = [item for item in cluster.ours(kinds) if not item["metadata"].get("ownerReferences")]
    if not ours:
        say("Nothing of it runs.")
    # The services first, while their servers are there: a converter ends its job, or hands it back to the queue.
    first = [item for item in ours if item["kind"] in _SERVICES]
    rest = [item for item in ours if item["kind"] not in _SERVICES]
    servers = {item["metadata"]["name"] for item in rest if item["kind"] == "StatefulSet"}
    for items, stay in ((first, servers), (rest, set())):
        for item in items:
            kind, name = identity(item)
            say(f"  {kind.lower()}/{name}")
        if items:
            cluster.delete_all([f"{_resource(item)}/{item['metadata']['name']}" for item in items], seconds=_GONE)
        cluster.wait_for_no_pods(besides=stay, seconds=_GONE)


def _resource(item: Object) -> str:
    """Kind with its group, so that no other API's kind of that name is meant."""
    group, slash, _ = item["apiVersion"].partition("/")
    return f"{item['kind'].lower()}.{group}" if slash else item["kind"].lower()


def _tell_what_stays(cluster: Cluster) -> None:
    claims = [item["metadata"]["name"] for item in cluster.ours("persistentvolumeclaims")]
    if claims:
        say(f"The data stay ({', '.join(claims)}), and so do the passwords that belong to them.")
        say("./deploy.sh goes on with them; ./undeploy.sh --purge removes them, for ever.")


def _purge(cluster: Cluster, space: Object) -> None:
    for item in cluster.ours(_DATA_KINDS):
        kind, name = identity(item)
        say(f"  {kind.lower()}/{name}")
        cluster.delete(kind.lower(), name)
    labels = space["metadata"].get("labels", {})
    if labels.get(MANAGED_BY[0]) != MANAGED_BY[1]:
        say(f"The namespace {cluster.namespace} was there before; it stays.")
        return
    others = _others(cluster)
    if others:
        say(f"The namespace {cluster.namespace} stays: it also has {', '.join(others[:5])}, not of ./deploy.sh.")
        return
    say(f"  namespace/{cluster.namespace}")
    cluster.delete("namespace", cluster.namespace, seconds=300)


def _others(cluster: Cluster) -> list[str]:
    """What somebody else has in the namespace."""
    kinds = f"{','.join(leftovers.kinds(cluster))},{_DATA_KINDS},pods"
    found = []
    for item in cluster.get(kinds):
        metadata = item["metadata"]
        kind, name = identity(item)
        native = (kind, name) in _NATIVE or item.get("type") == "kubernetes.io/service-account-token"
        if (
            not native
            and not metadata.get("ownerReferences")
            and metadata.get("labels", {}).get(PART_OF[0]) != PART_OF[1]
        ):
            found.append(f"{kind.lower()}/{name}")
    return found
