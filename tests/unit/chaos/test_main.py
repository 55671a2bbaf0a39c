import json
import sys

import pytest

from chaos import __main__ as program
from chaos import template as template_module
from chaos.catalogue import Fault
from chaos.errors import ChaosError

pytestmark = pytest.mark.usefixtures("no_stack")


async def hold(_scenario, result):
    result.notes.append("held")


async def violate(_scenario, result):
    result.require(False, "memory × 2")


async def fail(_scenario, _result):
    raise ValueError("unexpected")


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Return a function that runs the program with faults and options; it returns the exit status."""

    def run(*injections, options=()) -> int:
        async def prepare(_source, target):
            target.mkdir()

        faults = [Fault(inject.__name__, inject.__name__, inject) for inject in injections]
        monkeypatch.setattr(template_module, "prepare", prepare)
        monkeypatch.setattr(program, "FAULTS", faults)
        monkeypatch.setattr(program, "RUN", tmp_path / "run")
        monkeypatch.setattr(sys, "argv", ["chaos", "--results", str(tmp_path / "results"), *options])
        return program.main()

    return run


def test_the_status_is_0_if_all_guarantees_held(run, tmp_path):
    assert run(hold) == 0
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize("inject", [violate, fail])
def test_the_status_is_1_if_a_guarantee_was_violated(run, tmp_path, inject):
    assert run(inject, hold) == 1
    (report,) = (tmp_path / "results").glob("chaos-*.json")
    found = json.loads(report.read_text())["results"]
    assert [result["fault"] for result in found] == [inject.__name__, "hold"]
    assert found[0]["violations"]
    assert found[1]["violations"] == []


def test_the_status_is_2_if_the_run_cannot_start(run, monkeypatch, capsys):
    def run_without_template() -> int:
        async def prepare(_source, _target):
            raise ChaosError("nothing is published in models")

        monkeypatch.setattr(template_module, "prepare", prepare)
        return program.main()

    run(hold)
    assert run_without_template() == 2
    assert "nothing is published in models" in capsys.readouterr().err


def test_only_selects_faults(run):
    assert run(hold, violate, options=["--only", "hold"]) == 0


def test_the_table_goes_into_a_page(run, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"{program.report.BEGIN}\n{program.report.END}\n")
    assert run(violate, options=["--page", str(page)]) == 1
    assert "| violate | – |" in page.read_text()
