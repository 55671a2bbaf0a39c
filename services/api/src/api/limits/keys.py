"""The API keys: from a variable, and from a file that may change while the api runs."""

import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from api.key_file import read_keys

_log = logging.getLogger(__name__)
_LOOK_S = 1.0
# A file system's clock is coarse: what was written twice within a moment can carry the same time.
_SETTLED_NS = 2_000_000_000


class Keys:
    """Who may ask. The file is looked at once a second at most; a broken one leaves the keys as they were.

    Args:
        fixed: Keys that are good as long as the process lives.
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
        # Digests under a secret of this process have one length, and nobody can aim at them.
        self._pepper = secrets.token_bytes(32)
        self._seen = _signature(file) if file else None
        self._next_look = clock() + _LOOK_S
        self._digests = self._digest_all(read_keys(file) if file else [])

    def __bool__(self) -> bool:
        """Say whether anybody is asked for a key."""
        return bool(self._digests)

    def owner_of(self, given: bytes) -> bytes | None:
        """Return who holds this key, as an opaque name that lasts as long as the process; None if it is no key."""
        if self._file is not None and self._clock() >= self._next_look:
            self._look(self._file)
        digest = self._digest(given)
        # Every key is compared, each in constant time, so that the time taken tells nothing of which was nearly right.
        matches = [hmac.compare_digest(digest, known) for known in self._digests]
        return digest if any(matches) else None

    def _look(self, file: Path) -> None:
        self._next_look = self._clock() + _LOOK_S
        signature = _signature(file)
        if signature == self._seen:
            return
        self._seen = signature if _is_settled(signature) else None
        try:
            digests = self._digest_all(read_keys(file))
        except ValueError as exc:
            _log.error("API keys stay as they were", extra={"reason": str(exc)})
            return
        if digests != self._digests:
            self._digests = digests
            _log.warning("API keys changed", extra={"file": str(file), "keys": len(digests)})

    def _digest_all(self, more: Iterable[str]) -> list[bytes]:
        return [self._digest(key.encode()) for key in dict.fromkeys([*self._fixed, *more])]

    def _digest(self, key: bytes) -> bytes:
        return hashlib.blake2b(key, key=self._pepper, digest_size=16).digest()


def _signature(file: Path) -> tuple[int, int, int] | None:
    """Return what changes when the file does; None if it isn't there."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def _is_settled(signature: tuple[int, int, int] | None) -> bool:
    return signature is None or time.time_ns() - signature[0] > _SETTLED_NS
