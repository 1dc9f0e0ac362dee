"""The waits before further attempts."""

import pytest

from common.messaging.retries import RetryPolicy

DAY = 24 * 3600


def waits(policy: RetryPolicy) -> list[float]:
    found: list[float] = []
    while (delay := policy.delay(len(found))) is not None:
        found.append(delay)
    return found


def test_each_delay_is_used_once():
    assert waits(RetryPolicy((2, 10, 60))) == [2, 10, 60]


def test_the_last_delay_is_repeated_until_the_time_is_spent():
    assert waits(RetryPolicy((10, 60), total=300)) == [10, 60, 60, 60, 60]


def test_a_total_shorter_than_the_delays_changes_nothing():
    assert waits(RetryPolicy((10, 60), total=5)) == [10, 60]


@pytest.mark.parametrize(("at_least", "delay"), [(None, 10), (5, 10), (11, 60), (1000, 300)])
def test_a_requested_delay_becomes_the_first_one_that_is_long_enough(at_least, delay):
    assert RetryPolicy((2, 10, 60, 300)).delay(1, at_least) == delay


@pytest.mark.parametrize(("at_most", "delay"), [(None, 2), (0.5, 2), (2, 2), (59, 10), (119, 60), (1000, 300)])
def test_a_wait_for_a_certain_time_does_not_last_longer_than_the_first_delay_beyond_it(at_most, delay):
    assert RetryPolicy((2, 10, 60, 300)).at_most(at_most) == delay
