import math

from chaos.tally import Tally


def test_every_request_counts_once():
    tally = Tally()
    tally.answer("1", 0.1)
    tally.answer("2", 0.3)
    tally.refuse("overloaded", 0.01)
    tally.wrong.append(0.0)
    tally.fail("gone", 1234)
    assert tally.sent == 5
    assert tally.by_version == {"1": 1, "2": 1}
    assert tally.refused == {"overloaded": 1}


def test_answers_and_refusals_have_times_of_their_own():
    tally = Tally()
    for took_s in (0.1, 0.2, 0.3):
        tally.answer("1", took_s)
    tally.refuse("overloaded", 0.01)
    assert round(tally.answer_ms(50)) == 200
    assert round(tally.refusal_ms(50)) == 10
    assert tally.slowest_s() == 0.3


def test_without_any_there_is_no_percentile():
    assert math.isnan(Tally().answer_ms(50))
    assert Tally().slowest_s() == 0.0
