"""docs/recipes.md: the commands are shell, name what exists, and are checked on a cluster."""

import re
import subprocess
from pathlib import Path

import pytest

from scripts.deploy import images
from tests.cluster.recipes import EXPECTED, FIRST, PAGE, Recipe, read
from tests.manifests.kustomize import ROOT, render
from tests.manifests.pods import pods

_TROUBLESHOOTING = ROOT / "docs/troubleshooting.md"
_LINKS = re.compile(r"\]\(([^)#\s]+\.md)?(#[^)]+)?\)")


def test_every_recipe_is_checked_on_a_cluster() -> None:
    assert [recipe.title for recipe in read()] == [FIRST, *EXPECTED]


@pytest.mark.parametrize("recipe", read(), ids=lambda recipe: recipe.title)
def test_the_commands_of_a_recipe_are_shell(recipe: Recipe) -> None:
    done = subprocess.run(
        ["bash", "-n"], input=recipe.commands, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize("page", [PAGE, _TROUBLESHOOTING], ids=lambda page: page.stem)
def test_the_commands_name_workloads_and_containers_that_exist(page: Path) -> None:
    containers = {
        (pod.owner["metadata"]["name"], container["name"])
        for pod in pods(render(("minikube",)))
        for container in pod.spec["containers"]
    }
    named = re.findall(r"\b(?:deployment/|deployment )([a-z]+)(?: -c ([a-z]+))?", page.read_text())
    assert named
    workloads = {workload for workload, _ in containers}
    assert {name for name, _ in named} <= workloads & set(images.services())
    assert {(name, container) for name, container in named if container} <= containers


@pytest.mark.parametrize("page", [PAGE, _TROUBLESHOOTING, ROOT / "docs/versions.md"], ids=lambda page: page.stem)
def test_links_between_pages_lead_to_headings(page: Path) -> None:
    broken = []
    for target, anchor in _LINKS.findall(page.read_text()):
        path = page.parent / target if target else page
        if not path.exists():
            broken.append(target)
        elif anchor and anchor[1:] not in _anchors(path):
            broken.append(f"{target}{anchor}")
    assert broken == []


def _anchors(path: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#{1,6} (.+)$", path.read_text(), re.MULTILINE)
    plain = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower() for heading in headings)
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}
