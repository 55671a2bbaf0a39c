"""``python -m triton_runtime [serve]`` becomes tritonserver; ``python -m triton_runtime assemble DIR`` prepares."""

import argparse
import logging
import os
import sys
from pathlib import Path

from pydantic import ValidationError

from triton_runtime.backends import assemble
from triton_runtime.command import argv_of, env_of
from triton_runtime.errors import LaunchError, SettingsError
from triton_runtime.ports import check_ports
from triton_runtime.settings import Settings
from triton_runtime.tls import check_tls
from triton_runtime.wheel import find_wheel

EXIT_CODE = 2
_log = logging.getLogger("triton_runtime")


def main() -> int:
    """Read the command line and do what it says; a failure is one line and exit code 2."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    args = _parser().parse_args()
    try:
        if args.command == "assemble":
            _log.info("backends: %s", assemble(find_wheel(), args.folder))
        else:
            serve(Settings())
    except LaunchError as exc:
        _log.error("%s", exc)
        return EXIT_CODE
    except ValidationError as exc:
        for error in exc.errors(include_input=False, include_url=False):
            name = ".".join(map(str, error["loc"])).upper()
            # pydantic names a field that has other names too by the first of those.
            _log.error("%s: %s", name if name.startswith("TRITON_") else f"TRITON_{name}", error["msg"])
        return EXIT_CODE
    return 0


def serve(settings: Settings) -> None:
    """Become tritonserver; signals then reach it directly. Doesn't return.

    Raises:
        LaunchError: Something is missing or in the way.
    """
    if not settings.model_repository.is_dir():
        raise SettingsError(
            f"TRITON_MODEL_REPOSITORY: {settings.model_repository} is no folder; make it, or name another"
        )
    check_ports(settings)
    check_tls(settings)
    if not settings.has_key():
        _log.warning("TRITON_ADMIN_KEY isn't set: models can't be loaded while this server runs")
    if settings.server_bin is not None:
        backends = settings.backend_dir or settings.server_bin.parents[1] / "backends"
        server, env = settings.server_bin, dict(os.environ)
    else:
        wheel = find_wheel()
        backends = settings.backend_dir or assemble(wheel, settings.run_dir.absolute() / "backends")
        libraries = (backends / "python", *wheel.library_dirs)  # the stub's folder, for libpython.py
        server, env = wheel.server, env_of(os.environ, wheel._replace(library_dirs=libraries))
    argv = argv_of(settings, server, backends, settings.key())
    try:
        os.execve(server, argv, env)  # noqa: S606 - no shell wanted
    except OSError as exc:
        raise SettingsError(f"{server} can't be started: {exc.strerror}") from exc


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m triton_runtime", description="Runs NVIDIA's tritonserver.")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="become tritonserver (the default)")
    assembling = commands.add_parser("assemble", help="put the backends together for later, as an image's build does")
    assembling.add_argument("folder", type=Path, help="where; then name it in TRITON_BACKEND_DIR")
    return parser


if __name__ == "__main__":
    sys.exit(main())
