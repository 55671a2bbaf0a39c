"""The page's view of many pictures, with the real Redis and worker."""

import csv
import io
import signal
import zipfile
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.support.api_server import ApiServer
from tests.support.drawing_page import PHONE, DrawingPage
from tests.support.images import png
from tests.support.job_worker import JobWorker
from tests.support.redis_server import RedisServer

COUNT = 30


@pytest.fixture(scope="module")
def redis(run_dir) -> Iterator[RedisServer]:
    with RedisServer(run_dir / "redis-page") as server:
        yield server


@pytest.fixture(scope="module")
def jobs_api(run_dir, redis, triton, trainer) -> Iterator[ApiServer]:
    settings = {"API_REDIS_URL": redis.url, "API_KEYS": "alpha"}
    with ApiServer(run_dir / "api-page-jobs", triton.grpc_url, **settings) as server:
        server.wait_ready()
        yield server


@pytest.fixture(scope="module")
def worker(run_dir, redis, triton, trainer) -> Iterator[JobWorker]:
    with JobWorker(run_dir / "worker-page", redis.url, triton.grpc_url) as running:
        yield running


@pytest.fixture
def many(open_page, jobs_api) -> DrawingPage:
    return opened(open_page, jobs_api)


def opened(open_page, jobs_api, **options) -> DrawingPage:
    page = open_page(jobs_api.url, **options)
    page["#to-many"].click()
    page["#many-trouble input"].fill("alpha")
    page.press("Enter")
    expect(page["#intake"]).to_be_visible()
    return page


@pytest.fixture(scope="module")
def pictures(images) -> list[dict[str, object]]:
    return [
        {"name": f"{i:02}.png", "mimeType": "image/png", "buffer": png(images.images_u8[i, 0].numpy())}
        for i in range(COUNT)
    ]


@pytest.fixture(scope="module")
def labels(images) -> list[int]:
    return images.labels[:COUNT].tolist()


def archive_of(pictures) -> dict[str, object]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for i, picture in enumerate(pictures):
            method = zipfile.ZIP_STORED if i % 2 else zipfile.ZIP_DEFLATED
            archive.writestr(f"digits/{picture['name']}", picture["buffer"], method)
    return {"name": "digits.zip", "mimeType": "application/zip", "buffer": buffer.getvalue()}


def downloaded(page: DrawingPage) -> list[dict[str, str]]:
    with page.page.expect_download() as download:
        page["#download"].click()
    assert download.value.suggested_filename == "digits.csv"
    return list(csv.DictReader(download.value.path().read_text(encoding="utf-8").splitlines()))


def ended(page: DrawingPage, stage: str = "Done") -> None:
    expect(page["#stage"]).to_have_text(stage, timeout=30_000)
    expect(page["#progress"]).to_be_hidden()


@pytest.mark.parametrize("form", ["files", "ZIP"])
def test_thirty_pictures_are_read_shown_and_downloaded(many, worker, pictures, labels, form):
    many["#files"].set_input_files(pictures if form == "files" else archive_of(pictures))
    ended(many)
    assert many["#counts"].inner_text() == "30 of 30 read"
    shown = many["#results td.digit"].all_inner_texts()
    rows = downloaded(many)
    assert [row["digit"] for row in rows] == shown
    folder = "" if form == "files" else "digits/"
    assert [row["file"] for row in rows] == [f"{folder}{i:02}.png" for i in range(COUNT)]
    assert all(0 < float(row["confidence"]) <= 1 for row in rows)
    right = sum(int(row["digit"]) == label for row, label in zip(rows, labels, strict=True))
    assert right >= COUNT - 2  # of a network that was trained for a moment
    expect(many["#results canvas"]).to_have_count(COUNT)
    inks = many["#results canvas"].evaluate_all(
        """all => all.map(each => each.getContext("2d").getImageData(0, 0, each.width, each.height).data
            .some(value => value > 128 && value < 255))"""
    )
    assert all(inks)


def test_what_cannot_be_read_is_told_in_its_row_and_in_the_file(many, worker, pictures):
    bad = {"name": "=1+1, notes.png", "mimeType": "image/png", "buffer": b"no picture"}
    many["#files"].set_input_files([pictures[0], bad])
    ended(many)
    assert many["#counts"].inner_text() == "1 of 2 read, 1 not"
    expect(many["#results .bad"]).to_contain_text("The bytes are no image")
    rows = downloaded(many)
    assert (rows[1]["file"], rows[1]["digit"], rows[1]["error"]) == ("'=1+1, notes.png", "", "invalid_image")


def test_long_results_come_a_hundred_rows_at_a_time_and_the_address_brings_them_back(many, worker, pictures):
    many["#files"].set_input_files((pictures * 9)[:250])
    ended(many)
    assert len(downloaded(many)) == 250
    expect(many["#results tbody tr"]).to_have_count(100)
    many["#more"].click()
    expect(many["#results tbody tr"]).to_have_count(200)
    expect(many["#more"]).to_have_text("Show 50 of 50 more")
    many.page.reload()
    ended(many)
    expect(many["#results tbody tr"]).to_have_count(100)
    assert len(downloaded(many)) == 250


def test_progress_is_shown_and_a_job_is_cancelled(many, worker, pictures):
    worker.send(signal.SIGSTOP)
    try:
        many["#files"].set_input_files(pictures)
        expect(many["#stage"]).to_have_text("Waiting for a worker")
        assert many["#progress"].evaluate("bar => [bar.value, bar.max]") == [0, COUNT]
        expect(many["#intake"]).to_be_hidden()
        many["#cancel"].click()
        ended(many, "Cancelled")
    finally:
        worker.send(signal.SIGCONT)


def test_a_redis_that_is_away_is_told_and_sending_is_tried_again(many, worker, redis, pictures):
    redis.hang()
    try:
        many["#files"].set_input_files(pictures[:2])
        expect(many["#many-trouble [role=alert]"]).to_contain_text("Redis", timeout=15_000)
    finally:
        redis.go_on()
    again = many["#many-trouble .again"]
    if again.is_visible():  # a job that was taken before Redis hung is asked for again by the page itself
        again.click()
    ended(many)
    assert many["#results td.digit"].count() == 2


def test_several_pictures_dropped_on_the_sheet_become_a_job(many, worker, pictures):
    many["#to-one"].click()
    many["#file"].evaluate("input => { input.multiple = true; }")
    many["#file"].set_input_files(pictures[:3])
    expect(many["#many"]).to_be_visible()
    ended(many)
    assert many["#counts"].inner_text() == "3 of 3 read"


def test_jobs_that_are_off_are_explained(page):
    page["#to-many"].click()
    expect(page["#off"]).to_contain_text("This server takes no jobs.")
    expect(page["#intake"]).to_be_hidden()
    expect(page["#many-trouble"]).to_be_hidden()
    page["#off a"].click()
    expect(page["#paper"]).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("device", ["desktop", "phone"])
def test_axe_finds_nothing(open_page, jobs_api, worker, pictures, scheme, device):
    page = opened(open_page, jobs_api, **(PHONE if device == "phone" else {}), color_scheme=scheme)
    bad = {"name": "a-name-without-any-place-to-break-it-" * 4, "mimeType": "image/png", "buffer": b"no picture"}
    page["#files"].set_input_files([*pictures, bad])
    ended(page)
    for state in ("done", "everything"):
        if state == "everything":
            page.page.evaluate("document.querySelectorAll('#many [hidden]').forEach(node => { node.hidden = false; })")
        found = Axe().run(page.page)
        assert found.violations_count == 0, f"{state}: {found.generate_report()}"
        widths = page.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert widths[0] <= widths[1], "it scrolls sideways"
