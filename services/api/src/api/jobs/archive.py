"""Reads a ZIP archive without unpacking it to disk, and refuses those that aren't plain collections of files."""

import errno
import stat
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from api.errors import InvalidArchive, PayloadTooLarge
from api.jobs.items import Item
from api.jobs.packer import Limits

_ENTRY = b"PK\x01\x02"
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Bytes of the archive's directory for each item; a name of 100 characters leaves half of it free.
_DIRECTORY_BYTES = 256
_MIN_DIRECTORY_BYTES = 2**20
# What macOS and Windows put beside the files of a folder.
_CLUTTER = ("__MACOSX/", ".DS_Store", "Thumbs.db")
_MAX_NAME = 100


def items_of(file: IO[bytes], limits: Limits) -> Iterator[Item]:
    """Yield the files of an archive in the order of its directory.

    Names, counts and declared sizes of all of them are checked before the first one is read.

    Raises:
        InvalidArchive: It is no ZIP archive, broken, encrypted, or holds what isn't a plain file.
        PayloadTooLarge: It holds too much.
    """
    try:
        with zipfile.ZipFile(_Directory(file, limits)) as archive:
            entries = [entry for entry in archive.infolist() if not _is_left_out(entry)]
            _check(entries, limits)
            for entry in entries:
                yield Item(entry.filename, _read(archive, entry))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, RuntimeError) as exc:
        raise InvalidArchive(f"The ZIP archive can't be read: {str(exc)[:_MAX_NAME]}.") from exc


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    with archive.open(entry) as file:
        data = file.read(entry.file_size + 1)
    if len(data) != entry.file_size:
        raise zipfile.BadZipFile(f"{entry.filename[:_MAX_NAME]} hasn't the size that the directory says")
    return data


def _check(entries: list[zipfile.ZipInfo], limits: Limits) -> None:
    limits.check_count(len(entries))
    limits.check_total(sum(entry.file_size for entry in entries))
    for entry in entries:
        limits.check_item(entry.filename, entry.file_size)
        if fault := _fault_of(entry):
            raise InvalidArchive(f"{entry.filename[:_MAX_NAME]!r} {fault}.")


def _is_left_out(entry: zipfile.ZipInfo) -> bool:
    # A folder with content would hide it from the checks.
    return (entry.filename.endswith("/") and not entry.file_size) or any(part in entry.filename for part in _CLUTTER)


def _fault_of(entry: zipfile.ZipInfo) -> str | None:
    name, mode = entry.orig_filename.replace("\\", "/"), entry.external_attr >> 16
    first, *_ = parts = name.split("/")
    faults = {
        "leads out of the archive; store plain relative paths": ".." in parts,
        "is no relative path; store plain relative paths": not first or ":" in first or "\0" in name,
        "is an archive itself; send its files instead": name.lower().endswith(".zip"),
        "is encrypted; send the archive without a password": entry.flag_bits & _ENCRYPTED,
        "is compressed by a method that isn't read here; use deflate or none": entry.compress_type not in _METHODS,
        "is no plain file": stat.S_IFMT(mode) not in (0, stat.S_IFREG),
    }
    return next((fault for fault, is_there in faults.items() if is_there), None)


class _Directory:
    """The archive's file, which bounds what the library reads at once.

    The library reads the directory in one piece and makes an object of half a kilobyte of each of its entries.

    Args:
        file: The file.
        limits: What the job may hold.
    """

    def __init__(self, file: IO[bytes], limits: Limits) -> None:
        self._file = file
        self._max_entries = 2 * limits.items  # folders included
        # An item is read in one piece, too.
        self._max_bytes = max(limits.items * _DIRECTORY_BYTES, _MIN_DIRECTORY_BYTES, limits.item_bytes + 1)
        self.tell, self.seekable = file.tell, file.seekable

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a position.

        Raises:
            BadZipFile: It lies before the file's start, where a damaged archive can point to.
        """
        try:
            return self._file.seek(offset, whence)
        except OSError as exc:
            if exc.errno == errno.EINVAL:
                raise zipfile.BadZipFile("an offset lies outside of the file") from exc
            raise

    def read(self, size: int = -1) -> bytes:
        """Return as many bytes.

        Raises:
            PayloadTooLarge: They could only be a directory of too many files.
        """
        data = self._file.read(self._max_bytes + 1 if size < 0 else min(size, self._max_bytes + 1))
        if len(data) > self._max_bytes:
            raise PayloadTooLarge(f"The archive's directory is too large; a job takes {self._max_entries // 2} items.")
        if data.startswith(_ENTRY) and data.count(_ENTRY) > self._max_entries:
            raise PayloadTooLarge(f"The archive has more than {self._max_entries // 2} files; split it into several.")
        return data
