"""Tokens: only issued ones are valid."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from auth.tokens import Tokens
from auth.users import User
from common.errors import Unauthorized
from tests.waiting import eventually

KEY = "k" * 32
OLD_KEY = "o" * 32
# 2026-01-01, in the past of every machine that runs this: tests that need a valid token use the real clock.
PAST = 1_767_225_600


def user(email: str) -> User:
    return User("an-id", email, "", token_version=3)


def tokens(lifetime: int = 3600, **others: Any) -> Tokens:
    return Tokens(SecretStr(KEY), lifetime, admins={"admin@example.com"}, **others)


def signed(claims: dict[str, Any], key: str = KEY, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, key, algorithm=algorithm)


def valid_claims(**changes: Any) -> dict[str, Any]:
    claims = {"username": "ann@example.com", "iat": PAST, "exp": 4_000_000_000, "admin": False}
    return {name: value for name, value in {**claims, **changes}.items() if value is not ...}


def test_a_token_has_its_owner_and_is_valid_for_a_day() -> None:
    claims = tokens(lifetime=24 * 3600).claims(tokens(lifetime=24 * 3600).issue(user("ann@example.com")))

    assert claims.username == "ann@example.com"
    assert claims.exp - claims.iat == 24 * 3600
    assert claims.admin is False
    assert (claims.sub, claims.ver) == ("an-id", 3)


def test_only_the_addresses_of_administrators_get_an_admin_token() -> None:
    assert tokens().claims(tokens().issue(user("admin@example.com"))).admin is True
    assert tokens().claims(tokens().issue(user("admin@example.com.example.org"))).admin is False


def test_an_expired_token_is_refused() -> None:
    with pytest.raises(Unauthorized):
        tokens().claims(tokens(clock=lambda: PAST).issue(user("ann@example.com")))


def test_a_token_from_a_replica_whose_clock_is_ahead_is_accepted() -> None:
    assert tokens().claims(signed(valid_claims(iat=3_999_999_999))).iat == 3_999_999_999


@pytest.mark.parametrize("missing", ["username", "iat", "exp", "admin"])
def test_a_token_without_one_of_its_claims_is_refused(missing: str) -> None:
    tokens().claims(signed(valid_claims()))
    with pytest.raises(Unauthorized):
        tokens().claims(signed(valid_claims(**{missing: ...})))


@pytest.mark.parametrize(
    "wrong",
    [
        {"username": 7},
        {"username": None},
        {"admin": "yes"},
        {"admin": 1},
        {"exp": "never"},
        {"exp": float("inf")},
        {"sub": 7},
        {"ver": "3"},
    ],
)
def test_a_claim_of_a_wrong_type_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized):
        tokens().claims(signed(valid_claims(**wrong)))


def test_a_token_signed_with_another_key_is_refused() -> None:
    with pytest.raises(Unauthorized):
        tokens().claims(signed(valid_claims(), key="another key of thirty-two bytes!!"))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_a_token_of_another_algorithm_is_refused_even_with_the_right_key(algorithm: str) -> None:
    long_key = "k" * 64
    ours = Tokens(SecretStr(long_key), 3600, admins=())
    with pytest.raises(Unauthorized):
        ours.claims(signed(valid_claims(), key=long_key, algorithm=algorithm))


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "", None, 7, ["HS256"], {"a": 1}])
@pytest.mark.parametrize("signature", ["", "AAAA"])
def test_an_unsigned_token_is_refused_however_it_is_spelled(algorithm: object, signature: str) -> None:
    header = _part({"alg": algorithm, "typ": "JWT"})
    with pytest.raises(Unauthorized):
        tokens().claims(f"{header}.{_part(valid_claims())}.{signature}")


def test_a_deeply_nested_token_is_refused() -> None:
    nested = base64.urlsafe_b64encode(b'{"a":' + b"[" * 100_000).rstrip(b"=").decode()
    header, payload, signature = tokens().issue(user("ann@example.com")).split(".")
    for token in (f"{nested}.{payload}.{signature}", f"{header}.{nested}.{signature}"):
        with pytest.raises(Unauthorized):
            tokens().claims(token)


def _with_bit_flipped(token: str, position: int, bit: int) -> str:
    """Changes the decoded bytes, not the text: the last character of base64 has bits that mean nothing."""
    parts = [bytearray(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in token.split(".")]
    position %= sum(map(len, parts))
    for part in parts:
        if position < len(part):
            part[position] ^= 1 << bit
            break
        position -= len(part)
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


@given(st.integers(min_value=0, max_value=10_000), st.integers(min_value=0, max_value=7))
def test_a_token_with_any_bit_flipped_is_refused(position: int, bit: int) -> None:
    with pytest.raises(Unauthorized):
        tokens().claims(_with_bit_flipped(tokens().issue(user("ann@example.com")), position, bit))


junk = st.one_of(
    st.text(),
    st.lists(st.text(alphabet="abcdefXYZ0123456789-_=", max_size=40), min_size=3, max_size=3).map(".".join),
    st.tuples(
        st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "b64"]), st.none() | st.text() | st.integers()),
        st.none() | st.integers() | st.text() | st.dictionaries(st.text(), st.integers()),
    ).map(lambda parts: f"{_part(parts[0])}.{_part(parts[1])}.AAAA"),
)  # fmt: skip


@given(junk)
def test_any_text_that_is_not_a_token_is_refused(token: str) -> None:
    with pytest.raises(Unauthorized):
        tokens().claims(token)


@given(st.emails().map(str.lower))
def test_every_name_is_read_as_it_was_issued(name: str) -> None:
    assert tokens().claims(tokens().issue(user(name))).username == name


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_signed_nonsense_is_refused_too(value: object) -> None:
    check: Callable[[str], object] = tokens().claims
    with pytest.raises(Unauthorized):
        check(signed({"username": value, "exp": value}))


def test_a_token_that_was_accepted_before_expires_too() -> None:
    made = tokens(lifetime=1)
    token = made.issue(user("ann@example.com"))
    assert made.claims(token).username == "ann@example.com"

    def refused() -> bool:
        try:
            made.claims(token)
        except Unauthorized:
            return True
        return False

    eventually(refused, what="the token's expiry")


def test_a_token_of_the_previous_secret_is_accepted_and_none_is_signed_with_it() -> None:
    rotated = tokens(previous=SecretStr(OLD_KEY))
    assert rotated.claims(signed(valid_claims(), key=OLD_KEY)).username == "ann@example.com"

    issued = rotated.issue(user("ann@example.com"))

    assert rotated.claims(issued) == tokens().claims(issued)
    with pytest.raises(Unauthorized):
        Tokens(SecretStr(OLD_KEY), 3600, admins=()).claims(issued)


@pytest.mark.parametrize("others", [{}, {"previous": SecretStr("x" * 32)}])
def test_a_token_of_a_secret_before_the_previous_one_is_refused(others: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized):
        tokens(**others).claims(signed(valid_claims(), key=OLD_KEY))


@pytest.mark.parametrize("wrong", [{"exp": PAST}, {"admin": "yes"}, {"username": ...}])
def test_the_previous_secret_does_not_make_an_invalid_token_valid(wrong: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized):
        tokens(previous=SecretStr(OLD_KEY)).claims(signed(valid_claims(**wrong), key=OLD_KEY))


@pytest.mark.parametrize(("ahead", "accepted"), [(30, True), (600, False)])
def test_a_token_that_is_valid_from_now_on_allows_for_clocks_that_differ(ahead: int, accepted: bool) -> None:
    token = signed(valid_claims(nbf=int(time.time()) + ahead))
    if accepted:
        assert tokens().claims(token).username == "ann@example.com"
    else:
        with pytest.raises(Unauthorized):
            tokens().claims(token)
