import pytest

from chaos import report
from chaos.counts import RequestCounts
from chaos.result import Result


def cells(result: Result) -> dict[str, str]:
    head, _, row = ([cell.strip() for cell in line.strip("|").split("|")] for line in report.table([result]))
    return dict(zip(head, row, strict=True))


def test_a_violation_shows_its_reason_in_one_line():
    row = cells(Result("fault", violations=["status 1 | Traceback:\n  ...", "memory × 2"]))
    assert row["held"] == "**no**"
    assert row["reason"] == "status 1 / Traceback: ...; memory × 2"


def test_a_long_reason_is_cut():
    assert cells(Result("fault", violations=["x" * 1000]))["reason"] == "x" * 200 + "…"


def test_the_table_has_the_number_of_requests_by_outcome():
    counts = RequestCounts(answered=1200, wrong=[0.0])
    counts.refuse("overloaded", 0.1)
    row = cells(Result("fault", counts=counts))
    assert (row["sent"], row["answered"], row["wrong"], row["failed"]) == ("1,202", "1,200", "1", "0")
    assert row["refused"] == "1 (`overloaded`)"
    assert row["held"] == "yes"


def test_the_summary_counts_verdicts():
    results = [Result("a"), Result("b", violations=["x"]), Result("c", skipped="y")]
    assert report.summary(results) == "3 faults, all guarantees held in 1, violated in 1, not run 1."


def test_a_page_gets_the_report_between_its_markers(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.insert("new\n", page)
    assert page.read_text() == f"before\n{report.BEGIN}\nnew\n{report.END}\nafter\n"


def test_a_page_without_markers_is_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"{report.BEGIN}\n")
    with pytest.raises(ValueError, match=report.END):
        report.insert("new", page)
    assert page.read_text() == f"{report.BEGIN}\n"


def test_the_page_in_docs_has_the_markers(tmp_path):
    page = tmp_path / "reliability.md"
    page.write_text((report.Path(__file__).parents[3] / "docs/reliability.md").read_text())
    report.insert("new", page)
    assert "\nnew\n" in page.read_text()
