"""`.env` as python-dotenv reads it: literal values, and errors by the number of their line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.deploy import dotenv_file
from scripts.deploy.programs import DeployError

_TEXTS = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=60)


@given(values=st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True), _TEXTS, max_size=6))
def test_quoted_values_are_read_as_written(values: dict[str, str]) -> None:
    lines = [f"{name}='{value.replace(chr(92), chr(92) * 2).replace(chr(39), chr(92) + chr(39))}'\n"
             for name, value in values.items()]  # fmt: skip

    assert dotenv_file.parse("".join(lines)) == values


@given(st.text())
def test_any_text_is_read_or_refused_without_repeating_it(text: str) -> None:
    message = ""
    try:
        dotenv_file.parse(f"SECRET=s3cret{text}\n")
    except DeployError as error:
        message = str(error)
    assert "s3cret" not in message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=p#ss$word=1", "p#ss$word=1"),
        ("A=${HOME}", "${HOME}"),
        ("A=abcd efgh ijkl", "abcd efgh ijkl"),
        ("A=value # a comment", "value"),
        ("A=  spaced  ", "spaced"),
        ("A='it # $stays = here'", "it # $stays = here"),
        ('A="a \\"quote\\" and $HOME"', 'a "quote" and $HOME'),
        ('A="two\nlines"', "two\nlines"),
        ("A = 1", "1"),
        ("A=", ""),
        ("A=windows\r\n", "windows"),
        ("A=it's", "it's"),
        ("export A=1", "1"),
    ],
)
def test_one_line(text: str, value: str) -> None:
    assert dotenv_file.parse(text) == {"A": value}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A=1\nhello\n", "line 2"),
        ("# comment\n\nA='open\nB=2\n", "line 3: not NAME=value, or a quote that is not closed"),
        ("A='a' b\n", "line 1"),
        ("A=1\n\nA=2\n", "line 3: A is already set in line 1"),
        ("A=\0\n", "NUL"),
    ],
)
def test_an_invalid_line_is_named_by_its_number(text: str, message: str) -> None:
    with pytest.raises(DeployError, match=message):
        dotenv_file.parse(text)


def test_a_file_in_another_encoding_is_refused_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes("A=1\nB=ü\n".encode("latin-1"))

    with pytest.raises(DeployError, match="line 2: invalid UTF-8"):
        dotenv_file.load(path)


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"\xef\xbb\xbfA=1\n")

    assert dotenv_file.load(path) == {"A": "1"}


def test_a_missing_file_has_no_variables(tmp_path: Path) -> None:
    assert dotenv_file.load(tmp_path / ".env") == {}
