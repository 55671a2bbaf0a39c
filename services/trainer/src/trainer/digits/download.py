"""Downloads MNIST's files from public mirrors into a cache; whole files in the cache aren't downloaded again."""

import http.client
import tempfile
import time
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from modelrepo.checksum import sha256
from trainer.console import Console
from trainer.digits import idx
from trainer.errors import DataError, DownloadFailed

CHUNK_BYTES = 1 << 16
# MNIST's largest file has 10 MB; a much larger one isn't MNIST.
MAX_FILE_BYTES = 64 << 20
# A slow mirror that keeps sending never reaches the timeout; this bounds the whole download.
MAX_FILE_S = 300.0


@dataclass(frozen=True)
class Source:
    """Where files are downloaded from and stored.

    Args:
        mirrors: Addresses of folders with the files, tried in order.
        cache_dir: Folder to store them in; created if missing.
        timeout_s: Seconds without data after which the next mirror is tried.
    """

    mirrors: tuple[str, ...]
    cache_dir: Path
    timeout_s: float


def fetch(name: str, checksum: str, source: Source, console: Console) -> Path:
    """Return the path of a whole file in the cache; download it if it is missing or damaged.

    Args:
        name: File name on the mirrors, ``.gz`` included.
        checksum: SHA-256 of the uncompressed bytes.
        source: Mirrors and cache.
        console: Shows progress.

    Raises:
        DownloadFailed: No mirror returned the whole file, or the cache can't be written.
    """
    path = source.cache_dir / name
    if is_whole(path, checksum):
        return path
    reasons = []
    for mirror in source.mirrors:
        try:
            data = _download(f"{mirror.rstrip('/')}/{name}", source.timeout_s, console)
            _check(data, checksum)
            _keep(path, data)
        except (OSError, EOFError, ValueError, http.client.HTTPException, zlib.error, DownloadFailed) as exc:
            reasons.append(f"{mirror}: {exc}")
        else:
            return path
    raise DownloadFailed(f"{name} can't be downloaded ({'; '.join(reasons)})")


def is_whole(path: Path, checksum: str) -> bool:
    """Tell whether ``path`` exists and its uncompressed bytes have this SHA-256."""
    try:
        return path.is_file() and sha256(idx.read_bytes(path)) == checksum
    except DataError:
        return False


def _check(data: bytes, checksum: str) -> None:
    if sha256(idx.unpack(data)) != checksum:
        raise DownloadFailed("its SHA-256 differs from the expected one")


def _download(url: str, timeout_s: float, console: Console) -> bytes:
    """Return the body of ``url``, and show a progress bar."""
    if not url.startswith(("http://", "https://")):
        raise DownloadFailed(f"{url} isn't an http(s) address")
    started_s = time.monotonic()
    with urllib.request.urlopen(url, timeout=timeout_s) as response:  # noqa: S310  the scheme is checked above
        total_bytes = int(response.headers.get("Content-Length") or 0)
        body = bytearray()
        with console.bar(url.rsplit("/", 1)[-1], total_bytes, unit="B") as bar:
            for chunk in iter(lambda: response.read(CHUNK_BYTES), b""):
                body += chunk
                bar.update(len(chunk))
                if len(body) > MAX_FILE_BYTES:
                    raise DownloadFailed(f"more than {MAX_FILE_BYTES:,} bytes")
                if time.monotonic() - started_s > MAX_FILE_S:
                    raise DownloadFailed(f"incomplete after {MAX_FILE_S:.0f} s")
    if total_bytes and len(body) != total_bytes:
        raise DownloadFailed(f"truncated after {len(body):,} of {total_bytes:,} bytes")
    return bytes(body)


def _keep(path: Path, data: bytes) -> None:
    """Write ``data`` beside ``path``, then rename it: a killed download leaves no partial file of that name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _temporary(path) as temporary:
        temporary.write_bytes(data)
        temporary.replace(path)


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """Yield a new path beside ``path``; remove the file afterwards if it still exists."""
    with tempfile.NamedTemporaryFile(prefix=f".{path.name}.", dir=path.parent, delete=False) as file:
        temporary = Path(file.name)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
