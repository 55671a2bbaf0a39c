"""The model repository on disk, written: a version gets in by one rename, the pointer moves by one rename.

Every function but ``check_writable`` is called inside ``changing()``. Each raises ``RepositoryError`` where the file
system refuses, and leaves what was served before.
"""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from trainer import durable, model_config
from trainer.errors import RepositoryError, VersionMissing
from trainer.formats import FORMATS
from trainer.idx import sha256
from trainer.lock import exclusive
from trainer.manifest import Manifest
from trainer.repository import CONFIG_FILE, MANIFEST_FILE, Repository

STAGING_PREFIX = ".staging-"
# A version has well below 1 MB; this leaves room for the file system's own needs.
MIN_FREE_BYTES = 16 << 20


def training(repository: Repository) -> contextlib.AbstractContextManager[None]:
    """Return a block in which nobody else trains into this repository; rolling back stays possible."""
    return _locked(repository, "training", "training into")


def changing(repository: Repository) -> contextlib.AbstractContextManager[None]:
    """Return a block in which nobody else publishes or moves the pointer."""
    return _locked(repository, "publish", "changing")


def check_writable(repository: Repository) -> None:
    """Find out before the training, not after it, whether a version could be written.

    Raises:
        RepositoryError: No rights, a read-only file system, or too little space.
    """
    with _explained(repository.root):
        repository.root.mkdir(parents=True, exist_ok=True)
        for folder in (repository.root, repository.folder):
            if folder.is_dir():
                # Asking for rights isn't enough: a read-only mount or a quota shows only when one writes.
                with tempfile.TemporaryFile(dir=folder):
                    pass
        free_bytes = shutil.disk_usage(repository.root).free
    if free_bytes < MIN_FREE_BYTES:
        raise RepositoryError(
            f"{repository.root}: {free_bytes >> 20} MiB free, {MIN_FREE_BYTES >> 20} needed; make room and try again"
        )


def publish(repository: Repository, model: bytes, manifest: Manifest) -> int:
    """Write a new version and point the config at it.

    Args:
        repository: Where to.
        model: The content of its file.
        manifest: Its record; number, former version and checksum are filled in here.

    Returns:
        The new version's number: one above all that were ever there, so that none means two things.

    Raises:
        RepositoryError: It couldn't be written; what was served before still is.
    """
    previous = repository.served_or_none()
    with _explained(repository.root):
        _make_folder(repository)
        _sweep(repository.folder)
        version = max([*repository.versions(), previous or 0]) + 1
        record = manifest.model_copy(update={"version": version, "previous": previous, "sha256": sha256(model)})
        files = {FORMATS[record.format].file: model, MANIFEST_FILE: record.model_dump_json(indent=2).encode() + b"\n"}
        _add_version(repository.folder, version, files)
        config = model_config.build_config(repository.model_name, version, record)
        durable.replace_file(repository.folder / CONFIG_FILE, config.encode())
    return version


def point_at(repository: Repository, version: int) -> None:
    """Serve a version that is there already.

    Raises:
        RepositoryError: It isn't there, it is damaged, or the config can't be written.
    """
    repository.require(version)
    repository.model(version)
    path = repository.folder / CONFIG_FILE
    if not path.is_file():
        raise VersionMissing(f"nothing is published in {repository.folder}; `train` does it")
    config = model_config.build_config(repository.model_name, version, repository.manifest(version))
    with _explained(path):
        durable.replace_file(path, config.encode())


def withdraw(repository: Repository) -> None:
    """Serve nothing, for a first version that Triton refused."""
    path = repository.folder / CONFIG_FILE
    with _explained(path):
        path.unlink(missing_ok=True)
        durable.sync_folder(repository.folder)


def _make_folder(repository: Repository) -> None:
    if not repository.folder.is_dir():
        repository.folder.mkdir(parents=True)
        repository.folder.chmod(durable.PUBLIC_FOLDER_MODE)
        durable.sync_folder(repository.root)


def _sweep(folder: Path) -> None:
    """Remove what killed publishes left; under the lock nobody is at work on any of it."""
    for leftover in [*folder.glob(f"{STAGING_PREFIX}*"), *folder.glob(f".{CONFIG_FILE}.*")]:
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()


def _add_version(folder: Path, version: int, files: dict[str, bytes]) -> None:
    """Make a version folder appear, whole, by one rename."""
    staging = Path(tempfile.mkdtemp(prefix=f"{STAGING_PREFIX}{version}-", dir=folder))
    try:
        for name, data in files.items():
            durable.write_file(staging / name, data)
        staging.chmod(durable.PUBLIC_FOLDER_MODE)
        durable.sync_folder(staging)
        os.rename(staging, folder / str(version))  # noqa: PTH104  counted next to os.fsync by the fault tests
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    durable.sync_folder(folder)


@contextlib.contextmanager
def _locked(repository: Repository, name: str, purpose: str) -> Iterator[None]:
    # In the root, not in the model's folder: a folder without a config would stop `tritonserver --load-model=*`.
    with contextlib.ExitStack() as stack:
        with _explained(repository.root):
            repository.root.mkdir(parents=True, exist_ok=True)
            stack.enter_context(exclusive(repository.root / f".{repository.model_name}.{name}.lock", purpose))
        yield


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn the operating system's errors into one line that says what to do."""
    try:
        yield
    except OSError as exc:
        where = exc.filename or path
        if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
            message = f"{where}: the disk is full; make room and try again. What was served still is"
        elif exc.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            message = f"{where} can't be written ({exc.strerror}); set TRAINER_MODEL_REPOSITORY to where it can"
        else:
            message = f"{where}: {exc.strerror or exc}"
        raise RepositoryError(message) from exc
