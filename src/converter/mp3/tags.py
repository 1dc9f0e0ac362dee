"""The MP3's ID3 tags: the video's own title, artist and album, or its file's name."""

from collections.abc import Mapping

from common.domain import filenames

NAMES = ("title", "artist", "album")
# What AVI (RIFF INFO) and old ASF files call them.
ALIASES = {"product": "album", "author": "artist"}
# Characters of a tag: longer ones are lyrics or attacks, and a command line's argument ends at 128 KiB.
LENGTH = 500


def choose(tags: Mapping[str, str], filename: str, wanted: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """Title, artist and album: what the user wants, else as far as known; a title is at least the file's name.

    Containers differ in how they write the names: Matroska's are in capitals.
    """
    known = {name.casefold(): clean(value) for name, value in tags.items()}
    for alias, name in ALIASES.items():
        known.setdefault(name, known.get(alias, ""))
    chosen = {name: known[name] for name in NAMES if known.get(name)}
    return {"title": stem(filename), **chosen, **{name: value for name, value in (wanted or {}).items() if value}}


def stem(filename: str) -> str:
    """The file's name without folders and without the suffix of a media file."""
    return filenames.stem(clean(filename)) or "audio"


def clean(value: str) -> str:
    """On one line, without what is not text: a lone surrogate, a NUL and other control characters."""
    text = "".join(character if character.isprintable() else " " for character in value)
    return " ".join(text.split())[:LENGTH]
