"""The dashboard is what its description says, and Grafana and Compose are told where it lies."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.compose_files import CPU, ROOT, SECURE, stack

MONITORING = ROOT / "deploy/monitoring"
PANELS = json.loads((MONITORING / "grafana/dashboards/stack.json").read_text())["panels"]
CHARTS = [panel for panel in PANELS if panel["type"] != "row"]
SERVICES = {key: one for key, one in stack(CPU)["services"].items() if one.get("profiles") == ["monitoring"]}
PROMETHEUS = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
DATASOURCE = yaml.safe_load((MONITORING / "grafana/provisioning/datasources/prometheus.yml").read_text())


def test_the_json_is_what_the_description_says():
    done = subprocess.run(
        [sys.executable, "dashboard.py", "--check"], cwd=MONITORING, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_it_answers_its_questions_from_top_to_bottom():
    rows = [(panel["gridPos"]["y"], panel["title"]) for panel in PANELS if panel["type"] == "row"]
    assert [title for _, title in sorted(rows)] == [
        "Is it healthy?", "How fast?", "How much?", "Why?", "Which version?", "How are jobs?"
    ]  # fmt: skip


def test_panels_have_numbers_of_their_own_and_none_lies_on_another():
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    taken = set()
    for place in (panel["gridPos"] for panel in PANELS):
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}  # fmt: skip
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells


@pytest.mark.parametrize("panel", CHARTS, ids=lambda panel: panel["title"])
def test_a_panel_says_what_it_shows_and_asks_the_one_data_source(panel):
    assert panel["description"].endswith(".")
    assert panel["targets"]
    assert all(target["legendFormat"] for target in panel["targets"])
    [source] = DATASOURCE["datasources"]
    assert panel["datasource"] == {"type": source["type"], "uid": source["uid"]}


def test_grafana_asks_as_often_as_prometheus_does():
    [source] = DATASOURCE["datasources"]
    assert source["jsonData"]["timeInterval"] == PROMETHEUS["global"]["scrape_interval"]
    assert source["url"] == "http://prometheus:9090"


def test_beside_the_secure_stack_only_the_api_is_asked_otherwise():
    secure = yaml.safe_load((MONITORING / "prometheus.secure.yml").read_text())
    [api] = [job for job in secure["scrape_configs"] if job["job_name"] == "api"]
    assert (api.pop("scheme"), api.pop("tls_config")) == ("https", {"ca_file": "/run/secrets/ca.crt"})
    assert secure == PROMETHEUS
    service = stack(CPU, SECURE)["services"]["prometheus"]
    assert service["secrets"] == ["ca.crt"]
    # Compose takes the later of two mounts on the same file.
    assert service["volumes"][-1] == "./deploy/monitoring/prometheus.secure.yml:/etc/prometheus/prometheus.yml:ro"


def test_every_job_is_a_service_of_compose():
    jobs = {job["job_name"] for job in PROMETHEUS["scrape_configs"]}
    assert jobs <= set(stack(CPU)["services"])
    assert set(SERVICES) == {"prometheus", "node-exporter", "grafana"}
    assert jobs == {"api", "triton", "node-exporter", "prometheus"}


def test_what_compose_mounts_is_there_and_only_read():
    folders = [volume for one in SERVICES.values() for volume in one["volumes"] if volume.startswith("./")]
    assert folders
    for volume in folders:
        source, _, mode = volume.split(":")
        assert (ROOT / source).exists()
        assert mode == "ro"


def test_grafana_finds_its_dashboard_where_compose_puts_it():
    provider = yaml.safe_load((MONITORING / "grafana/provisioning/dashboards/stack.yml").read_text())
    [folder] = [one["options"]["path"] for one in provider["providers"]]
    assert f"./deploy/monitoring/grafana/dashboards:{folder}:ro" in SERVICES["grafana"]["volumes"]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert Path(home).parent == Path(folder)
    assert (MONITORING / "grafana/dashboards" / Path(home).name).is_file()


@pytest.mark.parametrize("password", ["", "secret"])
def test_grafana_has_an_admin_only_with_a_password_of_ours(password):
    [shell, flag, script] = SERVICES["grafana"]["entrypoint"]
    script = script.replace("exec /run.sh", "exec env")
    env = {"PATH": os.environ["PATH"], "GF_SECURITY_ADMIN_PASSWORD": password}
    done = subprocess.run([shell, flag, script], env=env, capture_output=True, text=True, timeout=10)
    assert done.returncode == 0
    assert bool(re.search("^GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION=true$", done.stdout, re.M)) == (not password)
    assert SERVICES["grafana"]["environment"]["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
