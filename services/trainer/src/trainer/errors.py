"""Every way in which a command can fail, and its exit code.

    TrainerError                  1   (never raised itself; 1 is a bug, shown with its traceback)
    ├── SettingsError             2   a setting or flag can't be used, or the device doesn't exist
    ├── DataError                 3   images missing, damaged, or other ones than the setting names
    │   └── DownloadFailed        3   no mirror returned the file; with ``--dataset auto`` the fallback follows
    ├── AccuracyRefused           4   below the floor, or less accurate than the published version
    ├── ExportMismatch            5   the exported file answers differently from the network
    └── ModelFileRefused         12   the file can't be served
    ModelRepoError                    (modelrepo.errors)
    ├── RepositoryError           6   the repository can't be written: permissions, full disk, input/output error
    │   ├── RepositoryLocked      7   another trainer is changing the same repository
    │   ├── RepositoryDamaged     8   a file differs from its manifest, or can't be read
    │   └── VersionMissing        9   the version that a command needs doesn't exist
    └── ServingError             10   Triton answered, but doesn't serve the version; the previous one is served again
        └── AdminKeyRefused      11   Triton's repository API requires another admin key

0 means success. 130 means interrupted by Ctrl-C or SIGTERM. Whatever the code, the repository is unchanged or complete.
"""

from typing import ClassVar, NamedTuple

from modelrepo import errors as modelrepo

INTERRUPTED_EXIT_CODE = 130


class TrainerError(Exception):
    """A failure with an exit code, and a message that says in one line what is wrong and what to do."""

    exit_code: ClassVar[int] = 1
    summary: ClassVar[str] = "a bug: please report it with its traceback"


class SettingsError(TrainerError):
    """A setting or flag can't be used."""

    exit_code = 2
    summary = "a setting or flag can't be used"


class DataError(TrainerError):
    """The images are missing, damaged, or other ones than the setting names."""

    exit_code = 3
    summary = "the images are missing or damaged"


class DownloadFailed(DataError):
    """No mirror returned the file."""


class AccuracyRefused(TrainerError):
    """The network isn't accurate enough to be published."""

    exit_code = 4
    summary = "not accurate enough to be published; the repository is unchanged"


class ExportMismatch(TrainerError):
    """The exported file answers differently from the network."""

    exit_code = 5
    summary = "the exported file answers differently from the network; the repository is unchanged"


class ModelFileRefused(TrainerError):
    """A file that was to be published can't be served."""

    exit_code = 12
    summary = "the file to publish can't be served; the repository is unchanged"


class ExitCode(NamedTuple):
    """An exit code and its meaning."""

    code: int
    summary: str


REPOSITORY_EXIT_CODES: dict[type[modelrepo.ModelRepoError], ExitCode] = {
    modelrepo.RepositoryError: ExitCode(6, "the repository can't be written: permissions, a full disk"),
    modelrepo.RepositoryLocked: ExitCode(7, "another trainer is changing the repository"),
    modelrepo.RepositoryDamaged: ExitCode(8, "a published file is missing or damaged"),
    modelrepo.VersionMissing: ExitCode(9, "the version to go back to doesn't exist"),
    modelrepo.ServingError: ExitCode(10, "Triton refused the version; the previous one is served again"),
    modelrepo.AdminKeyRefused: ExitCode(11, "Triton refused the admin key; the served version is unchanged"),
}
# All errors that end a command with a message instead of a traceback.
COMMAND_ERRORS = (TrainerError, modelrepo.ModelRepoError)


def exit_code_of(error: TrainerError | modelrepo.ModelRepoError) -> int:
    """Return the exit code of a failed command."""
    return error.exit_code if isinstance(error, TrainerError) else REPOSITORY_EXIT_CODES[type(error)].code


def exit_codes() -> dict[int, str]:
    """Return the meaning of every exit code, for ``--help``; a test compares the README with it."""
    codes = {0: "success", INTERRUPTED_EXIT_CODE: "interrupted by Ctrl-C or SIGTERM"}
    codes.update(REPOSITORY_EXIT_CODES.values())
    pending: list[type[TrainerError]] = [TrainerError]
    while pending:
        error = pending.pop()
        codes.setdefault(error.exit_code, error.summary)
        pending.extend(error.__subclasses__())
    return dict(sorted(codes.items()))
