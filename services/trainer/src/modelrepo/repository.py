"""The model repository on disk, read: which versions exist, which one is served, and whether each is whole.

    my_model/
    ├── config.pbtxt         names the one version that is served; replacing it is the commit point
    ├── 1/  model.onnx  manifest.json
    ├── 2/  model.pt  …      a folder appears by one rename, whole
    └── .staging-3-x7k2/     an unfinished publish; the next publish removes what a killed one left

Whenever a process is killed, ``config.pbtxt`` names a whole version. A version folder that no config ever named is
harmless: Triton doesn't serve it, no rollback goes to it, and its number isn't given out again.
"""

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from modelrepo import model_config
from modelrepo.checksum import sha256
from modelrepo.errors import RepositoryDamaged, VersionMissing
from modelrepo.formats import FORMATS
from modelrepo.manifest import Manifest

ManifestKind = TypeVar("ManifestKind", bound=Manifest)
CONFIG_FILE = "config.pbtxt"
MANIFEST_FILE = "manifest.json"


def model_names(root: Path) -> list[str]:
    """Return the names of all models that have a config or a version, sorted."""
    if not root.is_dir():
        return []
    folders = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted(
        path.name for path in folders if (path / CONFIG_FILE).exists() or Repository(root, path.name).versions()
    )


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
            RepositoryDamaged: The config can't be read, or doesn't name one version.
        """
        return self._named()[0]

    def canary(self) -> int | None:
        """Return the version that ``config.pbtxt`` names beside the served one, or None.

        Raises:
            RepositoryDamaged: As `served`.
        """
        return self._named()[1]

    def _named(self) -> tuple[int | None, int | None]:
        path = self.folder / CONFIG_FILE
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None, None
        except (OSError, UnicodeDecodeError) as exc:
            raise RepositoryDamaged(f"{path} can't be read: {exc}") from exc
        return model_config.named_versions(text)

    def served_or_none(self) -> int | None:
        """Return the served version; a config that can't be read counts as none, because publishing replaces it."""
        try:
            return self.served()
        except RepositoryDamaged:
            return None

    def versions(self) -> list[int]:
        """Return the numbers of all version folders, ascending."""
        if not self.folder.is_dir():
            return []
        return sorted(int(path.name) for path in self.folder.iterdir() if path.is_dir() and path.name.isdecimal())

    def is_published(self) -> bool:
        """Tell whether a version has a manifest: a model that was copied here by hand has none."""
        return any((self.folder / str(version) / MANIFEST_FILE).exists() for version in self.versions())

    def manifest(self, version: int) -> Manifest:
        """Return what every version's record holds.

        Raises:
            RepositoryDamaged: It is missing or can't be read.
        """
        return self.record(version, Manifest)

    def record(self, version: int, kind: type[ManifestKind]) -> ManifestKind:
        """Return a version's record with the fields of ``kind``.

        Raises:
            RepositoryDamaged: It is missing, can't be read, or lacks one of those fields.
        """
        path = self.folder / str(version) / MANIFEST_FILE
        try:
            return kind.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "not a manifest"
            raise RepositoryDamaged(f"version {version}: {path} can't be read ({reason})") from exc

    def model_path(self, version: int) -> Path:
        """Return the path of a version's file, whose name follows from its manifest.

        Raises:
            RepositoryDamaged: The manifest is missing or can't be read.
        """
        return self.folder / str(version) / FORMATS[self.manifest(version).format].file

    def model(self, version: int) -> bytes:
        """Return the content of a version's file, checked against its manifest.

        Raises:
            RepositoryDamaged: It is missing, or its SHA-256 differs from the manifest's.
        """
        path = self.model_path(version)
        try:
            data = path.read_bytes()
        except OSError as exc:
            raise RepositoryDamaged(f"version {version}: {path} can't be read ({exc.strerror})") from exc
        if sha256(data) != self.manifest(version).sha256:
            raise RepositoryDamaged(
                f"version {version}: the SHA-256 of {path} differs from its manifest's; the file was changed or damaged"
            )
        return data

    def require(self, version: int) -> None:
        """Check that a version exists.

        Raises:
            VersionMissing: It doesn't.
        """
        if version not in self.versions():
            raise VersionMissing(f"there is no version {version} in {self.folder}; `list` shows the versions")

    def previous(self) -> int:
        """Return the version that was served before the one that is served now.

        It isn't always the next lower number: that version may have been refused by Triton, or rolled back.

        Raises:
            VersionMissing: Nothing is published, or only one version was ever served.
        """
        served = self.served()
        if served is None:
            raise VersionMissing(f"nothing is published in {self.folder}; publish a version first")
        previous = self.manifest(served).previous
        if previous is None:
            raise VersionMissing(f"version {served} is the first that was served; there is no version to go back to")
        return previous
