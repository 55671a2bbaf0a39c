"""The files in a body of ``multipart/form-data``, in memory: the disk may be full, and bodies are bounded."""

import asyncio
from typing import Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from api.errors import InvalidRequest

# Parsed at a time on the event loop; at worst, where all of it is nearly a boundary, in 1 ms.
_PIECE_BYTES = 64 * 1024


class TooManyFilesError(Exception):
    """The form has more files than are taken."""


class _Part:
    """A part of a form; its headers first, then its data."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.is_file = self.is_named = False
        self.data = bytearray()


class Form:
    """Collects the files of a form.

    A part is a file if it has a file name, or a content type other than plain text, or the name of the input's field.

    Args:
        content_type: The header of the request.
        fields: Names of the input's field.
        max_files: Most files.
        max_fields: Most other parts.

    Raises:
        InvalidRequest: The header names no boundary.
    """

    def __init__(self, content_type: str, fields: frozenset[str], max_files: int, max_fields: int) -> None:
        self._fields, self._max_files, self._max_fields = fields, max_files, max_fields
        self._part = _Part()
        self._name, self._value = bytearray(), bytearray()
        self._files: list[_Part] = []
        self._others = 0
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise InvalidRequest("The multipart body can't be read: its content type names no boundary.")
        callbacks: Any = {
            "on_part_begin": self._begin_part,
            "on_header_field": self._add_to_name,
            "on_header_value": self._add_to_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._add_data,
            "on_part_end": self._end_part,
        }
        try:
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError as exc:
            raise InvalidRequest("The multipart body can't be read: its boundary is too long.") from exc

    async def parse(self, body: bytes | bytearray) -> list[tuple[bytes, bool]]:
        """Return each file, and whether it came with a file name or a type; once.

        Raises:
            InvalidRequest: The body is malformed.
            TooManyFilesError: It has more than ``max_files``.
        """
        try:
            for start in range(0, len(body), _PIECE_BYTES):
                if start:
                    await asyncio.sleep(0)
                self._parser.write(bytes(body[start : start + _PIECE_BYTES]))
            self._parser.finalize()
        except FormParserError as exc:
            raise InvalidRequest("The multipart body can't be read: it is malformed or cut short.") from exc
        finally:
            # Its callbacks refer to this form: the files would stay until the garbage collector looks for cycles.
            del self._parser
        return [(bytes(part.data), part.is_named) for part in self._files]

    def _begin_part(self) -> None:
        self._part = _Part()

    def _add_to_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._part.headers[self._name.decode("latin-1").lower()] = self._value.decode("latin-1")
        self._name, self._value = bytearray(), bytearray()

    def _end_headers(self) -> None:
        part = self._part
        options = parse_options_header(part.headers.get("content-disposition"))[1]
        if b"name" not in options:
            raise InvalidRequest("The multipart body can't be read: each part needs a name.")
        media_type = parse_options_header(part.headers.get("content-type"))[0] or b"text/plain"
        part.is_named = b"filename" in options or media_type != b"text/plain"
        part.is_file = part.is_named or options[b"name"].decode("latin-1") in self._fields
        if not part.is_file:
            self._others += 1
            if self._others > self._max_fields:
                raise InvalidRequest(f"The multipart body has over {self._max_fields} parts that are no files.")
            return
        if len(self._files) >= self._max_files:
            raise TooManyFilesError

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        if self._part.is_file:
            self._part.data += data[start:end]

    def _end_part(self) -> None:
        if self._part.is_file:
            self._files.append(self._part)
