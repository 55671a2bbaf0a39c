import subprocess
import sys

import pytest

from loadgen.command import argv_of
from loadgen.settings import Settings
from tests.support.process import clean_env


def value(argv: list[str], flag: str) -> str:
    return argv[argv.index(flag) + 1]


def test_alone_it_serves_its_page_and_takes_every_core():
    argv = argv_of(Settings(web_port=9000, target="http://api:1"), ["-u", "5"])
    assert value(argv, "--processes") == "-1"
    assert value(argv, "--web-port") == "9000"
    assert value(argv, "--host") == "http://api:1"
    assert argv[-2:] == ["-u", "5"]


@pytest.mark.parametrize("extra", [["--worker"], ["--master"], ["--processes=3"], ["--processes", "3"]])
def test_in_a_distributed_run_the_caller_says_who_it_is(extra):
    argv = argv_of(Settings(), extra)
    assert argv.count("--processes") == ("--processes" in extra)
    assert ("--web-port" in argv) == (extra != ["--worker"])


def test_without_processes_it_is_one_process():
    assert "--processes" not in argv_of(Settings(processes=0), [])


def test_a_wrong_setting_is_one_line():
    done = subprocess.run(
        [sys.executable, "-m", "loadgen"], env=clean_env(LOADGEN_TARGET="nowhere"), capture_output=True, text=True
    )
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "LOADGEN_TARGET" in line
