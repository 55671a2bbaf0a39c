"""OpenStack Swift, an S3-compatible object storage: its four servers on free loopback ports."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.process import Process, answers, free_port, wait_until
from tests.support.required import skip_or_fail

NEEDS = 'settings="$(.ci/s3-up)"; eval "$settings"'
ACCESS_KEY, SECRET_KEY = "test:tester", "testing"
REGION = "us-east-1"
RINGS = ("account", "container", "object")
FILTERS = ("catch_errors", "listing_formats", "s3api", "tempauth", "copy", "slo", "dlo")


def swift_bin() -> Path:
    """Return the folder of Swift's programs; skip without it or without rclone, or fail where they were promised."""
    folder = Path(os.environ.get("SWIFT_BIN", "/nonexistent"))
    if not (folder / "swift-proxy-server").exists() or shutil.which("rclone") is None:
        reason = f"there is no Swift or no rclone here: {NEEDS}"
        skip_or_fail("S3", reason)
    return folder


class SwiftServer:
    """``with SwiftServer(folder) as server: server.url``.

    Args:
        folder: For settings, objects and logs; its file system needs extended attributes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._bin = folder, swift_bin()
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        (self.folder / "disks/d1").mkdir(parents=True)
        (self.folder / "swift.conf").write_text(
            "[swift-hash]\nswift_hash_path_prefix = a\nswift_hash_path_suffix = b\n"
            "[storage-policy:0]\nname = one\ndefault = yes\n"
        )
        with contextlib.ExitStack() as started:
            for ring in RINGS:
                started.enter_context(self._storage(ring))
            started.enter_context(self._proxy())
            wait_until(lambda: answers(f"{self.url}/info"), 30, "Swift")
            self._stack = started.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _ring(self, *argv: str) -> None:
        done = subprocess.run([self._bin / "swift-ring-builder", *argv], capture_output=True, text=True)
        # 1 is a warning, such as that of a ring with one copy.
        assert done.returncode in {0, 1}, done.stdout + done.stderr

    def _storage(self, ring: str) -> Process:
        port, builder = free_port(), str(self.folder / f"{ring}.builder")
        self._ring(builder, "create", "4", "1", "1")
        self._ring(builder, "add", f"r1z1-127.0.0.1:{port}/d1", "1")
        self._ring(builder, "rebalance")
        settings = f"devices = {self.folder / 'disks'}\nmount_check = false\n"
        return self._server(ring, port, settings, f"[pipeline:main]\npipeline = {ring}-server\n", ring)

    def _proxy(self) -> Process:
        pipeline = f"[pipeline:main]\npipeline = {' '.join(FILTERS)} proxy-server\n"
        filters = "".join(f"[filter:{name}]\nuse = egg:swift#{name}\n" for name in FILTERS)
        filters = filters.replace("swift#s3api\n", f"swift#s3api\nlocation = {REGION}\n")
        user, _, name = ACCESS_KEY.partition(":")
        filters = filters.replace("swift#tempauth\n", f"swift#tempauth\nuser_{user}_{name} = {SECRET_KEY} .admin\n")
        # Only the proxy would use memcached, and does without.
        return self._server("proxy", self._port, "", pipeline + filters, "proxy", "account_autocreate = true\n")

    def _server(self, name: str, port: int, settings: str, sections: str, app: str, app_settings: str = "") -> Process:
        file = self.folder / f"{name}.conf"
        file.write_text(
            f"[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = {port}\nworkers = 0\nswift_dir = {self.folder}\n"
            f"user = {os.environ.get('USER') or 'root'}\nlog_address = /nonexistent\n{settings}"
            f"{sections}[app:{app}-server]\nuse = egg:swift#{app}\n{app_settings}"
        )
        argv = [str(self._bin / f"swift-{name}-server"), str(file), "--verbose"]
        return Process(argv, self.folder / f"{name}.log", {"PATH": os.environ["PATH"]}, self.folder)
