"""The images' rules: two stages, one pinned base, no root, no shell form, a check that needs no curl."""

import re

import pytest

from tests.support.compose_files import CPU, ROOT, variables_of

FILES = sorted(ROOT.glob("services/*/Dockerfile"))


def joined(text: str) -> str:
    """Return a Dockerfile with its continued lines joined and without its comments."""
    return re.sub(r"^#.*\n", "", re.sub(r"\\\n\s*", " ", text), flags=re.MULTILINE)


def stages(text: str) -> list[str]:
    """Return the stages, from their FROM on."""
    return re.split(r"^(?=FROM )", joined(text), flags=re.MULTILINE)[1:]


def final_stages(text: str) -> list[str]:
    """Return the stages that become images: those that no other stage copies from."""
    used = set(re.findall(r"--from=(\S+)", text))
    return [stage for stage in stages(text) if not used & set(re.findall(r"^FROM \S+ AS (\S+)", stage))]


every_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)


def test_every_service_has_an_image():
    assert [file.parent for file in FILES] == sorted(path for path in (ROOT / "services").iterdir() if path.is_dir())


@every_file
def test_what_builds_isnt_what_runs(file):
    text = file.read_text()
    assert len(stages(text)) > len(final_stages(text)) >= 1
    for stage in final_stages(text):
        assert "COPY --from=" in stage
        assert "pip install" not in stage
        assert "apt-get" not in stage


@every_file
def test_an_image_runs_as_a_number_that_isnt_root(file):
    for stage in final_stages(file.read_text()):
        assert re.findall(r"^USER (.*)$", stage, re.MULTILINE) == ["10001:10001"]


@every_file
def test_commands_are_in_exec_form_and_health_needs_no_curl(file):
    for stage in final_stages(file.read_text()):
        commands = re.findall(r"^(?:CMD|ENTRYPOINT) (.*)$", stage, re.MULTILINE)
        assert commands
        assert all(command.startswith("[") for command in commands)
        assert re.search(r'^HEALTHCHECK (NONE|.* CMD \["python3?", "-[cm]", )', stage, re.MULTILINE)
        assert not re.search(r"\b(curl|wget)\b", stage)


@every_file
def test_a_base_image_is_pinned_and_compose_names_the_same(file):
    text = file.read_text()
    assert f"ARG PYTHON_IMAGE={variables_of(CPU)['PYTHON_IMAGE']}\n" in text
    assert "latest" not in text
    for image in re.findall(r"^ARG \w+_IMAGE=(\S+)$", text, re.MULTILINE):
        assert re.search(r":v?\d+\.\d+", image), image
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) <= {"${PYTHON_IMAGE}", "${TRITON_IMAGE}"}


def test_pytorch_is_installed_by_the_same_steps_in_both_so_that_a_builder_runs_them_once():
    def until_pytorch(service: str) -> str:
        [build] = [
            stage for stage in stages((ROOT / f"services/{service}/Dockerfile").read_text()) if " AS build" in stage
        ]
        return build.partition(f"COPY services/{service}/pyproject.toml")[0]

    assert "torch" in until_pytorch("trainer")
    assert until_pytorch("trainer") == until_pytorch("triton")


def test_the_wheel_with_tritonserver_is_the_one_that_make_setup_takes():
    pins = {
        path: re.findall(r"nvidia-pytriton==([\d.]+)", (ROOT / path).read_text())
        for path in ("scripts/setup.sh", "services/triton/Dockerfile")
    }
    assert pins["scripts/setup.sh"] == pins["services/triton/Dockerfile"] != []


def test_pytorch_for_cpus_is_what_an_image_gets_unless_told_otherwise():
    default = variables_of(CPU)["TORCH_INDEX_URL"]
    for service in ("trainer", "triton"):
        assert f"ARG TORCH_INDEX_URL={default}\n" in (ROOT / f"services/{service}/Dockerfile").read_text()
