"""Reads `.env`: every value arrives as it is written, and what cannot be understood is named by its line.

    NAME=value            up to the end of the line, without the spaces around it; `$`, `=`, `"` and `'` inside stay,
                          and so does `#`, unless a space stands before it: that begins a comment
    NAME='value'          everything between the quotes, line breaks too; nothing is special in it
    NAME="value"          the same, but \\n, \\r, \\t, \\", \\$ and \\\\ are what they are in a shell's $'...'

Blank lines, lines that begin with `#`, a leading `export`, a byte order mark and Windows' line ends are fine. Nothing
is ever substituted. docker compose reads the same file; it replaces `$NAME` outside single quotes, so quote those.
"""

import re
from pathlib import Path

from scripts.deploy.errors import DeployError

_NAME = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*")
_SINGLE = re.compile(r"'([^']*)'")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "$": "$", "\\": "\\"}
_END_OF_LINE = re.compile(r"[ \t]*(?:[ \t]#[^\n]*)?(?:\n|$)")
_SKIPPED = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|$)")
_REST = re.compile(r"[^\n]*")
_COMMENT = re.compile(r"(?:^|[ \t])#.*")


class DotenvError(DeployError):
    """A line that cannot be understood; the text names its number and never its content, which may be a secret."""


def load(path: Path) -> dict[str, str]:
    """The variables of a file; none if there is no such file. Raises DotenvError."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DotenvError(f"{path.name} cannot be read: {error.strerror}.") from None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DotenvError(f"{path.name}, line {line}: this is not UTF-8. Save the file as UTF-8.") from None
    return parse(text, path.name)


def parse(text: str, name: str = ".env") -> dict[str, str]:
    """The variables in the order of the text. Raises DotenvError."""
    text = text.replace("\r\n", "\n")
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    position = 0
    while position < len(text):
        if skipped := _SKIPPED.match(text, position):
            position = skipped.end()
            continue
        line = text.count("\n", 0, position) + 1
        start = _NAME.match(text, position)
        if start is None:
            raise DotenvError(f"{name}, line {line}: this is not NAME=value.")
        variable = start[1]
        if variable in lines:
            raise DotenvError(
                f"{name}, line {line}: {variable} is set already in line {lines[variable]}. Keep one of the two."
            )
        try:
            values[variable], position = _value(text, start.end())
        except ValueError as error:
            raise DotenvError(f"{name}, line {line}: the value of {variable} {error}.") from None
        if "\0" in values[variable]:
            raise DotenvError(f"{name}, line {line}: the value of {variable} has a NUL character.")
        lines[variable] = line
    return values


def _value(text: str, position: int) -> tuple[str, int]:
    quote = text[position : position + 1]
    if quote not in {"'", '"'}:
        rest = _REST.match(text, position)
        assert rest is not None  # it matches the empty string too
        return _COMMENT.sub("", rest[0]).strip(" \t"), rest.end() + 1
    quoted = (_SINGLE if quote == "'" else _DOUBLE).match(text, position)
    if quoted is None:
        raise ValueError(
            f"begins with {quote} and never ends. If the quote belongs to it, put the whole into other quotes"
        )
    end = _END_OF_LINE.match(text, quoted.end())
    if end is None:
        raise ValueError("goes on after its closing quote. If the quotes belong to it, put the whole into other quotes")
    value = quoted[1]
    return (value if quote == "'" else _ESCAPE.sub(_unescaped, value)), end.end()


def _unescaped(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[1], match[0])
