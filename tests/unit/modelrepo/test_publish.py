import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from modelrepo import publish
from modelrepo.errors import RepositoryDamaged, RepositoryError, RepositoryLocked, VersionMissing
from modelrepo.manifest import Manifest
from modelrepo.repository import Repository

# The calls that publishing makes to the file system, by the names that it uses. At each call the process can be killed,
# the disk can be full, or Ctrl-C can arrive.
STEPS = ("mkdir", "fsync", "fchmod", "rename", "replace", "chmod")
# Publishing a second version takes 13 such steps; a loop to 14 shows that no step is left out.
STEPS_OF_A_PUBLISH = 13


class Fault:
    """Counts the steps, and calls ``what`` before step ``at``."""

    def __init__(self, at: int, what: Callable[[], None]) -> None:
        self.at, self.what, self.taken = at, what, 0

    def arm(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in STEPS:
            monkeypatch.setattr(os, name, self.wrap(getattr(os, name)))

    def wrap(self, step: Callable[..., object]) -> Callable[..., object]:
        def counted(*args: object, **kwargs: object) -> object:
            self.taken += 1
            if self.taken == self.at:
                self.what()
            return step(*args, **kwargs)

        return counted


def full_disk() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def ctrl_c() -> None:
    raise KeyboardInterrupt


def assert_whole(repository: Repository, served: int) -> None:
    """The config names this version, and every version is whole."""
    assert repository.served() == served
    for version in repository.versions():
        assert repository.manifest(version).version == version
        assert repository.model(version) == b"model %d" % version


def leftovers(repository: Repository) -> list[str]:
    return [path.name for path in repository.folder.iterdir() if path.name.startswith(".")]


def test_versions_count_up_and_the_last_is_served(repository: Repository, manifest: Manifest) -> None:
    for version in (1, 2, 3):
        assert publish.publish(repository, b"model %d" % version, manifest) == version
        assert_whole(repository, served=version)
    assert [repository.manifest(version).previous for version in (1, 2, 3)] == [None, 1, 2]


def test_every_user_may_read_it(repository: Repository, manifest: Manifest) -> None:
    before = os.umask(0o077)
    try:
        publish.publish(repository, b"model 1", manifest)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in repository.folder.rglob("*")}
    assert modes == {"1": 0o755, "model.onnx": 0o644, "manifest.json": 0o644, "config.pbtxt": 0o644}
    assert repository.folder.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("fault", [full_disk, ctrl_c])
def test_after_a_fault_at_any_step_the_old_or_the_new_version_is_served(
    tmp_path: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch, fault: Callable[[], None]
) -> None:
    for step in range(1, STEPS_OF_A_PUBLISH + 2):
        repository = Repository(tmp_path / f"step-{step}", "my_model")
        publish.publish(repository, b"model 1", manifest)
        with monkeypatch.context() as patch:
            counter = Fault(step, fault)
            counter.arm(patch)
            if step > STEPS_OF_A_PUBLISH:
                publish.publish(repository, b"model 2", manifest)
            else:
                with pytest.raises(KeyboardInterrupt if fault is ctrl_c else RepositoryError):
                    publish.publish(repository, b"model 2", manifest)
        # The last step, the sync after the config's rename, comes after the commit point.
        assert_whole(repository, served=2 if step >= STEPS_OF_A_PUBLISH else 1)
        assert leftovers(repository) == []
    assert counter.taken == STEPS_OF_A_PUBLISH


def publish_and_be_killed(repository: Repository, manifest: Manifest, step: int) -> int:
    """Publish in a child process that SIGKILL ends at ``step``; return its exit status."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            with pytest.MonkeyPatch.context() as patch, publish.changing(repository):
                Fault(step, lambda: os.kill(os.getpid(), signal.SIGKILL)).arm(patch)
                publish.publish(repository, b"model 2", manifest)
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_after_a_kill_at_any_step_the_old_or_the_new_version_is_served(tmp_path: Path, manifest: Manifest) -> None:
    for step in range(1, STEPS_OF_A_PUBLISH + 2):
        repository = Repository(tmp_path / f"step-{step}", "my_model")
        publish.publish(repository, b"model 1", manifest)
        status = publish_and_be_killed(repository, manifest, step)
        assert status == (0 if step > STEPS_OF_A_PUBLISH else -signal.SIGKILL)
        assert_whole(repository, served=2 if step >= STEPS_OF_A_PUBLISH else 1)
        # The next publish gets the lock, removes the leftovers, and takes an unused number.
        with publish.changing(repository):
            number = max(repository.versions()) + 1
            assert publish.publish(repository, b"model %d" % number, manifest) == number
        assert_whole(repository, served=number)
        assert leftovers(repository) == []


def test_a_version_that_no_config_named_is_not_rolled_back_to(
    repository: Repository, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish.publish(repository, b"model 1", manifest)
    with monkeypatch.context() as patch:
        Fault(STEPS_OF_A_PUBLISH - 1, full_disk).arm(patch)
        with pytest.raises(RepositoryError):
            publish.publish(repository, b"model 2", manifest)
    assert repository.versions() == [1, 2]
    assert publish.publish(repository, b"model 3", manifest) == 3
    assert repository.previous() == 1


def test_a_version_rolled_back_is_not_rolled_back_to(repository: Repository, manifest: Manifest) -> None:
    for version in (1, 2, 3):
        publish.publish(repository, b"model %d" % version, manifest)
    publish.point_at(repository, repository.previous())
    assert repository.served() == 2
    assert publish.publish(repository, b"model 4", manifest) == 4
    chain = []
    while True:
        try:
            publish.point_at(repository, repository.previous())
        except VersionMissing:
            break
        chain.append(repository.served())
    assert chain == [2, 1]
    assert_whole(repository, served=1)


def test_a_rollback_to_another_format_restores_its_own_config(repository: Repository, manifest: Manifest) -> None:
    records = [
        manifest.model_copy(update={"format": "torchscript", "max_batch_size": 64}),
        manifest.model_copy(update={"format": "onnx", "max_batch_size": 128}),
    ]
    config = repository.folder / "config.pbtxt"
    texts = []
    for version, record in enumerate(records, 1):
        publish.publish(repository, b"model %d" % version, record)
        texts.append(config.read_text())
    assert "pytorch_libtorch" in texts[0]
    assert "onnxruntime_onnx" in texts[1]
    for version in (1, 2):
        publish.point_at(repository, version)
        assert config.read_text() == texts[version - 1]
        assert_whole(repository, served=version)


def test_pointing_at_a_damaged_or_missing_version_changes_nothing(repository: Repository, manifest: Manifest) -> None:
    with pytest.raises(VersionMissing, match="no version 1"):
        publish.point_at(repository, 1)
    publish.publish(repository, b"model 1", manifest)
    publish.publish(repository, b"model 2", manifest)
    (repository.folder / "1" / "model.onnx").write_bytes(b"tampered")
    with pytest.raises(RepositoryDamaged):
        publish.point_at(repository, 1)
    with pytest.raises(VersionMissing, match="no version 9"):
        publish.point_at(repository, 9)
    assert repository.served() == 2


def test_withdrawing_serves_nothing_and_keeps_the_number(repository: Repository, manifest: Manifest) -> None:
    publish.publish(repository, b"model 1", manifest)
    publish.withdraw(repository)
    assert repository.served() is None
    with pytest.raises(VersionMissing, match="nothing is published"):
        publish.point_at(repository, 1)
    assert publish.publish(repository, b"model 2", manifest) == 2


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC, errno.EIO])
def test_a_repository_that_cannot_be_written_is_found_before_the_training(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(**kwargs: object) -> None:
        raise OSError(number, os.strerror(number), str(repository.root))

    repository.root.mkdir()
    monkeypatch.setattr(publish.tempfile, "TemporaryFile", refuse)
    with pytest.raises(RepositoryError, match=str(repository.root)):
        publish.check_writable(repository)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_missing_rights_are_found(repository: Repository) -> None:
    repository.root.mkdir(mode=0o555)
    with pytest.raises(RepositoryError, match="can't be written"):
        publish.check_writable(repository)


def test_a_file_in_the_repositorys_place_is_found(repository: Repository) -> None:
    repository.root.write_text("no folder")
    with pytest.raises(RepositoryError):
        publish.check_writable(repository)


def test_too_little_space_is_found(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "MIN_FREE_BYTES", 1 << 60)
    with pytest.raises(RepositoryError, match="MiB free"):
        publish.check_writable(repository)
    assert list(repository.root.iterdir()) == []


def test_a_second_process_is_refused(repository: Repository) -> None:
    with publish.training(repository), publish.changing(repository):
        for block in (publish.training, publish.changing):
            with pytest.raises(RepositoryLocked, match="another trainer is"), block(repository):
                pass
    # A rollback doesn't wait for a training.
    with publish.training(repository), publish.changing(repository):
        pass


def test_room_for_the_file_itself_is_needed_too(repository: Repository) -> None:
    publish.check_writable(repository, 1)
    with pytest.raises(RepositoryError, match="MiB free"):
        publish.check_writable(repository, 1 << 60)


def test_labels_lie_beside_the_model(repository: Repository, manifest: Manifest) -> None:
    (first, second) = manifest.contract.outputs
    labelled = first.model_copy(update={"labels": ("a", "b", "c")})
    contract = manifest.contract.model_copy(update={"outputs": (labelled, second)})
    publish.publish(repository, b"model", manifest.model_copy(update={"contract": contract}))
    assert (repository.folder / "1/labels_0.txt").read_text() == "a\nb\nc\n"
    assert repository.manifest(1).contract.outputs[0].labels == ("a", "b", "c")
