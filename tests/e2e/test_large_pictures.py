"""Six pictures of 50 megapixels at once, of each kind: what a worker answers, and what it needs of memory."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import cv2
import httpx
import numpy as np
import pytest
from PIL import Image

from tests.fuzz.workers import Workers
from tests.support.api_server import ApiServer
from tests.support.picture_files import saved
from tests.support.strokes import DIGITS

SIZE = (8160, 6120)
AT_ONCE = 6
MAX_MIB = 400
# Of a worker after its first large picture: threads, and what malloc keeps at the end of the heap.
MAX_GROWTH_MIB = 24

pytestmark = pytest.mark.timeout(600)

# What is sent, and the status that it gets: 413 where Pillow would need more memory than API_MAX_DECODE_BYTES.
KINDS = {
    "JPEG": ("JPEG", "RGB", {"quality": 90}, 200),
    "JPEG, progressive": ("JPEG", "RGB", {"quality": 90, "progressive": True}, 200),
    "JPEG, progressive, 4:4:4": ("JPEG", "RGB", {"quality": 90, "progressive": True, "subsampling": 0}, 413),
    "PNG, grey": ("PNG", "L", {"compress_level": 1}, 200),
    "PNG, RGB": ("PNG", "RGB", {"compress_level": 1}, 200),
    "PNG, RGBA": ("PNG", "RGBA", {"compress_level": 1}, 200),
    "PNG, 16 bits, RGBA": ("PNG16", "RGBA", {}, 413),
    "GIF": ("GIF", "P", {}, 200),
    "WebP": ("WEBP", "RGB", {"method": 0}, 413),
    "AVIF": ("AVIF", "RGB", {"speed": 10}, 413),
    "HEIC": ("HEIC", "RGB", {"enc_params": {"preset": "ultrafast"}}, 200),
}


@pytest.fixture(scope="module")
def api(tmp_path_factory, triton, trainer):
    settings = {"API_WORKERS": "1", "API_DEADLINE_S": "60", "API_CLIENT_TIMEOUT_S": "30"}
    with ApiServer(tmp_path_factory.mktemp("large-pictures") / "api", triton.grpc_url, **settings) as server:
        server.wait_ready()
        yield server


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """A four in blue ink on paper that isn't quite even, ``(H, W, 3)``."""
    width, height = SIZE
    rng = np.random.default_rng(5)
    paper = cv2.resize(rng.normal(235, 3, (height // 8, width // 8, 3)).clip(0, 255).astype(np.uint8), SIZE)
    for stroke in DIGITS[4]:
        points = np.array([(x * height + (width - height) / 2, y * height) for x, y in stroke], np.int32)
        cv2.polylines(paper, [points], False, (40, 50, 110), height // 14)
    return paper


def file_of(kind: str, picture: np.ndarray) -> bytes:
    fmt, mode, options, _ = KINDS[kind]
    if (
        fmt.startswith("PNG") and mode != "L"
    ):  # as drawn in an editor: paper's noise would make it larger than a body may be
        picture = picture // 32 * 32
    if fmt == "PNG16":
        samples = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)]).astype(np.uint16) * 256
        return cv2.imencode(".png", samples, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
    image = Image.fromarray(picture)
    return saved(image.quantize(16) if mode == "P" else image.convert(mode), fmt, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_six_at_once_are_answered_in_bounded_memory(api, picture, kind, record_property):
    data, (_, _, _, expected) = file_of(kind, picture), KINDS[kind]
    workers = Workers(api.pid)
    (pid,) = workers.pids()
    before = workers.pss_mib()[pid]
    workers.forget_peaks()

    def ask(_: int) -> httpx.Response:
        return httpx.post(f"{api.url}/predict", content=data, headers={"content-type": "image/png"}, timeout=90)

    start = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(ask, range(AT_ONCE)))
    seconds, peak = time.monotonic() - start, workers.peaks_mib()[pid]
    time.sleep(1)
    after = workers.pss_mib()[pid]
    statuses = Counter(answer.status_code for answer in answers)
    figures = (
        f"{kind}: {len(data) / 2**20:.1f} MiB a file, {dict(statuses)} in {seconds:.1f} s; "
        f"worker {before:.0f} MiB before, at most {peak:.0f}, {after:.0f} after"
    )
    record_property("figures", figures)  # in the JUnit report
    assert statuses == {expected: AT_ONCE}, answers[0].text
    if expected == 200:
        assert {answer.json()["prediction"] for answer in answers} == {4}
    else:
        assert "send it smaller" in answers[0].json()["error"]["message"]
    assert peak <= MAX_MIB, figures
    assert workers.pids() == [pid]
    assert kind == next(iter(KINDS)) or after - before < MAX_GROWTH_MIB
