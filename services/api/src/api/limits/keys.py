"""The API keys: from a setting, and from a file that may change while the api runs."""

import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from api.file_watch import FileWatch
from api.key_file import read_keys

_log = logging.getLogger(__name__)


class Keys:
    """The valid API keys. The file is read again when it has changed, looked at once a second at most.

    A file that can't be used leaves the keys as they were.

    Args:
        fixed: Keys that stay valid as long as the process lives.
        file: File with more of them.
        clock: Seconds, as `time.monotonic`.

    Raises:
        ValueError: The file can't be used.
    """

    def __init__(
        self, fixed: Iterable[str], file: Path | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fixed = list(fixed)
        # Digests under a secret of this process all have one length, and a client can't choose them.
        self._pepper = secrets.token_bytes(32)
        self._watch = FileWatch(file, clock) if file else None
        self._owners = self._owners_of(read_keys(file) if file else [])

    def __bool__(self) -> bool:
        """Say whether requests need a key."""
        return bool(self._owners)

    def owner_of(self, given: bytes) -> str | None:
        """Return an opaque name for the holder of a key, the same in every process; None if the key isn't valid."""
        if self._watch is not None and self._watch.has_changed():
            self._reload(self._watch.file)
        digest = self._digest(given)
        # Every key is compared, each in constant time, so that the time taken doesn't tell how much of a key matched.
        matches = [hmac.compare_digest(digest, known) for known in self._owners]
        return self._owners[digest] if any(matches) else None

    def _reload(self, file: Path) -> None:
        try:
            owners = self._owners_of(read_keys(file))
        except ValueError as exc:
            _log.error("API keys stay as they were", extra={"reason": str(exc)})
            return
        if owners != self._owners:
            self._owners = owners
            _log.warning("API keys changed", extra={"file": str(file), "keys": len(owners)})

    def _owners_of(self, more: Iterable[str]) -> dict[bytes, str]:
        """Return the keys' owners by the digests of the keys."""
        keys = [key.encode() for key in (*self._fixed, *more)]
        return {self._digest(key): f"key {hashlib.sha256(key).hexdigest()}" for key in keys}

    def _digest(self, key: bytes) -> bytes:
        return hashlib.blake2b(key, key=self._pepper, digest_size=16).digest()
