"""What ./undeploy.sh does: deletes what ./deploy.sh created, and nothing else."""

import shutil

from scripts.deploy import files, forwards
from scripts.deploy.cluster import LABELS, PART_OF, Cluster, identity, label
from scripts.deploy.programs import say

_DATA_KINDS = "persistentvolumeclaims,secrets"
# Kubernetes creates these in every namespace.
_NATIVE = (("ConfigMap", "kube-root-ca.crt"), ("ServiceAccount", "default"))
# The kinds that create the services' pods.
_SERVICES = ("deployments.apps", "cronjobs.batch", "horizontalpodautoscalers.autoscaling", "scaledobjects.keda.sh")
# Seconds. A converter finishes its job first: more than its terminationGracePeriodSeconds.
_PODS_TIMEOUT = 4200


def undeploy(namespace: str, *, purge: bool) -> None:
    """Deletes the system; with `purge` its data, secrets and namespace too. Can be run again at any time."""
    cluster = Cluster.current(namespace)
    for name in forwards.stop(context=cluster.context, namespace=namespace):
        say(f"  port-forward/{name}")
    folder = files.deployment(namespace)
    with files.locked(folder, f"the namespace {namespace}"):
        labels = cluster.namespace_labels()
        if labels is None:
            say(f"There is no namespace {namespace} in {cluster.context}.")
        else:
            _delete_objects(cluster)
            if purge:
                _purge(cluster, created=LABELS.items() <= labels.items())
            elif claims := [item["metadata"]["name"] for item in cluster.get("persistentvolumeclaims")]:
                say(f"Kept: the data ({', '.join(claims)}) and their passwords.")
                say("./deploy.sh continues with them; ./undeploy.sh --purge deletes them permanently.")
    if purge:
        shutil.rmtree(folder)


def _delete_objects(cluster: Cluster) -> None:
    kinds = cluster.kinds()
    services = ",".join(kind for kind in kinds.split(",") if kind in _SERVICES)
    # In the foreground: until their pods are gone. The services first, while their servers run: a converter finishes
    # its job, or requeues it.
    options = ["--cascade=foreground", f"--selector={PART_OF}"]
    found = [cluster.delete(each, *options, timeout=_PODS_TIMEOUT) for each in (services, kinds)]
    if not any(found):
        say("Nothing is deployed.")


def _purge(cluster: Cluster, *, created: bool) -> None:
    """Deletes the data, and the namespace if ./deploy.sh has created it and nothing else is in it."""
    cluster.delete(_DATA_KINDS, f"--selector={PART_OF}")
    if not created:
        say(f"The namespace {cluster.namespace} existed before ./deploy.sh; it is kept.")
    elif foreign := [
        label(item)
        for item in cluster.get(f"{cluster.kinds()},{_DATA_KINDS},pods", selector=PART_OF.replace("=", "!="))
        if identity(item) not in _NATIVE
        and item.get("type") != "kubernetes.io/service-account-token"
        and not item["metadata"].get("ownerReferences")
    ]:
        say(f"The namespace {cluster.namespace} is kept: it also contains {', '.join(foreign[:5])}.")
    else:
        cluster.delete("namespace", cluster.namespace, timeout=300)
