"""The Compose files as Compose reads them, and the clients of this machine that can be asked the same."""

import contextlib
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CPU, GPU = ROOT / "docker-compose.yml", ROOT / "docker-compose.gpu.yml"
SECURE = ROOT / "docker-compose.secure.yml"
ENV_EXAMPLE = ROOT / ".env.example"
CLIENTS = (("docker", "compose"), ("docker-compose",))  # v2 as a plug-in, and by itself: 1.29 on Debian

_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+):-([^}]*)\}")

Tree = dict[str, Any]


def client_answers(command: tuple[str, ...]) -> bool:
    """Say whether a Compose client is there."""
    with contextlib.suppress(OSError):
        return subprocess.run([*command, "version"], capture_output=True, check=False).returncode == 0
    return False


def tree_of(file: Path) -> Tree:
    """Return a file with its anchors followed and its variables' names still in it."""
    tree: Tree = yaml.safe_load(file.read_text())
    return tree


def variables_of(file: Path) -> dict[str, str]:
    """Return the variables that a file puts in, with their defaults."""
    found: dict[str, str] = {}
    for name, default in _VARIABLE.findall(file.read_text()):
        assert found.setdefault(name, default) == default, f"{name} has two defaults"
    return found


def passed_on(file: Path) -> set[str]:
    """Return the variables that containers get as they are in the shell or ``.env``."""
    return {
        name
        for service in tree_of(file)["services"].values()
        for name, value in service.get("environment", {}).items()
        if value is None
    }


def with_defaults(value: Any) -> Any:
    """Return a tree as Compose has it where no variable is set.

    Source: https://github.com/compose-spec/compose-spec/blob/main/12-interpolation.md
    """
    if isinstance(value, dict):
        return {key: with_defaults(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_defaults(item) for item in value]
    if isinstance(value, str):
        return _VARIABLE.sub(lambda match: match[2], value).replace("$$", "$")
    return value


def merged(base: Any, overlay: Any) -> Any:
    """Lay one tree over another: mappings merge, sequences add up, anything else is replaced.

    Source: https://github.com/compose-spec/compose-spec/blob/main/13-merge.md
    """
    if isinstance(base, dict) and isinstance(overlay, dict):
        both = {key: merged(base[key], overlay[key]) for key in base.keys() & overlay.keys()}
        return base | overlay | both
    if isinstance(base, list) and isinstance(overlay, list):
        return base + overlay
    return overlay


def stack(*files: Path) -> Tree:
    """Return what Compose runs from these files where no variable is set."""
    tree: Tree = {}
    for file in files:
        tree = merged(tree, tree_of(file))
    return with_defaults(tree)


def config_by(command: tuple[str, ...], *files: Path, env_file: Path = ENV_EXAMPLE) -> Tree:
    """Return the same as a client sees it, which first checks the files against the Compose specification's schema.

    Args:
        command: The client.
        files: The Compose files, in order.
        env_file: Variables; by default the example, in which every line is a comment.

    Raises:
        AssertionError: It doesn't take them; the message says why.
    """
    named = [part for file in files for part in ("--file", str(file))]
    profiles = {
        name for file in files for one in tree_of(file)["services"].values() for name in one.get("profiles", ())
    }
    active = [part for name in sorted(profiles) for part in ("--profile", name)]
    environment = {key: os.environ[key] for key in ("PATH", "HOME", "DOCKER_CONFIG") if key in os.environ}
    done = subprocess.run(
        [*command, *named, "--env-file", str(env_file), *active, "config"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    tree: Tree = yaml.safe_load(done.stdout)
    return tree
