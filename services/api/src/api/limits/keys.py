"""The API keys: from a setting, and from a file that may change while the api runs."""

import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from api.key_file import read_keys

_log = logging.getLogger(__name__)
_CHECK_PERIOD_S = 1.0
# A file system's clock is coarse: two writes in quick succession can carry the same time.
_SETTLED_NS = 2_000_000_000


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
        self._file = file
        self._clock = clock
        # Digests under a secret of this process all have one length, and a client can't choose them.
        self._pepper = secrets.token_bytes(32)
        self._seen = _signature(file) if file else None
        self._next_check = clock() + _CHECK_PERIOD_S
        self._owners = self._owners_of(read_keys(file) if file else [])

    def __bool__(self) -> bool:
        """Say whether requests need a key."""
        return bool(self._owners)

    def owner_of(self, given: bytes) -> str | None:
        """Return an opaque name for the holder of a key, the same in every process; None if the key isn't valid."""
        if self._file is not None and self._clock() >= self._next_check:
            self._reload(self._file)
        digest = self._digest(given)
        # Every key is compared, each in constant time, so that the time taken doesn't tell how much of a key matched.
        matches = [hmac.compare_digest(digest, known) for known in self._owners]
        return self._owners[digest] if any(matches) else None

    def _reload(self, file: Path) -> None:
        self._next_check = self._clock() + _CHECK_PERIOD_S
        signature = _signature(file)
        if signature == self._seen:
            return
        self._seen = signature if _is_settled(signature) else None
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


def _signature(file: Path) -> tuple[int, int, int] | None:
    """Return a value that changes when the file does; None where there is no file."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def _is_settled(signature: tuple[int, int, int] | None) -> bool:
    return signature is None or time.time_ns() - signature[0] > _SETTLED_NS
