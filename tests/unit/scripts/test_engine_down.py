"""What engine-down does to packet rules, with programs that record in place of iptables."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / ".ci/engine-down"
OTHERS = [f"-A OTHER -s 10.0.{number // 256}.{number % 256} -j ACCEPT" for number in range(20_000)]
SAVE = "#!/bin/sh\ncat rules\n"
RESTORE = "#!/bin/sh\ncat >restored\n"


@pytest.fixture
def machine(tmp_path):
    """A machine with more rules than a pipe holds."""
    for name, text in {"iptables": "#!/bin/sh\n", "iptables-save": SAVE, "iptables-restore": RESTORE}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    (tmp_path / "state").mkdir()
    (tmp_path / "state/iptables-forward").write_text("-P FORWARD ACCEPT\n")
    return tmp_path


def restore(machine: Path, rules: list[str]) -> list[str] | None:
    """Return the rules that iptables-restore was given, or None if it wasn't called."""
    (machine / "rules").write_text("\n".join(rules) + "\n")
    env = os.environ | {"PATH": f"{machine}{os.pathsep}{os.environ['PATH']}", "CI_ENGINE_DIR": str(machine / "state")}
    command = f"source {SCRIPT}; restore_packet_rules iptables"
    done = subprocess.run(["bash", "-c", command], cwd=machine, env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    restored = machine / "restored"
    return restored.read_text().splitlines() if restored.exists() else None


def test_the_engines_rules_go_and_all_others_stay(machine):
    own = [":DOCKER - [0:0]", "-A FORWARD -i docker0 -j DOCKER", "-A FORWARD -i br-0123456789ab -j ACCEPT"]
    assert restore(machine, ["*filter", ":FORWARD DROP [0:0]", *own, *OTHERS, "COMMIT"]) == [
        "*filter",
        ":FORWARD ACCEPT [0:0]",
        *OTHERS,
        "COMMIT",
    ]


def test_rules_without_the_engines_are_left_alone(machine):
    assert restore(machine, ["*filter", ":FORWARD DROP [0:0]", *OTHERS, "COMMIT"]) is None
