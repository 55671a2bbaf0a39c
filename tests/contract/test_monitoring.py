"""The rules are sound, each alert is tried both ways, and the runbook has a section for each."""

import re
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.prometheus import program

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "deploy/monitoring"
RUNBOOK = (ROOT / "docs/operations.md").read_text()
RULE_TESTS = sorted((MONITORING / "rules/tests").glob("*.yml"))


def rules_of(file: str) -> list[dict[str, Any]]:
    groups = yaml.safe_load((MONITORING / "rules" / file).read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules_of("alerts.yml")}


def promtool(*args: str | Path) -> None:
    done = subprocess.run([program("promtool"), *args], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_accepts_the_configuration_and_the_rules():
    promtool("check", "config", "--lint=all", "--lint-fatal", MONITORING / "prometheus.yml")
    # Its certificate isn't on this machine.
    promtool("check", "config", "--syntax-only", MONITORING / "prometheus.secure.yml")
    promtool("check", "rules", "--lint=all", "--lint-fatal", *(MONITORING / "rules").glob("*.yml"))


@pytest.mark.parametrize("file", RULE_TESTS, ids=lambda path: path.name)
def test_rules_do_what_their_tests_ask(file):
    promtool("test", "rules", file)


def test_every_alert_is_tried_firing_and_not_firing():
    tried = defaultdict(set)
    for file in RULE_TESTS:
        for case in yaml.safe_load(file.read_text())["tests"]:
            for check in case.get("alert_rule_test", []):
                tried[check["alertname"]].add(bool(check["exp_alerts"]))
    assert tried == {name: {True, False} for name in ALERTS}


def test_every_recorded_metric_is_tried():
    cases = [case for file in RULE_TESTS for case in yaml.safe_load(file.read_text())["tests"]]
    tried = " ".join(check["expr"] for case in cases for check in case.get("promql_expr_test", []))
    assert {rule["record"] for rule in rules_of("recording.yml") if rule["record"] not in tried} == set()


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_how_bad_what_and_where_to_read_on(name):
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"]
    assert rule["annotations"]["runbook_url"] == f"docs/operations.md#{name.lower()}"


def test_every_alert_has_its_section_in_the_runbook_and_the_other_way_round():
    section = RUNBOOK.partition("\n## Alerts\n")[2].split("\n## ")[0]
    parts = dict(re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", section, re.MULTILINE | re.DOTALL))
    assert list(parts) == list(ALERTS)
    for name, text in parts.items():
        assert re.findall(r"^\*\*(.+?)\*\*", text, re.MULTILINE) == ["Means.", "Look at.", "Do."], name


def test_the_runbook_links_only_to_sections_that_it_has():
    anchors = {title.lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", RUNBOOK, re.MULTILINE)}
    assert set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK)) <= anchors
