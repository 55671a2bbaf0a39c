"""Prometheus beside a stack without Docker, until Ctrl-C: Compose's configuration, this machine's addresses.

With node-exporter on the path too it also shows what the trainer said of its last run. What is kept lies under
``.run/monitoring``.
"""

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import yaml
from honcho.manager import Manager
from preflight import ports

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "deploy/monitoring/prometheus.yml"
STATE = ROOT / ".run/monitoring"
EXPORTERS = ("prometheus-node-exporter", "node_exporter")  # Debian's name, the project's own

MISSING = (
    "monitoring: there is no prometheus on the path: install your distribution's package (Debian, Ubuntu: prometheus) "
    "or put a release's folder on it; or, with Docker: docker compose --profile monitoring up"
)


def main() -> int:
    """Start what is there; return the exit status."""
    prometheus = shutil.which("prometheus")
    exporter = next(filter(None, map(shutil.which, EXPORTERS)), None)
    wanted = ["PROMETHEUS_PORT=9090", *(["NODE_EXPORTER_PORT=9100"] if exporter else [])]
    complaints = [MISSING] if prometheus is None else [f"monitoring: {complaint}" for complaint in ports(wanted)]
    if prometheus is None or complaints:
        print("\n".join(complaints), file=sys.stderr)
        return 1
    manager = Manager()
    manager.add_process("prometheus", command_of_prometheus(prometheus, configuration(has_exporter=bool(exporter))))
    if exporter:
        manager.add_process("node-exporter", command_of_exporter(exporter))
    else:
        print(f"Without {EXPORTERS[0]} on the path, what the trainer said of its last run isn't shown.")
    print(f"Prometheus: {address('PROMETHEUS_PORT', 9090)}/graph, alerts at /alerts. Ctrl-C stops it.", flush=True)
    manager.loop()
    return int(manager.returncode or 0)


def configuration(*, has_exporter: bool) -> dict[str, Any]:
    """Return Compose's configuration with each job's target on this machine."""
    config: dict[str, Any] = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    config["rule_files"] = [str(CONFIG.parent / pattern) for pattern in config["rule_files"]]
    targets = {
        "api": port("API_PORT", 8888),
        "triton": port("TRITON_METRICS_PORT", 8002),
        "node-exporter": port("NODE_EXPORTER_PORT", 9100) if has_exporter else None,
        "prometheus": port("PROMETHEUS_PORT", 9090),
    }
    jobs = []
    for job in config["scrape_configs"]:
        if target := targets[job["job_name"]]:
            kept = {key: value for key, value in job.items() if not key.endswith("_configs")}
            jobs.append(kept | {"static_configs": [{"targets": [f"127.0.0.1:{target}"]}]})
    return config | {"scrape_configs": jobs}


def command_of_prometheus(program: str, config: dict[str, Any]) -> str:
    """Write the configuration, and return the command that runs it."""
    STATE.mkdir(parents=True, exist_ok=True)
    file = STATE / "prometheus.yml"
    file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return "exec " + shlex.join(
        [
            program,
            f"--config.file={file}",
            f"--storage.tsdb.path={STATE / 'data'}",
            f"--storage.tsdb.retention.time={os.environ.get('PROMETHEUS_RETENTION') or '15d'}",
            f"--storage.tsdb.retention.size={os.environ.get('PROMETHEUS_RETENTION_SIZE') or '2GB'}",
            f"--web.listen-address=127.0.0.1:{port('PROMETHEUS_PORT', 9090)}",
            "--log.level=warn",
        ]
    )


def command_of_exporter(program: str) -> str:
    """Return the command that runs node-exporter for the trainer's file alone, which with_env.sh names."""
    folder = Path(os.environ["TRAINER_METRICS_FILE"]).resolve().parent
    folder.mkdir(parents=True, exist_ok=True)
    return "exec " + shlex.join(
        [
            program,
            "--collector.disable-defaults",
            "--collector.textfile",
            f"--collector.textfile.directory={folder}",
            f"--web.listen-address=127.0.0.1:{port('NODE_EXPORTER_PORT', 9100)}",
            "--log.level=warn",
        ]
    )


def port(name: str, default: int) -> int:
    """Return a port of the stack."""
    return int(os.environ.get(name) or default)


def address(name: str, default: int) -> str:
    """Return where something of the stack answers."""
    return f"http://127.0.0.1:{port(name, default)}"


if __name__ == "__main__":
    sys.exit(main())
