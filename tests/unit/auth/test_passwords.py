"""Passwords: right ones are recognised whatever is stored, and hashing has bounds."""

import threading

import pytest
from argon2 import PasswordHasher

from auth.passwords import HASHER, Passwords
from common.errors import Unavailable

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
CHEAPER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, hash_len=16)


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(concurrency=1, wait=60, hasher=CHEAP)


@pytest.mark.parametrize("password", ["correct horse", "with:colons:", "päßwörd 🎬", "x" * 256, "nul\0inside"])
def test_a_password_is_recognised_by_its_hash_and_no_other_is(passwords: Passwords, password: str) -> None:
    stored = passwords.hash(password)

    assert stored.startswith("$argon2id$")
    assert password not in stored
    assert passwords.check(stored, password).right
    assert not passwords.check(stored, password + "x").right
    assert not passwords.check(stored, password[:-1]).right
    assert not passwords.check(stored, "").right


def test_the_same_password_never_has_the_same_hash(passwords: Passwords) -> None:
    assert passwords.hash("correct horse") != passwords.hash("correct horse")


def test_a_current_hash_is_kept(passwords: Passwords) -> None:
    assert passwords.check(passwords.hash("correct horse"), "correct horse").replacement is None


def test_a_hash_with_outdated_parameters_is_replaced_at_login(passwords: Passwords) -> None:
    verdict = passwords.check(CHEAPER.hash("correct horse"), "correct horse")

    assert verdict.right
    assert verdict.replacement is not None
    assert not CHEAP.check_needs_rehash(verdict.replacement)
    assert passwords.check(verdict.replacement, "correct horse").right


def test_an_operators_plain_text_logs_in_and_is_replaced(passwords: Passwords) -> None:
    verdict = passwords.check("Admin123", "Admin123")

    assert verdict.right
    assert verdict.replacement is not None
    assert verdict.replacement.startswith("$argon2id$")


@pytest.mark.parametrize("guess", ["admin123", "Admin1234", "Admin12", ""])
def test_another_password_does_not_match_plain_text(passwords: Passwords, guess: str) -> None:
    verdict = passwords.check("Admin123", guess)

    assert not verdict.right
    assert verdict.replacement is None


def test_an_empty_column_matches_no_password(passwords: Passwords) -> None:
    assert not passwords.check("", "").right


@pytest.mark.parametrize(
    "stored",
    [
        "$argon2id$v=19$m=8,t=1,p=1$soYMXwhpObLRx1CpoHuOzA$eXtdF+xfkrRup57erXjZCok9Q0roAVjmrJNBtb4vDuk",
        "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
        "$6$rounds=5000$saltsalt$abcdef",
        "$argon2id$v=19$m=8,t=1,p=1$broken",
        "$argon2",
    ],
)
def test_a_stolen_hash_is_no_password(passwords: Passwords, stored: str) -> None:
    assert not passwords.check(stored, stored).right


def test_an_unknown_user_is_refused_after_a_real_comparison(passwords: Passwords) -> None:
    compared: list[str] = []

    class Spy(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]  # noqa: A002
            compared.append(str(password))
            return bool(super().verify(hash, password))

    spied = Passwords(1, 60, hasher=Spy(time_cost=1, memory_cost=8, parallelism=1))
    assert not spied.check(None, "guess").right
    assert not spied.check("plain text", "guess").right
    assert not spied.check(CHEAP.hash("correct horse"), "guess").right
    assert compared == ["guess"] * 3


def test_a_login_whose_hash_is_not_ready_in_time_is_refused() -> None:
    begun, finish = threading.Event(), threading.Event()

    class Slow(PasswordHasher):
        def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
            if password == "slow":
                begun.set()
                assert finish.wait(60)
            return super().hash(password, salt=salt)

    passwords = Passwords(concurrency=1, wait=0.05, hasher=Slow(time_cost=1, memory_cost=8, parallelism=1))
    with pytest.raises(Unavailable) as refusal:
        passwords.hash("slow")
    assert begun.wait(60)
    with pytest.raises(Unavailable):
        passwords.hash("waits behind it")
    finish.set()

    assert "Retry-After" in refusal.value.headers


def test_the_parameters_are_those_that_owasp_recommends() -> None:
    assert (HASHER.time_cost, HASHER.memory_cost, HASHER.parallelism) == (2, 19 * 1024, 1)
    assert HASHER.hash("correct horse").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
