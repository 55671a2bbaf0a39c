"""Runs Prometheus beside a stack without Docker until Ctrl-C: Compose's configuration with this machine's addresses.

With node-exporter on the path it also scrapes the metrics of the trainer's last run.
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
EXPORTERS = ("prometheus-node-exporter", "node_exporter")  # Debian's name, upstream's name

DEFAULTS = {
    "API_PORT": "8888",
    "TRITON_METRICS_PORT": "8002",
    "PROMETHEUS_PORT": "9090",
    "NODE_EXPORTER_PORT": "9100",
    "PROMETHEUS_RETENTION": "15d",
    "PROMETHEUS_RETENTION_SIZE": "2GB",
    "PROMETHEUS_SCRAPE_INTERVAL": "5s",
    "PROMETHEUS_RUN_DIR": str(ROOT / ".run/prometheus"),
    "TRAINER_METRICS_FILE": str(ROOT / ".run/trainer-metrics/trainer.prom"),
}
TARGETS = {
    "api": "API_PORT",
    "triton": "TRITON_METRICS_PORT",
    "node-exporter": "NODE_EXPORTER_PORT",
    "prometheus": "PROMETHEUS_PORT",
}
# The connection stays on loopback, and the certificate may name another host.
TLS = {"scheme": "https", "tls_config": {"insecure_skip_verify": True}}
MISSING = (
    "monitoring: prometheus isn't on the path: install your distribution's package (Debian, Ubuntu: prometheus), "
    "or add a release's folder to PATH; with Docker: docker compose --profile monitoring up"
)


def main() -> int:
    """Start Prometheus, and node-exporter if it is installed; return the exit status."""
    prometheus = shutil.which("prometheus")
    exporter = next(filter(None, map(shutil.which, EXPORTERS)), None)
    wanted = [f"{name}={DEFAULTS[name]}" for name in ("PROMETHEUS_PORT", *(["NODE_EXPORTER_PORT"] if exporter else []))]
    problems = [MISSING] if prometheus is None else [f"monitoring: {problem}" for problem in ports(wanted)]
    if prometheus is None or problems:
        print("\n".join(problems), file=sys.stderr)
        return 1
    manager = Manager()
    manager.add_process("prometheus", command_of_prometheus(prometheus, configuration(has_exporter=bool(exporter))))
    if exporter:
        manager.add_process("node-exporter", command_of_exporter(exporter))
    else:
        print(f"{EXPORTERS[0]} isn't on the path: there are no metrics of the trainer's last run.")
    print(f"Prometheus: http://{address('PROMETHEUS_PORT')}/graph, alerts at /alerts. Ctrl-C stops it.", flush=True)
    manager.loop()
    return int(manager.returncode or 0)


def configuration(*, has_exporter: bool) -> dict[str, Any]:
    """Return Compose's configuration with this machine's address as each job's target."""
    config: dict[str, Any] = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    config["global"] = dict.fromkeys(config["global"], setting("PROMETHEUS_SCRAPE_INTERVAL"))
    config["rule_files"] = [str(CONFIG.parent / pattern) for pattern in config["rule_files"]]
    jobs = [job for job in config["scrape_configs"] if has_exporter or job["job_name"] != "node-exporter"]
    config["scrape_configs"] = [
        {key: value for key, value in job.items() if not key.endswith("_sd_configs")}
        | {"static_configs": [{"targets": [address(TARGETS[job["job_name"]])]}]}
        | (TLS if job["job_name"] == "api" and os.environ.get("API_TLS_CERT_FILE") else {})
        for job in jobs
    ]
    return config


def command_of_prometheus(program: str, config: dict[str, Any]) -> str:
    """Write the configuration, and return the command that runs Prometheus with it."""
    folder = Path(setting("PROMETHEUS_RUN_DIR"))
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return "exec " + shlex.join(
        [
            program,
            f"--config.file={file}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--storage.tsdb.retention.time={setting('PROMETHEUS_RETENTION')}",
            f"--storage.tsdb.retention.size={setting('PROMETHEUS_RETENTION_SIZE')}",
            f"--web.listen-address={address('PROMETHEUS_PORT')}",
            "--log.level=warn",
        ]
    )


def command_of_exporter(program: str) -> str:
    """Return the command that runs node-exporter for the trainer's file only."""
    folder = Path(setting("TRAINER_METRICS_FILE")).resolve().parent
    folder.mkdir(parents=True, exist_ok=True)
    return "exec " + shlex.join(
        [
            program,
            "--collector.disable-defaults",
            "--collector.textfile",
            f"--collector.textfile.directory={folder}",
            f"--web.listen-address={address('NODE_EXPORTER_PORT')}",
            "--log.level=warn",
        ]
    )


def setting(name: str) -> str:
    """Return a variable's value, or the default if it is unset or empty."""
    return os.environ.get(name) or DEFAULTS[name]


def address(port: str) -> str:
    """Return the loopback address with the port that a variable names.

    Raises:
        SystemExit: The port isn't a number.
    """
    if not setting(port).isdigit():
        sys.exit(f"monitoring: {port}={setting(port)} is not a port: set it to a number from 1 to 65535.")
    return f"127.0.0.1:{setting(port)}"


if __name__ == "__main__":
    sys.exit(main())
