"""Turns the body of a request into the chunks of a job."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from api.errors import UnsupportedMedia
from api.jobs import archive, multipart, ndjson
from api.jobs.items import Item
from api.jobs.packer import Limits, Packed, pack_items
from api.tasks.base import Task
from api.tasks.json_task import JsonTask

NDJSON_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
ZIP_TYPES = ("application/zip", "application/x-zip-compressed")
FORM_TYPE = "multipart/form-data"

Read = Callable[[IO[bytes]], Iterator[Item]]


class Intake(NamedTuple):
    """How a job's uploads are read.

    Attributes:
        limits: What a job may hold.
        folder: Where uploads lie meanwhile; None for the system's place of temporary files.
    """

    limits: Limits
    folder: Path | None

    def reader_for(self, task: Task | None, content_type: str) -> Read:
        """Return what reads a body of this content type.

        Args:
            task: The task that the job is for; None for the tensors of the Open Inference Protocol.
            content_type: The header.

        Raises:
            UnsupportedMedia: None does.
        """
        media_type = content_type.partition(";")[0].strip().lower()
        readers = (
            self._of_objects() if task is None or isinstance(task, JsonTask) else self._of_files(task, content_type)
        )
        for media_types, read in readers.items():
            if media_type in media_types:
                return read
        accepted = ", ".join(media_types[0] for media_types in readers)
        raise UnsupportedMedia(f"Content type {media_type[:100] or '(none)'} isn't read here; send {accepted}.")

    def _of_objects(self) -> dict[tuple[str, ...], Read]:
        return {NDJSON_TYPES: lambda file: ndjson.objects_of(file, self.limits)}

    def _of_files(self, task: Task, content_type: str) -> dict[tuple[str, ...], Read]:
        return {
            (FORM_TYPE,): lambda file: multipart.items_of(file, content_type, self.folder, self.limits),
            ZIP_TYPES: lambda file: archive.items_of(file, self.limits),
            NDJSON_TYPES: lambda file: ndjson.files_of(file, task.noun, self.limits),
        }

    def pack(self, read: Read, body: IO[bytes], file: IO[bytes], rows: int) -> Packed:
        """Read a body into a file of chunks; blocks.

        Args:
            read: Of `reader_for`.
            body: The body.
            file: For the chunks.
            rows: Most items of a chunk.

        Raises:
            InvalidRequest, InvalidArchive, PayloadTooLarge: The body can't be read, or holds too much.
        """
        return pack_items(read(body), file, rows, self.limits)
