"""The `.env` parser: every value arrives as it was written."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.deploy import dotenv
from scripts.deploy.dotenv import DotenvError

_CHARACTERS = st.characters(exclude_characters="\0\r", exclude_categories=["Cs"])
_NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
_TEXTS = st.text(_CHARACTERS, max_size=60)
# What needs no quotes: no line break, no space at an end, no comment, no quote at the beginning.
_PLAIN = _TEXTS.filter(
    lambda text: (
        "\n" not in text
        and text == text.strip(" \t")
        and " #" not in text
        and "\t#" not in text
        and not text.startswith(("'", '"', "#"))
    )
)


def in_single_quotes(value: str) -> str:
    """As a person writes it; only for values without such a quote."""
    return f"'{value}'"


def in_double_quotes(value: str) -> str:
    """As a person writes it."""
    for character, written in (("\\", "\\\\"), ('"', '\\"'), ("$", "\\$")):
        value = value.replace(character, written)
    return f'"{value}"'


_WRITTEN = st.one_of(
    _PLAIN.map(lambda value: (value, value)),
    _TEXTS.filter(lambda value: "'" not in value).map(lambda value: (value, in_single_quotes(value))),
    _TEXTS.map(lambda value: (value, in_double_quotes(value))),
    _TEXTS.map(lambda value: (value, in_double_quotes(value).replace("\n", "\\n"))),
)
_LINES = st.dictionaries(_NAMES, _WRITTEN, max_size=6)


@given(
    lines=_LINES,
    end=st.sampled_from(["\n", "\r\n"]),
    before=st.sampled_from(["", "export ", "  "]),
    after=st.sampled_from(["", " ", " # a comment"]),
    between=st.sampled_from(["", "\n", "# a comment\n", "   \n"]),
)
def test_what_is_written_arrives(
    lines: dict[str, tuple[str, str]], end: str, before: str, after: str, between: str
) -> None:
    text = between.join(f"{before}{name}={written}{after}\n" for name, (_, written) in lines.items())

    assert dotenv.parse(text.replace("\n", end)) == {name: value for name, (value, _) in lines.items()}


@given(st.text())
def test_any_text_is_read_or_refused_without_repeating_it(text: str) -> None:
    told = ""
    try:
        dotenv.parse(f"SECRET={text}\n")
    except DotenvError as error:
        told = str(error)
    assert told == "" or re.fullmatch(r"\.env, line \d+: [\w .,'\"=]+\.", told)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=p#ss$word=1", "p#ss$word=1"),
        ("A=abcd efgh ijkl", "abcd efgh ijkl"),
        ("A=value # a comment", "value"),
        ("A=  spaced  ", "spaced"),
        ("A='it # $stays \\n = here'", "it # $stays \\n = here"),
        ('A="a \\"quote\\" and \\$HOME"', 'a "quote" and $HOME'),
        ('A="two\nlines"', "two\nlines"),
        ("A = 1", "1"),
        ("A=", ""),
        ("A=#nothing", ""),
        ("A=windows\r\n", "windows"),
        ("A=it's", "it's"),
        ("export A=1", "1"),
    ],
)
def test_one_line(text: str, value: str) -> None:
    assert dotenv.parse(text) == {"A": value}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("A=1\nhello\n", "line 2"),
        ("A='open\nB=2\n", "line 1: the value of A begins with '"),
        ("A='a' b\n", "goes on after its closing quote"),
        ("A=1\n\nA=2\n", "line 3: A is set already in line 1"),
        ("1A=2\n", "line 1"),
        ("A=\0\n", "NUL"),
    ],
)
def test_what_cannot_be_understood_is_named_by_its_line(text: str, told: str) -> None:
    with pytest.raises(DotenvError, match=told):
        dotenv.parse(text)


def test_a_file_in_another_encoding_is_refused_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes("A=1\nB=ü\n".encode("latin-1"))

    with pytest.raises(DotenvError, match="line 2: this is not UTF-8"):
        dotenv.load(path)


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"\xef\xbb\xbfA=1\n")

    assert dotenv.load(path) == {"A": "1"}


def test_no_file_is_no_variables(tmp_path: Path) -> None:
    assert dotenv.load(tmp_path / ".env") == {}
