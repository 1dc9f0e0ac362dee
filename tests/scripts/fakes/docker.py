"""A docker that remembers which images were built and pushed."""

import hashlib
from pathlib import Path

from tests.scripts.fakes import world


def main(words: list[str]) -> None:
    """Does what the scripts ask of docker."""
    world.note("docker")
    with world.state() as state:
        images, registry = state.setdefault("images", []), state.setdefault("registry", [])
        match words:
            case ["version", *_]:
                if world.is_set("docker-down"):
                    world.fail("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.")
                print("20.10.24")
            case ["image", "inspect", "--format", _, name]:
                print(f'["{name.rpartition(":")[0]}@sha256:{"1" * 64}"]')
            case ["build", *_]:
                if world.is_set("broken-build"):
                    world.fail("ERROR: failed to solve")
                image_id = f"sha256:{_digest(words)}"
                Path(words[words.index("--iidfile") + 1]).write_text(image_id)
                images.extend([image_id, words[words.index("--tag") + 1]])
            case ["tag", old, name]:
                assert old in images, old
                images.append(name)
            case ["push", _, name]:
                registry.append(name)
            case _:
                world.fail(f"docker {words}: not expected")


def _digest(words: list[str]) -> str:
    """An image ID: it changes when, and only when, a file that goes into the image does."""
    context = Path(words[-1])
    service = context / words[words.index("--build-arg") + 1].removeprefix("SERVICE=")
    total = hashlib.sha256()
    for path in sorted(path for folder in (context / "common", service) for path in folder.rglob("*.py")):
        total.update(path.read_bytes())
    return total.hexdigest()
