"""Packed bodies: both codings, bombs, damage, and which coding an answer has."""

import asyncio
import gzip
import zlib
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import compression
from api.errors import BadRequest, PayloadTooLarge, UnsupportedMedia

PACK = {"gzip": gzip.compress, "deflate": zlib.compress}
LIMIT = 2**20


def asking(**headers: str) -> SimpleNamespace:
    return SimpleNamespace(headers={name.replace("_", "-"): value for name, value in headers.items()})


async def unpacked(body: bytes, coding: str) -> bytes:
    return bytes(await compression.unpacked(asking(content_encoding=coding), body, LIMIT))


@given(st.sampled_from(sorted(PACK)), st.binary(max_size=50), st.integers(0, 20_000))
def test_a_body_comes_out_as_it_went_in(coding, text, times):
    body = (text * times)[:LIMIT]
    assert asyncio.run(unpacked(PACK[coding](body), coding)) == body
    sent = asyncio.run(compression.packed(body, coding))
    assert {"gzip": gzip.decompress, "deflate": zlib.decompress}[coding](sent) == body


@pytest.mark.parametrize("coding", sorted(PACK))
async def test_the_unpacked_size_is_bounded(coding):
    assert len(await unpacked(PACK[coding](bytes(LIMIT)), coding)) == LIMIT
    for size in (LIMIT + 1, 2**28):
        with pytest.raises(PayloadTooLarge, match=str(LIMIT)):
            await unpacked(PACK[coding](bytes(size)), coding)


@pytest.mark.parametrize("coding", sorted(PACK))
@pytest.mark.parametrize("size", [10, 2**19])
async def test_damaged_bodies_are_refused(coding, size):
    good = PACK[coding](bytes(range(256)) * (1 + size // 256))
    for damaged in (good[:-1], good[: len(good) // 2], good + b"x", b"x" + good, b"", good[:-3] + b"xyz"):
        with pytest.raises(BadRequest, match=f"no {coding}"):
            await unpacked(damaged, coding)


async def test_deflate_is_wrapped_as_zlib_does():
    with pytest.raises(BadRequest):
        await unpacked(zlib.compress(b"x" * 1000)[2:-4], "deflate")


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "gzip,deflate", "x"])
async def test_unknown_codings_are_refused(coding):
    with pytest.raises(UnsupportedMedia):
        await unpacked(b"{}", coding)


@pytest.mark.parametrize("coding", ["identity", "", "IDENTITY"])
async def test_what_isn_t_packed_is_left_alone(coding):
    assert await unpacked(b"{}", coding) == b"{}"


@pytest.mark.parametrize(
    "accepted,coding",
    [
        ("gzip, deflate", "gzip"),
        ("deflate", "deflate"),
        ("GZIP", "gzip"),
        ("*", "gzip"),
        ("gzip;q=0, *", "deflate"),
        ("gzip;q=0", None),
        ("gzip; q=0.0, deflate; q=0.5", "deflate"),
        ("br", None),
        ("", None),
        ("gzip;q=much", None),
        ("identity", None),
    ],
)
def test_the_coding_of_an_answer(accepted, coding):
    assert compression.coding_for(asking(accept_encoding=accepted)) == coding
    assert compression.coding_for(asking()) is None
