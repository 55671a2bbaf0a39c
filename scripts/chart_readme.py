"""The table of values in a chart's README.md, from the comments and the defaults of its values.yaml."""

from pathlib import Path
from typing import NamedTuple

import yaml

HEADING = "## Values"


class Value(NamedTuple):
    """A value that has a comment.

    Args:
        path: Its name, such as ``api.workers``.
        text: The comment.
        default: The default in YAML's short form; None for a group of values.
    """

    path: str
    text: str
    default: str | None


def values_of(source: str) -> list[Value]:
    """Return the commented values of a values.yaml, in its order."""
    root = yaml.compose(source, yaml.SafeLoader)
    found: list[Value] = []
    _visit(root, "", source.splitlines(), found)
    return found


def page(readme: str, source: str) -> str:
    """Return the README with the table under its last heading written anew.

    Raises:
        ValueError: It has no heading ``## Values``.
    """
    head, heading, _ = readme.partition(f"{HEADING}\n")
    if not heading:
        raise ValueError(f"the chart's README.md needs the heading {HEADING!r}")
    return f"{head}{heading}\n{_table(values_of(source))}"


def pages(charts: Path) -> dict[Path, str]:
    """Return the README of every chart in a folder."""
    files = [chart / "README.md" for chart in sorted(charts.iterdir()) if (chart / "Chart.yaml").is_file()]
    return {
        file: page(file.read_text(encoding="utf-8"), (file.parent / "values.yaml").read_text(encoding="utf-8"))
        for file in files
    }


def _visit(node: yaml.MappingNode, prefix: str, lines: list[str], found: list[Value]) -> None:
    for key, value in node.value:
        path, text = f"{prefix}{key.value}", _comment(lines, key.start_mark.line)
        is_group = isinstance(value, yaml.MappingNode) and any(
            _comment(lines, child.start_mark.line)
            for child, _ in value.value
            if child.start_mark.line > key.start_mark.line
        )
        if text:
            found.append(Value(path, text, None if is_group else _short(value)))
        if is_group:
            _visit(value, f"{path}.", lines, found)


def _comment(lines: list[str], line: int) -> str:
    """Return the comment right above a line."""
    first = line
    while first and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return " ".join(text.strip().removeprefix("#").strip() for text in lines[first:line])


def _short(node: yaml.Node) -> str:
    value = yaml.safe_load(yaml.serialize(node))
    return yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000).removesuffix("\n...\n").strip()


def _table(values: list[Value]) -> str:
    rows = ["| value | default | what |", "|---|---|---|"]
    for value in values:
        default = "" if value.default is None else f"`{value.default}`"
        cells = (f"`{value.path}`", default, value.text)
        rows.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"
