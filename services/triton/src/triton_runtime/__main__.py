"""``python -m triton_runtime [serve]`` starts tritonserver; ``python -m triton_runtime assemble DIR`` prepares."""

import argparse
import logging
import os
import sys
from pathlib import Path

from pydantic import ValidationError

from triton_runtime.backends import assemble
from triton_runtime.command import build_argv, build_env
from triton_runtime.errors import LaunchError, SettingsError
from triton_runtime.ports import check_ports
from triton_runtime.settings import Settings
from triton_runtime.shell import check_path, interpreter_dir, split_names
from triton_runtime.tls import check_tls
from triton_runtime.wheel import find_wheel

EXIT_CODE = 2
_log = logging.getLogger("triton_runtime")


def main() -> int:
    """Run the command line's command; an error is one line and exit code 2."""
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
            # pydantic names a field that has aliases by the first of them.
            _log.error("%s: %s", name if name.startswith("TRITON_") else f"TRITON_{name}", error["msg"])
        return EXIT_CODE
    return 0


def serve(settings: Settings) -> None:
    """Replace this process by tritonserver, so that signals reach it directly. Doesn't return.

    Raises:
        LaunchError: Something that tritonserver needs is missing or can't be used.
    """
    if not settings.model_repository.is_dir():
        raise SettingsError(
            f"TRITON_MODEL_REPOSITORY: {settings.model_repository} isn't a folder; create it, or name another"
        )
    check_ports(settings)
    check_tls(settings)
    if not settings.has_key():
        _log.warning("TRITON_ADMIN_KEY isn't set: models can't be loaded while this server runs")
    models = ["*"]
    if settings.server_bin is not None:
        backends = settings.backend_dir or settings.server_bin.parents[1] / "backends"
        server, env = settings.server_bin, dict(os.environ)
    else:
        wheel = find_wheel()
        backends = settings.backend_dir or settings.run_dir.absolute() / "backends"
        check_path(settings.model_repository, "TRITON_MODEL_REPOSITORY")
        check_path(backends, "TRITON_BACKEND_DIR" if settings.backend_dir else "TRITON_RUN_DIR")
        if settings.backend_dir is None:
            assemble(wheel, backends)
        libraries = (backends / "python", *wheel.library_dirs)  # the stub's folder, for libpython.py
        server, env = wheel.server, build_env(os.environ, wheel._replace(library_dirs=libraries), interpreter_dir())
        models = _models_to_load(settings.model_repository)
    argv = build_argv(settings, server, backends, settings.key(), models)
    try:
        os.execve(server, argv, env)  # noqa: S606 - no shell wanted
    except OSError as exc:
        raise SettingsError(f"{server} can't be started: {exc.strerror}") from exc


def _models_to_load(repository: Path) -> list[str]:
    """Return the models to load at start; a name that Triton can't start a backend for is logged and left out."""
    names, refused = split_names(repository)
    for name in refused:
        _log.error(
            "model %r isn't loaded: its name may have letters, digits and . _ - only; rename its folder in %s",
            name,
            repository,
        )
    return names if refused else ["*"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m triton_runtime", description="Runs NVIDIA's tritonserver.")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="start tritonserver (the default)")
    assembling = commands.add_parser("assemble", help="write the backend directory only, for the build of an image")
    assembling.add_argument("folder", type=Path, help="the directory to write; name it in TRITON_BACKEND_DIR")
    return parser


if __name__ == "__main__":
    sys.exit(main())
