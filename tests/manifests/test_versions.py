"""docs/versions.md lists all versions: the manifests, docker-compose.yml and the Dockerfiles have the same."""

import re
from collections.abc import Iterable

import yaml

from scripts.deploy.server_versions import STEPS
from tests.manifests.kustomize import ROOT, combinations, render
from tests.manifests.pods import pods

_ROW = re.compile(r"^\| ([^|]+?) \| `([^`|]+)` \| ([^|]+) \|", re.MULTILINE)
# Without a minor version: docs/versions.md says why.
_WITHOUT_MINOR = {"debian:trixie-slim", "node:24-slim"}


def _listed() -> dict[str, set[str]]:
    """The pinned images and packages, with the files that pin them."""
    rows = _ROW.findall((ROOT / "docs/versions.md").read_text())
    assert len({software for software, _, _ in rows}) == len(rows)
    return {pinned: set(re.findall(r"`([^`]+)`", where)) for _, pinned, where in rows}


def _foreign(images: Iterable[str]) -> set[str]:
    return {image for image in images if "video2mp3/" not in image}


def _pinned_by_a_dockerfile(name: str) -> set[str]:
    text = (ROOT / name).read_text()
    return set(re.findall(r"^ARG \w+_IMAGE=(\S+)$", text, re.MULTILINE)) | set(re.findall(r"'(\w+=[^']+)'", text))


def test_every_version_is_in_the_list_and_every_listed_one_is_used_where_it_says() -> None:
    used: dict[str, set[str]] = {}
    for path in sorted((ROOT / "manifests").glob("*/*.yaml")):
        for found in re.findall(r"^\s+(?:- )?image: (\S+)$", path.read_text(), re.MULTILINE):
            used.setdefault(found, set()).add(str(path.relative_to(ROOT)))
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    for found in _foreign(service["image"] for service in compose["services"].values()):
        used.setdefault(found, set()).add("docker-compose.yml")
    for name in ("src/Dockerfile", "src/nginx/Dockerfile"):
        for found in _pinned_by_a_dockerfile(name):
            used.setdefault(found, set()).add(name)
    assert used == _listed()


def test_no_combination_has_another_image() -> None:
    images = {
        container["image"]
        for combination in combinations()
        for pod in pods(render(combination))
        for container in pod.containers()
    }
    assert _foreign(images) <= _listed().keys()


def test_a_tag_names_the_minor_version() -> None:
    tags = {pinned for pinned in _listed() if not re.search(r"[:=]v?\d+\.\d+", pinned)}
    assert tags == _WITHOUT_MINOR


def test_the_labels_of_the_images_name_their_base() -> None:
    for name in ("src/Dockerfile", "src/nginx/Dockerfile"):
        (base,) = re.findall(r'image\.base\.name="docker\.io/library/([^"]+)"', (ROOT / name).read_text())
        assert base in _pinned_by_a_dockerfile(name)


def test_the_deployment_knows_the_step_to_each_pinned_server() -> None:
    images = [image for image in _listed() if image.split(":")[0] in {"rabbitmq", "mongo", "mysql"}]
    assert len(images) == 3
    for image in images:
        name, _, tag = image.partition(":")
        assert re.match(r"\d+\.\d+", tag)[0] in STEPS["mongodb" if name == "mongo" else name]
