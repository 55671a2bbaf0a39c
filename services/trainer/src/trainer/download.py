"""Fetches MNIST's files from public mirrors into a cache; what is whole there already isn't fetched again."""

import http.client
import tempfile
import time
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from trainer import idx
from trainer.console import Console
from trainer.errors import DataError, DownloadFailed

CHUNK_BYTES = 1 << 16
# MNIST's largest file has 10 MB; whatever is far beyond that isn't MNIST.
MAX_FILE_BYTES = 64 << 20
# A mirror that trickles never falls silent; this ends it all the same.
MAX_FILE_S = 300.0


@dataclass(frozen=True)
class Source:
    """Where files come from and where they are kept.

    Args:
        mirrors: Addresses of folders with the files, tried in order.
        cache_dir: Folder to keep them in; made if missing.
        timeout_s: Seconds of silence after which a mirror is given up.
    """

    mirrors: tuple[str, ...]
    cache_dir: Path
    timeout_s: float


def fetch(name: str, checksum: str, source: Source, console: Console) -> Path:
    """Return the path of a whole file in the cache, fetching it if need be.

    Args:
        name: File name on the mirrors, ``.gz`` included.
        checksum: SHA-256 of the uncompressed bytes.
        source: Mirrors and cache.
        console: Where progress goes.

    Raises:
        DownloadFailed: No mirror gave the file whole, or the cache can't be written.
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
    raise DownloadFailed(f"{name} can't be fetched ({'; '.join(reasons)})")


def is_whole(path: Path, checksum: str) -> bool:
    """Tell whether ``path`` is there and holds the bytes with this SHA-256 once uncompressed."""
    try:
        return path.is_file() and idx.sha256(idx.read_bytes(path)) == checksum
    except DataError:
        return False


def _check(data: bytes, checksum: str) -> None:
    if idx.sha256(idx.unpack(data)) != checksum:
        raise DownloadFailed("its SHA-256 isn't the one expected")


def _download(url: str, timeout_s: float, console: Console) -> bytes:
    """Return the body of ``url``, with a bar while it comes."""
    if not url.startswith(("http://", "https://")):
        raise DownloadFailed(f"{url} is no http(s) address")
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
                    raise DownloadFailed(f"not done after {MAX_FILE_S:.0f} s")
    if total_bytes and len(body) != total_bytes:
        raise DownloadFailed(f"cut off after {len(body):,} of {total_bytes:,} bytes")
    return bytes(body)


def _keep(path: Path, data: bytes) -> None:
    """Write ``data`` beside ``path`` and rename it there: a killed download leaves no half file under that name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _temporary(path) as temporary:
        temporary.write_bytes(data)
        temporary.replace(path)


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """Yield a fresh path beside ``path``, and remove what is left of it."""
    with tempfile.NamedTemporaryFile(prefix=f".{path.name}.", dir=path.parent, delete=False) as file:
        temporary = Path(file.name)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
