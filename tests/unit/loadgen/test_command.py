import subprocess
import sys

import pytest

from loadgen.command import build_argv
from loadgen.settings import Settings
from tests.support.process import clean_env


def command(settings: Settings, extra: list[str]) -> list[str]:
    return build_argv(settings, extra, 4000)


def value(argv: list[str], flag: str) -> str:
    return argv[argv.index(flag) + 1]


def test_by_default_it_serves_its_page_and_uses_every_core():
    argv = command(Settings(web_port=9000, target="http://api:1"), ["-u", "5"])
    assert value(argv, "--processes") == "-1"
    assert value(argv, "--web-port") == "9000"
    assert value(argv, "--host") == "http://api:1"
    assert argv[-2:] == ["-u", "5"]


@pytest.mark.parametrize("extra", [["--worker"], ["--master"], ["--processes=3"], ["--processes", "3"]])
def test_in_a_distributed_run_the_caller_sets_the_role(extra):
    argv = command(Settings(), extra)
    assert argv.count("--processes") == ("--processes" in extra)
    assert ("--web-port" in argv) == (extra != ["--worker"])


def test_the_workers_of_one_machine_connect_over_loopback():
    argv = command(Settings(), ["--processes", "2"])
    assert value(argv, "--master-bind-host") == value(argv, "--master-host") == "127.0.0.1"
    assert value(argv, "--master-bind-port") == value(argv, "--master-port") == "4000"


@pytest.mark.parametrize("extra", [["--master"], ["--worker", "--master-host=far"], ["--master-bind-host", "*"]])
def test_over_several_machines_the_caller_sets_the_masters_address(extra):
    assert "127.0.0.1" not in " ".join(command(Settings(web_host="::1", target="http://api:1"), extra))


def test_with_zero_processes_locust_runs_in_one_process():
    assert "--processes" not in command(Settings(processes=0), [])


def test_a_wrong_setting_is_one_line():
    done = subprocess.run(
        [sys.executable, "-m", "loadgen"], env=clean_env(LOADGEN_TARGET="ftp://nowhere"), capture_output=True, text=True
    )
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "LOADGEN_TARGET" in line


@pytest.mark.parametrize("extra", [["--host", "ftp://api"], ["--host=http://"], ["-H", "a b"], ["--host"]])
def test_a_host_that_is_none_is_refused_at_start(extra):
    done = subprocess.run(
        [sys.executable, "-m", "loadgen", "--headless", *extra], env=clean_env(), capture_output=True, text=True
    )
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "--host" in line
    assert "write it as http://127.0.0.1:8888" in line


def test_a_host_as_people_type_it_is_taken():
    assert command(Settings(target="api:1/"), ["--host", "localhost:8888/"])[-2:] == ["--host", "localhost:8888/"]
    assert value(command(Settings(target="api:1/"), []), "--host") == "http://api:1"
