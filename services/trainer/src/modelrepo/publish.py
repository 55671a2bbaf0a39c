"""The model repository on disk, written: a version is added by one rename, and served after one more.

Every function but ``check_writable`` is called inside ``changing()``. Each raises ``RepositoryError`` where the file
system fails, and leaves the served version as it was.
"""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from modelrepo import durable, model_config
from modelrepo.checksum import sha256
from modelrepo.errors import RepositoryError, VersionMissing
from modelrepo.formats import FORMATS
from modelrepo.lock import exclusive
from modelrepo.manifest import Manifest
from modelrepo.repository import CONFIG_FILE, MANIFEST_FILE, Repository

STAGING_PREFIX = ".staging-"
# Room for a version of a few megabytes and for the file system's own blocks.
MIN_FREE_BYTES = 16 << 20


def training(repository: Repository) -> contextlib.AbstractContextManager[None]:
    """Return a block in which no other process trains into this repository; rollbacks stay possible."""
    return _locked(repository, "training", "training into")


def changing(repository: Repository) -> contextlib.AbstractContextManager[None]:
    """Return a block in which no other process publishes, or changes the served version."""
    return _locked(repository, "publish", "changing")


def check_writable(repository: Repository, size_bytes: int = 0) -> None:
    """Find out, before a model is trained or checked, whether a version could be written.

    Args:
        repository: Where to.
        size_bytes: Size of the model's file, if it is known.

    Raises:
        RepositoryError: Missing permissions, a read-only file system, or too little space.
    """
    with _explained(repository.root):
        repository.root.mkdir(parents=True, exist_ok=True)
        for folder in (repository.root, repository.folder):
            if folder.is_dir():
                # Permissions don't tell enough: a read-only mount or a quota only shows in a write.
                with tempfile.TemporaryFile(dir=folder):
                    pass
        free_bytes = shutil.disk_usage(repository.root).free
    needed_bytes = MIN_FREE_BYTES + size_bytes
    if free_bytes < needed_bytes:
        raise RepositoryError(
            f"{repository.root}: {free_bytes >> 20} MiB free, {needed_bytes >> 20} needed; make room and try again"
        )


def publish(repository: Repository, model: bytes, manifest: Manifest) -> int:
    """Write a new version and point the config at it.

    Args:
        repository: Where to.
        model: The content of its file.
        manifest: Its record; number, previous version and checksum are filled in here.

    Returns:
        The new version's number: one above every earlier number, so that no number is used twice.

    Raises:
        RepositoryError: It couldn't be written; the served version is unchanged.
    """
    previous = repository.served_or_none()
    with _explained(repository.root):
        _make_folder(repository)
        _sweep(repository.folder)
        version = max([*repository.versions(), previous or 0]) + 1
        record = manifest.model_copy(update={"version": version, "previous": previous, "sha256": sha256(model)})
        files = {FORMATS[record.format].file: model, MANIFEST_FILE: record.model_dump_json(indent=2).encode() + b"\n"}
        files |= _labels(record)
        _add_version(repository.folder, version, files)
        config = model_config.build_config(repository.model_name, version, record)
        durable.replace_file(repository.folder / CONFIG_FILE, config.encode())
    return version


def point_at(repository: Repository, version: int, canary: int | None = None) -> None:
    """Name an existing version in the config, and beside it a canary if there is one.

    Raises:
        RepositoryError: It doesn't exist, it is damaged, or the config can't be written.
    """
    repository.require(version)
    repository.model(version)
    path = repository.folder / CONFIG_FILE
    if not path.is_file():
        raise VersionMissing(f"nothing is published in {repository.folder}; publish a version first")
    config = model_config.build_config(repository.model_name, version, repository.manifest(version), canary)
    with _explained(path):
        durable.replace_file(path, config.encode())


def withdraw(repository: Repository) -> None:
    """Remove the config, so that nothing is served: for a first version that Triton refused."""
    path = repository.folder / CONFIG_FILE
    with _explained(path):
        path.unlink(missing_ok=True)
        durable.sync_folder(repository.folder)


def _labels(manifest: Manifest) -> dict[str, bytes]:
    """Return the label files that the config names."""
    return {
        model_config.labels_file(index): "".join(f"{label}\n" for label in spec.labels).encode()
        for index, spec in enumerate(manifest.contract.outputs)
        if spec.labels
    }


def _make_folder(repository: Repository) -> None:
    if not repository.folder.is_dir():
        repository.folder.mkdir(parents=True)
        repository.folder.chmod(durable.PUBLIC_FOLDER_MODE)
        durable.sync_folder(repository.root)


def _sweep(folder: Path) -> None:
    """Remove what killed publishes left; while this process holds the lock, no other one uses these files."""
    for leftover in [*folder.glob(f"{STAGING_PREFIX}*"), *folder.glob(f".{CONFIG_FILE}.*")]:
        if leftover.is_dir():
            shutil.rmtree(leftover)
        else:
            leftover.unlink()


def _add_version(folder: Path, version: int, files: dict[str, bytes]) -> None:
    """Add a whole version folder by one rename."""
    staging = Path(tempfile.mkdtemp(prefix=f"{STAGING_PREFIX}{version}-", dir=folder))
    try:
        for name, data in files.items():
            durable.write_file(staging / name, data)
        staging.chmod(durable.PUBLIC_FOLDER_MODE)
        durable.sync_folder(staging)
        os.rename(staging, folder / str(version))  # noqa: PTH104  the fault tests count calls of os, fsync and rename alike
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    durable.sync_folder(folder)


@contextlib.contextmanager
def _locked(repository: Repository, name: str, purpose: str) -> Iterator[None]:
    # The lock lies in the root: a model's folder without a config would stop `tritonserver --load-model=*`.
    with contextlib.ExitStack() as stack:
        with _explained(repository.root):
            repository.root.mkdir(parents=True, exist_ok=True)
            stack.enter_context(exclusive(repository.root / f".{repository.model_name}.{name}.lock", purpose))
        yield


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn errors of the operating system into one line that says what to do."""
    try:
        yield
    except OSError as exc:
        where = exc.filename or path
        if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
            message = f"{where}: the disk is full; make room and try again. The served version is unchanged"
        elif exc.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
            message = f"{where} can't be written ({exc.strerror}); set TRAINER_MODEL_REPOSITORY to a writable folder"
        else:
            message = f"{where}: {exc.strerror or exc}"
        raise RepositoryError(message) from exc
