"""The model repository as the faults change it: versions are added, damaged and selected without the trainer."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from chaos.errors import ChaosError
from modelrepo import durable, model_config
from modelrepo.checksum import sha256
from modelrepo.errors import RepositoryError
from modelrepo.formats import FORMATS
from modelrepo.repository import CONFIG_FILE, MANIFEST_FILE, Repository

MODEL_FILES = {kind: form.file for kind, form in FORMATS.items()}


class ModelRepository(Repository):
    """The trainer's repository, and the changes that only faults make."""

    def served_version(self) -> int:
        """Return the served version.

        Raises:
            ChaosError: Nothing is published, or the config is damaged.
        """
        version = self.served_or_none()
        if version is None:
            raise ChaosError(f"nothing is published in {self.folder}")
        return version

    def damaged(self) -> dict[int, str]:
        """Return the versions that are not complete or not intact, each with the reason."""
        found = {}
        for version in self.versions():
            try:
                self.model(version)
            except RepositoryError as exc:
                found[version] = str(exc)
        return found

    def leftovers(self) -> list[str]:
        """Return the names of temporary files and folders."""
        return [path.name for path in self.folder.glob(".*")]

    def add(self, change: Callable[[Path], bytes] = Path.read_bytes) -> int:
        """Add a copy of the served version by one rename, without selecting it; return its number.

        Args:
            change: Returns the new model's content, given the path of the served model.
        """
        served = self.served_version()
        source = self.model_path(served)
        number = max(self.versions()) + 1
        staging = self.folder / f".chaos-{number}"
        shutil.copytree(source.parent, staging)
        content = change(source)
        (staging / source.name).write_bytes(content)
        manifest = json.loads((staging / MANIFEST_FILE).read_text())
        manifest |= {"version": number, "previous": served, "sha256": sha256(content)}
        (staging / MANIFEST_FILE).write_text(json.dumps(manifest))
        staging.rename(self.folder / str(number))
        return number

    def select(self, version: int) -> None:
        """Select a version in the config without the trainer's checks."""
        config = model_config.build_config(self.model_name, version, self.manifest(version))
        durable.replace_file(self.folder / CONFIG_FILE, config.encode())
