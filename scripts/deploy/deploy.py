"""What ./deploy.sh does, step by step."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import yaml

from scripts.deploy import (
    configuration,
    credentials,
    dotenv_file,
    files,
    images,
    ingress,
    manifests,
    prerequisites,
    release,
    rollout,
    server_versions,
)  # fmt: skip
from scripts.deploy.cluster import LABELS, MANAGED_BY, Cluster, Object, label
from scripts.deploy.manifests import Overlay
from scripts.deploy.programs import DeployError, say

# https://kubernetes.io/docs/concepts/security/pod-security-standards/
POD_SECURITY = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
# What runs or changes the services' code, and the Jobs.
_AFTER_MIGRATIONS = {"Job", "Deployment", "CronJob", "HorizontalPodAutoscaler", "ScaledObject"}
# In MySQL's container: manifests/mysql/migrations.sh.
_MYSQL_ACCOUNT = "/docker-entrypoint-initdb.d/30-migrations.sh"
# The administrator that all services of earlier releases used. rabbitmqctl exits with 67 if there is none.
_DELETE_SHARED_USER = "rabbitmqctl delete_user video2mp3 || [ $? = 67 ]"


@dataclass(frozen=True)
class Options:
    namespace: str
    overlay: str
    components: tuple[str, ...]
    registry: str | None
    skip_build: bool
    dry_run: bool
    rollback: bool
    # Seconds for all rollouts together.
    timeout: float


def deploy(options: Options) -> None:
    """Raises DeployError; can be run again at any time."""
    dotenv = dotenv_file.load()
    prerequisites.check(build=not (options.skip_build or options.dry_run or options.rollback))
    if options.rollback:
        deployed = release.to_roll_back(Cluster.current(options.namespace))
        options = replace(options, overlay=deployed.overlay, components=deployed.components)
    with files.locked(files.deployment(options.namespace), f"the namespace {options.namespace}"):
        overlay = Overlay.render(options.overlay, options.components, options.namespace)
        given = configuration.configure(dotenv, overlay)
        if options.dry_run:
            _preview(options, overlay, given)
            return
        cluster = Cluster.current(options.namespace)
        act = "Rolling back" if options.rollback else "Deploying"
        say(f"{act} the overlay {options.overlay} to the namespace {options.namespace} of {cluster.context}.")
        _apply(options, overlay, given, cluster)


def _apply(options: Options, overlay: Overlay, given: Mapping[str, str], cluster: Cluster) -> None:
    # Before the images are built, which takes minutes.
    keeps_images = options.skip_build or options.rollback
    profile = "" if options.registry or keeps_images else cluster.minikube_profile()
    servers = cluster.get("statefulsets.apps")
    _refuse_fewer_nodes(overlay, servers)
    server_versions.refuse_skipped(cluster, overlay, servers)
    kept = credentials.kept(cluster.namespace, cluster)
    settled = credentials.settle(given, kept, overlay, with_data=_servers_with_data(cluster))
    deployments = cluster.get("deployments.apps")
    needed = [service for service in images.services() if service in overlay.services]
    earlier = release.deployed(cluster)
    if keeps_images:
        references = images.running([*deployments, *cluster.get("cronjobs.batch")])
        # A service that the previous deployment did not have keeps its image.
        references |= earlier.previous if options.rollback and earlier else {}
    elif options.registry:
        references = images.push(options.registry.rstrip("/"), needed)
    else:
        references = images.load(profile, needed)
    if missing := set(needed) - references.keys():
        raise DeployError(
            f"--skip-build keeps the images that the cluster runs, but it runs none of {', '.join(sorted(missing))}."
            " Run ./deploy.sh without it."
        )
    used = {service: references[service] for service in needed}
    ingress.keep_class(overlay, cluster.get("ingresses.networking.k8s.io"))
    current = release.Release(options.overlay, options.components, used).after(earlier)
    overlay.objects.append(current.config_map(cluster.namespace))
    # Before anything is applied: an interrupted run has not lost a password.
    credentials.save(cluster.namespace, settled)
    secrets = credentials.objects(settled, overlay, cluster.namespace)
    objects = manifests.finish(overlay, secrets, references, dict(_scaled(deployments)))
    say("Applying...")
    labels = cluster.namespace_labels()
    # Not to a namespace of somebody else, whose other pods the labels would affect.
    if labels is None or LABELS.items() <= labels.items():
        cluster.apply([_namespace(cluster.namespace)])
    cluster.apply_secrets(secrets)
    content = objects[0]["metadata"]["labels"][manifests.CONTENT]
    selector = f"{manifests.CONTENT}={content}"
    _apply_objects(cluster, [item for item in objects if item["kind"] not in _AFTER_MIGRATIONS])
    _migrate(cluster, overlay, selector, options.timeout, settled)
    _apply_objects(cluster, [item for item in objects if item["kind"] in _AFTER_MIGRATIONS - {"Job"}])
    say("Waiting for the rollouts...")
    rollout.wait(cluster, selector, timeout=options.timeout)
    rollout.check_dependencies(cluster)
    if "rabbitmq" in overlay.servers:
        cluster.run("exec", "rabbitmq-0", "--container=rabbitmq", "--", "sh", "-c", _DELETE_SHARED_USER)
    # What an earlier deployment applied and this one does not contain. Controllers copy labels to what they own.
    others = cluster.get(cluster.kinds(), f"{MANAGED_BY},{manifests.CONTENT}!={content}")
    if leftovers := [label(item) for item in others if not item["metadata"].get("ownerReferences")]:
        cluster.delete(*leftovers)


def _apply_objects(cluster: Cluster, objects: list[Object]) -> None:
    for line in cluster.apply(objects).splitlines():
        if not line.endswith(" unchanged"):
            say(f"  {line}")


def _migrate(cluster: Cluster, overlay: Overlay, selector: str, timeout: float, settled: Mapping[str, str]) -> None:
    """Runs the Jobs of the overlay when the servers are ready, while the services still run the previous release."""
    if not (jobs := list(overlay.of_kind("Job"))):
        return
    say("Waiting for the servers...")
    rollout.wait(cluster, selector, timeout=timeout, kinds="statefulsets.apps")
    if "mysql" in overlay.servers:
        cluster.run("exec", "mysql-0", "--container=mysql", "--", "bash", _MYSQL_ACCOUNT)
    members = {item["metadata"]["name"]: item["spec"].get("replicas", 1) for item in overlay.of_kind("StatefulSet")}
    if members.get("mongodb", 0) > 1:
        _update_mongodb_accounts(cluster, credentials.contents(settled, overlay)["mongodb"])
    say("Migrating the databases...")
    rollout.run_jobs(cluster, jobs, timeout=timeout)


def _update_mongodb_accounts(cluster: Cluster, passwords: Mapping[str, str]) -> None:
    """A single member does it when it starts."""
    values = {**passwords, "MONGO_INITDB_ROOT_USERNAME": "root"}
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())
    script = f"{exports}bash /accounts/accounts.sh update\n"
    cluster.run("exec", "--stdin", "mongodb-0", "--container=mongodb", "--", "bash", "-s", stdin=script)


def _refuse_fewer_nodes(overlay: Overlay, running: list[Object]) -> None:
    """Raises DeployError when a server would lose nodes: those that remain have no majority and stop serving."""
    planned = {item["metadata"]["name"]: item["spec"].get("replicas", 1) for item in overlay.of_kind("StatefulSet")}
    for item in running:
        name, nodes = item["metadata"]["name"], item["spec"].get("replicas", 1)
        if nodes > planned.get(name, nodes):
            raise DeployError(
                f"{name} runs on {nodes} nodes, and this deployment has {planned[name]}, which would have no"
                " majority. Use the same --overlay and --with as before (--with rabbitmq-cluster)."
            )


def _servers_with_data(cluster: Cluster) -> set[str]:
    # A StatefulSet's volume is named TEMPLATE-STATEFULSET-NUMBER.
    names = [item["metadata"]["name"].split("-") for item in cluster.get("persistentvolumeclaims", selector="")]
    return {name[-2] for name in names if len(name) > 2}


def _scaled(deployments: list[Object]) -> Iterator[tuple[str, int]]:
    """The replicas of Deployments that `kubectl scale` or an autoscaler changed: they are kept."""
    for item in deployments:
        asked_for = item["metadata"].get("annotations", {}).get(manifests.REPLICAS)
        current = item["spec"].get("replicas")
        if asked_for is not None and current and str(current) != asked_for:
            say(f"note: {item['metadata']['name']} keeps its {current} replicas (kubectl scale changes that).")
            yield item["metadata"]["name"], current


def _namespace(name: str) -> Object:
    """A namespace with the labels that allow undeploy.sh to delete it, and that admit no privileged pods."""
    labels = {**LABELS, **POD_SECURITY}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _preview(options: Options, overlay: Overlay, given: Mapping[str, str]) -> None:
    """Prints what would be applied, without secrets; asks no cluster and changes nothing."""
    hidden = dict.fromkeys([*credentials.GENERATED, *given], "not-shown")
    secrets = credentials.objects(hidden, overlay, options.namespace)
    objects = manifests.finish(overlay, secrets, {}, {})
    shown = [{**secret, "data": dict.fromkeys(secret["data"], "***")} for secret in secrets]
    print(yaml.safe_dump_all([_namespace(options.namespace), *objects, *shown], sort_keys=False), end="")
    say("Nothing was changed. Image tags and configuration checksums are computed in a real run.")
