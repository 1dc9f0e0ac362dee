"""A concurrency limit refuses at once, and each holder is released once."""

import contextlib

import pytest

from common.errors import TooManyRequests, Unavailable
from common.runtime.concurrency_limiter import ConcurrencyLimiter


def busy() -> Unavailable:
    return Unavailable("Busy.")


def test_one_more_than_the_limit_is_refused_until_another_one_has_ended():
    limiter = ConcurrencyLimiter(1, busy)
    with limiter.held(), pytest.raises(Unavailable), limiter.held():
        pytest.fail("two at the same time")
    with limiter.held():
        pass


def test_a_failure_releases_too():
    limiter = ConcurrencyLimiter(1, busy)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), limiter.held():
            raise ZeroDivisionError


def test_each_key_has_its_own_limit():
    limiter = ConcurrencyLimiter(1, lambda: TooManyRequests("Too many."))
    release = limiter.acquire("ann")
    with pytest.raises(TooManyRequests):
        limiter.acquire("ann")
    with limiter.held("bob"):
        pass
    release()
    release()
    with limiter.held("ann"), pytest.raises(TooManyRequests):
        limiter.acquire("ann")


def test_all_keys_together_have_the_outer_limit():
    outer = ConcurrencyLimiter(2, busy)
    limiter = ConcurrencyLimiter(1, lambda: TooManyRequests("Too many."), within=outer)
    releases = [limiter.acquire(name) for name in ("ann", "bob")]
    with pytest.raises(Unavailable):
        limiter.acquire("eve")
    with pytest.raises(TooManyRequests):
        limiter.acquire("ann")
    for release in releases:
        release()
        release()
    assert [limiter.acquire(name) for name in ("eve", "ann")]
    with pytest.raises(Unavailable):
        limiter.acquire("bob")


def crowded(accounts: int) -> tuple[ConcurrencyLimiter, ConcurrencyLimiter]:
    """A limiter of which that many accounts hold as much as they can, and the one around it."""
    outer = ConcurrencyLimiter(280, busy)
    limiter = ConcurrencyLimiter(80, lambda: TooManyRequests("Too many."), within=outer, share=1 / 3)
    for _ in range(80):
        for number in range(accounts):
            with contextlib.suppress(TooManyRequests):
                limiter.acquire(str(number))
    return limiter, outer


@pytest.mark.parametrize(("accounts", "free"), [(1, 210), (4, 115), (40, 15)])
def test_with_a_share_some_places_stay_free_for_other_keys(accounts, free):
    limiter, outer = crowded(accounts)
    assert outer.free >= free
    limiter.acquire("another")


def test_a_few_places_are_guaranteed_until_all_are_held():
    limiter, outer = crowded(139)
    assert outer.free == 2
    for _ in range(2):
        limiter.acquire("another")
    with pytest.raises(TooManyRequests):
        limiter.acquire("another")
    with pytest.raises(Unavailable):
        limiter.acquire("the last one")
