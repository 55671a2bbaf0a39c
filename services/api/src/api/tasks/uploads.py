"""The three ways to send inputs: JSON with base64, a raw body, multipart/form-data."""

import base64
import binascii
from typing import TypeVar

import orjson
from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api.errors import InvalidRequest, PayloadTooLarge, UnsupportedMedia, sentence_of

Body = TypeVar("Body", bound=BaseModel)

_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_SPACE = b" \t\r\n"
# Every unknown field costs an error entry: a body full of them would take seconds and hundreds of megabytes.
_MAX_FIELDS = 32


class _InMemoryParser(MultiPartParser):
    """Starlette's, without its files on disk for parts over 1 MB: the disk may be full, and bodies are bounded."""

    spool_max_size = 0  # never


def media_type_of(request: Request) -> str:
    """Return the content type without its parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(media_type: str) -> bool:
    """Say whether a media type is JSON."""
    return media_type == "application/json" or media_type.endswith("+json")


async def body_of(request: Request) -> bytes:
    """Return the body; where it came in one piece, as nearly always, without the framework's generator."""
    message = await request.receive()
    pieces = [message.get("body", b"")]
    while message.get("more_body", False):
        message = await request.receive()
        pieces.append(message.get("body", b""))
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def json_body(request: Request, schema: type[Body]) -> Body:
    """Read the body as ``schema``.

    Raises:
        InvalidRequest: It isn't JSON, or not what the schema asks for.
    """
    try:
        content = orjson.loads(await body_of(request))
    except orjson.JSONDecodeError as exc:
        raise InvalidRequest(f"The body is no JSON: {exc}.") from exc
    if isinstance(content, dict) and len(content) > _MAX_FIELDS:
        raise InvalidRequest(f"The body has {len(content)} fields; send those that {schema.__name__} has.")
    try:
        return schema.model_validate(content)
    except ValidationError as exc:
        raise InvalidRequest(sentence_of(exc.errors(include_input=False, include_url=False))) from exc


async def multipart_files(request: Request, noun: str, max_files: int) -> list[bytes]:
    """Return the files of a multipart body in their order.

    Args:
        request: The request.
        noun: What a file holds, for the error messages.
        max_files: Most files that are taken.

    Raises:
        InvalidRequest: The body isn't valid multipart, or has no file in it.
        PayloadTooLarge: More files than ``max_files``.
    """
    parser = _InMemoryParser(request.headers, request.stream(), max_files=max_files + 1, max_fields=_MAX_FIELDS)
    try:
        form = await parser.parse()
    except MultiPartException as exc:
        if "Too many files" in exc.message:
            raise too_many(noun, max_files) from exc
        raise InvalidRequest(f"The multipart body can't be read: {exc.message}") from exc
    except UnicodeError as exc:  # some of Python's codecs raise this for a `charset` that is none
        raise InvalidRequest("The multipart body can't be read: leave out its charset.") from exc
    files = [await part.read() for _, part in form.multi_items() if isinstance(part, UploadFile)]
    if not files:
        raise InvalidRequest(
            f"The form has no file in it: send the {noun} as a file part, as curl -F {noun}=@file does."
        )
    if len(files) > max_files:
        raise too_many(noun, max_files)
    return files


def too_many(noun: str, limit: int) -> PayloadTooLarge:
    """Return the refusal of a request with more inputs than are taken."""
    return PayloadTooLarge(f"At most {limit} {noun}(s) a request.")


def wrong_media(media_type: str, accepted: str) -> UnsupportedMedia:
    """Return the refusal of a content type, naming those that are read."""
    return UnsupportedMedia(f"Content type {media_type or '(none)'} isn't read here; send {accepted}.")


def from_base64(text: str) -> bytes:
    """Decode base64: standard or URL-safe, padded or not, wrapped or not, with or without a ``data:`` prefix.

    Raises:
        ValueError: It is no base64.
    """
    raw = text.encode("ascii")
    try:
        return binascii.a2b_base64(raw, strict_mode=True)
    except binascii.Error:
        return _lenient_base64(raw)


def _lenient_base64(raw: bytes) -> bytes:
    if raw.startswith(b"data:"):
        raw = raw.partition(b",")[2]
    raw = raw.translate(_URL_SAFE, delete=_SPACE).rstrip(b"=")
    return base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True)
