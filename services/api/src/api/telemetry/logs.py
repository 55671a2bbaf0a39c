"""Logging: one line for each finished request, as JSON or as text.

Data goes beside the event's name: ``log.info("event", extra={"fields": {…}})``, or any other ``extra``.
"""

import contextlib
import logging
import os
import sys
import time
import warnings
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

from api.settings import Settings

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message", "fields"}
_ORJSON = orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
_PLAIN = logging.Formatter()


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return what was passed as ``extra=``."""
    fields: dict[str, Any] | None = getattr(record, "fields", None)
    return fields or {key: value for key, value in vars(record).items() if key not in _STANDARD}


class JsonLines(logging.StreamHandler[TextIO]):
    """Writes each record as a line with one JSON object, its fields beside the event, by one system call."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            fields = fields_of(record)
            if record.exc_info:
                fields |= {"exception": _PLAIN.formatException(record.exc_info)}
            self.put(record.created, record.levelname.lower(), record.name, record.getMessage(), fields)
        except Exception:  # noqa: BLE001 - as the library's own handlers do: logging must not raise
            self.handleError(record)

    def put(self, created: float, level: str, logger: str, event: str, fields: dict[str, Any]) -> None:
        """Write a line.

        Args:
            created: Time of the event, in seconds since 1970.
            level: The level's name, in lower case.
            logger: The logger's name.
            event: The event's name.
            fields: The data beside it.
        """
        when = datetime.fromtimestamp(created, UTC)
        line = orjson.dumps(
            {"time": when, "level": level, "logger": logger, "event": event, **fields}, default=str, option=_ORJSON
        )
        # A log that can't be written (disk full, reader gone) must not fail the request that it reports.
        with contextlib.suppress(OSError):
            while line:
                line = line[os.write(self.stream.fileno(), line) :]


class TextFormatter(logging.Formatter):
    """Writes a record as ``time level event key=value …``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of text, and the traceback under it if there is one."""
        clock = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        pairs = "".join(f" {key}={value}" for key, value in fields_of(record).items())
        line = f"{clock} {record.levelname.lower():7} {record.getMessage()}{pairs}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class OnceAMinute(logging.Filter):
    """Passes one line a minute, so that a service that is away doesn't fill the disk."""

    _next = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether the line is written."""
        is_due = record.created >= self._next
        self._next = record.created + 60 if is_due else self._next
        return is_due


def finished(log: logging.Logger, fields: dict[str, Any]) -> None:
    """Log a finished request.

    JSON bypasses the library's records and handlers, with which a line takes 40 µs instead of 20: a fifth of the api's
    time for the whole request.
    """
    handlers = logging.root.handlers
    if len(handlers) == 1 and isinstance(handlers[0], JsonLines):
        handlers[0].put(time.time(), "info", log.name, "request", fields)
    else:
        log.info("request", extra={"fields": fields})


def set_up(settings: Settings) -> None:
    """Send all log records of this process to stderr in the format of the settings."""
    as_text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler() if as_text else JsonLines()
    handler.setFormatter(TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    _skip_unused_record_fields()
    # Pillow warns of odd files, each time with other figures; Python keeps every such text and prints it to stderr.
    warnings.filterwarnings("ignore", module="PIL")
    for name in ("gunicorn.error", "uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # The middleware logs each request; uvicorn's line would be a second one.
    logging.getLogger("uvicorn.access").handlers.clear()
    logging.getLogger("uvicorn.access").propagate = False


def _skip_unused_record_fields() -> None:
    """Skip finding the caller, thread and process of each record, which no line shows: a third of a line's cost.

    Source: https://docs.python.org/3/howto/logging.html#optimization
    """
    logging._srcfile = None  # noqa: SLF001 - as that page says
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
