"""What goes into an image: the files that its Dockerfile takes from the build context, and a digest of them.

An image's tag is this digest, so that the same content has the same name on every machine and at any time, and a change
in one service renames no other service's image.
"""

import hashlib
import json
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

# Hexadecimal digits in a tag: 64 bits.
_DIGITS = 16
# Never part of an image, whatever .dockerignore says: they differ from run to run.
_NEVER = ("**/__pycache__", "**/*.pyc")
_CONTINUED = re.compile(r"\\[ \t]*\n(?:[ \t]*#[^\n]*\n)*")
_COPY = re.compile(r"(?:COPY|ADD)\s+(.*)", re.IGNORECASE)
_FLAG = re.compile(r"--([a-z-]+)(?:=(\S+))?\s+")
_MOUNT = re.compile(r"--mount=(\S+)")


def digest(dockerfile: Path, context: Path) -> str:
    """The name of what a build would make: it depends on nothing but the files and their permissions."""
    total = hashlib.sha256(dockerfile.read_bytes())
    ignored = _ignored(dockerfile, context)
    for path in sorted(set(_taken(dockerfile.read_text(encoding="utf-8"), context))):
        name = path.relative_to(context).as_posix()
        if ignored(name):
            continue
        if path.is_symlink():
            mode, content = "link", str(path.readlink()).encode()
        elif path.is_file():
            mode = "x" if path.stat().st_mode & stat.S_IXUSR else "-"
            content = path.read_bytes()
        else:
            continue
        total.update(f"\0{name}\0{mode}\0{hashlib.sha256(content).hexdigest()}".encode())
    return total.hexdigest()[:_DIGITS]


def _taken(dockerfile: str, context: Path) -> Iterator[Path]:
    for source in sources(dockerfile):
        for match in context.glob(source) if set(source) & set("*?[") else [context / source]:
            yield match
            if match.is_dir() and not match.is_symlink():
                yield from match.rglob("*")


def sources(dockerfile: str) -> list[str]:
    """The paths in the build context that a Dockerfile reads: by COPY, ADD, or a bind mount of RUN."""
    found: list[str] = []
    for line in _CONTINUED.sub(" ", dockerfile).splitlines():
        instruction = line.strip()
        if copy := _COPY.match(instruction):
            found.extend(_copied(copy[1]))
        elif instruction.upper().startswith("RUN "):
            for mount in _MOUNT.findall(instruction):
                options = dict(part.partition("=")[::2] for part in mount.split(","))
                if options.get("type", "bind") == "bind" and "from" not in options:
                    found.append(options.get("source") or options.get("src") or ".")
    return [_inside(source) for source in found if "://" not in source and not source.startswith("<<")]


def _copied(rest: str) -> Sequence[str]:
    while flag := _FLAG.match(rest):
        if flag[1] == "from":
            return []
        rest = rest[flag.end() :]
    words = json.loads(rest) if rest.startswith("[") else rest.split()
    return [str(word) for word in words[:-1]]


def _inside(source: str) -> str:
    # Docker too reads "/file" as "file in the context".
    return PurePosixPath(source.lstrip("/") or ".").as_posix()


def _ignored(dockerfile: Path, context: Path) -> Callable[[str], bool]:
    """What .dockerignore leaves out; the one beside the Dockerfile wins, and its last matching line decides."""
    beside = dockerfile.with_name(f"{dockerfile.name}.dockerignore")
    chosen = beside if beside.exists() else context / ".dockerignore"
    lines = chosen.read_text(encoding="utf-8").splitlines() if chosen.exists() else []
    rules = []
    for line in (*lines, *_NEVER):
        pattern = line.strip()
        if pattern and not pattern.startswith("#"):
            rules.append((not pattern.startswith("!"), _expression(pattern.removeprefix("!").strip("/ "))))

    def ignored(name: str) -> bool:
        answer = False
        for leaves_out, expression in rules:
            if expression.fullmatch(name):
                answer = leaves_out
        return answer

    return ignored


def _expression(pattern: str) -> re.Pattern[str]:
    """A line of .dockerignore: `**` is any number of folders; what is in a matching folder matches too."""
    text = ""
    for part in re.split(r"(\*\*/|\*\*|\*|\?|\[[^]]*\])", pattern):
        wildcard = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(part)
        text += wildcard or (part if part.startswith("[") else re.escape(part))
    return re.compile(f"{text}(?:/.*)?", re.DOTALL)
