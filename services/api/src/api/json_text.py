"""JSON as clients send it: UTF-8, with or without a byte order mark, and UTF-16 and UTF-32."""

import codecs
from typing import Any

import orjson

from api.errors import InvalidRequest

# The longer marks first: that of UTF-32 begins as that of UTF-16 does.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def parse_json(body: bytes | bytearray | memoryview) -> Any:  # noqa: ANN401 - any JSON
    """Parse a body.

    Raises:
        InvalidRequest: It isn't JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        if not (encoding := _encoding_of(bytes(body[:4]))):
            raise InvalidRequest(f"The body is no JSON: {exc}.") from exc
    try:
        return orjson.loads(bytes(body).decode(encoding))
    except ValueError as exc:  # of the decoder or of the parser
        raise InvalidRequest(f"The body is no JSON in {encoding.removesuffix('-sig').upper()}: {exc}.") from exc


def _encoding_of(start: bytes) -> str | None:
    """Return the encoding that the first four bytes show; None for UTF-8 without a mark, which was tried.

    Without a mark the zeros tell: the first character of any JSON is ASCII, and so is the second of any object or list
    that isn't malformed.
    Source: https://www.rfc-editor.org/rfc/rfc4627#section-3
    """
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    if len(start) < 2 or 0 not in start:  # noqa: PLR2004 - no character of UTF-16 is shorter
        return None
    if start[0]:
        return "utf-32-le" if start[1:] == bytes(3) else "utf-16-le"
    return "utf-32-be" if start[:3] == bytes(3) else "utf-16-be"
