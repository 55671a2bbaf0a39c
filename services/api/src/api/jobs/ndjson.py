"""Reads NDJSON: one JSON object a line, each with an input in base64, or the input itself."""

from collections.abc import Iterator
from typing import IO, Any

import orjson

from api.errors import InvalidRequest, PayloadTooLarge
from api.jobs.items import Item
from api.jobs.packer import Limits
from api.tasks.uploads import from_base64

# What a line has beside the input: names, quotes, an id.
_FRAME_BYTES = 4096
_MAX_ID = 256


def files_of(file: IO[bytes], noun: str, limits: Limits) -> Iterator[Item]:
    """Yield the inputs of lines such as ``{"image": "<base64>", "id": "17"}``.

    Args:
        file: The body.
        noun: The field with the input.
        limits: What the job may hold.

    Raises:
        InvalidRequest: A line isn't such an object; the message has its number.
        PayloadTooLarge: A line is too long.
    """
    for number, line in _lines(file, limits.item_bytes * 4 // 3 + _FRAME_BYTES, limits):
        content = _object(number, line)
        text, name = content.get(noun), content.get("id", "")
        if not isinstance(text, str) or set(content) - {noun, "id"}:
            raise InvalidRequest(f"Line {number}: send {{{noun!r}: base64}}, and 'id' if you like, and nothing else.")
        if not isinstance(name, str | int) or len(str(name)) > _MAX_ID:
            raise InvalidRequest(f"Line {number}: id has to be a short string or a number.")
        try:
            yield Item(str(name), from_base64(text))
        except ValueError as exc:
            raise InvalidRequest(f"Line {number}: {noun} isn't valid base64.") from exc


def objects_of(file: IO[bytes], limits: Limits) -> Iterator[Item]:
    """Yield the lines themselves, each a JSON object.

    Raises:
        InvalidRequest, PayloadTooLarge: As `files_of`.
    """
    for number, line in _lines(file, limits.item_bytes, limits):
        _object(number, line)
        yield Item("", line)


def _lines(file: IO[bytes], max_bytes: int, limits: Limits) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := file.readline(max_bytes + 1):
        number += 1
        limits.check_count(number // 2)  # empty ones are skipped, and cost time
        if len(line) > max_bytes:
            raise PayloadTooLarge(f"Line {number} has more than {max_bytes} bytes, the limit of one.")
        if line := line.strip():
            yield number, line


def _object(number: int, line: bytes) -> dict[str, Any]:
    try:
        content = orjson.loads(line)
    except orjson.JSONDecodeError as exc:
        raise InvalidRequest(f"Line {number} is no JSON: {exc}.") from exc
    if not isinstance(content, dict):
        raise InvalidRequest(f"Line {number} has to be a JSON object.")
    return content
