"""Logging: one line a finished request, JSON for machines or text for people.

Data goes beside the event's name: ``log.info("event", extra={"fields": {…}})``, or any other ``extra``.
"""

import logging
import sys
import warnings
from datetime import UTC, datetime
from typing import Any

import orjson

from api.settings import Settings

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message", "fields"}


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return what was passed as ``extra=``."""
    fields: dict[str, Any] | None = getattr(record, "fields", None)
    return fields or {key: value for key, value in vars(record).items() if key not in _STANDARD}


class JsonFormatter(logging.Formatter):
    """Writes a record as one JSON object with its fields beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS).decode()


class TextFormatter(logging.Formatter):
    """Writes a record as ``time level event key=value …``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of text, and the traceback under it if there is one."""
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        pairs = "".join(f" {key}={value}" for key, value in fields_of(record).items())
        line = f"{time} {record.levelname.lower():7} {record.getMessage()}{pairs}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def set_up(settings: Settings) -> None:
    """Send every logger of this process to stderr in the form that the settings ask for."""
    as_text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler()
    handler.setFormatter(TextFormatter() if as_text else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    _leave_out_what_no_line_shows()
    # Pillow warns of odd files, each time with other figures; Python keeps every such text, and prints it to stderr.
    warnings.filterwarnings("ignore", module="PIL")
    for name in ("gunicorn.error", "uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # One line a request comes from our middleware; uvicorn's would be a second.
    logging.getLogger("uvicorn.access").handlers.clear()
    logging.getLogger("uvicorn.access").propagate = False


def _leave_out_what_no_line_shows() -> None:
    """Spare each record the look for its caller, thread and process: a third of what a line costs.

    Source: https://docs.python.org/3/howto/logging.html#optimization
    """
    logging._srcfile = None  # noqa: SLF001 - so the page says
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
