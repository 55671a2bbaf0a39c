"""helm takes the charts, Kubernetes' schemas take what it draws, and the values' schema, README and notes fit."""

import json
import os

import kubernetes_validate
import pytest
import yaml

from tests.support.helm import CHARTS, NEWEST, OLDEST, VARIANTS, containers, drawn, helm, one, pods, variant_id

# `make charts` tries every version; the others are in between.
EVERY = [f"1.{minor}" for minor in range(25, int(NEWEST.split(".")[1]) + 1)]
VERSIONS = EVERY if os.environ.get("CHARTS_EVERY_VERSION") == "1" else [EVERY[0], EVERY[-1]]
# Made by others' operators; Kubernetes has no schemas of them. (test_chart_custom_resources.py)
CUSTOM = {"PodMonitor", "ServiceMonitor", "PrometheusRule", "ScaledObject", "HTTPRoute"}
# What an API server of 1.20 serves.
SERVED_BY_OLDEST = {
    "v1": {"Secret", "Service", "PersistentVolumeClaim", "ConfigMap", "Pod"},
    "apps/v1": {"Deployment"},
    "batch/v1": {"Job"},
    "batch/v1beta1": {"CronJob"},
    "policy/v1beta1": {"PodDisruptionBudget"},
    "autoscaling/v2beta2": {"HorizontalPodAutoscaler"},
    "networking.k8s.io/v1": {"NetworkPolicy", "Ingress"},
}
EVERYTHING = CHARTS / "stack/ci/everything.yaml"


@pytest.mark.parametrize("chart", ["stack", "loadgen"])
def test_helm_finds_nothing_to_complain_of(chart):
    done = helm("lint", "--strict", CHARTS / chart)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("variant", VARIANTS, ids=variant_id)
def test_kubernetes_schema_takes_every_object(variant, version):
    chart, file = variant
    for tree in drawn(chart, file, version=version):
        if tree["kind"] not in CUSTOM:
            kubernetes_validate.validate(tree, version, strict=True)


@pytest.mark.parametrize("variant", VARIANTS, ids=variant_id)
def test_the_oldest_version_serves_every_object(variant):
    chart, file = variant
    for tree in drawn(chart, file, version=OLDEST):
        if tree["kind"] not in CUSTOM:
            assert tree["kind"] in SERVED_BY_OLDEST.get(tree["apiVersion"], ()), tree["apiVersion"]
    # Fields that came later would be dropped without a word.
    text = json.dumps(drawn(chart, file, version=OLDEST))
    assert not [field for field in ("unhealthyPodEvictionPolicy", "timeZone", '"grpc": {') if field in text]


def test_a_cluster_that_is_too_old_is_refused():
    done = helm("template", "stack", CHARTS / "stack", "--kube-version", "1.19.0")
    assert done.returncode != 0
    assert "kubeVersion" in done.stderr


def test_a_time_zone_is_refused_where_it_would_be_dropped():
    sets = ("--set", "trainer.schedule=@daily,trainer.timeZone=Etc/UTC", "--kube-version")
    assert "timeZone" in helm("template", "stack", CHARTS / "stack", *sets, "1.26.0").stderr
    assert "timeZone: Etc/UTC" in helm("template", "stack", CHARTS / "stack", *sets, "1.27.0").stdout


@pytest.mark.parametrize(
    "wrong, named",
    [
        ("api.replica=3", "replica"),
        ("storage.kind=nfs", "/storage/kind"),
        ("api.env.api_workers=3", "api_workers"),
        ("triton.autoscaling.by=gpu", "/triton/autoscaling/by"),
        ("triton.autoscaling.by=keda", "prometheusUrl: name the address of Prometheus"),
        ("publish[0].name=iris", "/publish/0"),
    ],
)
def test_a_wrong_value_is_named(wrong, named):
    done = helm("template", "stack", CHARTS / "stack", "--set", wrong)
    assert done.returncode != 0
    assert named in done.stderr


@pytest.mark.parametrize("chart", ["stack", "loadgen"])
def test_the_values_schema_knows_each_value_and_no_other(chart):
    values = yaml.safe_load((CHARTS / chart / "values.yaml").read_text())
    schema = json.loads((CHARTS / chart / "values.schema.json").read_text())
    assert set(schema["properties"]) == set(values) | {"global"}

    def compare(properties, tree, path):
        for name, rule in properties.items():
            if rule.get("additionalProperties") is False and "properties" in rule and name != "rollingUpdate":
                assert set(rule["properties"]) == set(tree[name]), f"{path}.{name}"
                compare(rule["properties"], tree[name], f"{path}.{name}")

    compare({key: rule for key, rule in schema["properties"].items() if key != "global"}, values, chart)


def test_a_job_has_another_name_when_its_pod_changes_and_only_then():
    def name(*sets):
        return one(drawn("stack", sets=sets), "Job", "stack-model-init")["metadata"]["name"]

    assert name() == name("api.replicas=3")
    assert name() != name("trainer.env.TRAINER_EPOCHS=3")


def test_an_upgrade_of_the_chart_alone_restarts_no_pod():
    for tree, template in pods(drawn("stack", EVERYTHING)):
        if tree["kind"] != "Pod":
            assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(template["metadata"]["labels"])


def test_the_monitoring_files_are_those_of_compose():
    rules = one(drawn("stack", EVERYTHING), "PrometheusRule", "stack-rules")["spec"]["groups"]
    folder = CHARTS.parent / "monitoring"
    files = [yaml.safe_load((folder / f"rules/{name}.yml").read_text())["groups"] for name in ("recording", "alerts")]
    assert rules == files[0] + files[1]
    [dashboard] = one(drawn("stack", EVERYTHING), "ConfigMap", "stack-dashboard")["data"].values()
    assert json.loads(dashboard) == json.loads((folder / "grafana/dashboards/stack.json").read_text())


@pytest.mark.parametrize("chart", ["stack", "loadgen"])
def test_a_packaged_chart_has_the_linked_files_in_it(chart, tmp_path):
    done = helm("package", CHARTS / chart, "--destination", tmp_path)
    assert done.returncode == 0, done.stderr
    [package] = tmp_path.glob("*.tgz")
    # A release is kept in a Secret, which can't exceed a megabyte.
    assert package.stat().st_size < 200_000
    done = helm("template", "load", package, "--set", "monitoring.rules=true" if chart == "stack" else "workers=3")
    assert done.returncode == 0, done.stderr


def test_everything_has_every_kind_of_object():
    kinds = {tree["kind"] for tree in drawn("stack", EVERYTHING)}
    assert kinds >= {"CronJob", "Ingress", "HTTPRoute", "ServiceMonitor", "PrometheusRule", "ScaledObject", "Job"}
    assert any(each["name"] == "redis" for _, pod in pods(drawn("stack", EVERYTHING)) for each in containers(pod))
