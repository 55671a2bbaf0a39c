import pytest

from chaos.counts import RequestCounts
from chaos.result import Result


def counts_with(**changes) -> RequestCounts:
    counts = RequestCounts()
    counts.answer("1", 0.1)
    for name, value in changes.items():
        setattr(counts, name, value)
    return counts


def test_correct_answers_violate_nothing():
    result = Result("fault")
    result.require_no_failures(counts_with())
    assert (result.violations, result.verdict, result.reason) == ([], "yes", "")


@pytest.mark.parametrize(
    "changes, allowed",
    [({"not_connected": 1}, {"may_be_unreachable": True}), ({"wrong": [0.0]}, {"may_be_wrong": True})],
)
def test_an_outcome_that_the_fault_does_not_allow_is_a_violation(changes, allowed):
    strict, tolerant = Result("fault"), Result("fault")
    strict.require_no_failures(counts_with(**changes))
    tolerant.require_no_failures(counts_with(**changes), **allowed)
    assert len(strict.violations) == 1
    assert tolerant.violations == []


def test_no_fault_allows_a_failure():
    counts = counts_with()
    counts.fail("closed", 1)
    result = Result("fault")
    result.require_no_failures(counts, may_refuse=True, may_be_wrong=True, may_be_unreachable=True)
    assert len(result.violations) == 1


def test_no_answer_at_all_is_a_violation():
    result = Result("fault")
    result.require_no_failures(RequestCounts())
    assert result.violations == ["no request was answered"]


def test_an_exceeded_limit_is_named_with_its_value():
    result = Result("fault")
    assert result.require_within("noticed", 4.04, 3) == 4.04
    assert result.reason == "noticed after 4.0 s, limit 3 s"


def test_the_reason_is_one_line_of_all_violations():
    result = Result("fault", violations=["first\nline", "second"])
    assert (result.verdict, result.reason) == ("no", "first line; second")


def test_a_skipped_fault_has_its_reason():
    result = Result("fault", skipped="needs `unshare`")
    assert (result.verdict, result.reason) == ("not run", "needs `unshare`")


@pytest.mark.parametrize(
    "codes,verdict",
    [({"ready"}, "yes"), ({"ready", "deadline_exceeded"}, "yes"), ({"ready", "draining"}, "no"), (set(), "no")],
)
def test_readiness_holds_only_where_a_probe_was_answered(codes, verdict):
    result = Result("a fault")
    result.require_ready(codes)
    assert result.verdict == verdict
