"""What bodies of jobs are read as, and what is refused."""

import io
import stat
import tempfile
import tracemalloc
import zipfile
from collections.abc import Iterator
from typing import IO

import pytest

from api.errors import InvalidArchive, InvalidRequest, PayloadTooLarge, UnsupportedMedia
from api.jobs import archive, multipart, ndjson
from api.jobs.intake import Intake
from api.jobs.items import Chunk, Item, pack, unpack
from api.jobs.packer import Limits, pack_items
from api.settings import Settings
from api.tasks.digits import Digits
from tests.unit.api.fakes import as_base64

LIMITS = Limits(items=100, item_bytes=1000, total_bytes=10_000)
BOUNDARY = "multipart/form-data; boundary=xyz"


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as made:
        for name, data in entries:
            made.writestr(name, data)
    buffer.seek(0)
    return buffer


def form(*parts: tuple[str, bytes], end: bytes = b"--xyz--\r\n") -> io.BytesIO:
    body = b"".join(
        b'--xyz\r\ncontent-disposition: form-data; name="f"; filename="%b"\r\n\r\n%b\r\n' % (name.encode(), data)
        for name, data in parts
    )
    return io.BytesIO(body + end)


def of_archive(file: IO[bytes], limits: Limits = LIMITS) -> list[Item]:
    return list(archive.items_of(file, limits))


def test_a_chunk_comes_back_as_it_was():
    items = [Item("a.png", b"\0\xff"), Item("", b""), Item("ü/\u2028", b"x" * 1000)]
    assert unpack(pack(7, items)) == Chunk(7, items)


def test_an_archive_is_read_in_its_order_without_folders_and_clutter():
    file = zipped(
        ("b/", b""), ("b/2.png", b"two"), ("__MACOSX/b/._2.png", b"x"), (".DS_Store", b"x"), ("a.png", b"one")
    )
    assert of_archive(file) == [Item("b/2.png", b"two"), Item("a.png", b"one")]


def link() -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo("link")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


def encrypted() -> io.BytesIO:
    """A flag in both headers is all that tells an encrypted entry."""
    data = bytearray(zipped(("a.png", b"one")).getvalue())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return io.BytesIO(data)


def damaged() -> io.BytesIO:
    data = bytearray(zipped(("a.png", b"one" * 100), method=zipfile.ZIP_STORED).getvalue())
    data[40] ^= 0xFF
    return io.BytesIO(data)


def understated() -> io.BytesIO:
    """An entry that unpacks to more than its directory says."""
    data = bytearray(zipped(("a.png", b"0" * 5000)).getvalue())
    position = data.index(b"PK\x01\x02") + 24
    data[position : position + 4] = (10).to_bytes(4, "little")
    return io.BytesIO(data)


def before_the_file() -> IO[bytes]:
    """An entry that is said to begin before the file; a real file refuses to go there, a buffer in memory doesn't."""
    data = bytearray(zipped(("a.png", b"one")).getvalue())
    position = data.index(b"PK\x05\x06") + 16
    data[position : position + 4] = (2**31).to_bytes(4, "little")
    file = tempfile.TemporaryFile()  # noqa: SIM115 - read by a test later on
    file.write(data)
    return file


def nameless() -> io.BytesIO:
    data = bytearray(zipped(("a", b"one")).getvalue())
    position = data.index(b"PK\x01\x02")
    data[position + 28 : position + 30] = bytes(2)
    data[position + 32 : position + 34] = (1).to_bytes(2, "little")  # the name is a comment then
    return io.BytesIO(data)


BAD_ARCHIVES = {
    "no archive": (io.BytesIO(b"no archive"), InvalidArchive),
    "nothing": (io.BytesIO(b""), InvalidArchive),
    "cut": (io.BytesIO(zipped(("a.png", b"one" * 100)).getvalue()[:-30]), InvalidArchive),
    "damaged": (damaged(), InvalidArchive),
    "encrypted": (encrypted(), InvalidArchive),
    "understated": (understated(), InvalidArchive),
    "before the file": (before_the_file(), InvalidArchive),
    "nameless": (nameless(), InvalidArchive),
    "parent": (zipped(("../a.png", b"one")), InvalidArchive),
    "parent within": (zipped(("a/../../b.png", b"one")), InvalidArchive),
    "parent of windows": (zipped(("a\\..\\..\\b.png", b"one")), InvalidArchive),
    "absolute": (zipped(("/etc/passwd", b"one")), InvalidArchive),
    "drive": (zipped(("C:/a.png", b"one")), InvalidArchive),
    "nested": (zipped(("a.zip", b"PK\x03\x04")), InvalidArchive),
    "link": (zipped((link(), b"/etc/passwd")), InvalidArchive),
    "bzip2": (zipped(("a.png", b"one"), method=zipfile.ZIP_BZIP2), InvalidArchive),
    "lzma": (zipped(("a.png", b"one"), method=zipfile.ZIP_LZMA), InvalidArchive),
    "large item": (zipped(("a.png", b"0" * 1001)), PayloadTooLarge),
    "large in all": (zipped(*((f"{n}", b"0" * 1000) for n in range(11))), PayloadTooLarge),
    "many": (zipped(*((f"{n}", b"") for n in range(101))), PayloadTooLarge),
}


@pytest.mark.parametrize("case", BAD_ARCHIVES)
def test_an_archive_that_isnt_a_plain_collection_of_files_is_refused(case):
    file, kind = BAD_ARCHIVES[case]
    file.seek(0)
    with pytest.raises(kind) as refusal:
        of_archive(file)
    assert 400 <= refusal.value.status < 500
    assert len(refusal.value.message) < 300


def test_a_bomb_is_refused_before_it_is_unpacked():
    file = zipped(("a", b"0" * 50_000_000))
    tracemalloc.start()
    with pytest.raises(PayloadTooLarge):
        of_archive(file, Limits(10, 10_000_000, 40_000_000))
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_a_million_tiny_files_are_refused_by_their_directory_and_cost_no_memory():
    entry = (
        b"PK\x01\x02\x14\x00\x14\x00" + bytes(20) + (1).to_bytes(2, "little") + bytes(16) + b"a"
    )  # 46 bytes and a name
    directory = entry * 1_000_000
    end = b"PK\x05\x06" + bytes(4) + b"\xff\xff\xff\xff" + len(directory).to_bytes(4, "little") + bytes(6)
    file = io.BytesIO(directory + end)
    tracemalloc.start()
    with pytest.raises(PayloadTooLarge):
        of_archive(file, Limits(100_000, 1000, 10_000_000))
    assert tracemalloc.get_traced_memory()[1] < 60_000_000, "one copy of the directory at most"
    tracemalloc.stop()


def test_an_item_may_be_larger_than_the_directory_of_few_items():
    data = bytes(range(256)) * 10_000
    file = zipped(("a.jpg", data), method=zipfile.ZIP_STORED)
    assert of_archive(file, Limits(10, 3_000_000, 9_000_000)) == [Item("a.jpg", data)]


def test_what_is_skipped_is_counted():
    with pytest.raises(PayloadTooLarge):
        list(ndjson.files_of(io.BytesIO(b"\n" * 1000), "image", LIMITS))
    field = b'--xyz\r\ncontent-disposition: form-data; name="f"\r\n\r\nx\r\n'
    with pytest.raises(PayloadTooLarge):
        list(multipart.items_of(io.BytesIO(field * 1000 + b"--xyz--\r\n"), BOUNDARY, None, LIMITS))


def test_lines_are_read_with_and_without_ids():
    lines = b'{"image": "%b"}\n\n{"image": "%b", "id": 17}\n' % (as_base64(b"one").encode(), as_base64(b"two").encode())
    assert list(ndjson.files_of(io.BytesIO(lines), "image", LIMITS)) == [Item("", b"one"), Item("17", b"two")]


@pytest.mark.parametrize(
    "line,kind",
    [
        (b"no json", InvalidRequest),
        (b"[1]", InvalidRequest),
        (b'{"picture": "AA=="}', InvalidRequest),
        (b'{"image": 1}', InvalidRequest),
        (b'{"image": "?"}', InvalidRequest),
        (b'{"image": "AA==", "id": []}', InvalidRequest),
        (b'{"image": "' + b"A" * 10_000 + b'"}', PayloadTooLarge),
        (b"[" * 100_000, PayloadTooLarge),
    ],
)
def test_a_line_that_cant_be_read_is_named(line, kind):
    with pytest.raises(kind, match="Line 2"):
        list(ndjson.files_of(io.BytesIO(b'{"image": "AA=="}\n' + line), "image", LIMITS))


def test_lines_of_objects_stay_as_they_are():
    assert list(ndjson.objects_of(io.BytesIO(b'{"a": 1}\n {"a": 2}'), LIMITS)) == [
        Item("", b'{"a": 1}'),
        Item("", b'{"a": 2}'),
    ]


def test_the_files_of_a_form_are_read_in_order():
    file = form(("1.png", b"one"), ("2.png", b"t\r\n--xy"), ("ü.png", b""))
    assert list(multipart.items_of(file, BOUNDARY, None, LIMITS)) == [
        Item("1.png", b"one"),
        Item("2.png", b"t\r\n--xy"),
        Item("ü.png", b""),
    ]


def test_a_form_with_one_archive_stands_for_its_files():
    file = form(("digits.zip", zipped(("a.png", b"one"), ("b.png", b"two")).getvalue()))
    assert list(multipart.items_of(file, BOUNDARY, None, LIMITS)) == [Item("a.png", b"one"), Item("b.png", b"two")]


@pytest.mark.parametrize(
    "file,content_type,kind",
    [
        (form(("a", b"x")), "multipart/form-data", InvalidRequest),
        (form(("a", b"x"), end=b""), BOUNDARY, InvalidRequest),
        (io.BytesIO(b"no form"), BOUNDARY, InvalidRequest),
        (form(("a.zip", b"x"), ("b", b"x")), BOUNDARY, InvalidRequest),
        (form(("b", b"x"), ("a.zip", b"x")), BOUNDARY, InvalidRequest),
        (form(("a.zip", b"x")), BOUNDARY, InvalidArchive),
        (form(("a", b"x" * 1001)), BOUNDARY, PayloadTooLarge),
        (form(*((f"{n}", b"") for n in range(101))), BOUNDARY, PayloadTooLarge),
        (form(("a" * 9000, b"x")), BOUNDARY, InvalidRequest),
    ],
)
def test_a_form_that_cant_be_read_is_refused(file, content_type, kind):
    file.seek(0)
    with pytest.raises(kind):
        list(multipart.items_of(file, content_type, None, LIMITS))


def numbered(count: int, size: int = 3) -> Iterator[Item]:
    return (Item(str(number), bytes(size)) for number in range(count))


def test_items_are_split_into_chunks_of_rows_and_of_bytes():
    with tempfile.TemporaryFile() as file:
        packed = pack_items(numbered(10), file, 4, LIMITS)
        assert (packed.total, packed.starts) == (10, [0, 4, 8])
        assert [len(unpack(chunk).items) for chunk in packed.chunks()] == [4, 4, 2]
    with tempfile.TemporaryFile() as file:
        packed = pack_items(numbered(5, 2**21), file, 100, Limits(100, 2**22, 2**30))
        assert packed.starts == [0, 2, 4]


def test_the_same_items_have_the_same_fingerprint():
    def fingerprint(*items: Item) -> str:
        with tempfile.TemporaryFile() as file:
            return pack_items(items, file, 4, LIMITS).fingerprint

    one = fingerprint(Item("a", b"1"), Item("b", b"2"))
    assert one == fingerprint(Item("a", b"1"), Item("b", b"2"))
    others = [fingerprint(Item("b", b"2"), Item("a", b"1")), fingerprint(Item("a", b"12"), Item("b", b""))]
    assert one not in others


@pytest.mark.parametrize("items,kind", [([], InvalidRequest), (numbered(101), PayloadTooLarge)])
def test_a_job_needs_items_and_not_too_many(items, kind):
    with tempfile.TemporaryFile() as file, pytest.raises(kind):
        pack_items(items, file, 4, LIMITS)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json", "image/png"])
def test_other_media_are_refused(content_type):
    with pytest.raises(UnsupportedMedia, match="multipart/form-data, application/zip, application/x-ndjson"):
        Intake(LIMITS, None).reader_for(Digits(Settings()), content_type)
    with pytest.raises(UnsupportedMedia, match="send application/x-ndjson"):
        Intake(LIMITS, None).reader_for(None, "application/zip")
