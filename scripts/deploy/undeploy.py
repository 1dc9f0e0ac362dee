"""What ./undeploy.sh does: deletes what ./deploy.sh created, and nothing else."""

import shutil

from scripts.deploy import files, forwards, programs
from scripts.deploy.cluster import MANAGED_BY, PART_OF, Cluster, Object, identity, independent, label
from scripts.deploy.programs import DeployError, say

_DATA_KINDS = "persistentvolumeclaims,secrets"
# Kubernetes creates these in every namespace.
_NATIVE = (("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default"))
# The kinds that create the services' pods.
_SERVICES = frozenset({"Deployment", "CronJob", "HorizontalPodAutoscaler", "ScaledObject"})
# Seconds. A converter finishes its job first.
_PODS_TIMEOUT = 900


def undeploy(namespace: str, *, purge: bool) -> None:
    """Deletes the system; with `purge` its data, secrets and namespace too. Can be run again at any time."""
    cluster = Cluster.current(namespace)
    for name in forwards.stop(cluster):
        say(f"  port-forward/{name}")
    folder = files.deployment(namespace)
    with files.locked(folder, f"the namespace {namespace}"):
        namespace_found = cluster.find("namespace", namespace)
        if namespace_found is None:
            say(f"There is no namespace {namespace} in {cluster.context}.")
        else:
            _delete_objects(cluster)
            if purge:
                _purge(cluster, namespace_found)
            elif claims := [item["metadata"]["name"] for item in cluster.ours("persistentvolumeclaims")]:
                say(f"Kept: the data ({', '.join(claims)}) and their passwords.")
                say("./deploy.sh continues with them; ./undeploy.sh --purge deletes them permanently.")
    if purge:
        shutil.rmtree(folder)


def _delete_objects(cluster: Cluster) -> None:
    ours = list(independent(cluster.ours(cluster.kinds())))
    if not ours:
        say("Nothing is deployed.")
    # The services first, while their servers run: a converter finishes its job, or requeues it.
    services = [item for item in ours if item["kind"] in _SERVICES]
    rest = [item for item in ours if item["kind"] not in _SERVICES]
    servers = [item["metadata"]["name"] for item in rest if item["kind"] == "StatefulSet"]
    for items, kept in ((services, servers), (rest, [])):
        for item in items:
            say(f"  {label(item)}")
        cluster.delete(items, timeout=_PODS_TIMEOUT)
        _wait_for_pods(cluster, kept)


def _wait_for_pods(cluster: Cluster, kept: list[str]) -> None:
    """Returns when all pods but those of some apps are gone."""
    selector = f"--selector={'='.join(PART_OF)}" + (f",app notin ({','.join(kept)})" if kept else "")
    if not cluster.get("pods", selector):  # kubectl wait refuses an empty selection
        return
    try:
        wait = ["wait", "pods", "--for=delete", selector, f"--timeout={_PODS_TIMEOUT}s"]
        cluster.run(*wait, timeout=_PODS_TIMEOUT + 30)
    except programs.ProgramFailed as error:
        if pods := ", ".join(pod["metadata"]["name"] for pod in cluster.get("pods", selector)):
            raise DeployError(f"These pods do not end: {pods} ({error.stderr}). See kubectl describe pod.") from None


def _purge(cluster: Cluster, namespace: Object) -> None:
    data = cluster.ours(_DATA_KINDS)
    for item in data:
        say(f"  {label(item)}")
    cluster.delete(data)
    if namespace["metadata"].get("labels", {}).get(MANAGED_BY[0]) != MANAGED_BY[1]:
        say(f"The namespace {cluster.namespace} existed before ./deploy.sh; it is kept.")
    elif foreign := _foreign(cluster):
        say(f"The namespace {cluster.namespace} is kept: it also contains {', '.join(foreign[:5])}.")
    else:
        say(f"  namespace/{cluster.namespace}")
        cluster.delete([namespace], timeout=300)


def _foreign(cluster: Cluster) -> list[str]:
    """The objects in the namespace that ./deploy.sh did not create."""
    return [
        label(item)
        for item in independent(cluster.get(f"{cluster.kinds()},{_DATA_KINDS},pods"))
        if identity(item) not in _NATIVE
        and item.get("type") != "kubernetes.io/service-account-token"
        and item["metadata"].get("labels", {}).get(PART_OF[0]) != PART_OF[1]
    ]
