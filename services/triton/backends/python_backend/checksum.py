"""Compares a version's file with the SHA-256 in its manifest."""

import hashlib
import json
from pathlib import Path


def check_sum(path: Path) -> None:
    """Compare the file with the ``manifest.json`` beside it, if there is one.

    Args:
        path: The version's file.

    Raises:
        ValueError: The file or the manifest can't be read, or the checksum differs.
    """
    manifest = path.with_name("manifest.json")
    try:
        wanted = json.loads(manifest.read_text(encoding="utf-8")).get("sha256") if manifest.is_file() else None
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as exc:
        raise ValueError(f"{path} can't be read: {exc}") from exc
    if wanted is not None and wanted != found:
        raise ValueError(f"{path}: its SHA-256 differs from the one in manifest.json; publish the version again")
