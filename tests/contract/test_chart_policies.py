"""What every pod of the charts keeps to, whatever the values: limits, rights, probes, and names that lead somewhere."""

import re

import pytest

from tests.support.helm import OLDEST, ROOT, VARIANTS, containers, drawn, matches, pods, variant_id

# Locust's workers listen on no port; Compose checks them neither.
WITHOUT_PROBES = {"loadgen-worker"}
PROBES = {"startupProbe", "readinessProbe", "livenessProbe"}
SCALERS = {"HorizontalPodAutoscaler", "ScaledObject"}
# Secrets and claims that a values file names, and a user makes.
MADE_BY_USERS = {"s3", "mnist", "registry", "stack-api-keys", "stack-tls", "webhooks"}
SETTINGS = set(re.findall(r"^\| `([A-Z0-9_]+)` \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))
SETTINGS |= set(re.findall(r"`(TRITON_[A-Z_]+)`", (ROOT / "docs/settings.md").read_text()))

every_variant = pytest.mark.parametrize("variant", VARIANTS, ids=variant_id)


def of(variant):
    chart, file = variant
    return drawn(chart, file)


@every_variant
def test_a_pod_has_no_right_that_it_does_without(variant):
    for tree, template in pods(of(variant)):
        spec, name = template["spec"], tree["metadata"]["name"]
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["enableServiceLinks"] is False, f"{name}: a Service `api` would set API_PORT"
        context = spec["securityContext"]
        assert context["runAsNonRoot"] is True
        assert isinstance(context["runAsUser"], int), "a name can't be told from root"
        assert context["runAsUser"] > 0
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        assert not any("hostPath" in volume for volume in spec["volumes"])
        for container in containers(template):
            assert container["securityContext"] == {
                "readOnlyRootFilesystem": True,
                "allowPrivilegeEscalation": False,
                "capabilities": {"drop": ["ALL"]},
            }


@every_variant
def test_a_container_says_what_it_needs_and_cannot_take_more(variant):
    for _, template in pods(of(variant)):
        for container in containers(template):
            resources = container["resources"]
            assert {"cpu", "memory"} <= set(resources["requests"]), container["name"]
            assert "memory" in resources["limits"], container["name"]
            # A limit of CPU would throttle a pod although cores are free.
            assert "cpu" not in resources["limits"], container["name"]
            _, _, tag = container["image"].rpartition(":")
            assert tag
            assert tag != "latest"
        for volume in template["spec"]["volumes"]:
            if volume.get("emptyDir", {}).get("medium") == "Memory":
                assert volume["emptyDir"]["sizeLimit"]


@every_variant
def test_what_runs_on_has_three_probes_and_time_to_stop(variant):
    for tree, template in pods(of(variant)):
        if tree["kind"] != "Deployment":
            continue
        for container in template["spec"]["containers"]:
            expected = set() if container["name"] in WITHOUT_PROBES else PROBES
            assert PROBES & set(container) == expected, container["name"]
            for probe in expected:
                assert container[probe]["timeoutSeconds"] <= 5
            if expected:
                startup = container["startupProbe"]
                assert startup["periodSeconds"] * startup["failureThreshold"] >= 60


@every_variant
def test_mounts_have_volumes_and_volumes_are_mounted(variant):
    for tree, template in pods(of(variant)):
        volumes = {volume["name"] for volume in template["spec"]["volumes"]}
        mounted = {mount["name"] for each in containers(template) for mount in each.get("volumeMounts", ())}
        assert mounted == volumes, tree["metadata"]["name"]


@every_variant
def test_selectors_select_a_pod_of_the_release(variant):
    objects = of(variant)
    labels = [template["metadata"]["labels"] for _, template in pods(objects)]
    for tree in objects:
        spec = tree.get("spec", {})
        kind, name = tree["kind"], tree["metadata"]["name"]
        if kind == "Service":
            assert any(spec["selector"].items() <= each.items() for each in labels), name
        elif kind in {"PodDisruptionBudget", "PodMonitor"}:
            assert any(matches(spec["selector"], each) for each in labels), name
        elif kind == "ServiceMonitor":
            services = [each["metadata"]["labels"] for each in objects if each["kind"] == "Service"]
            assert any(matches(spec["selector"], each) for each in services), name
        elif kind == "NetworkPolicy" and name != "stack-trainer":
            assert any(matches(spec["podSelector"], each) for each in labels), name
        elif kind == "Deployment":
            own = spec["template"]["metadata"]["labels"]
            assert matches(spec["selector"], own), name
            assert sum(matches(spec["selector"], each) for each in labels) == 1, f"{name} selects others' pods"


@every_variant
def test_ports_have_names_that_fit_and_a_protocol(variant):
    objects = of(variant)
    ports = {}
    for _, template in pods(objects):
        key = tuple(sorted(template["metadata"]["labels"].items()))
        ports[key] = {p["name"]: p for each in containers(template) for p in each.get("ports", ())}
        for port in ports[key].values():
            assert port["protocol"] == "TCP"
    for tree in objects:
        if tree["kind"] == "Service":
            for port in tree["spec"]["ports"]:
                assert port["protocol"] == "TCP", "server-side apply on 1.20 asks for it"
                selected = [of for key, of in ports.items() if tree["spec"]["selector"].items() <= dict(key).items()]
                assert any(port["targetPort"] in each for each in selected), tree["metadata"]["name"]


@every_variant
def test_what_scales_by_itself_has_no_fixed_number(variant):
    objects = of(variant)
    scaled = [tree["spec"]["scaleTargetRef"]["name"] for tree in objects if tree["kind"] in SCALERS]
    assert len(scaled) == len(set(scaled)), "two would work against each other"
    deployments = {tree["metadata"]["name"]: tree["spec"] for tree in objects if tree["kind"] == "Deployment"}
    assert set(scaled) <= set(deployments)
    for name, spec in deployments.items():
        assert ("replicas" in spec) == (name not in scaled), name


@every_variant
def test_secrets_and_claims_are_made_or_named_by_the_values(variant):
    objects = of(variant)
    made = {tree["metadata"]["name"] for tree in objects if tree["kind"] in {"Secret", "PersistentVolumeClaim"}}
    for _, template in pods(objects):
        text = str(template)
        named = set(re.findall(r"'(?:secretName|claimName)': '([^']+)'", text))
        named |= set(re.findall(r"'(?:secret|secretRef|secretKeyRef)': \{[^{}]*?'name': '([^']+)'", text))
        assert named <= made | MADE_BY_USERS


@every_variant
def test_a_variable_is_one_that_a_service_reads(variant):
    others = {"remote", "TARGET", "DIGIT", "REDISCLI_AUTH", "FLOWER_BASIC_AUTH", "REMAP_SIGTERM"}
    for _, template in pods(of(variant)):
        for container in containers(template):
            names = [each["name"] for each in container.get("env", ())]
            assert len(names) == len(set(names)), f"{container['name']}: a variable twice"
            unknown = {name for name in names if not name.startswith("RCLONE_")} - SETTINGS - others
            assert not unknown, container["name"]
            assert all(isinstance(each.get("value", ""), str) for each in container.get("env", ()))


@every_variant
def test_names_fit_into_a_label(variant):
    chart, file = variant
    for version in (OLDEST, "1.37.0"):
        for tree in drawn(chart, file, version=version):
            assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", tree["metadata"]["name"])
