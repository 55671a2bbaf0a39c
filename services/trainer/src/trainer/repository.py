"""The model repository on disk: what is published, how a version gets in, and how the pointer moves.

    mnist_cnn/
    ├── config.pbtxt         names the one version that is served; replacing it is the commit point
    ├── 1/  model.pt  manifest.json
    ├── 2/  …                a folder appears by one rename, whole
    └── .staging-3-x7k2/     a publish at work, or the rest of a killed one; swept at the next publish

Whatever is killed when, ``config.pbtxt`` names a whole version. A folder that no config ever named is harmless: it
isn't served, nobody rolls back to it, and its number isn't given out again.
"""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from trainer import durable, model_config
from trainer.errors import RepositoryDamaged, RepositoryError, VersionMissing
from trainer.export import MODEL_FILE
from trainer.idx import sha256
from trainer.lock import exclusive
from trainer.manifest import Manifest

CONFIG_FILE = "config.pbtxt"
MANIFEST_FILE = "manifest.json"
STAGING_PREFIX = ".staging-"
# A version has well below 1 MB; this leaves room for the file system's own needs.
MIN_FREE_BYTES = 16 << 20


class Repository:
    """One model's folder in a Triton model repository.

    Args:
        root: The model repository.
        model_name: The model, and its folder's name.
    """

    def __init__(self, root: Path, model_name: str) -> None:
        self.root = root
        self.model_name = model_name
        self.folder = root / model_name

    def served(self) -> int | None:
        """Return the version that ``config.pbtxt`` names, or None if nothing is published.

        Raises:
            RepositoryError: The config can't be read, or names no version.
        """
        with self._explained():
            try:
                text = (self.folder / CONFIG_FILE).read_text(encoding="utf-8")
            except FileNotFoundError:
                return None
        return model_config.served_version(text)

    def served_or_none(self) -> int | None:
        """Return the served version; a config that can't be read counts as none, as publishing replaces it."""
        try:
            return self.served()
        except RepositoryDamaged:
            return None

    def versions(self) -> list[int]:
        """Return the numbers of all version folders, ascending."""
        if not self.folder.is_dir():
            return []
        return sorted(int(path.name) for path in self.folder.iterdir() if path.is_dir() and path.name.isdecimal())

    def manifest(self, version: int) -> Manifest:
        """Return a version's record.

        Raises:
            RepositoryDamaged: It is missing or can't be read.
        """
        path = self.folder / str(version) / MANIFEST_FILE
        try:
            return Manifest.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "not a manifest"
            raise RepositoryDamaged(f"version {version}: {path} can't be read ({reason})") from exc

    def model(self, version: int) -> bytes:
        """Return a version's ``model.pt``, checked against its manifest.

        Raises:
            RepositoryDamaged: It is missing, or its SHA-256 isn't the manifest's.
        """
        path = self.folder / str(version) / MODEL_FILE
        expected = self.manifest(version).sha256
        try:
            data = path.read_bytes()
        except OSError as exc:
            raise RepositoryDamaged(f"version {version}: {path} can't be read ({exc.strerror})") from exc
        if sha256(data) != expected:
            raise RepositoryDamaged(
                f"version {version}: the SHA-256 of {path} isn't its manifest's; it was changed or damaged"
            )
        return data

    def training(self) -> contextlib.AbstractContextManager[None]:
        """Return a block in which nobody else trains into this repository; rolling back stays possible."""
        return self._locked("training", "training into")

    def changing(self) -> contextlib.AbstractContextManager[None]:
        """Return a block in which nobody else publishes or moves the pointer."""
        return self._locked("publish", "changing")

    def check_writable(self) -> None:
        """Find out before the training, not after it, whether a version could be written.

        Raises:
            RepositoryError: No rights, a read-only file system, or too little space.
        """
        with self._explained():
            self.root.mkdir(parents=True, exist_ok=True)
            for folder in (self.root, self.folder):
                if folder.is_dir():
                    # Asking for rights isn't enough: a read-only mount or a quota shows only when one writes.
                    with tempfile.TemporaryFile(dir=folder):
                        pass
            free_bytes = shutil.disk_usage(self.root).free
        if free_bytes < MIN_FREE_BYTES:
            raise RepositoryError(
                f"{self.root}: {free_bytes >> 20} MiB free, {MIN_FREE_BYTES >> 20} are needed; make room and try again"
            )

    def publish(self, model: bytes, manifest: Manifest, max_batch_size: int) -> int:
        """Write a new version and point the config at it. Call it inside ``changing()``.

        Args:
            model: The content of ``model.pt``.
            manifest: Its record; number, former version and checksum are filled in here.
            max_batch_size: Most images in one of Triton's batches.

        Returns:
            The new version's number.

        Raises:
            RepositoryError: It couldn't be written; what was served before still is.
        """
        previous = self.served_or_none()
        with self._explained():
            self._make_folder()
            self._sweep()
            version = self._next_version()
            record = manifest.model_copy(update={"version": version, "previous": previous, "sha256": sha256(model)})
            self._add_version(version, {MODEL_FILE: model, MANIFEST_FILE: record.model_dump_json(indent=2).encode()})
            config = model_config.build_config(self.model_name, version, max_batch_size)
            durable.replace_file(self.folder / CONFIG_FILE, config.encode())
        return version

    def point_at(self, version: int) -> None:
        """Serve a version that is there already. Call it inside ``changing()``.

        Raises:
            RepositoryError: It isn't there, it is damaged, or the config can't be written.
        """
        if version not in self.versions():
            raise VersionMissing(f"there is no version {version} in {self.folder}")
        self.model(version)
        path = self.folder / CONFIG_FILE
        with self._explained():
            text = model_config.with_version(path.read_text(encoding="utf-8"), version)
            durable.replace_file(path, text.encode())

    def withdraw(self) -> None:
        """Serve nothing, for a first version that Triton refused. Call it inside ``changing()``."""
        with self._explained():
            (self.folder / CONFIG_FILE).unlink(missing_ok=True)
            durable.sync_folder(self.folder)

    def former(self) -> int:
        """Return the version that was served before the one that is served now.

        Not the next lower number: that one may have been refused by Triton, or rolled back itself.

        Raises:
            VersionMissing: There is none.
        """
        served = self.served()
        if served is None:
            raise VersionMissing(f"nothing is published in {self.folder}; `train` does it")
        previous = self.manifest(served).previous
        if previous is None:
            raise VersionMissing(f"version {served} is the first that was served; there is nothing to go back to")
        return previous

    def _make_folder(self) -> None:
        if not self.folder.is_dir():
            self.folder.mkdir()
            self.folder.chmod(durable.PUBLIC_FOLDER_MODE)
            durable.sync_folder(self.root)

    def _sweep(self) -> None:
        """Remove what killed publishes left; under the lock nobody is at work on any of it."""
        for leftover in [*self.folder.glob(f"{STAGING_PREFIX}*"), *self.folder.glob(f".{CONFIG_FILE}.*")]:
            if leftover.is_dir():
                shutil.rmtree(leftover)
            else:
                leftover.unlink()

    def _next_version(self) -> int:
        return max([*self.versions(), self.served_or_none() or 0], default=0) + 1

    def _add_version(self, version: int, files: dict[str, bytes]) -> None:
        """Make a version folder appear, whole, by one rename."""
        staging = Path(tempfile.mkdtemp(prefix=f"{STAGING_PREFIX}{version}-", dir=self.folder))
        try:
            for name, data in files.items():
                durable.write_file(staging / name, data)
            staging.chmod(durable.PUBLIC_FOLDER_MODE)
            durable.sync_folder(staging)
            os.rename(staging, self.folder / str(version))  # noqa: PTH104  counted next to os.fsync by the fault tests
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        durable.sync_folder(self.folder)

    @contextlib.contextmanager
    def _locked(self, name: str, purpose: str) -> Iterator[None]:
        # In the root, not in the model's folder: a folder without a config would stop `tritonserver --load-model=*`.
        with contextlib.ExitStack() as stack:
            with self._explained():
                self.root.mkdir(parents=True, exist_ok=True)
                stack.enter_context(exclusive(self.root / f".{self.model_name}.{name}.lock", purpose))
            yield

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn the operating system's errors into one line that says what to do."""
        try:
            yield
        except OSError as exc:
            where = exc.filename or self.root
            if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
                message = f"{where}: the disk is full; make room and try again, nothing was changed"
            elif exc.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
                message = f"{where} can't be written ({exc.strerror}); set TRAINER_MODEL_REPOSITORY to where it can"
            else:
                message = f"{where}: {exc.strerror or exc}"
            raise RepositoryError(message) from exc
