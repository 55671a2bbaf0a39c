import pytest

from chaos.row import Row
from chaos.tally import Tally


def tally_of(**changes) -> Tally:
    tally = Tally()
    tally.answer("1", 0.1)
    for name, value in changes.items():
        setattr(tally, name, value)
    return tally


def test_answers_alone_keep_the_promise():
    row = Row("fault")
    row.none_failed(tally_of())
    assert row.broken == []


@pytest.mark.parametrize(
    "changes, allowed", [({"shut": 1}, {"may_be_shut": True}), ({"wrong": [0.0]}, {"may_be_wrong": True})]
)
def test_what_a_fault_does_not_bring_about_breaks_it(changes, allowed):
    row, tolerant = Row("fault"), Row("fault")
    row.none_failed(tally_of(**changes))
    tolerant.none_failed(tally_of(**changes), **allowed)
    assert len(row.broken) == 1
    assert tolerant.broken == []


def test_a_failure_is_allowed_by_nothing():
    tally = tally_of()
    tally.fail("gone", 1)
    row = Row("fault")
    row.none_failed(tally, may_refuse=True, may_be_wrong=True, may_be_shut=True)
    assert len(row.broken) == 1


def test_nothing_answered_proves_nothing():
    row = Row("fault")
    row.none_failed(Tally())
    assert row.broken == ["nothing was answered"]
