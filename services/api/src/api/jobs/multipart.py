"""Reads the files of a multipart body from disk, one at a time; a form with one ZIP archive stands for its files."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

from api.errors import InvalidRequest
from api.jobs import archive
from api.jobs.items import Item
from api.jobs.packer import Limits

_PIECE_BYTES = 64 * 1024
_ZIP_TYPES = ("application/zip", "application/x-zip-compressed")
_MAX_HEADER_BYTES = 8192


def items_of(file: IO[bytes], content_type: str, folder: Path | None, limits: Limits) -> Iterator[Item]:
    """Yield the files of a form in their order, or those of the ZIP archive that is its only file.

    Args:
        file: The body.
        content_type: The header of the request, with the boundary.
        folder: Where an archive is copied to; None for the system's own place.
        limits: What the job may hold.

    Raises:
        InvalidRequest: It is no valid multipart body.
        InvalidArchive, PayloadTooLarge: As `archive.items_of`, or an item is too large.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise InvalidRequest("The multipart body can't be read: its content type has no boundary.")
    with tempfile.TemporaryFile(dir=folder) as copy:
        parts = _Parts(copy, limits)
        try:
            parser = MultipartParser(boundary, parts.callbacks())
            while piece := file.read(_PIECE_BYTES):
                parser.write(piece)
                yield from parts.take()
            parser.finalize()
        except MultipartParseError as exc:
            raise InvalidRequest(f"The multipart body can't be read: {exc}.") from exc
        if not parts.is_complete:
            raise InvalidRequest("The multipart body can't be read: it ends too early.")
        if parts.has_archive:
            yield from archive.items_of(copy, limits)


class _Parts:
    """Gathers the parts that the parser finds.

    Args:
        copy: File for an archive.
        limits: What the job may hold.
    """

    def __init__(self, copy: IO[bytes], limits: Limits) -> None:
        self._copy = copy
        self._limits = limits
        self._found: list[Item] = []
        self._parts = self._files = 0
        self._name: str | None = None  # None while the part is no file
        self._data = bytearray()
        self._header = [bytearray(), bytearray()]
        self._headers: dict[str, bytes] = {}
        self._is_archive = False
        self.has_archive = False
        self.is_complete = False

    def callbacks(self) -> "MultipartCallbacks":
        """Return what the parser calls."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._add_header(0, data[start:end]),
            "on_header_value": lambda data, start, end: self._add_header(1, data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": lambda data, start, end: self._add(data[start:end]),
            "on_part_end": self._end,
            "on_end": self._complete,
        }

    def take(self) -> list[Item]:
        """Return the files that are complete, and forget them."""
        found, self._found = self._found, []
        return found

    def _begin(self) -> None:
        self._parts += 1
        self._limits.check_count(self._parts // 2)  # fields are skipped, and cost time
        self._headers, self._name, self._data, self._is_archive = {}, None, bytearray(), False

    def _add_header(self, part: int, data: bytes) -> None:
        self._header[part] += data
        if len(self._header[part]) > _MAX_HEADER_BYTES:
            raise InvalidRequest("The multipart body can't be read: a part's header is too long.")

    def _end_header(self) -> None:
        name, value = (bytes(part) for part in self._header)
        self._headers[name.decode("latin-1").lower()] = value
        self._header = [bytearray(), bytearray()]

    def _open(self) -> None:
        disposition = parse_options_header(self._headers.get("content-disposition", b""))[1]
        if b"filename" not in disposition:
            return
        self._files += 1
        self._limits.check_count(self._files)
        self._name = disposition[b"filename"].decode("utf-8", "replace")
        kind = self._headers.get("content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
        self._is_archive = kind in _ZIP_TYPES or self._name.lower().endswith(".zip")
        self.has_archive |= self._is_archive
        if self.has_archive and self._files > 1:
            raise InvalidRequest("The form has a ZIP archive beside other files; send it alone.")

    def _add(self, data: bytes) -> None:
        if self._name is None:
            return
        if self._is_archive:
            self._copy.write(data)
            return
        self._data += data
        self._limits.check_item(self._name, len(self._data))

    def _end(self) -> None:
        if self._name is not None and not self._is_archive:
            self._found.append(Item(self._name, bytes(self._data)))
            self._data = bytearray()

    def _complete(self) -> None:
        self.is_complete = True
