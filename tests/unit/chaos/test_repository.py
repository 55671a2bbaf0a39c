import pytest

from chaos.errors import ChaosError
from chaos.repository import ModelRepository
from chaos.stack import MODEL


def test_a_version_without_a_manifest_is_damaged(template):
    repository = ModelRepository(template, MODEL)
    assert list(repository.damaged()) == [1]


def test_temporary_files_are_leftovers(template):
    repository = ModelRepository(template, MODEL)
    assert repository.leftovers() == []
    (repository.folder / ".staging-2-x").mkdir()
    assert repository.leftovers() == [".staging-2-x"]


def test_an_empty_repository_serves_no_version(tmp_path):
    with pytest.raises(ChaosError, match="nothing is published"):
        ModelRepository(tmp_path, MODEL).served_version()
