"""Metrics of the last training and of the served version: a file that node-exporter passes on to Prometheus.

Source: https://github.com/prometheus/node_exporter#textfile-collector
"""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile
from prometheus_client.parser import text_string_to_metric_families

from modelrepo.errors import RepositoryDamaged
from modelrepo.repository import Repository
from trainer.console import Console
from trainer.digits.manifest import DigitManifest
from trainer.settings import Settings

_RUN = {
    "trainer_last_run_timestamp_seconds": "When the last training ended, in seconds since 1970.",
    "trainer_last_run_success": "1 if the last training ended with a version that is served, else 0.",
    "trainer_last_run_duration_seconds": "Duration of the last training, from its start to its end.",
}
_SERVED = {
    "trainer_model_version": "The version that the repository's config names.",
    "trainer_validation_accuracy_ratio": "Share of the validation images that this version classifies correctly.",
    "trainer_test_accuracy_ratio": "Share of the test images that this version classifies correctly.",
}


class Report(NamedTuple):
    """Writes the file that the settings name, if they name one. A failure is only a warning.

    Args:
        settings: They name the file.
        repository: It names the served version.
        console: Shows the warning.
    """

    settings: Settings
    repository: Repository
    console: Console

    @contextlib.contextmanager
    def training(self) -> Iterator[None]:
        """Report on the block, which is one training, whether it succeeds, fails or is interrupted."""
        start = time.monotonic()
        success = False
        try:
            yield
            success = True
        finally:
            self._write(dict(zip(_RUN, (time.time(), float(success), time.monotonic() - start), strict=True)))

    def update_served(self) -> None:
        """Report on the served version; the figures of the last training are kept."""
        self._write(None)

    def _write(self, run: dict[str, float] | None) -> None:
        path = self.settings.metrics_file
        if path is None:
            return
        registry = CollectorRegistry()
        try:
            figures = (_kept(path) if run is None else run) | self._served()
            for name, what in (_RUN | _SERVED).items():
                if name in figures:
                    Gauge(name, what, registry=registry).set(figures[name])
            path.parent.mkdir(parents=True, exist_ok=True)
            write_to_textfile(str(path), registry)
        except OSError as exc:
            self.console.warning(
                f"TRAINER_METRICS_FILE: {path} can't be written ({exc.strerror}); Prometheus won't see this run"
            )

    def _served(self) -> dict[str, float]:
        version = self.repository.served_or_none()
        if version is None:
            return {}
        try:
            manifest = self.repository.record(version, DigitManifest)
        except RepositoryDamaged:
            return {"trainer_model_version": version}
        shares = (version, manifest.validation_accuracy, manifest.test_accuracy)
        return dict(zip(_SERVED, shares, strict=True))


def _kept(path: Path) -> dict[str, float]:
    """Return the figures of the last training from the file; none if it is missing or has another format."""
    try:
        families = list(text_string_to_metric_families(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return {}
    return {sample.name: sample.value for family in families for sample in family.samples if sample.name in _RUN}
