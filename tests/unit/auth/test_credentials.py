"""Credentials: what hostile and honest clients send."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth.addresses import canonical, registrable
from auth.credentials import Registration, basic
from common.errors import BadRequest, Invalid, Unauthorized


def encoded(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def test_name_and_password_are_read() -> None:
    login = basic(encoded("ann@example.com:secret"))

    assert (login.email, login.password) == ("ann@example.com", "secret")


def test_a_password_may_have_colons() -> None:
    assert basic(encoded("ann@example.com:a:b:")).password == "a:b:"


def test_a_password_is_utf_8() -> None:
    assert basic(encoded("ann@example.com:pässwörd 🎬")).password == "pässwörd 🎬"


def test_the_scheme_is_read_whatever_its_case() -> None:
    assert basic(encoded("ann@example.com:secret").replace("Basic", "bAsIc")).email == "ann@example.com"


def test_a_login_does_not_show_its_password() -> None:
    assert "secret" not in repr(basic(encoded("ann@example.com:secret")))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Bearer abc",
        "Basic not-base64!",
        "Basic Zm9v\n",
        "Basic é",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"ann@example.com:caf\xe9").decode(),
        "Basic YTpi YTpi",
        "Basic YTpi, Bearer x",
    ],
)
def test_a_header_that_is_not_basic_is_refused(header: str) -> None:
    with pytest.raises(Unauthorized) as refusal:
        basic(header)
    assert refusal.value.headers["WWW-Authenticate"].startswith("Basic")


@given(st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("latin-1"))))
def test_any_header_is_read_or_refused(text: str) -> None:
    for header in (text, f"Basic {text}"):
        try:
            basic(header)
        except Unauthorized:
            continue


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters=":")), st.text())
def test_every_name_and_password_is_read_as_it_was_sent(email: str, password: str) -> None:
    try:
        header = encoded(f"{email}:{password}")
    except UnicodeEncodeError:
        return  # Half a surrogate pair cannot be sent in UTF-8.
    login = basic(header)
    assert (login.email, login.password) == (email, password)


def body(email: object = "ann@example.com", password: object = "correct horse") -> bytes:
    return json.dumps({"email": email, "password": password}).encode()


def test_a_registration_is_read() -> None:
    registration = Registration.parse(body())

    assert registration.email == "ann@example.com"
    assert registration.password.get_secret_value() == "correct horse"
    assert "correct horse" not in repr(registration)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("Ann@Example.COM", "ann@example.com"),
        ("ann@bücher.example.com", "ann@xn--bcher-kva.example.com"),
        ("ann@xn--bcher-kva.example.com", "ann@xn--bcher-kva.example.com"),
        ("ann+video@example.com", "ann+video@example.com"),
    ],
)
def test_an_address_is_kept_in_one_spelling(sent: str, kept: str) -> None:
    assert Registration.parse(body(email=sent)).email == kept
    assert canonical(sent) == kept


@pytest.mark.parametrize(
    "email",
    [
        "", "ann", "ann@", "@example.com", "ann@example", "ann@@example.com", "ann @example.com", "ann@example.com\0",
        "ann@example.com\nBcc: x@example.com", "🎬@example.com", "ánn@example.com", "ann@localhost", "ann@[127.0.0.1]",
        "x" * 300, "x" * 300 + "@example.com", "ann@" + "x" * 300 + ".com", "<ann@example.com>",
        7, None, ["ann@example.com"],
    ],
)  # fmt: skip
def test_an_address_that_cannot_receive_email_is_refused_with_the_field(email: object) -> None:
    with pytest.raises(Invalid, match="email: "):
        Registration.parse(body(email=email))


@pytest.mark.parametrize("password", ["x" * 8, "x" * 256, "🎬" * 8, "  spaces  ", "12345678", "a:b:c:d:"])
def test_a_password_only_needs_a_length(password: str) -> None:
    assert Registration.parse(body(password=password)).password.get_secret_value() == password


@pytest.mark.parametrize(
    "password", ["", "x" * 7, "x" * 257, "🎬" * 7, "control\0character", "line\nbreak", 12345678, None]
)
def test_an_invalid_password_is_refused_and_not_repeated(password: object) -> None:
    with pytest.raises(Invalid, match="password: ") as refusal:
        Registration.parse(body(password=password))
    assert not password or str(password) not in str(refusal.value)


def test_all_invalid_fields_are_reported_at_once() -> None:
    with pytest.raises(Invalid, match=r"email: .*password: "):
        Registration.parse(b"{}")


@pytest.mark.parametrize("wrong", [b"[]", b"7", b"null", b'"text"'])
def test_json_that_is_no_object_is_refused(wrong: bytes) -> None:
    with pytest.raises(Invalid):
        Registration.parse(wrong)


@pytest.mark.parametrize(
    "wrong", [b"", b"{", b"email=ann", b"\xff\xfe", b"[" * 16000, b'{"email": "\\ud800"}', b'{"email": "\xff"}']
)
def test_a_body_that_is_not_json_is_refused(wrong: bytes) -> None:
    with pytest.raises(BadRequest):
        Registration.parse(wrong)


@given(st.binary())
def test_random_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises((BadRequest, Invalid)):
        Registration.parse(raw)


@given(st.text())
def test_the_canonical_spelling_of_a_name_is_stable(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)


@given(st.emails())
def test_a_registered_address_is_found_by_any_spelling(email: str) -> None:
    try:
        kept = registrable(email)
    except ValueError:
        return
    assert kept.isascii()
    assert canonical(email) == canonical(email.upper()) == canonical(kept) == kept
