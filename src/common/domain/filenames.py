"""The names of uploaded files, in any encoding: without folders and suffix."""

import re

from common.domain.alphabets import read

# Suffixes that are removed.
MEDIA_SUFFIXES = frozenset({
    "3g2", "3gp", "aa", "aac", "aax", "ac3", "ac4", "adts", "aif", "aifc", "aiff", "alac", "amr", "amv", "ape",
    "asf", "au", "avi", "caf", "dav", "divx", "dsf", "dts", "dv", "dvr-ms", "eac3", "f4a", "f4b", "f4v", "flac",
    "flv", "gsm", "gxf", "ivf", "lrv", "m1v", "m2a", "m2p", "m2t", "m2ts", "m2v", "m4a", "m4b", "m4p", "m4r", "m4v",
    "mj2", "mk3d", "mka", "mkv", "mod", "mov", "mp1", "mp2", "mp2v", "mp3", "mp4", "mp4v", "mpa", "mpc", "mpe",
    "mpeg", "mpeg4", "mpg", "mpga", "mpv", "mts", "mxf", "nsv", "nut", "oga", "ogg", "ogm", "ogv", "ogx", "opus",
    "qt", "ra", "ram", "rf64", "rm", "rmvb", "shn", "spx", "tak", "tod", "trp", "ts", "tta", "vid", "vob", "voc",
    "w64", "wav", "wave", "weba", "webm", "wma", "wmv", "wtv", "wv", "xvid",
})  # fmt: skip
# A Windows path; in other names a backslash is an ordinary character.
_WINDOWS_PATH = re.compile(r"(?:[A-Za-z]:|\.{0,2})\\")


def base_name(name: str) -> str:
    """The name without folders."""
    last = name.rpartition("/")[2]
    return last.rpartition("\\")[2] if _WINDOWS_PATH.match(last) else last


def stem(name: str) -> str:
    """The name without folders, and without the suffix of a media file."""
    last = base_name(name)
    root, dot, suffix = last.rpartition(".")
    return root.rstrip() if dot and root.strip() and suffix.strip().lower() in MEDIA_SUFFIXES else last


def decode(raw: bytes) -> str:
    """Decodes a name in UTF-8 or an old code page; bytes whose encoding is not certain become `_`."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        texts = read((raw,))
    return texts[0] if texts else re.sub("\ufffd+", "_", raw.decode(errors="replace"))
