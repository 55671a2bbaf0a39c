import math

from chaos.counts import RequestCounts


def test_every_request_counts_once():
    counts = RequestCounts()
    counts.answer("1", 0.1)
    counts.answer("2", 0.3)
    counts.refuse("overloaded", 0.01)
    counts.wrong.append(0.0)
    counts.fail("closed", 1234)
    assert counts.sent == 5
    assert counts.by_version == {"1": 1, "2": 1}
    assert counts.refused == {"overloaded": 1}


def test_answers_and_refusals_have_separate_times():
    counts = RequestCounts()
    for took_s in (0.1, 0.2, 0.3):
        counts.answer("1", took_s)
    counts.refuse("overloaded", 0.01)
    assert round(counts.answer_ms(50)) == 200
    assert round(counts.refusal_ms(50)) == 10
    assert counts.slowest_s() == 0.3


def test_a_percentile_of_no_answers_is_nan():
    assert math.isnan(RequestCounts().answer_ms(50))
    assert RequestCounts().slowest_s() == 0.0
