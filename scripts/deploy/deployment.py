"""What ./deploy.sh does, step by step."""

from collections.abc import Iterator

from scripts.deploy import credentials, diagnosis, folders, images, leftovers, overlay, prerequisites, preview, rollout
from scripts.deploy.cluster import Cluster, Object, identity
from scripts.deploy.kustomization import REPLICAS
from scripts.deploy.plan import Options, Plan, read_dotenv, say
from scripts.deploy.workloads import ROLLED


def deploy(options: Options) -> None:
    """Brings the system up, or to its newest state. Raises DeployError; can be run again at any time."""
    # What is wrong with the files is told before anything else has to work.
    values = read_dotenv()
    prerequisites.check(build=not (options.skip_build or options.dry_run))
    with folders.locked(folders.deployment(options.namespace), f"the namespace {options.namespace}"):
        plan = Plan.make(options, values)
        if options.dry_run:
            preview.show(plan)
            return
        cluster = Cluster.current(options.namespace)
        cluster.check_reachable()
        say(f"Deploying the overlay {options.overlay} to the namespace {options.namespace} of {cluster.context}.")
        _apply(plan, cluster)


def _apply(plan: Plan, cluster: Cluster) -> None:
    # Asked before the images are built, which takes long.
    shelf = None if plan.options.skip_build else _shelf(plan.options, cluster)
    exists = cluster.find("namespace", cluster.namespace) is not None
    settled = _settle(plan, cluster, exists=exists)
    present = cluster.ours("deployments.apps") if exists else []
    if shelf:
        chosen = [shelf.build(service) for service in images.services()]
    else:
        chosen = list(images.as_built(plan.options.registry, images.running(present)))

    # Before anything is applied: an interrupted run has lost no password.
    folders.write_json(
        credentials.store(cluster.namespace),
        {name: value for name, value in settled.items() if name in credentials.MADE},
    )
    secrets = credentials.objects(settled, plan.overlay, cluster.namespace)
    folder = folders.deployment(cluster.namespace)
    objects = overlay.parse(plan.render(folder, chosen, secrets, dict(_scaled_by_hand(present))))

    say("Applying...")
    if not exists:
        cluster.create_namespace()
    cluster.apply_secrets(secrets)
    for line in cluster.apply(objects).splitlines():
        if not line.endswith(" unchanged"):
            say(f"  {line}")
    _wait(cluster, objects, plan.options.timeout)
    leftovers.remove(cluster, {identity(item) for item in (*objects, *secrets)}, say)


def _wait(cluster: Cluster, objects: list[Object], seconds: float) -> None:
    say("Waiting until everything runs...")
    expected = {identity(item) for item in objects if item["kind"] in ROLLED}
    try:
        rollout.wait(cluster, expected, seconds=seconds, say=say)
    except rollout.RolloutFailed as error:
        for line in diagnosis.report(cluster, error.keys):
            say(line)
        raise


def _shelf(options: Options, cluster: Cluster) -> images.Shelf:
    if options.registry:
        return images.Shelf(registry=options.registry.rstrip("/"))
    return images.Shelf(profile=prerequisites.minikube_profile(cluster))


def _settle(plan: Plan, cluster: Cluster, *, exists: bool) -> dict[str, str]:
    kept = credentials.in_file(cluster.namespace)
    with_data: list[str] = []
    if exists:
        kept |= credentials.in_cluster(cluster)
        # The volumes of a StatefulSet's pods are named <template>-<its name>-<number>.
        claims = [item["metadata"]["name"].rpartition("-")[0] for item in cluster.get("persistentvolumeclaims")]
        with_data = [server for server in plan.overlay.servers if any(claim.endswith(f"-{server}") for claim in claims)]
    return credentials.settle(plan.settings.given, kept, plan.overlay, with_data=with_data)


def _scaled_by_hand(present: list[Object]) -> Iterator[tuple[str, int]]:
    """Deployments whose number was changed by `kubectl scale` or an autoscaler: it stays."""
    for item in present:
        asked_for = item["metadata"].get("annotations", {}).get(REPLICAS)
        current = item["spec"].get("replicas")
        if asked_for is not None and current and str(current) != asked_for:
            say(f"note: {item['metadata']['name']} keeps its {current} replicas (kubectl scale changes that).")
            yield item["metadata"]["name"], current
