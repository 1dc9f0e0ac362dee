"""A docker that remembers which images were built and pushed."""

import sys

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
            case ["image", "inspect", name]:
                sys.exit(name not in images)
            case ["build", *_]:
                if world.is_set("broken-build"):
                    world.fail("ERROR: failed to solve")
                images.append(words[words.index("--tag") + 1])
            case ["tag", _, name]:
                images.append(name)
            case ["push", _, name]:
                registry.append(name)
            case ["pull", _, name]:
                sys.exit(name not in registry)
            case _:
                world.fail(f"docker {words}: not expected")
