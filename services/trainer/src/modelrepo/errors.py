"""Every way in which work on a model repository can fail. Each message says in one line what is wrong and what to do.

    ModelRepoError                (never raised itself)
    ├── RepositoryError           the repository can't be written: permissions, full disk, input/output error
    │   ├── RepositoryLocked      another process is changing the same repository
    │   ├── RepositoryDamaged     a file differs from its manifest, or can't be read
    │   └── VersionMissing        the version that a command needs doesn't exist
    └── ServingError              Triton answered, but doesn't serve the version
        └── AdminKeyRefused       Triton's repository API requires another admin key

Whatever the error, the repository is unchanged or complete.
"""


class ModelRepoError(Exception):
    """Work on a model repository failed."""


class RepositoryError(ModelRepoError):
    """The repository can't be written or read."""


class RepositoryLocked(RepositoryError):
    """Another process is changing the same repository."""


class RepositoryDamaged(RepositoryError):
    """A file in the repository differs from its manifest, or can't be read."""


class VersionMissing(RepositoryError):
    """The version that a command needs doesn't exist."""


class ServingError(ModelRepoError):
    """Triton answered, but doesn't serve the version."""


class AdminKeyRefused(ServingError):
    """Triton's repository API requires another admin key."""
