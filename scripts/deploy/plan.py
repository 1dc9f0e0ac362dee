"""What a run of ./deploy.sh is about: its options, the overlay, and what `.env` means for it."""

import stat
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.deploy import configuration, dotenv, folders, kustomization, overlay
from scripts.deploy.cluster import Object
from scripts.deploy.errors import DeployError
from scripts.deploy.images import Image


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


@dataclass(frozen=True)
class Plan:
    """The options, with everything read and checked that needs no cluster."""

    options: Options
    overlay: overlay.Overlay
    settings: configuration.Configuration

    @classmethod
    def make(cls, options: Options, values: Mapping[str, str]) -> "Plan":
        """Raises DeployError that names all that is wrong or missing in `.env`."""
        folder = folders.deployment(options.namespace)
        base = overlay.base(options.overlay, options.components, options.namespace, folder)
        plain = overlay.Overlay(options.overlay, overlay.parse(overlay.render(base, folder)))
        settings = configuration.configure(values, plain)
        for note in settings.notes:
            say(f"note: {note}")
        if settings.problems:
            problems = "\n".join(f"  - {line}" for line in settings.problems)
            raise DeployError(f"Nothing was changed. In .env:\n{problems}")
        return cls(options, plain, settings)

    def render(
        self, folder: Path, images: Iterable[Image], secrets: Sequence[Object], replicas: Mapping[str, int]
    ) -> str:
        """The manifests as they are to be applied; the kustomization stays in the folder."""
        base: dict[str, Any] = overlay.base(self.overlay.name, self.options.components, self.options.namespace, folder)
        patches = kustomization.patches(self.overlay, self.settings, secrets, replicas)
        layer = {**base, "images": [image.replacement for image in images], "patches": patches}
        return overlay.render(layer, folder)


def say(line: str) -> None:
    """Tells the operator, at once even through a pipe."""
    print(line, file=sys.stderr, flush=True)


def read_dotenv() -> dict[str, str]:
    """The operator's `.env`. Raises DeployError."""
    values = dotenv.load(folders.DOTENV)
    if values and folders.DOTENV.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        say("note: others on this machine can read .env. Better: chmod 600 .env")
    return values
