import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.limits import rate
from api.limits.rate import RateLimit, client_of


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@given(
    per_s=st.floats(0.1, 1000),
    burst=st.integers(1, 50),
    pauses=st.lists(st.floats(0, 3), min_size=1, max_size=200),
)
@settings(max_examples=200, deadline=None)
def test_never_more_than_the_burst_and_what_the_rate_has_given_since(per_s, burst, pauses):
    clock = Clock()
    limit = RateLimit(per_s, burst, clock)
    let_in: list[float] = []
    for pause in pauses:
        clock.now += pause
        wait_s = limit.wait_s("me")
        if wait_s == 0:
            let_in.append(clock.now)
        else:
            clock.now += wait_s
            assert limit.wait_s("me") == 0, "whoever waits as long as he was told gets in"
            let_in.append(clock.now)
    for i, start in enumerate(let_in):
        for j in range(i, len(let_in)):
            assert j - i + 1 <= burst + (let_in[j] - start) * per_s + 1e-3


def test_a_burst_is_let_in_and_then_one_an_interval():
    clock = Clock()
    limit = RateLimit(10, 3, clock)
    assert [limit.wait_s("a") == 0 for _ in range(4)] == [True, True, True, False]
    assert limit.wait_s("a") == pytest.approx(0.1)
    assert limit.wait_s("b") == 0
    clock.now += 0.1
    assert [limit.wait_s("a") == 0 for _ in range(2)] == [True, False]


def test_memory_is_bounded_and_the_one_who_asked_last_is_remembered(monkeypatch):
    monkeypatch.setattr(rate, "MAX_CLIENTS", 100)
    limit = RateLimit(1, 1, Clock())
    assert limit.wait_s("greedy") == 0
    for i in range(10_000):
        assert limit.wait_s(i) == 0
        if i % 50 == 0:
            limit.wait_s("greedy")
    assert len(limit._full_at) == 100


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
def test_who_is_who_by_address(one, other, same):
    assert (client_of(one) == client_of(other)) is same
