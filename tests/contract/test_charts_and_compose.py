"""The charts run the same containers as Compose: images, commands, variables, ports, rights, limits and networks."""

import re

import pytest

from tests.support.compose_files import CPU, GPU, ROOT, SECURE, stack
from tests.support.helm import CHARTS, containers, drawn, matches, one, pods

COMPOSE = stack(CPU)["services"]
# Compose service: chart, values, kind of the workload. Its name is the release's and the service's.
STACK = {
    "api": ("stack", "Deployment"),
    "triton": ("stack", "Deployment"),
    "model-init": ("stack", "Job"),
    "trainer": ("stack", "CronJob"),
    "loadgen-master": ("loadgen", "Deployment"),
    "loadgen-worker": ("loadgen", "Deployment"),
    "worker": ("stack", "Deployment"),
    "redis": ("stack", "Deployment"),
    "flower": ("stack", "Deployment"),
}
# Folders of the images that are called otherwise than their service. Redis' image isn't the stack's.
FOLDERS = {
    "model-init": "trainer",
    "loadgen-master": "loadgen",
    "loadgen-worker": "loadgen",
    "worker": "api",
    "flower": "api",
}
RELEASE = {"stack": "stack", "loadgen": "load"}
JOBS = ("jobs.enabled=true", "flower.enabled=true")
SCHEDULED = ("trainer.schedule=@daily",)
# Values that differ, and why.
OTHER_VALUES = {
    # Load balancers of a cluster take longer to leave a pod out than Compose's clients.
    "API_UNREADY_S": "5",
}
# Variables that a chart leaves out: no node-exporter of its own reads the file; it knows whether there is a Redis.
LEFT_OUT = {"TRAINER_METRICS_FILE", "API_REDIS_URL_FILE"}
# Passwords from Secrets, which Compose's containers read from files.
PASSWORDS = {"REDISCLI_AUTH", "FLOWER_BASIC_AUTH"}


def workload(service, *files, sets=()):
    """Return the pod and the container of a service's workload."""
    chart, kind = STACK[service]
    sets = (*sets, *(SCHEDULED if kind == "CronJob" else ()), *(JOBS if chart == "stack" else ()))
    tree = one(drawn(chart, *files, sets=sets), kind, f"{RELEASE[chart]}-{service}")
    [(_, template)] = pods([tree])
    [container] = template["spec"]["containers"]
    return template["spec"], container


def in_cluster(value):
    """Return a value of Compose with the names of the releases' Services."""
    value = re.sub(r"(?<=/)(api|triton)(?=:)|^(api|triton)(?=:)", r"stack-\g<0>", value)
    return re.sub(r"^loadgen-master$", "load-loadgen-master", value)


def environment(container):
    return {each["name"]: each.get("value") for each in container.get("env", ())}


def dockerfile(service):
    return (ROOT / "services" / FOLDERS.get(service, service) / "Dockerfile").read_text()


every_service = pytest.mark.parametrize("service", STACK)
every_image = pytest.mark.parametrize("service", [name for name in STACK if name != "redis"])


def test_redis_is_started_in_the_same_way():
    _, container = workload("redis")
    assert container["image"] == COMPOSE["redis"]["image"]
    started = [
        re.search(r"^exec redis-server (.+)$", script, re.MULTILINE)[1]
        for script in (container["args"][0], COMPOSE["redis"]["command"][-1])
    ]
    assert started[0] == started[1]
    assert COMPOSE["redis"]["command"][:-1] == container["command"]
    assert "redis-cli ping | grep -q PONG" in COMPOSE["redis"]["healthcheck"]["test"][-1]
    assert container["readinessProbe"]["exec"]["command"][-1] == "redis-cli ping | grep -q PONG"


@every_image
def test_the_image_and_the_command_are_the_same(service):
    _, container = workload(service)
    assert container["image"] == COMPOSE[service]["image"]
    assert container.get("args", []) == [in_cluster(word) for word in COMPOSE[service].get("command", ())]
    assert "command" not in container


@every_service
def test_variables_have_the_same_names_and_values(service):
    _, container = workload(service)
    here, there = environment(container), COMPOSE[service].get("environment", {})
    assert set(here) - PASSWORDS <= set(there)
    told = {name: in_cluster(value) for name, value in there.items() if value} | {"x": ""}
    expected = {name: OTHER_VALUES.get(name, value) for name, value in told.items() if name not in LEFT_OUT | {"x"}}
    assert {name: here.get(name) for name in expected} == expected


@pytest.mark.parametrize("service", [name for name in STACK if name not in {"loadgen-worker", "redis", "flower"}])
def test_the_secure_stack_has_the_same_variables_and_files(service):
    secure = stack(CPU, SECURE)["services"][service]
    if service.startswith("loadgen"):
        spec, container = workload(service, sets=("secrets.apiKeys=a", "secrets.ca=b", "target=https://stack-api:8888"))
    else:
        spec, container = workload(service, CHARTS / "stack/values-secure.yaml")
    here = environment(container)
    named = {name: in_cluster(value) for name, value in secure["environment"].items() if value and "secrets" in value}
    assert {name: here.get(name) for name in named} == named
    [volume] = [each for each in spec["volumes"] if each["name"] == "secrets"]
    files = {item["path"] for source in volume["projected"]["sources"] for item in source["secret"]["items"]}
    assert files == set(secure["secrets"])
    [mount] = [each for each in container["volumeMounts"] if each["name"] == "secrets"]
    assert (mount["mountPath"], mount["readOnly"]) == ("/run/secrets", True)


@every_image
def test_the_ports_are_those_of_the_image(service):
    _, container = workload(service)
    exposed = re.search(r"^EXPOSE (.+)$", dockerfile(service), re.MULTILINE)
    ports = {port["containerPort"] for port in container.get("ports", ())}
    internal = {5557}  # Locust's workers connect there
    if service in {"model-init", "trainer", "loadgen-worker", "worker"}:
        assert not ports
    elif service != "flower":  # its image is the api's
        assert ports - internal == {int(port) for port in exposed[1].split()}
    published = {int(port.rpartition(":")[2]) for port in COMPOSE[service].get("ports", ())}
    assert published <= ports


@every_service
def test_rights_are_the_same(service):
    spec, container = workload(service)
    compose, context = COMPOSE[service], container["securityContext"]
    told = compose.get("user") or re.search(r"^USER (\S+)$", dockerfile(service), re.MULTILINE)[1]
    assert f"{spec['securityContext']['runAsUser']}:{spec['securityContext']['runAsGroup']}" == told
    assert context["readOnlyRootFilesystem"] == compose["read_only"]
    assert context["capabilities"]["drop"] == compose["cap_drop"]
    assert ("no-new-privileges:true" in compose["security_opt"]) != context["allowPrivilegeEscalation"]


def mebibytes(size):
    number, unit = re.fullmatch(r"(\d+)([mgMG])i?", size).groups()
    return int(number) * (1024 if unit in "gG" else 1)


@every_service
def test_memory_limits_and_tmpfs_are_the_same(service):
    spec, container = workload(service)
    compose = COMPOSE[service]
    assert mebibytes(container["resources"]["limits"]["memory"]) == mebibytes(compose["mem_limit"])
    sizes = {each["name"]: each["emptyDir"].get("sizeLimit") for each in spec["volumes"] if "emptyDir" in each}
    assert mebibytes(sizes["tmp"]) == mebibytes(re.search(r"size=(\w+)", compose["tmpfs"][0])[1])
    if "shm_size" in compose:
        assert mebibytes(sizes["shm"]) == mebibytes(compose["shm_size"])
        assert {"name": "shm", "mountPath": "/dev/shm"} in container["volumeMounts"]


@every_service
def test_folders_are_mounted_in_the_same_places_and_read_only_where_they_are(service):
    _, container = workload(service)
    here = {each["mountPath"]: bool(each.get("readOnly")) for each in container["volumeMounts"]}
    there = {"/tmp": False}
    for volume in COMPOSE[service].get("volumes", ()):
        path, _, mode = volume.partition(":")[2].partition(":")
        there[path] = mode == "ro"
    there |= {"/dev/shm": False} if "shm_size" in COMPOSE[service] else {}
    for path in ("/metrics", "/run/jobs"):  # LEFT_OUT; and passwords, see above
        there.pop(path, None)
    assert here == there


@every_service
def test_a_stop_gets_at_least_as_long(service):
    spec, container = workload(service)
    if period := COMPOSE[service].get("stop_grace_period"):
        assert spec["terminationGracePeriodSeconds"] >= int(period.removesuffix("s"))
    if service == "api":
        here = environment(container)
        waits = float(here["API_UNREADY_S"]) + float(here["API_DRAIN_S"])
        assert spec["terminationGracePeriodSeconds"] > waits + 5
    if service == "triton":
        pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
        exit_timeout = int(environment(container)["TRITON_EXIT_TIMEOUT_S"])
        assert spec["terminationGracePeriodSeconds"] > pause + exit_timeout


def test_readiness_asks_what_the_images_health_checks_ask():
    _, triton = workload("triton")
    [url] = set(re.findall(r"http://127\.0\.0\.1:\d+(/[\w/]+)", dockerfile("triton")))
    assert triton["readinessProbe"]["httpGet"] == {"path": url, "port": "http"}
    _, secure = workload("triton", CHARTS / "stack/values-secure.yaml")
    [command] = set(re.findall(r'CMD \["python", "-c", "(.+urlopen.+)"\]', dockerfile("triton")))
    assert secure["readinessProbe"]["exec"]["command"][2] == command
    _, api = workload("api")
    asked = (ROOT / "services/api/src/api/server/healthcheck.py").read_text()
    assert f"{api['readinessProbe']['httpGet']['path']}" in asked
    _, master = workload("loadgen-master")
    assert master["readinessProbe"]["httpGet"]["path"] == "/"
    assert "urlopen('http://127.0.0.1:8089/'" in dockerfile("loadgen-master")
    _, worker = workload("worker")
    assert worker["readinessProbe"]["exec"]["command"] == COMPOSE["worker"]["healthcheck"]["test"][1:]
    _, flower = workload("flower")
    path = flower["readinessProbe"]["httpGet"]["path"]
    assert f"urlopen('http://127.0.0.1:5555{path}'" in COMPOSE["flower"]["healthcheck"]["test"][-1]


def test_liveness_asks_the_process_and_not_what_is_behind_it():
    assert workload("api")[1]["livenessProbe"]["httpGet"]["path"] == "/health/live"
    # False while a model loads is readiness alone.
    assert workload("triton")[1]["livenessProbe"]["httpGet"]["path"] == "/v2/health/live"
    # Without Redis a worker lives.
    assert workload("worker")[1]["livenessProbe"]["exec"]["command"][-1] == "live"


def test_a_gpu_is_asked_for_by_the_same_image():
    gpu = stack(CPU, GPU)["services"]["triton"]
    _, container = workload("triton", CHARTS / "stack/values-gpu.yaml")
    assert container["image"] == gpu["image"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    _, trainer = workload("model-init", sets=("trainer.imageSuffix=-cuda",))
    assert trainer["image"] == stack(CPU, GPU)["services"]["model-init"]["image"]


def open_to(objects, server, client_labels):
    """Return the ports of a component that the policies open to a pod with these labels in the same namespace."""
    labels = next(
        template["metadata"]["labels"]
        for _, template in pods(objects)
        if template["metadata"]["labels"]["app.kubernetes.io/component"] == server
    )
    ports = set()
    for tree in objects:
        if tree["kind"] == "NetworkPolicy" and matches(tree["spec"]["podSelector"], labels):
            for rule in tree["spec"].get("ingress", ()):
                peers = rule.get("from", [{"podSelector": {}}])
                if any("podSelector" in peer and matches(peer["podSelector"], client_labels) for peer in peers):
                    ports |= {port["port"] for port in rule["ports"]}
    return ports


def test_network_policies_open_what_composes_networks_open():
    objects = drawn("stack", sets=(*SCHEDULED, *JOBS)) + drawn("loadgen")
    labels = {
        template["metadata"]["labels"]["app.kubernetes.io/component"]: template["metadata"]["labels"]
        for _, template in pods(objects)
    }
    for client in STACK:
        shared = set(COMPOSE[client]["networks"]) & set(COMPOSE["triton"]["networks"])
        # Neither of the two has anything to ask of Triton.
        expected = {8001} if shared and client not in {"triton", "redis", "flower"} else set()
        assert open_to(objects, "triton", labels[client]) == expected, client
        # Port 8888 is published: it is for everybody.
        assert open_to(objects, "api", labels[client]) == {8888}
        assert open_to(objects, "redis", labels[client]) == ({6379} if client in {"api", "worker", "flower"} else set())
        for silent in ("model-init", "trainer", "loadgen-worker", "worker", "flower"):
            assert open_to(objects, silent, labels[client]) <= {5557}, silent
    assert open_to(objects, "triton", {"app": "stranger"}) == set()
    assert open_to(objects, "loadgen-master", labels["loadgen-worker"]) == {5557}
    assert open_to(objects, "loadgen-master", labels["api"]) == set()


def test_each_of_composes_services_has_its_workload():
    # storage-init: fsGroup and generated Secrets do its work. The others come with the cluster's own operators.
    others = {"storage-init", "prometheus", "node-exporter", "grafana", "jaeger"}
    assert set(COMPOSE) - others == set(STACK)


def test_every_container_of_the_stack_is_of_an_image_of_compose():
    images = {service["image"] for service in COMPOSE.values()}
    for chart in ("stack", "loadgen"):
        for _, template in pods(drawn(chart, sets=(*SCHEDULED, *JOBS) if chart == "stack" else ())):
            assert {each["image"] for each in containers(template)} <= images
