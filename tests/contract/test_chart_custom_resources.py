"""Objects of others' operators: models made of their own definitions take them, and know each of their fields."""

import math
import re

import pytest
import yaml
from cloudcoil.models.keda import v1alpha1 as keda
from cloudcoil.models.prometheus_operator import v1 as prometheus
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from tests.support.helm import CHARTS, ROOT, VARIANTS, drawn, one, variant_id
from tests.support.promql import selectors

KEDA = CHARTS / "stack/values-keda.yaml"
EXTERNAL = CHARTS / "stack/values-external-metric.yaml"
EVERYTHING = CHARTS / "stack/ci/everything.yaml"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)


class PathMatch(Strict):
    type: str = Field(pattern="^(Exact|PathPrefix|RegularExpression)$")
    value: str = Field(pattern="^/")


class Match(Strict):
    path: PathMatch


class BackendRef(Strict):
    name: str
    port: int = Field(ge=1, le=65535)


class Rule(Strict):
    matches: list[Match] = Field(max_length=64)
    backend_refs: list[BackendRef] = Field(max_length=16)


class ParentRef(Strict):
    name: str
    namespace: str | None = None
    section_name: str | None = None


class RouteSpec(Strict):
    parent_refs: list[ParentRef] = Field(max_length=32)
    hostnames: list[str] = Field([], max_length=16)
    rules: list[Rule] = Field(max_length=16)


class HTTPRoute(Strict):
    """The part of an HTTPRoute that the chart uses.

    Source: https://gateway-api.sigs.k8s.io/reference/spec/#httproute
    """

    api_version: str = Field(pattern="^gateway.networking.k8s.io/v1$")
    kind: str
    metadata: dict
    spec: RouteSpec


MODELS = {
    "ScaledObject": keda.ScaledObject,
    "PodMonitor": prometheus.PodMonitor,
    "ServiceMonitor": prometheus.ServiceMonitor,
    "PrometheusRule": prometheus.PrometheusRule,
    "HTTPRoute": HTTPRoute,
}


def known_part(tree):
    """Return an object without the fields that its definition doesn't know."""
    return MODELS[tree["kind"]].model_validate(tree).model_dump(by_alias=True, exclude_unset=True, mode="json")


@pytest.mark.parametrize("variant", VARIANTS, ids=variant_id)
def test_the_definitions_know_every_field(variant):
    chart, file = variant
    for tree in drawn(chart, file):
        if tree["kind"] in MODELS:
            assert known_part(tree) == tree


@pytest.mark.parametrize("kind", MODELS)
def test_a_field_that_they_do_not_know_is_found(kind):
    objects = drawn("stack", EVERYTHING) + drawn("stack", KEDA)
    tree = next(each for each in objects if each["kind"] == kind)
    wrong = {**tree, "spec": {**tree["spec"], "nonsense": 1}}
    try:
        assert known_part(wrong) != wrong
    except ValueError as exc:
        assert "nonsense" in str(exc)


@pytest.mark.parametrize("query", ["pending", "queue"])
def test_keda_asks_for_metrics_that_the_dashboard_asks_for_too(query):
    sets = (f"triton.autoscaling.query={query}",)
    spec = one(drawn("stack", KEDA, sets=sets), "ScaledObject", "stack-triton")["spec"]
    [trigger] = spec["triggers"]
    assert trigger["metricType"] == "AverageValue"
    assert math.isclose(float(trigger["metadata"]["threshold"]), 0.5)
    [selector] = selectors(trigger["metadata"]["query"])
    assert selector.name in (ROOT / "deploy/monitoring/grafana/dashboards/stack.json").read_text()
    labels = {each.name: each.value for each in selector.matchers.matchers}
    assert labels == {"namespace": "default", "pod": "stack-triton-.+"}
    assert spec["minReplicaCount"] == 2


def test_the_adapters_rule_in_the_docs_serves_the_metric_that_the_autoscaler_asks_for():
    objects = drawn("stack", EXTERNAL)
    [metric] = one(objects, "HorizontalPodAutoscaler", "stack-triton")["spec"]["metrics"]
    page = (ROOT / "docs/scaling.md").read_text()
    [block] = [text.partition("```")[0] for text in page.split("```yaml\n")[1:] if "metricsQuery" in text]
    [rule] = yaml.safe_load(block)["rules"]["external"]
    assert rule["name"]["as"] == metric["external"]["metric"]["name"]
    assert metric["external"]["target"] == {"type": "AverageValue", "averageValue": "0.5"}
    # The label that the autoscaler selects by is one that the monitors hand on.
    [label] = metric["external"]["metric"]["selector"]["matchLabels"]
    monitor = one(objects, "PodMonitor", "stack-triton")["spec"]
    assert label in {re.sub(r"[./]", "_", each) for each in monitor["podTargetLabels"]}


def test_the_jobs_of_the_monitors_are_those_that_the_rules_name():
    for file, kind in ((KEDA, "PodMonitor"), (EVERYTHING, "ServiceMonitor")):
        objects = drawn("stack", file)
        monitors = [tree["spec"] for tree in objects if tree["kind"] == kind]
        labels = {each["selector"]["matchLabels"][each["jobLabel"]] for each in monitors}
        assert labels == {"api", "triton"}
