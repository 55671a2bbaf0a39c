"""The three ways to send inputs: JSON with base64, a raw body, multipart/form-data."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes

from fastapi import Request
from pydantic import BaseModel, ValidationError

from api.errors import InvalidRequest, PayloadTooLarge, UnsupportedMedia, sentence_of
from api.json_text import parse_json
from api.request_body import read_body
from api.tasks.forms import Form, TooManyFilesError

Body = TypeVar("Body", bound=BaseModel)

_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_SPACE = b" \t\r\n"
_DATA_URL = b"data:"
# Fields of the Open Inference Protocol and of TensorFlow Serving.
_OTHER_FIELDS = frozenset(("inputs", "instances"))
# pydantic's types of the errors of a field that holds something else than text, or than a list of texts.
_NOT_TEXT = frozenset(("string_type", "list_type"))
# Every unknown field costs an error entry: a body full of them would take seconds and hundreds of megabytes.
_MAX_FIELDS = 32


def media_type_of(request: Request) -> str:
    """Return the content type without its parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(media_type: str) -> bool:
    """Say whether a media type is JSON."""
    return media_type == "application/json" or media_type.endswith("+json")


async def json_body(request: Request, schema: type[Body], hint: str = "") -> Body:
    """Read the body as ``schema``.

    Args:
        request: The request.
        schema: What the body has to be.
        hint: What to send instead of numbers, and of what other servers read; added to the error.

    Raises:
        InvalidRequest: It isn't JSON, or not what the schema asks for.
    """
    content = parse_json(await read_body(request))
    if isinstance(content, dict) and len(content) > _MAX_FIELDS:
        raise InvalidRequest(f"The body has {len(content)} fields; send those that {schema.__name__} has.")
    try:
        return schema.model_validate(content)
    except ValidationError as exc:
        faults = exc.errors(include_input=False, include_url=False)
        what = sentence_of(faults)
        if hint and _is_for_another_api(content, faults[0]):
            what = f"{what.rstrip('.')}. {hint}"
        raise InvalidRequest(what) from exc


def _is_for_another_api(content: object, fault: Mapping[str, Any]) -> bool:
    """Say whether a body has numbers or objects where an encoded file belongs, or fields of other servers."""
    if not isinstance(content, dict):
        return isinstance(content, list)
    return fault["type"] in _NOT_TEXT or not _OTHER_FIELDS.isdisjoint(content)


async def multipart_files(request: Request, noun: str, max_files: int) -> list[bytes]:
    """Return the files of a multipart body in their order.

    Args:
        request: The request.
        noun: What a file holds, for the error messages, and the name of its field.
        max_files: Most files that are taken.

    Raises:
        InvalidRequest: The body isn't valid multipart, or has no file in it.
        PayloadTooLarge: More files than ``max_files``.
    """
    fields = frozenset((noun, f"{noun}s", f"{noun}s[]"))
    form = Form(request.headers.get("content-type", ""), fields, max_files, _MAX_FIELDS)
    try:
        found = await form.parse(await read_body(request))
    except TooManyFilesError as exc:
        raise too_many(noun, max_files) from exc
    files = [data if is_named else _from_field(data, noun) for data, is_named in found]
    if not files:
        raise InvalidRequest(
            f"The form has no file in it: send the {noun} as a file part, as curl -F {noun}=@file does."
        )
    return files


def _from_field(data: bytes, noun: str) -> bytes:
    """Return the file that a text field holds: its bytes, or what they are in a ``data:`` URL."""
    if not _is_data_url(data.lstrip()):
        return data
    try:
        return from_base64(data.decode("latin-1"))
    except ValueError as exc:
        raise InvalidRequest(f"The {noun}'s data: URL isn't valid base64.") from exc


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
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return _lenient_base64(text.strip().encode("ascii"))


def _lenient_base64(raw: bytes) -> bytes:
    if _is_data_url(raw):
        raw = unquote_to_bytes(raw.partition(b",")[2])
    raw = raw.translate(_URL_SAFE, delete=_SPACE).rstrip(b"=")
    return base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True)


def _is_data_url(raw: bytes) -> bool:
    return raw[: len(_DATA_URL)].lower() == _DATA_URL
