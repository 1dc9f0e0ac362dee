"""Deletions of many files leave time for others, and end in time."""

from gateway import pace
from gateway.pace import BATCH, paced


def test_everything_is_yielded_in_batches():
    batches = list(paced(range(2 * BATCH + 1)))
    assert [len(batch) for batch in batches] == [BATCH, BATCH, 1]
    assert [item for batch in batches for item in batch] == list(range(2 * BATCH + 1))


def test_each_batch_is_followed_by_a_pause_as_long_as_it_took(monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr(pace.time, "sleep", pauses.append)
    clock = iter([0.0, 0.0, 1.0, 3.0, 3.0, 4.0, 90.0, 90.0])
    monkeypatch.setattr(pace.time, "monotonic", lambda: next(clock))
    assert len(list(paced(range(2 * BATCH), budget=60))) == 2
    # The second one is limited.
    assert pauses == [2.0, 5.0]


def test_it_ends_after_the_budget():
    assert list(paced(range(BATCH), budget=0)) == []
