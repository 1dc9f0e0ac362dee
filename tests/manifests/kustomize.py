"""Renders overlays with components by the kustomize inside kubectl, as an operator's own kustomization would."""

import functools
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "manifests"


def combinations() -> Iterator[tuple[str, ...]]:
    """Every overlay with every choice of components that it does not have already: the overlay first."""
    optional = ("autoscaling", "keda", "monitoring")
    for overlay, policies, extras in (
        ("minikube", ("network-policies",), optional),
        ("host-databases", ("network-policies-external",), optional),
        ("production", (), ("keda", "monitoring")),
    ):
        choices = (*policies, *extras)
        for count in range(len(choices) + 1):
            for chosen in itertools.combinations(choices, count):
                yield overlay, *chosen
        yield overlay, *policies, "backup", "certificates"
        without = ("autoscaling",) if "autoscaling" in extras else ()
        yield overlay, *without, "autoscaling-prometheus"
        yield overlay, *policies, "gateway-api"
    yield "minikube", "network-policies", "mongodb-cluster", "rabbitmq-cluster"


@functools.cache
def render(combination: tuple[str, ...]) -> tuple[Object, ...]:
    """The objects of an overlay with components."""
    overlay, *components = combination
    with tempfile.TemporaryDirectory(prefix="video2mp3-kustomize-") as folder:
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [os.path.relpath(MANIFESTS / "overlays" / overlay, Path(folder).resolve())],
            "components": [
                os.path.relpath(MANIFESTS / "components" / name, Path(folder).resolve()) for name in components
            ],
        }
        Path(folder, "kustomization.yaml").write_text(json.dumps(kustomization))
        return build(Path(folder))


def build(folder: Path) -> tuple[Object, ...]:
    """The objects of a folder with a kustomization."""
    done = subprocess.run(
        [_kubectl(), "kustomize", str(folder)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"kustomize cannot render {folder}: {done.stderr}"
    return tuple(yaml.load_all(done.stdout, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def _kubectl() -> str:
    # The one of the development packages comes first: its version is known.
    own = shutil.which("kubectl", path=str(Path(sys.executable).parent))
    found = own or shutil.which("kubectl")
    assert found, "There is no kubectl: install the packages of requirements.lock"
    return found


def named(item: Object) -> str:
    """How an object is called in a failed assertion."""
    return f"{item['kind']}/{item['metadata']['name']}"
