"""`python scripts/locks.py`: checks that the locks match the pyproject files, without network access.

It does not look for newer versions: it finds a dependency that was added or changed without `./scripts/lock.sh`, and a
service whose lock disagrees with the one that is tested.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

_ROOT = Path(__file__).resolve().parents[1]
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def pins(lock: Path) -> set[tuple[str, Version]]:
    """Names and versions in a lock; one name may have several, for different Pythons."""
    return {(canonicalize_name(name), Version(version)) for name, version in _PIN.findall(lock.read_text())}


def wanted(project: Path) -> list[Requirement]:
    """The direct requirements of a pyproject file, its dependency groups included."""
    content = tomllib.loads(project.read_text())
    groups = content.get("dependency-groups", {}).values()
    texts = [*content["project"].get("dependencies", []), *(text for group in groups for text in group)]
    return [Requirement(text) for text in texts if isinstance(text, str)]  # not `include-group`


def problems() -> Iterator[str]:
    """One sentence for each mismatch."""
    everything = pins(_ROOT / "requirements.lock")
    projects = [_ROOT / "pyproject.toml", *sorted(_ROOT.glob("src/*/pyproject.toml"))]
    for project in projects:
        lock = project.with_name("requirements.lock")
        if not lock.exists():
            yield f"{lock.relative_to(_ROOT)} is missing"
            continue
        locked = pins(lock)
        for requirement in wanted(project):
            name = canonicalize_name(requirement.name)
            if not any(name == pinned and requirement.specifier.contains(version, True) for pinned, version in locked):
                yield f"{lock.relative_to(_ROOT)} has no {requirement}"
        for stray, version in sorted(locked - everything):
            yield f"{lock.relative_to(_ROOT)} has {stray} {version}, requirements.lock does not"


def main() -> int:
    found = list(problems())
    for problem in found:
        print(f"{problem}. Run ./scripts/lock.sh and commit the locks.", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
