from collections.abc import Callable

import numpy as np
import pytest

from modelrepo import publish, rollout, triton_repository_api
from modelrepo.errors import RepositoryDamaged, RepositoryLocked, ServingError, VersionMissing
from modelrepo.manifest import Manifest
from modelrepo.probe import Probe
from modelrepo.repository import Repository
from modelrepo.target import Target

# The discard port: nothing listens there.
TARGET = Target("127.0.0.1:9", None, 5.0)
PROBE = Probe({"x": np.zeros((1, 2))}, {"y": np.zeros((1, 1))}, lambda answers, expected: None)


def accept(repository: Repository) -> None:
    pass


def candidate(manifest: Manifest, gate: Callable[[Repository], None] = accept) -> rollout.Candidate:
    return rollout.Candidate(b"model", manifest, PROBE, gate)


def probe_of(model: bytes, manifest: Manifest) -> Probe:
    assert model == b"model"
    return PROBE


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, Probe | None]]:
    """A Triton that serves every version; the list is what it was asked to load."""
    asked: list[tuple[str, int, Probe | None]] = []

    def load(target: Target, model_name: str, version: int, probe: Probe | None) -> triton_repository_api.Loaded:
        asked.append((model_name, version, probe))
        return triton_repository_api.Loaded(["here:1"], [])

    monkeypatch.setattr(triton_repository_api, "load", load)
    return asked


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A Triton that serves version 1 and no other; the list is what it was asked to load."""
    asked: list[int] = []

    def load(target: Target, model_name: str, version: int, probe: Probe | None) -> triton_repository_api.Loaded:
        asked.append(version)
        if version != 1:
            raise ServingError("refused")
        return triton_repository_api.Loaded(["here:1"], [])

    monkeypatch.setattr(triton_repository_api, "load", load)
    return asked


def test_a_new_version_is_loaded_with_its_probe(repository, manifest, reporter, loads) -> None:
    assert rollout.roll_out(repository, candidate(manifest), TARGET, reporter) == 1
    assert loads == [("my_model", 1, PROBE)]
    assert reporter.items.getvalue().splitlines() == [
        f"published version 1 in {repository.folder / '1'}",
        "serving version 1 on Triton at here:1",
    ]


def test_without_a_target_nothing_is_loaded(repository, manifest, reporter, loads) -> None:
    rollout.roll_out(repository, candidate(manifest), None, reporter)
    rollout.roll_out(repository, candidate(manifest), None, reporter)
    rollout.roll_back(repository, None, None, pytest.fail, reporter)
    assert repository.served() == 1
    assert loads == []


def test_a_triton_that_is_not_running_is_no_error(repository, manifest, reporter) -> None:
    rollout.roll_out(repository, candidate(manifest), TARGET, reporter)
    assert "Triton doesn't answer at 127.0.0.1:9; it will serve version 1" in reporter.items.getvalue()
    assert repository.served() == 1


def test_a_triton_that_hangs_is_named_with_what_to_do(repository, manifest, reporter, monkeypatch) -> None:
    loaded = triton_repository_api.Loaded(["here:1"], ["there:1"])
    monkeypatch.setattr(triton_repository_api, "load", lambda *args: loaded)
    rollout.roll_out(repository, candidate(manifest), TARGET, reporter)
    assert "Triton at there:1 didn't answer within 3 s" in reporter.warnings.getvalue()
    assert "restart it, or run `promote 1` once it answers" in reporter.warnings.getvalue()
    assert "serving version 1 on Triton at here:1" in reporter.items.getvalue()


def test_the_gate_decides_under_the_lock_before_anything_is_written(repository, manifest, reporter) -> None:
    def refuse(given: Repository) -> None:
        assert given is repository
        with pytest.raises(RepositoryLocked), publish.changing(repository):
            pass
        raise RuntimeError("not accurate enough")

    with pytest.raises(RuntimeError, match="not accurate enough"):
        rollout.roll_out(repository, candidate(manifest, refuse), TARGET, reporter)
    assert not repository.folder.exists()


def test_a_refused_version_gives_way_to_the_previous_one(repository, manifest, reporter, refusing) -> None:
    rollout.roll_out(repository, candidate(manifest), TARGET, reporter)
    with pytest.raises(ServingError, match="refused"):
        rollout.roll_out(repository, candidate(manifest), TARGET, reporter)
    assert repository.served() == 1
    assert refusing == [1, 2, 1]
    assert "version 1 is served again" in reporter.warnings.getvalue()
    # A rollback from the next version skips it.
    publish.publish(repository, b"model", manifest)
    assert repository.previous() == 1


def test_a_refused_first_version_is_withdrawn(repository, manifest, reporter, monkeypatch) -> None:
    monkeypatch.setattr(triton_repository_api, "load", lambda *args: (_ for _ in ()).throw(ServingError("refused")))
    with pytest.raises(ServingError):
        rollout.roll_out(repository, candidate(manifest), TARGET, reporter)
    assert repository.served() is None
    assert repository.versions() == [1]


def test_a_damaged_previous_version_does_not_hide_the_refusal(repository, manifest, reporter, refusing) -> None:
    for _ in range(2):
        publish.publish(repository, b"model", manifest)
    (repository.folder / "1" / "model.onnx").unlink()
    with pytest.raises(ServingError, match="refused"):
        rollout.serve(repository, TARGET, rollout.Change(2, 1), PROBE, reporter)
    assert "version 1 can't be served again" in reporter.warnings.getvalue()


def test_a_rollback_serves_the_previous_or_the_given_version(repository, manifest, reporter, loads) -> None:
    for _ in range(3):
        publish.publish(repository, b"model", manifest)
    rollout.roll_back(repository, None, TARGET, probe_of, reporter)
    rollout.roll_back(repository, 3, TARGET, probe_of, reporter)
    assert repository.served() == 3
    assert loads == [("my_model", 2, PROBE), ("my_model", 3, PROBE)]
    assert f"rolled back from version 3 to version 2 in {repository.folder}" in reporter.items.getvalue()


def test_a_refused_rollback_restores_the_served_version(repository, manifest, reporter, refusing) -> None:
    for _ in range(3):
        publish.publish(repository, b"model", manifest)
    publish.point_at(repository, 1)
    with pytest.raises(ServingError, match="refused"):
        rollout.roll_back(repository, 3, TARGET, probe_of, reporter)
    assert repository.served() == 1
    assert refusing == [3, 1]


def test_a_rollback_that_cannot_succeed_changes_nothing(repository, manifest, reporter, loads) -> None:
    def fail(model: bytes, manifest: Manifest) -> Probe:
        raise RepositoryDamaged("can't be loaded")

    for _ in range(2):
        publish.publish(repository, b"model", manifest)
    with pytest.raises(RepositoryDamaged, match="can't be loaded"):
        rollout.roll_back(repository, None, TARGET, fail, reporter)
    with pytest.raises(VersionMissing, match="version 9"):
        rollout.roll_back(repository, 9, TARGET, probe_of, reporter)
    assert repository.served() == 2
    assert loads == []


def two_versions(repository: Repository, manifest: Manifest) -> None:
    for _ in range(2):
        publish.publish(repository, b"model", manifest)
    publish.point_at(repository, 1)


def test_a_canary_is_served_beside_the_served_version_until_one_is_promoted(
    repository, manifest, reporter, loads
) -> None:
    two_versions(repository, manifest)
    rollout.add_canary(repository, 2, TARGET, probe_of, reporter)
    assert (repository.served(), repository.canary()) == (1, 2)
    assert [version for _, version, _ in loads] == [2]
    rollout.roll_back(repository, 2, TARGET, probe_of, reporter)
    assert (repository.served(), repository.canary()) == (2, None)


def test_a_refused_canary_leaves_the_served_version_alone(repository, manifest, reporter, refusing) -> None:
    two_versions(repository, manifest)
    with pytest.raises(ServingError):
        rollout.add_canary(repository, 2, TARGET, probe_of, reporter)
    assert (repository.served(), repository.canary()) == (1, None)
    assert refusing == [2, 1]


@pytest.mark.parametrize("version,text", [(1, "served version is 1"), (7, "7")])
def test_a_canary_that_cannot_be_changes_nothing(repository, manifest, reporter, loads, version, text) -> None:
    two_versions(repository, manifest)
    with pytest.raises(VersionMissing, match=text):
        rollout.add_canary(repository, version, TARGET, probe_of, reporter)
    assert (repository.served(), repository.canary()) == (1, None)
    assert not loads


def test_a_canary_of_another_batch_size_is_refused(repository, manifest, reporter, loads) -> None:
    two_versions(repository, manifest)
    publish.publish(repository, b"model", manifest.model_copy(update={"max_batch_size": 7}))
    publish.point_at(repository, 1)
    with pytest.raises(VersionMissing, match="share one config"):
        rollout.add_canary(repository, 3, TARGET, probe_of, reporter)
    assert repository.canary() is None


def test_a_version_with_other_tensors_is_published_with_a_warning(repository, manifest, reporter, loads) -> None:
    rollout.roll_out(repository, candidate(manifest), TARGET, reporter)
    rollout.roll_out(repository, candidate(manifest), TARGET, reporter)
    assert "other tensors" not in reporter.warnings.getvalue()
    inputs = tuple(spec.model_copy(update={"name": f"new_{spec.name}"}) for spec in manifest.contract.inputs)
    contract = manifest.contract.model_copy(update={"inputs": inputs})
    rollout.roll_out(repository, candidate(manifest.model_copy(update={"contract": contract})), TARGET, reporter)
    assert "version 3 has other tensors than version 2" in reporter.warnings.getvalue()
