import asyncio
import contextlib
from pathlib import Path

import pytest

from chaos.bounds import LENIENT, STRICT
from chaos.catalogue import FAULTS, Fault
from chaos.counts import RequestCounts
from chaos.errors import ChaosError, Skipped
from chaos.repository import MODEL_FILES
from chaos.runner import Runner
from chaos.scenario import Scenario
from chaos.stack import MODEL
from modelrepo.errors import RepositoryDamaged


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def raising(error: BaseException) -> Fault:
    async def inject(_scenario, result):
        result.counts = RequestCounts(answered=3)
        raise error

    return Fault("raising", "a fault that raises", inject)


async def damage(scenario, _result):
    (scenario.repository.folder / "1" / "model.onnx").write_bytes(b"mod")
    (scenario.repository.folder / "config.pbtxt").unlink()
    (scenario.repository.folder / "2").mkdir()


@pytest.mark.usefixtures("no_stack")
@pytest.mark.parametrize(
    "error", [RepositoryDamaged("version 2"), ChaosError("no port"), TimeoutError("too late"), IndexError("empty")]
)
async def test_an_exception_becomes_a_result_and_the_next_fault_runs(template, tmp_path, error, capsys):
    async def succeed(_scenario, result):
        result.notes.append("ran")

    results = []
    await Runner(template, tmp_path / "run").run_all([raising(error), Fault("next", "next", succeed)], results)
    assert [(result.fault, result.verdict) for result in results] == [("a fault that raises", "no"), ("next", "yes")]
    assert results[0].reason == f"{type(error).__name__}: {error}"
    assert results[0].counts.answered == 3
    assert results[1].notes == ["ran"]
    assert results[0].reason in capsys.readouterr().out


@pytest.mark.usefixtures("no_stack")
async def test_damage_to_a_repository_stays_in_its_fault(template, tmp_path):
    found = []
    before = content(template)

    async def look(scenario, _result):
        found.append(content(scenario.repository.root))

    results = []
    faults = [Fault("damage", "damage", damage), Fault("look", "look", look)]
    await Runner(template, tmp_path / "run").run_all(faults, results)
    assert [result.verdict for result in results] == ["yes", "yes"]
    assert found == [before]
    assert content(template) == before


async def test_a_stack_that_does_not_start_is_a_violation(template, tmp_path, monkeypatch):
    @contextlib.asynccontextmanager
    async def fail(_self):
        raise ChaosError("triton-1: was not ready within 90 s")
        yield

    monkeypatch.setattr(Scenario, "running", fail)
    result = await Runner(template, tmp_path / "run").run(Fault("never", "never", damage))
    assert result.violations == ["ChaosError: triton-1: was not ready within 90 s"]


@pytest.mark.usefixtures("no_stack")
async def test_a_fault_that_this_machine_cannot_inject_is_not_a_violation(template, tmp_path):
    result = await Runner(template, tmp_path / "run").run(raising(Skipped("needs `unshare`")))
    assert (result.verdict, result.reason) == ("not run", "needs `unshare`")


@pytest.mark.usefixtures("no_stack")
async def test_a_fault_that_does_not_end_names_the_limit(template, tmp_path, monkeypatch):
    monkeypatch.setattr("chaos.runner._TIMEOUT_S", 0.01)

    async def wait(_scenario, _result):
        await asyncio.Event().wait()

    result = await Runner(template, tmp_path / "run").run(Fault("endless", "endless", wait))
    assert result.reason == "TimeoutError: not done within 0.01 s"


@pytest.mark.usefixtures("no_stack")
async def test_an_interruption_ends_the_run(template, tmp_path):
    results = []
    with pytest.raises(asyncio.CancelledError):
        await Runner(template, tmp_path / "run").run_all([raising(asyncio.CancelledError())], results)
    assert results == []


@pytest.mark.usefixtures("no_stack")
@pytest.mark.parametrize("keep", [False, True])
async def test_the_folder_of_a_fault_stays_only_on_demand(template, tmp_path, keep):
    await Runner(template, tmp_path / "run", keep=keep).run(Fault("damage", "damage", damage))
    assert (tmp_path / "run/damage/model_repository" / MODEL).exists() is keep


def test_the_short_form_has_lenient_bounds(template, tmp_path):
    assert Runner(template, tmp_path, is_short=True).bounds == LENIENT
    assert Runner(template, tmp_path).bounds == STRICT


def test_faults_have_names_and_titles_of_their_own():
    assert len({fault.name for fault in FAULTS}) == len({fault.title for fault in FAULTS}) == len(FAULTS)
    assert {f"tampered-{kind}" for kind in MODEL_FILES} < {fault.name for fault in FAULTS}


def test_the_short_form_has_as_many_faults_as_its_descriptions_say():
    assert sum(fault.is_short for fault in FAULTS) == 8
    root = Path(__file__).parents[3]
    assert "eight faults" in (root / "docs/reliability.md").read_text()
    assert "eight faults" in (root / "Makefile").read_text()
