"""Rate limits within one process."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.limits import rate
from api.limits.rate import RateLimit, client_of, window_of


class Clock:
    now = 1_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    set_clock(monkeypatch, clock)
    return clock


def set_clock(patch: pytest.MonkeyPatch, clock: Clock) -> None:
    for module in ("api.limits.rate.time", "limits.aio.storage.memory.time"):
        patch.setattr(f"{module}.time", clock.time)


@given(
    window=st.tuples(st.integers(1, 50), st.integers(1, 20)),
    pauses=st.lists(st.floats(0, 3), min_size=1, max_size=100),
)
@settings(max_examples=100, deadline=None)
async def test_never_more_than_the_burst_and_what_the_rate_has_given_since(window, pauses):
    burst, length_s = window
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        set_clock(patch, clock)
        limit = RateLimit(burst / length_s, burst)
        admitted: list[float] = []
        for pause in pauses:
            clock.now += pause
            if await limit.wait_s(None, "me") == 0:
                admitted.append(clock.now)
    for i, start in enumerate(admitted):
        for j in range(i, len(admitted)):
            assert j - i + 1 <= burst + (admitted[j] - start) * burst / length_s + 1


async def test_a_burst_is_admitted_and_then_the_rate(clock):
    limit = RateLimit(1, 3)
    assert [await limit.wait_s(None, "a") == 0 for _ in range(4)] == [True, True, True, False]
    assert 0 < await limit.wait_s(None, "a") <= 3
    assert await limit.wait_s(None, "b") == 0, "another client has counters of its own"
    clock.now += 6
    assert [await limit.wait_s(None, "a") == 0 for _ in range(4)] == [True, True, True, False]


async def test_in_the_long_run_the_rate_is_reached_and_not_exceeded(clock):
    limit = RateLimit(10, 20)
    admitted = 0
    for _ in range(1000):
        clock.now += 0.05
        admitted += await limit.wait_s(None, "a") == 0
    assert 480 <= admitted <= 520 + 20


async def test_memory_is_bounded_and_the_newest_counters_stay(monkeypatch):
    monkeypatch.setattr(rate, "MAX_COUNTERS", 100)
    limit = RateLimit(1, 1)
    for number in range(1000):
        assert await limit.wait_s(None, str(number)) == 0
    assert await limit.wait_s(None, "999") > 0
    assert await limit.wait_s(None, "0") == 0
    assert len(limit._own.storage.storage) <= 100  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "per_s,burst,window",
    [
        (10, None, (10, 1)),
        (2.5, None, (5, 2)),
        (0.5, None, (1, 2)),
        (0.3, None, (3, 10)),
        (1 / 86400, None, (1, 86400)),
        (1_000_000, None, (1_000_000, 1)),
        (10, 10, (10, 1)),
        (10, 100, (100, 10)),
        (10, 25, (25, 3)),
        (0.5, 3, (3, 6)),
    ],
)
def test_a_window_holds_the_rate_and_the_burst(per_s, burst, window):
    assert window_of(per_s, burst) == window


@pytest.mark.parametrize(
    "one,other,same",
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
    ],
)
def test_a_client_by_address(one, other, same):
    assert (client_of(one) == client_of(other)) is same
