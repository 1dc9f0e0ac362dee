"""Capacity: a flood of logins is sent away, not queued."""

import pytest

from auth.capacity import Capacity
from common.errors import Unavailable


def test_who_finds_no_place_is_sent_away_at_once() -> None:
    capacity = Capacity(1)
    with capacity.place(), pytest.raises(Unavailable), capacity.place():
        raise AssertionError("there was a second place")


def test_a_place_is_free_again_after_a_failure() -> None:
    capacity = Capacity(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), capacity.place():
            raise ZeroDivisionError
