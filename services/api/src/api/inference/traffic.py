"""Canary releases: a share of a model's requests goes to one of its versions."""

import logging
import random
import time
from collections.abc import Callable
from pathlib import Path

from api.file_watch import FileWatch
from api.traffic_file import read_traffic

_log = logging.getLogger(__name__)


class Traffic:
    """Chooses versions by the shares in a file, which is read again when it has changed.

    A file that can't be used leaves the shares as they were.

    Args:
        file: The file.
        clock: Seconds, as `time.monotonic`.
        draw: A number from 0 to below 1, evenly spread.

    Raises:
        ValueError: The file can't be used.
    """

    def __init__(
        self, file: Path, clock: Callable[[], float] = time.monotonic, draw: Callable[[], float] = random.random
    ) -> None:
        self._watch = FileWatch(file, clock)
        self._draw = draw
        self._shares = read_traffic(file)

    def version_for(self, model: str) -> str:
        """Return the version to ask for a request that names none; empty for the server's choice."""
        if self._watch.has_changed():
            self._reload()
        shares = self._shares.get(model)
        if not shares:
            return ""
        point = self._draw() * 100
        for version, percent in shares:
            point -= percent
            if point < 0:
                return version
        return ""

    def _reload(self) -> None:
        try:
            shares = read_traffic(self._watch.file)
        except ValueError as exc:
            _log.error("traffic stays as it was", extra={"reason": str(exc)})
            return
        if shares != self._shares:
            self._shares = shares
            _log.warning("traffic changed", extra={"file": str(self._watch.file), "shares": shares})
