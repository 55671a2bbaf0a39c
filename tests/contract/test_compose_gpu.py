"""The overlay: without a GPU it can't start, so what it merges to is looked at."""

from tests.support.compose_files import CPU, GPU, stack, tree_of

CHANGED = {"model-init", "trainer", "triton"}
CUDA_TRAINERS = ("model-init", "trainer")


def test_the_overlay_has_nothing_but_what_a_gpu_changes():
    tree = tree_of(GPU)
    assert {key for key in tree if not key.startswith("x-")} == {"services"}
    assert set(tree["services"]) == CHANGED
    for service in tree["services"].values():
        assert set(service) == {"image", "build", "deploy"}
    for name in CUDA_TRAINERS:
        assert set(tree["services"][name]["build"]) == {"args"}
        assert set(tree["services"][name]["build"]["args"]) == {"TORCH_INDEX_URL"}
    assert tree["services"]["triton"]["build"] == {"target": "gpu"}


def test_triton_and_whoever_trains_reserve_one_gpu_and_nobody_else_does():
    services = stack(CPU, GPU)["services"]
    device = {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    for name, service in services.items():
        wanted = {"resources": {"reservations": {"devices": [device]}}} if name in CHANGED else None
        assert service.get("deploy") == wanted, name


def test_triton_is_built_from_nvidias_image():
    triton = stack(CPU, GPU)["services"]["triton"]
    assert triton["build"]["target"] == "gpu"
    assert triton["build"]["dockerfile"] == "services/triton/Dockerfile"


def test_whoever_trains_gets_pytorch_from_pips_own_index_where_it_is_the_cuda_build():
    cpu, gpu = stack(CPU)["services"], stack(CPU, GPU)["services"]
    for name in CUDA_TRAINERS:
        assert cpu[name]["build"]["args"]["TORCH_INDEX_URL"].endswith("/cpu")
        assert gpu[name]["build"]["args"]["TORCH_INDEX_URL"] == ""
        assert gpu[name]["build"]["dockerfile"] == "services/trainer/Dockerfile"


def test_a_gpu_image_never_takes_the_name_of_a_cpu_one():
    cpu, gpu = stack(CPU)["services"], stack(CPU, GPU)["services"]
    for name in CHANGED:
        assert gpu[name]["image"] != cpu[name]["image"]
        assert gpu[name]["image"].startswith(cpu[name]["image"])


def test_a_gpu_changes_no_right_limit_mount_or_order():
    cpu, gpu = stack(CPU)["services"], stack(CPU, GPU)["services"]
    for name in cpu:
        rest = [
            {key: one[key] for key in one if key not in {"image", "build", "deploy"}} for one in (cpu[name], gpu[name])
        ]
        assert rest[0] == rest[1]
