"""Bodies in gzip and deflate, both ways; the size that counts is the unpacked one."""

import zlib

from fastapi import Request

from api.errors import BadRequest, PayloadTooLarge, UnsupportedCoding
from api.offload import offload

# zlib's own names for the two: https://docs.python.org/3/library/zlib.html#zlib.decompressobj
_WBITS = {"gzip": 31, "deflate": 15}
# Equivalent by https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1.3
_ALIASES = {"x-gzip": "gzip"}
# As much is unpacked on the event loop, in a millisecond; and as little is sent as it is.
_INLINE_BYTES = 256 * 1024
_MIN_BYTES = 16 * 1024
# Anything slower would cost more time than it saves on the network.
_LEVEL = 1


async def unpacked(request: Request, body: bytes | bytearray, max_bytes: int) -> bytes | bytearray:
    """Return a request's body as it was before it was packed.

    Raises:
        UnsupportedCoding: The coding isn't known.
        BadRequest: The body isn't of that coding.
        PayloadTooLarge: It unpacks to more than ``max_bytes``.
    """
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding in ("identity", ""):
        return body
    wbits = _WBITS.get(_ALIASES.get(coding, coding))
    if wbits is None:
        raise UnsupportedCoding(f"Content-Encoding {coding[:40]!r} isn't read here; send gzip, deflate or identity.")
    unpacker = Unpacker(body, coding, wbits, max_bytes)
    if unpacker.unpack(_INLINE_BYTES):
        return unpacker.unpacked
    await offload(unpacker.unpack)
    return unpacker.unpacked


class Unpacker:
    """Unpacks a body in pieces, and stops where it gets too large.

    Args:
        body: The packed body.
        coding: Its coding, for the messages.
        wbits: What zlib calls that coding.
        max_bytes: Most bytes that it may unpack to.
    """

    def __init__(self, body: bytes | bytearray, coding: str, wbits: int, max_bytes: int) -> None:
        self.unpacked = bytearray()
        self._rest: bytes | bytearray = body
        self._coding = coding
        self._wbits = wbits
        self._max_bytes = max_bytes
        self._stream = zlib.decompressobj(wbits)

    def unpack(self, most: int | None = None) -> bool:
        """Unpack so many bytes, or all; say whether that was all.

        Raises:
            BadRequest, PayloadTooLarge: As `unpacked`.
        """
        until = self._max_bytes + 1 if most is None else min(most, self._max_bytes + 1)
        while not self._stream.eof:
            try:
                piece = self._stream.decompress(self._rest, min(until - len(self.unpacked), _INLINE_BYTES))
            except zlib.error as exc:
                raise BadRequest(f"The body is no {self._coding}: {exc}.") from exc
            self.unpacked += piece
            self._rest = self._stream.unconsumed_tail
            if len(self.unpacked) > self._max_bytes:
                raise PayloadTooLarge(f"The body is over {self._max_bytes} bytes when it is unpacked.")
            if len(self.unpacked) >= until:
                return False
            if not piece and not self._stream.eof:
                raise BadRequest(f"The body is no {self._coding}: it ends too early.")
        if self._stream.unused_data:
            raise BadRequest(f"The body is no {self._coding}: bytes follow its end.")
        return True


def coding_for(request: Request) -> str | None:
    """Return the coding in which the client would have a large answer; None for none that is known here."""
    accepted = request.headers.get("accept-encoding")
    if not accepted:
        return None
    weights: dict[str, float] = {}
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        weights[name.strip()] = _weight_of(weight)
    for coding in _WBITS:
        if weights.get(coding, weights.get("*", 0.0)) > 0:
            return coding
    return None


async def packed(body: bytes, coding: str) -> bytes:
    """Return a body in a coding."""
    return await offload(lambda: _pack(body, coding))


def is_worth_packing(size: int) -> bool:
    """Say whether an answer of so many bytes is sent packed to a client that asks for it."""
    return size >= _MIN_BYTES


def _pack(body: bytes, coding: str) -> bytes:
    packer = zlib.compressobj(_LEVEL, wbits=_WBITS[coding])
    return packer.compress(body) + packer.flush()


def _weight_of(text: str) -> float:
    name, _, value = text.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
