"""The command line: ``python -m trainer {train,ensure,publish,list,rollback,promote,canary}``."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from pydantic import ValidationError

# Set before PyTorch loads OpenMP. By default its threads spin while they wait for one another; if the stack under load
# uses the same cores, a training step then takes five times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from trainer import listing
from trainer.console import Console
from trainer.errors import COMMAND_ERRORS, INTERRUPTED_EXIT_CODE, SettingsError, exit_code_of, exit_codes
from trainer.publish.order import Order
from trainer.settings import DatasetChoice, DeviceChoice, FormatChoice, Settings

OVERRIDES = ("dataset", "epochs", "seed", "device", "format")
EPILOG = """\
examples:
  python -m trainer train                      train, publish, and load into a running Triton
  python -m trainer train --epochs 2 --no-load a quick run that loads nothing into Triton
  python -m trainer ensure                     train only if nothing is published yet
  python -m trainer publish my.onnx --model my_model
                                               publish a file that was made elsewhere
  python -m trainer rollback                   serve the version that was served before
  python -m trainer rollback --model my_model  the same for another model
  python -m trainer promote 3                  serve version 3
  python -m trainer canary 4                   serve version 4 beside it; API_TRAFFIC_FILE shares the requests out

Every setting is a TRAINER_* variable; docs/settings.md lists them.

exit codes:
"""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser; its help names every command, flag and exit code."""
    codes = "".join(f"  {code:>3}  {meaning}\n" for code, meaning in exit_codes().items())
    parser = argparse.ArgumentParser(
        prog="python -m trainer",
        description="Trains the digit model, takes models made elsewhere, and publishes both to a model repository.",
        epilog=EPILOG + codes,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="{train,ensure,publish,list,rollback,promote,canary}"
    )
    train = commands.add_parser("train", help="train a network, and publish it if it is accurate enough")
    ensure = commands.add_parser("ensure", help="train if nothing is published; otherwise check the served version")
    publish = commands.add_parser("publish", help="publish an ONNX or TorchScript file as a new version of a model")
    commands.add_parser("list", help="show every version of every model: served or retired, format, date, checksum")
    rollback = commands.add_parser("rollback", help="serve the version that was served before, or version N")
    promote = commands.add_parser("promote", help="serve the version N, older or newer")
    canary = commands.add_parser("canary", help="serve the version N beside the served one, until one is promoted")
    for command in (train, ensure):
        _add_training_flags(command)
    _add_publish_flags(publish)
    rollback.add_argument("--to", type=int, metavar="VERSION", help="the version to serve; default: the previous one")
    promote.add_argument("to", type=int, metavar="VERSION", help="the version to serve")
    canary.add_argument("version", type=int, metavar="VERSION", help="the version to serve beside the other")
    for command in (rollback, promote, canary):
        command.add_argument("--model", metavar="NAME", help="the model; default: TRAINER_MODEL_NAME")
    for command in (train, ensure, publish, rollback, promote, canary):
        command.add_argument("--no-load", dest="load", action="store_false", help="load nothing into a running Triton")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = build_parser().parse_args(arguments)
    console = Console()
    # `docker stop` and Kubernetes send SIGTERM; it is handled as Ctrl-C is.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        _run(options, _settings(options), console)
    except COMMAND_ERRORS as exc:
        console.error(str(exc))
        return exit_code_of(exc)
    except KeyboardInterrupt:
        console.error("interrupted; the repository is unchanged or complete")
        return INTERRUPTED_EXIT_CODE
    return 0


def _add_training_flags(command: argparse.ArgumentParser) -> None:
    command.add_argument("--dataset", choices=get_args(DatasetChoice), help="TRAINER_DATASET; default: auto")
    for name in ("epochs", "seed"):
        default = Settings.model_fields[name].default
        command.add_argument(f"--{name}", type=int, help=f"TRAINER_{name.upper()}; default: {default}")
    command.add_argument("--device", choices=get_args(DeviceChoice), help="TRAINER_DEVICE; default: auto")
    command.add_argument("--format", choices=get_args(FormatChoice), help="TRAINER_FORMAT; default: auto")


def _add_publish_flags(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", type=Path, metavar="FILE", help="ONNX or TorchScript")
    command.add_argument("--model", required=True, metavar="NAME", help="the model's name")
    command.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="NAME:DTYPE:DIMS",
        help="an input, such as image:FP32:-1,3,224,224; TorchScript needs each, in order; for ONNX it fixes lengths",
    )
    command.add_argument("--config", type=Path, metavar="FILE", help="config.pbtxt whose other fields are taken over")
    command.add_argument(
        "--labels",
        action="append",
        default=[],
        metavar="[OUTPUT:]FILE",
        help="names of an output's values, a line each",
    )
    command.add_argument(
        "--max-batch-size", type=int, metavar="N", help="most rows of a batch, 0 for none; default: found by running it"
    )


def _settings(options: argparse.Namespace) -> Settings:
    """Read the settings; flags override variables.

    Raises:
        SettingsError: A setting can't be used. The message doesn't show the value: it may be a key.
    """
    given = {name: getattr(options, name) for name in OVERRIDES if getattr(options, name, None) is not None}
    try:
        return Settings(**given)
    except ValidationError as exc:
        faults = (f"{_variable(error['loc'])}: {error['msg']}" for error in exc.errors(include_input=False))
        raise SettingsError("; ".join(faults)) from exc


def _variable(location: tuple[int | str, ...]) -> str:
    """Return the name of the variable at which pydantic found an error."""
    name = str(location[0]) if location else "settings"
    return name if name.isupper() else f"TRAINER_{name.upper()}"


def _run(options: argparse.Namespace, settings: Settings, console: Console) -> None:
    if options.command == "list":
        listing.list_versions(settings, console)
        return
    from trainer import pipeline  # noqa: PLC0415  `list` answers sooner without it

    if options.command in {"rollback", "promote"}:
        pipeline.rollback(settings, console, to=options.to, load=options.load, model=options.model)
    elif options.command == "canary":
        pipeline.canary(settings, console, version=options.version, load=options.load, model=options.model)
    elif options.command == "publish":
        order = Order(options.file, tuple(options.input), options.config, tuple(options.labels), options.max_batch_size)
        pipeline.publish(settings, console, order, model=options.model, load=options.load)
    else:
        command = pipeline.train if options.command == "train" else pipeline.ensure
        command(settings, console, load=options.load)


if __name__ == "__main__":
    sys.exit(main())
