import pytest

from bench.goals import AtLeast, AtMost, figure, judge, triton_figure

LATENCIES = {"p50_ms": 0.5, "p99_ms": 20.0}


def a_round(**changes):
    """Return a round in which every goal is met, but for what is changed."""
    ours = {
        "closed": {"rate": 6000.0}, "lone": {"p50_ms": 1.0}, "paced": {"p99_ms": 30.0},
        "batch": {"images_rate": 24_000.0}, "busiest_share": 0.51,
    }  # fmt: skip
    triton = {"closed_grpc": {"rate": 5000.0}, "closed_http": {"rate": 9000.0}}
    triton |= {f"{measure}_{protocol}": LATENCIES for measure in ("lone", "paced") for protocol in ("grpc", "http")}
    rates = {
        "fastapi_onnxruntime": 7000, "fastapi_pytorch": 3000, "fastapi_grpc": 2000, "litserve": 700, "bentoml": 400,
        "ray_serve": 300,
    }  # fmt: skip
    others = {name: {"closed": {"rate": float(rate)}} for name, rate in rates.items()}
    return {"ours": ours | changes, "triton": triton, **others}


def verdicts(*rounds, growth=1.01):
    return {verdict.what: verdict for verdict in judge(list(rounds), {"growth": growth})}


def test_every_goal_can_be_met():
    assert {verdict.met for verdict in verdicts(a_round()).values()} == {True}


def test_every_goal_can_be_missed():
    slow = {"closed": {"rate": 100.0}, "lone": {"p50_ms": 9.0}, "paced": {"p99_ms": 99.0}, "busiest_share": 0.9}
    found = verdicts(a_round(**slow, batch={"images_rate": 200.0}), growth=1.2)
    assert {verdict.met for verdict in found.values()} == {False}


def test_what_was_not_measured_is_neither_met_nor_missed():
    empty = {"ours": {"closed": {"rate": 100.0}}}
    found = [verdict.met for verdict in judge([empty], {})]
    assert found == [None] * len(found)


def test_quotients_are_taken_round_by_round():
    """A machine that is half as fast in one round is so for all, and changes no quotient."""
    fast, slow = a_round(), a_round(closed={"rate": 3000.0})
    slow["fastapi_pytorch"] = {"closed": {"rate": 1500.0}}
    found = verdicts(fast, slow, fast)["requests/s ÷ plain FastAPI + PyTorch in process"].found
    assert (found.low, found.median, found.high) == (2.0, 2.0, 2.0)


def test_triton_alone_is_its_grpc_door_and_http_only_where_that_is_missing():
    rounds = [a_round(), a_round()]
    del rounds[1]["triton"]["closed_grpc"]
    assert triton_figure(rounds, "closed", "rate") == [5000.0, 9000.0]


def test_a_missing_figure_is_none():
    assert figure([{"ours": {"closed": {"error": "away"}}}, {}], "ours", "closed", "rate") == [None, None]


@pytest.mark.parametrize("bound, good, bad", [(AtLeast(2), 2.0, 1.99), (AtMost(0.6), 0.6, 0.61)])
def test_a_bound_itself_is_met(bound, good, bad):
    assert bound.met_by(good)
    assert not bound.met_by(bad)
