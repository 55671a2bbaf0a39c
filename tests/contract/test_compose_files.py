"""Both Compose files keep to the rules: hardened, ordered, closed to the outside, and every knob a variable."""

import os
import re

import pytest

from tests.support.compose_files import (
    CLIENTS,
    CPU,
    ENV_EXAMPLE,
    GPU,
    ROOT,
    SECURE,
    client_answers,
    config_by,
    passed_on,
    stack,
    tree_of,
    variables_of,
)

STACKS = {"cpu": (CPU,), "gpu": (CPU, GPU), "secure": (CPU, SECURE)}
LONG_RUNNING = {"triton", "api", "loadgen-master", "loadgen-worker"}
ONE_SHOT = {"storage-init", "model-init", "trainer"}
PUBLISHED = {"triton": "TRITON_METRICS_PORTS", "api": "API_PORT", "loadgen-master": "LOADGEN_WEB_PORT"}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
EXAMPLE = dict(re.findall(r"^#([A-Z][A-Z0-9_]+)=(.*)$", ENV_EXAMPLE.read_text(), re.MULTILINE))
SETTINGS = dict(re.findall(r"^\| `([A-Z0-9_]+)` \| (.*?) \|", (ROOT / "docs/settings.md").read_text(), re.MULTILINE))

EVERY_SERVICE = [
    pytest.param(service, id=f"{name}-{key}")
    for name, files in STACKS.items()
    for key, service in stack(*files)["services"].items()
]


def seconds(duration: str) -> int:
    assert duration.endswith("s")
    return int(duration[:-1])


@pytest.mark.parametrize("service", EVERY_SERVICE)
def test_a_service_can_neither_gain_a_right_nor_fill_the_machine(service):
    assert service["read_only"] is True
    assert service["init"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"] > 0
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert all("size=" in mount for mount in service["tmpfs"])
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert set(service["ulimits"]["nofile"]) == {"soft", "hard"}


@pytest.mark.parametrize("service", EVERY_SERVICE)
def test_a_service_takes_nothing_that_the_stack_does_without(service):
    refused = {"container_name", "privileged", "devices", "pid", "ipc", "links", "extends", "env_file"}
    assert not refused & set(service)
    assert service.get("network_mode") in (None, "none")
    assert not any("docker.sock" in volume for volume in service.get("volumes", ()))


@pytest.mark.parametrize("service", EVERY_SERVICE)
def test_an_image_has_a_tag_that_stays(service):
    _, _, tag = service["image"].rpartition(":")
    assert re.match(r"v?\d", tag), service["image"]


@pytest.mark.parametrize("service", EVERY_SERVICE)
def test_whoever_waits_says_for_what(service):
    for condition in service.get("depends_on", {}).values():
        assert condition["condition"] in CONDITIONS


@pytest.mark.parametrize("name", STACKS)
def test_only_one_step_runs_as_root_and_it_has_no_network(name):
    services = stack(*STACKS[name])["services"]
    with_more = {
        key for key, one in services.items() if "cap_add" in one or one.get("user", "").startswith(("0", "root"))
    }
    assert with_more == {"storage-init"}
    assert services["storage-init"]["network_mode"] == "none"


@pytest.mark.parametrize("name", STACKS)
def test_the_order_is_storage_model_triton_api_master_worker(name):
    services = stack(*STACKS[name])["services"]
    waits = {
        key: {on: what["condition"] for on, what in one.get("depends_on", {}).items()} for key, one in services.items()
    }
    assert waits["model-init"] == waits["trainer"] == {"storage-init": "service_completed_successfully"}
    assert waits["triton"] == {"model-init": "service_completed_successfully"}
    assert waits["api"] == {"triton": "service_healthy"}
    assert waits["loadgen-master"] == {"api": "service_healthy"}
    assert waits["loadgen-worker"] == {"loadgen-master": "service_healthy"}


def test_what_runs_on_is_started_again_and_what_ends_is_not():
    services = stack(CPU)["services"]
    assert {key for key in LONG_RUNNING if services[key]["restart"] == "unless-stopped"} == LONG_RUNNING
    assert not any("restart" in services[key] for key in ONE_SHOT)
    assert services["trainer"]["profiles"] == ["train"]


def test_three_ports_are_published_on_loopback_unless_told_otherwise():
    services = tree_of(CPU)["services"]
    assert {key for key in LONG_RUNNING | ONE_SHOT if "ports" in services[key]} == set(PUBLISHED)
    for key, variable in PUBLISHED.items():
        [port] = services[key]["ports"]
        assert port.startswith(f"${{BIND_ADDRESS:-127.0.0.1}}:${{{variable}:-")
    # What others put behind a profile is published in the same way or not at all.
    for one in services.values():
        assert all(
            re.match(r"\$\{BIND_ADDRESS:-127\.0\.0\.1\}:\$\{[A-Z_]+:-[\d-]+\}:\d+$", port)
            for port in one.get("ports", ())
        )


def test_the_edge_reaches_the_api_and_nothing_behind_it():
    services = stack(CPU)["services"]
    on_both = {key for key in LONG_RUNNING | ONE_SHOT if set(services[key].get("networks", ())) == {"edge", "backend"}}
    assert on_both == {"api"}
    assert services["triton"]["networks"] == services["trainer"]["networks"] == ["backend"]
    assert services["loadgen-master"]["networks"] == services["loadgen-worker"]["networks"] == ["edge"]


def test_the_models_are_read_only_where_they_are_only_read():
    services = stack(CPU)["services"]
    assert {"./model_repository:/models:ro", "keys:/run/keys:ro"} <= set(services["triton"]["volumes"])
    assert {"./model_repository:/models", "keys:/run/keys:ro", "mnist:/data:ro"} <= set(services["trainer"]["volumes"])
    assert services["triton"]["shm_size"]
    for key in ("api", "worker", "flower"):
        assert not any("model" in volume or "keys" in volume for volume in services[key]["volumes"]), key
        # It holds passwords that only Redis' container makes.
        assert "jobs:/run/jobs:ro" in services[key]["volumes"]


def test_a_stop_is_given_longer_than_the_drain():
    services = stack(CPU)["services"]
    api = services["api"]
    steps_s = sum(float(api["environment"][name]) for name in ("API_UNREADY_S", "API_DRAIN_S"))
    assert seconds(api["stop_grace_period"]) > steps_s + 5
    triton = services["triton"]
    assert seconds(triton["stop_grace_period"]) > int(triton["environment"]["TRITON_EXIT_TIMEOUT_S"])


def test_jobs_have_a_profile_of_their_own_wait_for_redis_and_are_off_without_it():
    services = stack(CPU)["services"]
    jobs = {key: one for key, one in services.items() if one.get("profiles") == ["jobs"]}
    assert set(jobs) == {"redis", "worker", "flower"}
    for key, one in jobs.items():
        assert one["networks"] == ["backend"], key
        assert one["restart"] == "unless-stopped", key
        assert one["healthcheck"]["test"][0] == "CMD", key
    assert jobs["redis"]["depends_on"] == {"storage-init": {"condition": "service_completed_successfully"}}
    healthy = {"condition": "service_healthy"}
    assert jobs["worker"]["depends_on"] == {"redis": healthy, "triton": healthy}
    assert jobs["flower"]["depends_on"] == {"redis": healthy}
    # The api must start without the profile: it waits for none of them, and no address of Redis is set.
    assert not set(services["api"]["depends_on"]) & set(jobs)
    assert services["api"]["environment"]["API_REDIS_URL"] is None
    assert jobs["worker"]["image"] == jobs["flower"]["image"] == services["api"]["image"]
    assert "ports" not in jobs["redis"]
    assert "ports" not in jobs["worker"]


def test_redis_keeps_what_it_has_within_a_bound_and_its_password_out_of_its_arguments():
    script = stack(CPU)["services"]["redis"]["command"][-1]
    [server] = re.findall(r"^exec (redis-server .+)$", script, re.MULTILINE)
    for option in ("--appendonly yes", "--maxmemory-policy noeviction", "--maxmemory 1gb", "--dir /data"):
        assert option in server
    assert "password" not in server
    assert "requirepass" in script


def test_the_worker_and_the_api_have_the_same_of_what_both_read():
    services = stack(CPU)["services"]
    api, worker = services["api"]["environment"], services["worker"]["environment"]
    assert set(worker) - set(api) == {
        "REMAP_SIGTERM",
        "API_JOBS_HEARTBEAT_FILE",
        "API_JOBS_CONCURRENCY",
        "API_JOBS_NICE",
    }
    assert {name: api[name] for name in set(api) & set(worker)} == {
        name: worker[name] for name in set(api) & set(worker)
    }
    # Celery's soft shutdown takes 5 s.
    assert seconds(services["worker"]["stop_grace_period"]) >= 20


@pytest.mark.parametrize("file", [CPU, GPU, SECURE], ids=["cpu", "gpu", "secure"])
def test_the_env_example_has_every_variable_with_its_default(file):
    variables = variables_of(file)
    # A name of a volume isn't a folder that a user could give.
    assert variables.pop("TRAINER_DATA_DIR", "mnist") == "mnist"
    assert {name: EXAMPLE.get(name) for name in variables} == variables
    assert passed_on(file) <= set(EXAMPLE)


def test_what_is_passed_on_has_in_the_env_example_the_default_of_the_service():
    unset = {"unset": "", "depends on the machine": "", "``": ""}
    for name in passed_on(CPU):
        default = SETTINGS.get(name) or SETTINGS[f"TRAINER_{name}"]
        assert EXAMPLE[name] == unset.get(default, default.strip("`")), name


def test_the_secure_stack_passes_keys_and_certificates_as_files_that_a_service_needs():
    tree = stack(CPU, SECURE)
    for key, service in tree_of(SECURE)["services"].items():
        granted = {f"/run/secrets/{name}" for name in service["secrets"]}
        environment = service.get("environment", {})  # Prometheus has a file instead
        named = {value for name, value in environment.items() if name.endswith("_FILE")}
        assert named <= granted, key
        # The CA's certificate goes with the client's, whether or not it is asked for by name.
        assert granted - named <= {"/run/secrets/ca.crt"}, key
        assert set(environment) <= set(SETTINGS) | {"TRITON_TLS_CA_FILE"}, key
        assert tree["services"][key]["read_only"]
    assert {name for service in tree_of(SECURE)["services"].values() for name in service["secrets"]} == set(
        tree["secrets"]
    )
    assert "ca.key" not in tree["secrets"], "what signs stays outside"


def test_every_memory_limit_and_every_time_is_a_variable():
    for one in tree_of(CPU)["services"].values():
        limits = [one[key] for key in ("mem_limit", "shm_size", "stop_grace_period") if key in one]
        limits += [*one["ulimits"]["nofile"].values(), *one["logging"]["options"].values(), *one["tmpfs"]]
        assert all("${" in limit for limit in limits), limits


@pytest.fixture(params=CLIENTS, ids=" ".join)
def client(request) -> tuple[str, ...]:
    """Each Compose client in turn: v2, and 1.29 where there is one."""
    if not client_answers(request.param):
        if os.environ.get("CI_REQUIRE_DOCKER") == "1":
            assert any(map(client_answers, CLIENTS)), "CI needs a Compose client"
        pytest.skip(f"there is no `{' '.join(request.param)}` here")
    return request.param


@pytest.mark.parametrize("files", STACKS.values(), ids=STACKS)
def test_a_client_reads_the_files_as_we_do(client, files):
    theirs, ours = config_by(client, *files)["services"], stack(*files)["services"]
    assert set(theirs) == set(ours)
    for key, service in ours.items():
        assert theirs[key]["image"] == service["image"]
        assert theirs[key].get("deploy") == service.get("deploy")
        assert theirs[key].get("build", {}).get("args") == service.get("build", {}).get("args")
        assert theirs[key].get("build", {}).get("target") == service.get("build", {}).get("target")
        assert set(theirs[key].get("networks", ())) == set(service.get("networks", ()))
        waits = {on: what["condition"] for on, what in theirs[key].get("depends_on", {}).items()}
        assert waits == {on: what["condition"] for on, what in service.get("depends_on", {}).items()}


@pytest.mark.parametrize("files", STACKS.values(), ids=STACKS)
def test_the_env_example_uncommented_changes_nothing(client, files, tmp_path):
    env_file = tmp_path / "env"
    env_file.write_text("\n".join(f"{name}={value}" for name, value in EXAMPLE.items()) + "\n")
    plain, told = config_by(client, *files), config_by(client, *files, env_file=env_file)
    for tree in (plain, told):
        for service in tree["services"].values():
            service.pop("environment", None)  # what was left to each service's own default is now said
    assert told == plain
