"""Every way in which the trainer can fail, and the exit code that says so.

    TrainerError                  1   (never raised itself; 1 is a bug, shown with its traceback)
    ├── SettingsError             2   a setting or flag can't be used, or the device isn't there
    ├── DataError                 3   images missing, damaged or not the ones that were asked for
    │   └── DownloadFailed        3   no mirror gave the file; with ``--dataset auto`` the fallback takes over
    ├── AccuracyRefused           4   below the floor, or worse than what is published
    ├── ExportMismatch            5   the exported file answers differently from the network
    ├── RepositoryError           6   the repository can't be written: rights, full disk, input/output error
    │   ├── RepositoryLocked      7   another trainer is at work on the same repository
    │   ├── RepositoryDamaged     8   a file isn't what its manifest says, or can't be read
    │   └── VersionMissing        9   there is no such version to go back to
    └── ServingError             10   Triton answered, but wouldn't serve the version; the former one is served again
        └── AdminKeyRefused      11   Triton wants an admin key, and not the one it was given

0 means done. 130 means interrupted by Ctrl-C or SIGTERM. Whatever the code, the repository is as it was or complete.
"""

from typing import ClassVar

INTERRUPTED_EXIT_CODE = 130


class TrainerError(Exception):
    """A failure with an exit code, and a message that says in one line what to do about it."""

    exit_code: ClassVar[int] = 1
    summary: ClassVar[str] = "a bug: please report it with its traceback"


class SettingsError(TrainerError):
    """A setting or flag can't be used."""

    exit_code = 2
    summary = "a setting or flag can't be used"


class DataError(TrainerError):
    """The images are missing, damaged or not the ones that were asked for."""

    exit_code = 3
    summary = "the images are missing or damaged"


class DownloadFailed(DataError):
    """No mirror gave the file."""


class AccuracyRefused(TrainerError):
    """The network isn't good enough to be published."""

    exit_code = 4
    summary = "not accurate enough to be published; the repository is as it was"


class ExportMismatch(TrainerError):
    """The exported file doesn't answer as the network does."""

    exit_code = 5
    summary = "the exported file answers differently from the network; the repository is as it was"


class RepositoryError(TrainerError):
    """The repository can't be written or read."""

    exit_code = 6
    summary = "the repository can't be written: rights, a full disk"


class RepositoryLocked(RepositoryError):
    """Another trainer is at work on the same repository."""

    exit_code = 7
    summary = "another trainer is at work on the repository"


class RepositoryDamaged(RepositoryError):
    """A file in the repository isn't what its manifest says."""

    exit_code = 8
    summary = "a published file is missing or damaged"


class VersionMissing(RepositoryError):
    """There is no such version to go back to."""

    exit_code = 9
    summary = "there is no such version to go back to"


class ServingError(TrainerError):
    """Triton answered, but doesn't serve the version."""

    exit_code = 10
    summary = "Triton refused the version; the former one is named again"


class AdminKeyRefused(ServingError):
    """Triton's repository API wants another admin key."""

    exit_code = 11
    summary = "Triton refused the admin key; what was served still is"


def exit_codes() -> dict[int, str]:
    """Return what every exit code means, for ``--help``; the README is tested against it."""
    codes = {0: "done"}
    pending: list[type[TrainerError]] = [TrainerError]
    while pending:
        error = pending.pop()
        codes.setdefault(error.exit_code, error.summary)
        pending.extend(error.__subclasses__())
    codes[INTERRUPTED_EXIT_CODE] = "interrupted by Ctrl-C or SIGTERM"
    return dict(sorted(codes.items()))
