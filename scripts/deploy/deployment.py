"""What ./deploy.sh does, step by step."""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.deploy import (
    configuration,
    credentials,
    diagnosis,
    dotenv,
    folders,
    images,
    kustomization,
    leftovers,
    overlay,
    prerequisites,
    rollout,
)
from scripts.deploy.cluster import MANAGED_BY, PART_OF, Cluster, Object, identity
from scripts.deploy.errors import DeployError

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(frozen=True)
class Options:
    """The command line of ./deploy.sh."""

    namespace: str
    overlay: str
    components: tuple[str, ...]
    registry: str | None
    skip_build: bool
    dry_run: bool
    # s for all rollouts together.
    timeout: float


def say(line: str) -> None:
    """Tells the operator, at once even through a pipe."""
    print(line, file=sys.stderr, flush=True)


def deploy(options: Options) -> None:
    """Brings the system up, or to its newest state. Raises DeployError; can be run again at any time."""
    # What is wrong with the files is told before anything else has to work.
    values = dotenv.load(folders.DOTENV)
    _warn_about_permissions()
    prerequisites.check(build=not (options.skip_build or options.dry_run))
    folder = folders.deployment(options.namespace)
    base = overlay.base(options.overlay, options.components, options.namespace, folder)
    with folders.locked(folder, f"the namespace {options.namespace}"):
        plain = overlay.Overlay(options.overlay, overlay.parse(overlay.render(base, folder)))
        settings = configuration.configure(values, plain)
        for note in settings.notes:
            say(f"note: {note}")
        if settings.problems:
            raise DeployError(
                "Nothing was changed. In .env:\n" + "\n".join(f"  - {line}" for line in settings.problems)
            )
        if options.dry_run:
            _preview(options, plain, settings, base)
            return
        cluster = Cluster.current(options.namespace)
        cluster.check_reachable()
        say(f"Deploying the overlay {options.overlay} to the namespace {options.namespace} of {cluster.context}.")
        _apply(options, cluster, plain, settings, base, folder)


def _apply(
    options: Options, cluster: Cluster, plain: overlay.Overlay, settings: configuration.Configuration,
    base: dict[str, object], folder: Path,
) -> None:  # fmt: skip
    # Asked before the images are built, which takes long.
    shelf = None if options.skip_build else _shelf(options, cluster)
    exists = cluster.find("namespace", options.namespace) is not None
    settled = _settle(cluster, plain, settings, exists=exists)
    present = cluster.ours("deployments.apps") if exists else []
    chosen = [shelf.build(service) for service in images.services()] if shelf else list(
        images.as_built(options.registry, images.running(present))
    )  # fmt: skip
    folders.write_json(credentials.store(options.namespace), _worth_keeping(settled))
    secrets = credentials.objects(settled, plain, options.namespace)
    layer = kustomization.layered(base, plain, settings, chosen, secrets, dict(_scaled_by_hand(present)))
    objects = overlay.parse(overlay.render(layer, folder))
    cluster.create_namespace()
    say("Applying...")
    cluster.apply_secrets(secrets)
    for line in cluster.apply(objects).splitlines():
        if not line.endswith(" unchanged"):
            say(f"  {line}")
    expected = {identity(item) for item in objects if item["kind"] in {"Deployment", "StatefulSet", "DaemonSet"}}
    say("Waiting until everything runs...")
    try:
        rollout.wait(cluster, expected, seconds=options.timeout, say=say)
    except rollout.RolloutFailed as error:
        for line in diagnosis.report(cluster, error.keys):
            say(line)
        raise
    leftovers.remove(cluster, {identity(item) for item in (*objects, *secrets)}, say)


def _settle(
    cluster: Cluster, plain: overlay.Overlay, settings: configuration.Configuration, *, exists: bool
) -> dict[str, str]:
    kept = credentials.in_file(cluster.namespace)
    with_data: list[str] = []
    if exists:
        kept |= credentials.in_cluster(cluster)
        # The volumes of a StatefulSet's pods are named <template>-<its name>-<number>.
        claims = [item["metadata"]["name"].rpartition("-")[0] for item in cluster.get("persistentvolumeclaims")]
        with_data = [server for server in plain.servers if any(claim.endswith(f"-{server}") for claim in claims)]
    return credentials.settle(settings.given, kept, plain, with_data=with_data)


def _worth_keeping(settled: dict[str, str]) -> dict[str, str]:
    """What was made; what comes from .env is read from there each time."""
    return {name: value for name, value in settled.items() if name in credentials.MADE}


def _shelf(options: Options, cluster: Cluster) -> images.Shelf:
    if options.registry:
        return images.Shelf(registry=options.registry.rstrip("/"))
    return images.Shelf(profile=prerequisites.minikube_profile(cluster))


def _scaled_by_hand(present: list[Object]) -> Iterator[tuple[str, int]]:
    """Deployments whose number was changed since they were applied, by `kubectl scale` or an autoscaler: it stays."""
    for item in present:
        applied = json.loads(item["metadata"].get("annotations", {}).get(_LAST_APPLIED, "{}")).get("spec", {})
        current = item["spec"].get("replicas")
        if "replicas" in applied and current not in (None, 0, applied["replicas"]):
            say(f"note: {item['metadata']['name']} keeps its {current} replicas (kubectl scale changes that).")
            yield item["metadata"]["name"], current


def _preview(
    options: Options, plain: overlay.Overlay, settings: configuration.Configuration, base: dict[str, object]
) -> None:
    """Prints what would be applied, changes nothing, and asks no cluster."""
    made = dict.fromkeys(credentials.MADE, "not-shown") | settings.given
    secrets = credentials.objects(made, plain, options.namespace)
    chosen = images.as_built(options.registry, {})
    folder = folders.deployment(options.namespace)
    with tempfile.TemporaryDirectory(dir=folder, prefix="preview-") as name:
        layer = kustomization.layered(base, plain, settings, chosen, secrets, {})
        moved = {**overlay.base(options.overlay, options.components, options.namespace, Path(name))}
        layer |= {part: moved[part] for part in ("resources", "components")}
        print(overlay.render(layer, Path(name)), end="")
    for secret in secrets:
        hidden = {**secret, "data": dict.fromkeys(secret["data"], "***")}
        print(f"---\n{json.dumps(hidden, indent=2)}")
    labels = dict((PART_OF, MANAGED_BY))
    made_namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": options.namespace, "labels": labels},
    }
    print(f"---\n# If there is none yet:\n{json.dumps(made_namespace, indent=2)}")
    say(
        "Nothing was changed. The checksums of the configuration differ from those of a real run: they cover the secrets."
    )


def _warn_about_permissions() -> None:
    if folders.DOTENV.exists() and folders.DOTENV.stat().st_mode & 0o077:
        say("note: others on this machine can read .env. Better: chmod 600 .env")


def forget(namespace: str) -> None:
    """Removes what this checkout keeps about a namespace."""
    shutil.rmtree(folders.deployment(namespace))
