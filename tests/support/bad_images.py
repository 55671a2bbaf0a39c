"""Image files that mean harm: small files that declare or hold many pixels, and large ones that hold none."""

import functools
import io
import itertools
import struct
import zlib
from collections.abc import Callable

from PIL import Image

BOMB_SIDE_PX = 4096  # as many pixels as the api takes by default


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int, data: bytes, *, bits: int = 8, colour: int = 0, extra: bytes = b"") -> bytes:
    """Return a PNG with this header, further chunks, and ``data`` for its pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def zeros(size: int) -> bytes:
    """Return so many zero bytes, packed a thousandfold."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(bytes(min(2**20, size - start))) for start in range(0, size, 2**20)]
    return b"".join([*parts, packer.flush()])


def _gif(width: int, height: int, rest: bytes) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) + rest


def _gif_frame(left: int, top: int, width: int, height: int) -> bytes:
    return b"\x2c" + struct.pack("<HHHHB", left, top, width, height, 0) + b"\x08\x02\x84\x51\x00\x3b"


def _bmp(width: int, height: int, bits: int, packing: int, rest: bytes) -> bytes:
    start = 54 + (1024 if bits == 8 else 0)
    file = b"BM" + struct.pack("<IHHI", start + len(rest), 0, 0, start)
    return file + struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, packing, 0, 0, 0, 0, 0) + rest


def _webp(side: int) -> bytes:
    canvas = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + struct.pack("<I", side - 1)[:3] * 2
    frame = b"ANIM" + struct.pack("<I", 6) + bytes(6) + b"ANMF" + struct.pack("<I", 16) + bytes(900)
    return b"RIFF" + struct.pack("<I", 4 + len(canvas + frame)) + b"WEBP" + canvas + frame


def _jpeg(side: int) -> bytes:
    head = b"\xff\xd8\xff\xc0" + struct.pack(">HBHHB", 17, 8, side, side, 3) + b"\1\x11\0\2\x11\0\3\x11\0"
    return head + b"\xff\xda\0\x08\1\1\0\0\0\0" + bytes(900)


# Far more pixels than any machine has room for, declared in at most a kilobyte; JPEG and GIF have 16 bits for a side.
HUGE: dict[str, bytes] = {
    "png": png_of(100_000, 100_000, bytes(900)),
    "png, two thousand million a side": png_of(2**31 - 1, 2**31 - 1, bytes(900)),
    "gif": _gif(65_535, 65_535, _gif_frame(0, 0, 65_535, 65_535)),
    "gif, by its frame": _gif(28, 28, _gif_frame(0, 0, 65_535, 65_535)),
    "gif, by where its frame is": _gif(28, 28, _gif_frame(65_000, 65_000, 4, 4)),
    "bmp": _bmp(100_000, 100_000, 24, 0, bytes(900)),
    "bmp, upside down": _bmp(-100_000, -100_000, 24, 0, bytes(900)),
    "webp": _webp(100_000),
    "webp, just under 2^32": _webp(65_000),
    "jpeg": _jpeg(65_535),
}


@functools.cache
def _filled(bits: int, colour: int, channels: int, extra: bytes = b"") -> bytes:
    side = BOMB_SIDE_PX
    data = zeros(side * (1 + side * channels * bits // 8))
    return png_of(side, side, data, bits=bits, colour=colour, extra=extra)


@functools.cache
def _saved(mode: str, fmt: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    side = 3840 if fmt == "WEBP" else BOMB_SIDE_PX  # a larger WebP is refused, for the memory that it takes
    Image.new(mode, (side, side)).save(buffer, fmt, **options)
    return buffer.getvalue()


_PALETTE = chunk(b"PLTE", bytes(768))
# Many pixels, in files of 1 to 800 kB.
BOMBS: dict[str, Callable[[], bytes]] = {
    "1 bit": lambda: _filled(1, 0, 1),
    "grey": lambda: _filled(8, 0, 1),
    "grey, 16 bits": lambda: _filled(16, 0, 1),
    "grey with one transparent level": lambda: _filled(8, 0, 1, chunk(b"tRNS", b"\0\0")),
    "palette with transparency": lambda: _filled(8, 3, 1, _PALETTE + chunk(b"tRNS", bytes(256))),
    "colour": lambda: _filled(8, 2, 3),
    "colour with alpha, 16 bits": lambda: _filled(16, 6, 4),
    "jpeg": lambda: _saved("RGB", "JPEG"),
    "jpeg, progressive": lambda: _saved("RGB", "JPEG", progressive=True),
    "jpeg, cmyk": lambda: _saved("CMYK", "JPEG"),
    "webp": lambda: _saved("RGB", "WEBP"),
    "webp, lossless with alpha": lambda: _saved("RGBA", "WEBP", lossless=True),
    "gif": lambda: _saved("L", "GIF"),
    "bmp, 1 bit": lambda: _saved("1", "BMP"),
}


def _padded(start: bytes, unit: bytes, size: int) -> bytes:
    return start + b"".join(itertools.repeat(unit, (size - len(start)) // len(unit)))


# Files of any size that are next to nothing but headers, which Pillow reads in Python.
MARATHONS: dict[str, Callable[[int], bytes]] = {
    "png, empty chunks": lambda size: png_of(28, 28, zeros(28 * 29), extra=_padded(b"", chunk(b"abCd", b""), size)),
    "png, empty texts": lambda size: png_of(28, 28, zeros(28 * 29), extra=_padded(b"", chunk(b"tEXt", b"a\0"), size)),
    "png, empty data": lambda size: png_of(28, 28, b"", extra=_padded(b"", chunk(b"IDAT", b""), size)),
    "gif, comments": lambda size: _padded(_gif(28, 28, b""), b"\x21\xfe\x01a\0", size),
    "gif, one comment": lambda size: _padded(_gif(28, 28, b"\x21\xfe"), b"\x01a", size),
    "gif, nothing": lambda size: _padded(_gif(28, 28, b""), b"\0", size),
    "jpeg, fill bytes": lambda size: _padded(b"\xff\xd8", b"\xff", size),
    "jpeg, markers": lambda size: _padded(b"\xff\xd8", b"\xff\xe5\0\2", size),
    "jpeg, exif markers": lambda size: _padded(b"\xff\xd8", b"\xff\xe1\0\2", size),
    "jpeg, restarts": lambda size: _padded(b"\xff\xd8", b"\xff\xd0", size),
    "bmp, packed": lambda size: _padded(_bmp(4096, 4096, 8, 1, bytes(1024)), b"\1\1", size),
    "webp, chunks": lambda size: _padded(_webp(28), b"abcd\0\0\0\0", size),
}
