"""The three ways to send images: JSON with base64, a raw image body, multipart/form-data."""

import base64
import binascii
from typing import Any, TypeVar

import orjson
from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from api.errors import InvalidImage, InvalidRequest, PayloadTooLarge, UnsupportedMedia, sentence_of
from api.tasks.digits.examples import Example

Body = TypeVar("Body", bound=BaseModel)

_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_SPACE = b" \t\r\n"
# Every unknown field costs a complaint: a body full of them would take seconds and hundreds of megabytes.
_MAX_FIELDS = 32


class _InMemoryParser(MultiPartParser):
    """Starlette's, which would put a file of over 1 MB on a disk that may be full; what a worker holds is bounded."""

    spool_max_size = 0  # never


def media_type_of(request: Request) -> str:
    """Return the content type without its parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_json(media_type: str) -> bool:
    """Say whether a media type is JSON."""
    return media_type == "application/json" or media_type.endswith("+json")


async def json_body(request: Request, schema: type[Body]) -> Body:
    """Read the body as ``schema``.

    Raises:
        InvalidRequest: It isn't JSON, or not what the schema asks for.
    """
    try:
        content = orjson.loads(await request.body())
    except orjson.JSONDecodeError as exc:
        raise InvalidRequest(f"The body is no JSON: {exc}.") from exc
    if isinstance(content, dict) and len(content) > _MAX_FIELDS:
        raise InvalidRequest(f"The body has {len(content)} fields; send those that {schema.__name__} has.")
    try:
        return schema.model_validate(content)
    except ValidationError as exc:
        raise InvalidRequest(sentence_of(exc.errors(include_input=False, include_url=False))) from exc


async def multipart_images(request: Request, max_images: int) -> list[bytes]:
    """Return the files of a multipart body in their order.

    Raises:
        InvalidRequest: The body isn't multipart as it says, or has no file in it.
        PayloadTooLarge: More files than ``max_images``.
    """
    parser = _InMemoryParser(request.headers, request.stream(), max_files=max_images + 1, max_fields=_MAX_FIELDS)
    try:
        form = await parser.parse()
    except MultiPartException as exc:
        if "Too many files" in exc.message:
            raise too_many(max_images) from exc
        raise InvalidRequest(f"The multipart body can't be read: {exc.message}") from exc
    except UnicodeError as exc:  # some of Python's codecs raise this for a `charset` that nobody means
        raise InvalidRequest("The multipart body can't be read: leave out its charset.") from exc
    images = [await part.read() for _, part in form.multi_items() if isinstance(part, UploadFile)]
    if not images:
        raise InvalidRequest(
            "The form has no file in it: send the image as a file part, as curl -F image=@digit.png does."
        )
    if len(images) > max_images:
        raise too_many(max_images)
    return images


def too_many(max_images: int) -> PayloadTooLarge:
    """Return the refusal of a request with more images than are taken."""
    return PayloadTooLarge(f"At most {max_images} image(s) a request.")


def from_base64(text: str) -> bytes:
    """Decode base64: standard or URL-safe, padded or not, wrapped or not, with or without a ``data:`` prefix.

    Raises:
        InvalidImage: It is no base64.
    """
    try:
        raw = text.encode("ascii")
        try:
            return binascii.a2b_base64(raw, strict_mode=True)
        except binascii.Error:
            return _lenient_base64(raw)
    except (binascii.Error, UnicodeEncodeError) as exc:
        raise InvalidImage("The image isn't valid base64.") from exc


def _lenient_base64(raw: bytes) -> bytes:
    if raw.startswith(b"data:"):
        raw = raw.partition(b",")[2]
    raw = raw.translate(_URL_SAFE, delete=_SPACE).rstrip(b"=")
    return base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True)


def describe(schema: type[BaseModel], example: Example, *, several: bool = False, raw: bool = False) -> dict[str, Any]:
    """Return the OpenAPI request body of a route that takes ``schema`` as JSON, files, or (``raw``) an image body."""
    file = {"type": "string", "format": "binary"}
    field = {"images": {"type": "array", "items": file}} if several else {"image": file}
    content: dict[str, Any] = {
        "application/json": {"schema": schema.model_json_schema(), "example": example},
        "multipart/form-data": {"schema": {"type": "object", "properties": field, "required": list(field)}},
    }
    if raw:
        content["image/*"] = {"schema": file}
    return {"requestBody": {"required": True, "content": content}}


def wrong_media(media_type: str, accepted: str) -> UnsupportedMedia:
    """Return the refusal of a content type, naming those that are read."""
    return UnsupportedMedia(f"Content type {media_type or '(none)'} isn't read here; send {accepted}.")
