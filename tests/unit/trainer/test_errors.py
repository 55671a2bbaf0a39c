from modelrepo.errors import ModelRepoError
from trainer import errors


def subclasses(kind: type[Exception]) -> set[type[Exception]]:
    return {kind, *(below for child in kind.__subclasses__() for below in subclasses(child))}


def test_every_error_of_the_repository_has_an_exit_code() -> None:
    assert errors.REPOSITORY_EXIT_CODES.keys() == subclasses(ModelRepoError) - {ModelRepoError}


def test_an_error_ends_in_its_own_code() -> None:
    assert errors.exit_code_of(errors.DownloadFailed("")) == 3
    for kind, (code, summary) in errors.REPOSITORY_EXIT_CODES.items():
        assert errors.exit_code_of(kind("")) == code
        assert errors.exit_codes()[code] == summary
