import gzip
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelrepo.checksum import sha256
from trainer.console import Console
from trainer.digits import download, idx
from trainer.digits.download import Source
from trainer.errors import DownloadFailed

CONTENT = b"digits " * 1000
CHECKSUM = sha256(CONTENT)
NAME = "train.gz"


class Mirror(http.server.ThreadingHTTPServer):
    """A mirror on loopback that records the paths of its requests, and answers with ``body``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), MirrorHandler)
        self.asked: list[str] = []
        self.body = gzip.compress(CONTENT)
        self.promised_bytes: int | None = None
        self.status = 200
        self.silent = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/mnist/"


class MirrorHandler(http.server.BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.server.silent.is_set():
            self.rfile.read(1)  # until the client gives up
            return
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(self.server.promised_bytes or len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def mirrors() -> Iterator[list[Mirror]]:
    servers = [Mirror(), Mirror()]
    for server in servers:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield servers
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def source(mirrors: list[Mirror], tmp_path: Path) -> Source:
    return Source(tuple(mirror.url for mirror in mirrors), tmp_path / "cache", timeout_s=1.0)


def test_a_file_is_fetched_once(mirrors: list[Mirror], source: Source, console: Console) -> None:
    for _ in range(2):
        path = download.fetch(NAME, CHECKSUM, source, console)
        assert idx.read_bytes(path) == CONTENT
    assert mirrors[0].asked == [f"/mnist/{NAME}"]
    assert mirrors[1].asked == []
    assert [entry.name for entry in source.cache_dir.iterdir()] == [NAME]


def test_a_half_file_in_the_cache_is_fetched_anew(source: Source, console: Console) -> None:
    source.cache_dir.mkdir()
    (source.cache_dir / NAME).write_bytes(gzip.compress(CONTENT)[:50])
    assert idx.read_bytes(download.fetch(NAME, CHECKSUM, source, console)) == CONTENT


def fail_status(mirror: Mirror) -> None:
    mirror.status = 503


def cut_off(mirror: Mirror) -> None:
    mirror.promised_bytes = len(mirror.body) + 100


def tamper(mirror: Mirror) -> None:
    mirror.body = gzip.compress(CONTENT + b"!")


def answer_with_a_login_page(mirror: Mirror) -> None:
    mirror.body = b"<html>please log in</html>"


def damage(mirror: Mirror) -> None:
    mirror.body = mirror.body[:20] + b"\xff" * 10 + mirror.body[30:]


def fall_silent(mirror: Mirror) -> None:
    mirror.silent.set()


FAULTS = [fail_status, cut_off, tamper, answer_with_a_login_page, damage, fall_silent]


@pytest.mark.parametrize("fault", FAULTS)
def test_the_next_mirror_takes_over(mirrors: list[Mirror], source: Source, console: Console, fault) -> None:
    fault(mirrors[0])
    assert idx.read_bytes(download.fetch(NAME, CHECKSUM, source, console)) == CONTENT
    assert len(mirrors[1].asked) == 1


def test_when_all_fail_every_reason_is_given_and_nothing_is_kept(
    mirrors: list[Mirror], source: Source, console: Console
) -> None:
    fail_status(mirrors[0])
    tamper(mirrors[1])
    with pytest.raises(DownloadFailed, match=r"503.*SHA-256"):
        download.fetch(NAME, CHECKSUM, source, console)
    assert not source.cache_dir.exists() or not list(source.cache_dir.iterdir())


def test_endless_files_are_cut(source: Source, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MAX_FILE_BYTES", 10)
    with pytest.raises(DownloadFailed, match="more than 10 bytes"):
        download.fetch(NAME, CHECKSUM, source, console)


def test_other_schemes_than_http_are_refused(tmp_path: Path, console: Console) -> None:
    with pytest.raises(DownloadFailed, match=r"isn't an http"):
        download.fetch(NAME, CHECKSUM, Source(("file:///etc/",), tmp_path, 1.0), console)


def test_a_cache_that_cannot_be_written_is_a_failed_download(source: Source, console: Console) -> None:
    source.cache_dir.write_text("a file where the folder should be")
    with pytest.raises(DownloadFailed, match="can't be downloaded"):
        download.fetch(NAME, CHECKSUM, source, console)
