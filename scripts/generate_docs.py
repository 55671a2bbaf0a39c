"""Writes ``docs/settings.md``, ``docs/openapi.json`` and the charts' tables of values; with ``--check`` names old ones.

Each service describes its own settings; this script writes them as one page.
"""

import json
import sys
from enum import Enum
from pathlib import Path
from typing import Any

import chart_readme
from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

import api.app
import api.settings
import loadgen.settings
import trainer.settings
import triton_runtime.settings

ROOT = Path(__file__).resolve().parent.parent
SERVICES: dict[str, type[BaseSettings]] = {
    "api": api.settings.Settings,
    "trainer": trainer.settings.Settings,
    "triton": triton_runtime.settings.Settings,
    "loadgen": loadgen.settings.Settings,
}
INTRO = """# Settings

Every process reads its settings from environment variables, once, at start; `make` and `docker compose` also read
`.env` (a variable that is set already wins). A wrong value stops the process with a line that names the variable.

This page is generated from the code: `make docs`.
"""


def variable_of(prefix: str, name: str, field: FieldInfo) -> str:
    """Return the name of the environment variable."""
    if isinstance(field.validation_alias, AliasChoices):
        return str(field.validation_alias.choices[0])
    return f"{prefix}{name}".upper()


def default_of(field: FieldInfo) -> str:
    """Return the default as it would be written in ``.env``."""
    if field.default_factory is not None:
        return "depends on the machine"
    if field.default is PydanticUndefined:
        return "required"
    value: Any = field.default
    if value is None or value == ():
        return "unset"
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, tuple):
        value = ",".join(map(str, value))
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def range_of(field: FieldInfo) -> str:
    """Return the accepted range, or nothing if every value is accepted."""
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    bounds = [f"{sign} {getattr(m, key)}" for m in field.metadata for key, sign in signs.items() if hasattr(m, key)]
    return ", ".join(bounds)


def settings_page() -> str:
    """Return the whole page."""
    parts = [INTRO]
    for service, settings in SERVICES.items():
        prefix = settings.model_config.get("env_prefix", "")
        parts.append(f"\n## {service}\n\n| variable | default | range | what |\n|---|---|---|---|\n")
        # A service's own first, then those that its class inherits.
        own = settings.__annotations__
        for name, field in sorted(settings.model_fields.items(), key=lambda one: one[0] not in own):
            cells = (f"`{variable_of(prefix, name, field)}`", default_of(field), range_of(field), field.description)
            parts.append("| " + " | ".join(str(cell).replace("|", r"\|") for cell in cells) + " |\n")
    return "".join(parts)


def openapi() -> str:
    """Return the api's OpenAPI description."""
    app = api.app.create_app(api.settings.Settings.model_construct())
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the files, or name those that are out of date."""
    pages = {ROOT / "docs/settings.md": settings_page(), ROOT / "docs/openapi.json": openapi()}
    pages |= chart_readme.pages(ROOT / "deploy/helm")
    stale = [path for path, text in pages.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if "--check" not in sys.argv:
        for path in stale:
            path.write_text(pages[path], encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
        return 0
    for path in stale:
        print(f"{path.relative_to(ROOT)} is out of date: run 'make docs'", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
