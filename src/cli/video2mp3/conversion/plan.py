"""Which files are converted, and where their MP3s go."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from video2mp3.errors import CliError

# The files that are converted in a folder, unless they are hidden, such as ._talk.mp4 of macOS. A named file is always
# converted.
SUFFIXES = frozenset(
    {"3g2", "3gp", "asf", "avi", "divx", "f4v", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "mxf"}
    | {"ogm", "ogv", "rm", "rmvb", "ts", "vob", "webm", "wmv"}
)


@dataclass(frozen=True)
class Video:
    path: Path
    below: Path = Path()
    """The folder of its MP3 below the one of --output."""


def without_suffix(name: str) -> str:
    """The name without its extension. "Interview with Dr. No" has none."""
    return re.sub(r"(?<=.)\.[A-Za-z0-9]{2,5}$", "", name)


def videos(paths: Sequence[Path]) -> list[Video]:
    """The files and the videos in the folders, in order and without duplicates; raises CliError if one is missing.

    The folders of one argument stay below --output. With several folders, their own names are kept too.
    """
    several = sum(path.is_dir() for path in paths) > 1
    found: dict[Path, Video] = {}
    for path in paths:
        if path.is_dir():
            top = Path(path.resolve().name) if several else Path()
            inside = sorted(
                file for file in path.rglob("[!.]*") if file.suffix[1:].lower() in SUFFIXES and file.is_file()
            )
            each = [Video(file, top / file.parent.relative_to(path)) for file in inside]
        elif path.is_file():
            each = [Video(path)]
        else:
            raise CliError(f"There is no file or folder {path}.", "file_not_found")
        for video in each:
            # A link and its file are two videos: their names differ.
            found.setdefault(video.path.parent.resolve() / video.path.name, video)
    if not found:
        raise CliError(f"There is no video in {', '.join(map(str, paths))}.", "file_not_found")
    return list(found.values())


def targets(found: Sequence[Video], output: Path | None) -> list[Path]:
    """A different MP3 for each video: talk.mp3, or talk.mkv.mp3 if there is talk.mp4 too, or else talk (2).mp3.

    Raises CliError if an MP3 would replace one of the files, which can be MP3s too.
    """
    folders = [output / video.below if output else video.path.parent for video in found]
    plain = [folder / f"{without_suffix(video.path.name)}.mp3" for video, folder in zip(found, folders, strict=True)]
    counted = Counter(map(_same_file, plain))
    taken = {name for name, count in counted.items() if count == 1}
    chosen = []
    for video, target in zip(found, plain, strict=True):
        if counted[_same_file(target)] == 1:
            chosen.append(target)
        else:
            chosen.append(_free(target.with_name(f"{video.path.name}.mp3"), taken))
    sources = {video.path.resolve() for video in found}
    for target in chosen:
        if target.resolve() in sources:
            raise CliError(f"The MP3 would replace {target}, which is to be converted. Use --output.", "file_exists")
    return chosen


def _free(wanted: Path, taken: set[str]) -> Path:
    number, target = 1, wanted
    while _same_file(target) in taken:
        number += 1
        target = wanted.with_name(f"{wanted.stem} ({number}).mp3")
    taken.add(_same_file(target))
    return target


def _same_file(target: Path) -> str:
    """Equal for names that are one file where upper and lower case do not differ, as on macOS and Windows."""
    return str(target.parent.resolve() / target.name).casefold()
