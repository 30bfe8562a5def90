"""Token buckets count by the clock they are given, one for each name."""

from __future__ import annotations

from events.access.limits import SWEEP, TokenBuckets


class Clock:
    """Stands still until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_empties_and_fills_again() -> None:
    clock = Clock()
    buckets = TokenBuckets(rate=2, burst=4, clock=clock)
    assert [buckets.take("a") for _ in range(4)] == [0, 0, 0, 0]
    assert buckets.take("a") == 0.5
    clock.now = 0.25
    assert buckets.take("a") == 0.25
    clock.now = 0.5
    assert buckets.take("a") == 0
    clock.now = 1000
    assert [buckets.take("a") for _ in range(5)] == [0, 0, 0, 0, 0.5]


def test_one_name_takes_nothing_from_another() -> None:
    buckets = TokenBuckets(rate=1, burst=1, clock=Clock())
    assert buckets.take("a") == 0
    assert buckets.take("a") == 1
    assert buckets.take("b") == 0


def test_a_rate_of_zero_limits_nothing() -> None:
    buckets = TokenBuckets(rate=0, burst=0, clock=Clock())
    assert not any(buckets.take("a") for _ in range(1000))


def test_a_flood_of_names_is_forgotten_once_it_is_over() -> None:
    clock = Clock()
    buckets = TokenBuckets(rate=1, burst=2, clock=clock)
    for name in range(SWEEP - 1):
        buckets.take(name)
    clock.now = 10
    buckets.take("last")
    assert len(buckets._levels) == 1
    assert [buckets.take("last"), buckets.take("last")] == [0, 1]
