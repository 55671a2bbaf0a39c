import os
from pathlib import Path

import pytest

from modelrepo import durable


def test_a_file_is_replaced_and_readable_by_every_user(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"old", b"new"):
        durable.replace_file(path, content)
        assert path.read_bytes() == content
    assert path.stat().st_mode & 0o777 == durable.PUBLIC_FILE_MODE


def test_a_replacement_that_fails_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "file"
    durable.replace_file(path, b"old")
    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(KeyboardInterrupt):
        durable.replace_file(path, b"new")
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [("file", b"old")]
