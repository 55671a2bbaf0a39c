"""What the dashboard and the rules ask for, taken apart by a parser of Prometheus' query language."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import promql_parser as promql
import yaml

MONITORING = Path(__file__).resolve().parents[2] / "deploy/monitoring"


class Query(NamedTuple):
    """An expression and where it stands.

    Args:
        place: The panel's title, or the rule's name.
        expression: The expression.
        legend: Of a panel's line; may name labels as ``{{label}}``.
    """

    place: str
    expression: str
    legend: str = ""


def of_the_dashboard() -> list[Query]:
    """Return every query of every panel."""
    panels = json.loads((MONITORING / "grafana/dashboards/stack.json").read_text())["panels"]
    return [
        Query(panel["title"], target["expr"], target["legendFormat"])
        for panel in panels
        for target in panel.get("targets", ())
    ]


def of_the_rules() -> list[Query]:
    """Return the expression of every recording rule and alert."""
    return [Query(rule.get("record") or rule["alert"], rule["expr"]) for rule in _rules()]


def recorded() -> set[str]:
    """Return the names that recording rules make."""
    return {rule["record"] for rule in _rules() if "record" in rule}


def _rules() -> list[dict[str, Any]]:
    files = sorted((MONITORING / "rules").glob("*.yml"))
    return [rule for file in files for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]


def nodes(expression: str, *kinds: type) -> list[Any]:
    """Return the parts of an expression that are of these kinds."""
    found: list[Any] = []

    def visit(node: promql.Expr) -> None:
        if isinstance(node, kinds):
            found.append(node)

    promql.walk(promql.parse(expression), visit)
    return found


def selectors(expression: str) -> list[promql.VectorSelector]:
    """Return the series that an expression asks for."""
    return nodes(expression, promql.VectorSelector)


def groups(expression: str) -> list[tuple[promql.AggregateExpr, list[str]]]:
    """Return the aggregations of an expression, each with the labels that it keeps."""
    found = nodes(expression, promql.AggregateExpr)
    return [(node, list(node.modifier.labels)) for node in found if node.modifier is not None]
